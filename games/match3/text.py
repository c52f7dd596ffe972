"""The text observation, and its reader."""

from __future__ import annotations

import re
from typing import NamedTuple

from .board import CELLS, LETTERS, SIDE, Board, pack, unpack

_RULER = "  " + " ".join(map(str, range(SIDE)))
_ROW = re.compile(rf"([0-{SIDE - 1}])((?: [{LETTERS}]){{{SIDE}}})")
_FIRST = re.compile(r"moves left ([0-9]{1,6})")


class View(NamedTuple):
    """What is seen at one moment.

    Attributes:
        cells: The board's 64 letters, row by row from the top.
        left: The moves that are left.
    """

    cells: str
    left: int

    @property
    def board(self) -> Board:
        """The board as the rules have it."""
        return pack(self.cells)


def write(board: Board, left: int) -> str:
    """The moves left, then the board with its columns and rows numbered."""
    cells = unpack(board)
    lines = [f"moves left {left}", _RULER]
    lines += [f"{row} {' '.join(cells[row * SIDE : row * SIDE + SIDE])}" for row in range(SIDE)]
    return "\n".join(lines)


def parse_text(text: str) -> View:
    """Read a text observation.

    Raises:
        ValueError: It is not one.
    """
    lines = text.split("\n")
    first = _FIRST.fullmatch(lines[0])
    rows = [_ROW.fullmatch(line) for line in lines[2:]]
    cells = "".join([row[2].replace(" ", "") for row in rows if row is not None])
    if first is None or lines[1:2] != [_RULER] or len(cells) != CELLS or None in rows:
        raise ValueError(f"not an observation of match three: {text[:80]!r}")
    return View(cells, int(first[1]))
