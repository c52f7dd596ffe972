"""The board: nine cells in reading order, and the lines that win."""

from __future__ import annotations

CELLS = 9
LINES = ((0, 1, 2), (3, 4, 5), (6, 7, 8), (0, 3, 6), (1, 4, 7), (2, 5, 8), (0, 4, 8), (2, 4, 6))
_MASKS = tuple(sum(1 << cell for cell in line) for line in LINES)
_WON = tuple(any(marks & mask == mask for mask in _MASKS) for marks in range(1 << CELLS))


def three(marks: int) -> bool:
    """Whether one player's marks, cell 0 the lowest bit, hold a whole line."""
    return _WON[marks]
