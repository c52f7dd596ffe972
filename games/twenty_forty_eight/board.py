"""How tiles slide and merge: pure functions on a board of sixteen bytes."""

from __future__ import annotations

from collections.abc import Callable

SIDE = 4
CELLS = SIDE * SIDE
HIGHEST = 17
"""The highest exponent: 131072 takes all sixteen cells and a last 4 to build."""

Board = bytes
"""Sixteen exponents, row by row from the top: 0 is empty, n is the tile 2**n."""

EMPTY = 0


def merged(line: bytes) -> bytes:
    """A line after a slide towards its start; each tile merges at most once."""
    done: list[int] = []
    free = False  # whether the last tile in ``done`` may still merge
    for tile in line:
        if tile == EMPTY:
            continue
        if free and done[-1] == tile:
            done[-1] += 1
            free = False
        else:
            done.append(tile)
            free = True
    return bytes(done).ljust(len(line), b"\0")


class _Lines(dict[bytes, bytes]):
    """Every line met so far and what it becomes; at most 18**4 of them."""

    def __init__(self, backwards: bool) -> None:
        self.step = -1 if backwards else 1

    def __missing__(self, line: bytes) -> bytes:
        self[line] = after = merged(line[:: self.step])[:: self.step]
        return after


_START, _END = _Lines(False), _Lines(True)


def _rows(board: Board, lines: _Lines) -> Board:
    return lines[board[:4]] + lines[board[4:8]] + lines[board[8:12]] + lines[board[12:]]


def _columns(board: Board, lines: _Lines) -> Board:
    turned = lines[board[::4]] + lines[board[1::4]] + lines[board[2::4]] + lines[board[3::4]]
    return turned[::4] + turned[1::4] + turned[2::4] + turned[3::4]


SLIDES: dict[str, Callable[[Board], Board]] = {
    "up": lambda board: _columns(board, _START),
    "down": lambda board: _columns(board, _END),
    "left": lambda board: _rows(board, _START),
    "right": lambda board: _rows(board, _END),
}
"""What each move makes of a board, before the new tile appears."""


def stuck(board: Board) -> bool:
    """Whether no move changes the board: it is full and no two neighbours are equal."""
    # On a full board a move and its opposite change it or neither does.
    return EMPTY not in board and _rows(board, _START) == board == _columns(board, _START)


def fours(board: Board, moves: int) -> int:
    """How many of the tiles that appeared were fours.

    A move adds one tile to the two at the start, and merging keeps the sum of
    the tiles: were all of them twos, the sum would be twice their number.
    """
    return sum([1 << tile for tile in board if tile]) // 2 - (moves + 2)


def merged_sum(board: Board, moves: int) -> int:
    """The sum of the values of all tiles that merging has made, the original's score.

    Building a tile 2**n from twos alone makes 2**n of merged value on each of
    its n - 1 levels; a four that appeared by itself was never merged.
    """
    built = sum([(tile - 1) << tile for tile in board if tile])
    return built - 4 * fours(board, moves)
