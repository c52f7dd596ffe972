"""Tic-tac-toe and Connect Four once more: slow, plain, and independent of games/.

A board is a tuple of columns (Connect Four, lowest disc first) or a string of
nine cells. Lines are looked for by walking from every cell in every direction.
"""

from __future__ import annotations

WAYS = ((1, 0), (0, 1), (1, 1), (1, -1))
Cells = dict[tuple[int, int], str]


def has_line(cells: Cells, letter: str, length: int) -> bool:
    return any(
        all(cells.get((x + dx * i, y + dy * i)) == letter for i in range(length))
        for x, y in cells
        for dx, dy in WAYS
    )


class SlowConnectFour:
    """A board from the columns played, 1 to 7."""

    def __init__(self, moves: str = "") -> None:
        self.columns = [""] * 7
        self.moves = ""
        for digit in moves:
            self.play(digit)

    @property
    def mover(self) -> str:
        return "RY"[len(self.moves) % 2]

    @property
    def cells(self) -> Cells:
        return {
            (x, y): disc for x, column in enumerate(self.columns) for y, disc in enumerate(column)
        }

    @property
    def over(self) -> bool:
        return self.winner != "" or len(self.moves) == 42

    @property
    def winner(self) -> str:
        """The last mover, if it has four."""
        if not self.moves:
            return ""
        last = "RY"[(len(self.moves) - 1) % 2]
        return last if has_line(self.cells, last, 4) else ""

    def legal(self) -> list[str]:
        return [] if self.over else [str(x + 1) for x in range(7) if len(self.columns[x]) < 6]

    def play(self, digit: str) -> None:
        x = int(digit) - 1
        self.columns[x] += self.mover
        self.moves += digit

    def undo(self) -> None:
        x = int(self.moves[-1]) - 1
        self.columns[x] = self.columns[x][:-1]
        self.moves = self.moves[:-1]

    def shown(self) -> str:
        """The board as a player sees it, without the line above."""
        rows = [
            " ".join(column[y] if y < len(column) else "." for column in self.columns)
            for y in reversed(range(6))
        ]
        return "\n".join([*rows, "1 2 3 4 5 6 7"])


def solve(board: SlowConnectFour) -> int:
    """The mover's result with perfect play: 1, 0 or -1. For boards that are nearly full."""
    if board.over:
        return -1 if board.winner else 0
    value = -1
    for digit in board.legal():
        board.play(digit)
        value = max(value, -solve(board))
        board.undo()
        if value == 1:
            break
    return value


class SlowTicTacToe:
    """A board from the cells played, 1 to 9."""

    def __init__(self, moves: str = "") -> None:
        self.cells = list("123456789")
        self.moves = ""
        for digit in moves:
            self.play(digit)

    @property
    def mover(self) -> str:
        return "XO"[len(self.moves) % 2]

    @property
    def winner(self) -> str:
        grid = {(i % 3, i // 3): cell for i, cell in enumerate(self.cells)}
        return next((letter for letter in "XO" if has_line(grid, letter, 3)), "")

    @property
    def over(self) -> bool:
        return self.winner != "" or len(self.moves) == 9

    def legal(self) -> list[str]:
        return [] if self.over else [cell for cell in self.cells if cell not in "XO"]

    def play(self, digit: str) -> None:
        self.cells[int(digit) - 1] = self.mover
        self.moves += digit

    def shown(self) -> str:
        return "\n".join(" ".join(self.cells[i : i + 3]) for i in (0, 3, 6))
