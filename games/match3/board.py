"""A board as one integer, on which lines of three are found in a few operations.

A cell is four bits of which one is set, its colour; a cleared cell has none. So
the bitwise *and* of a board with itself, moved by a cell, keeps exactly the
cells that have the colour of their neighbour. Rows are ten cells long: two
cells that stay empty keep the end of a row apart from the start of the next.
"""

from __future__ import annotations

from collections.abc import Callable

from lmgame.rng import Rng

SIDE = 8
CELLS = SIDE * SIDE
LETTERS = "RGBY"
"""The colours, red, green, blue and yellow: bits 0 to 3 of a cell."""

Board = int
Fresh = Callable[[int, int], str]
"""Given a column and a number, so many new cells as hexadecimal digits, the topmost first."""

_WIDTH = SIDE + 2
_BESIDE, _BELOW = 4, 4 * _WIDTH  # shifting left by this brings the neighbour's bits here
DIGITS = "1248"
_HEX = f"0{4 * SIDE * _WIDTH // 4}x"
_READ = str.maketrans(LETTERS, DIGITS)
_WRITE = str.maketrans("0" + DIGITS, "." + LETTERS)


def shift(row: int, column: int) -> int:
    """How many bits stand to the right of a cell's; the top left cell's are the highest."""
    return 4 * (SIDE * _WIDTH - 1 - row * _WIDTH - column)


def pack(letters: str) -> Board:
    """A board from 64 letters, row by row from the top."""
    digits = letters.translate(_READ)
    return int("".join([digits[i : i + SIDE] + "00" for i in range(0, CELLS, SIDE)]), 16)


def unpack(board: Board) -> str:
    """The 64 letters of a board, ``.`` for a cleared cell."""
    digits = format(board, _HEX).translate(_WRITE)
    return "".join([digits[i : i + SIDE] for i in range(0, SIDE * _WIDTH, _WIDTH)])


def swapped(board: Board, one: int, other: int) -> Board:
    """The board after swapping the cells at two shifts."""
    change = (board >> one ^ board >> other) & 15
    return board ^ (change << one | change << other)


def matched(board: Board) -> Board:
    """The cells that stand in a line of three or more of their colour."""
    across = board & board << _BESIDE & board << 2 * _BESIDE
    down = board & board << _BELOW & board << 2 * _BELOW
    if not across | down:
        return 0
    return (
        across | across >> _BESIDE | across >> 2 * _BESIDE
        | down | down >> _BELOW | down >> 2 * _BELOW
    )  # fmt: skip


def movable(board: Board) -> bool:
    """Whether a swap of neighbours makes a line of three."""
    return _reachable(board, _BESIDE, _BELOW) or _reachable(board, _BELOW, _BESIDE)


def _reachable(board: Board, along: int, aside: int) -> bool:
    """Whether a third tile can come into line with two that are one or two apart.

    Two neighbours take it at either end, from three sides each; two with a
    gap take it in the gap, from two sides. Where a step along or aside would
    leave the board there are only empty cells.
    """
    ends = (
        board << 3 * along | board >> 2 * along
        | _moved(board, 2 * along + aside) | _moved(board, 2 * along - aside)
        | _moved(board, aside - along) | _moved(board, -aside - along)
    )  # fmt: skip
    if board & board << along & ends:
        return True
    middle = board << along + aside | _moved(board, along - aside)
    return bool(board & board << 2 * along & middle)


def _moved(board: Board, bits: int) -> Board:
    return board << bits if bits > 0 else board >> -bits


def cascade(board: Board, fresh: Fresh) -> tuple[Board, int, int]:
    """Clear lines, let tiles fall and new ones come, until no line is left.

    Returns:
        The board that comes to rest, how many tiles were cleared, in how many steps.
    """
    cleared = steps = 0
    while gone := matched(board):
        cleared += gone.bit_count()
        steps += 1
        board = _fallen(board ^ gone, fresh)
    return board, cleared, steps


def _fallen(board: Board, fresh: Fresh) -> Board:
    digits = format(board, _HEX)
    columns = []
    for column in range(SIDE):
        cells = digits[column::_WIDTH]
        if "0" in cells:
            rest = cells.replace("0", "")
            cells = fresh(column, SIDE - len(rest)) + rest
        columns.append(cells)
    turned = "".join(columns) + "0" * (2 * SIDE)
    return int("".join([turned[row::SIDE] for row in range(SIDE)]), 16)


def nothing_fresh(column: int, count: int) -> str:
    """No new tiles: what falls from above cannot be known beforehand."""
    return "0" * count


def deal(rng: Rng) -> Board:
    """A board without a line of three on which some swap makes one.

    Cell by cell from the top left, one of the colours that complete no line.
    """
    while True:
        cells = ""
        for cell in range(CELLS):
            above, left = cells[-2 * SIDE :: SIDE][:2], cells[-2:] if cell % SIDE >= 2 else ""
            barred = {pair[0] for pair in (above, left) if len(pair) == 2 and pair[0] == pair[1]}
            cells += rng.choice([letter for letter in LETTERS if letter not in barred])
        board = pack(cells)
        if movable(board):
            return board
