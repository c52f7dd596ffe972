"""A board as integers: one player's discs are the set bits of one number.

Bit ``7 * column + row`` is a cell, row 0 the lowest. Each column has a seventh
bit that is never set, so that lines cannot run from one column into the next;
the layout is John Tromp's (https://tromp.github.io/c4/c4.html).
"""

from __future__ import annotations

COLUMNS, ROWS = 7, 6
HIGH = ROWS + 1
"""Bits a column takes: one step to the right is this far."""
FLOOR = sum(1 << HIGH * column for column in range(COLUMNS))
"""The lowest cell of every column."""
BOARD = FLOOR * ((1 << ROWS) - 1)
"""Every cell."""
DIAGONALS = (HIGH - 1, HIGH + 1)
"""The step along a falling and along a rising diagonal; 1 is up, ``HIGH`` right."""

SHOWN = tuple(HIGH * column + row for row in reversed(range(ROWS)) for column in range(COLUMNS))
"""The bits in reading order, the upper left cell first."""


def four(own: int) -> bool:
    """Whether four of these discs stand in a row."""
    pairs = own & own >> HIGH
    if pairs & pairs >> 2 * HIGH:
        return True
    pairs = own & own >> 1
    if pairs & pairs >> 2:
        return True
    pairs = own & own >> (HIGH - 1)
    if pairs & pairs >> 2 * (HIGH - 1):
        return True
    pairs = own & own >> (HIGH + 1)
    return pairs & pairs >> 2 * (HIGH + 1) != 0


def open_fours(own: int, other: int) -> int:
    """The empty cells, playable or not, where one more disc of ``own`` makes four.

    Of a column only the cell on top is looked at: discs never float.
    """
    cells = own << 1 & own << 2 & own << 3
    for step in (HIGH, *DIAGONALS):
        # Two neighbours on one side of the cell, and a third on either side.
        pairs = own << step & own << 2 * step
        cells |= pairs & (own << 3 * step | own >> step)
        pairs = own >> step & own >> 2 * step
        cells |= pairs & (own >> 3 * step | own << step)
    return cells & ~other & ~own & BOARD


def columns(cells: int) -> list[int]:
    """The columns, from the left, in which a cell is set."""
    column = (1 << HIGH) - 1
    return [number for number in range(COLUMNS) if cells & column << HIGH * number]


def discs(cells: str, letter: str) -> int:
    """The bits of the cells that hold ``letter``.

    Args:
        cells: 42 letters in reading order, see ``SHOWN``.
        letter: Whose discs.
    """
    return sum(1 << bit for bit, cell in zip(SHOWN, cells, strict=True) if cell == letter)
