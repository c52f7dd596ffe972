"""The text observation, and its reader; the image shows the same facts."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .board import CELLS

LETTERS = "XO"
EMPTY, NOBODY = ".", "-"

_HEADER = re.compile(r"you (?P<you>[XO]), turn (?P<turn>[XO-])")


@dataclass(frozen=True, slots=True)
class View:
    """What is seen at one moment.

    Attributes:
        you: The mark of whoever looks, ``X`` or ``O``.
        turn: The mark of whoever is to move, or ``-`` when the match is over.
        cells: Nine letters in reading order: ``X``, ``O`` or ``.``.
    """

    you: str
    turn: str
    cells: str


def letters(crosses: int, noughts: int) -> str:
    """The cells as they are shown, from both players' bits."""
    return "".join(
        [
            "X" if crosses >> cell & 1 else "O" if noughts >> cell & 1 else EMPTY
            for cell in range(CELLS)
        ]
    )


def write(view: View) -> str:
    """The observation as text; a free cell is its number."""
    cells = [str(i) if cell == EMPTY else cell for i, cell in enumerate(view.cells, 1)]
    rows = [" ".join(cells[i : i + 3]) for i in (0, 3, 6)]
    return "\n".join([f"you {view.you}, turn {view.turn}", *rows])


def parse_text(text: str) -> View:
    """Read a text observation.

    Raises:
        ValueError: It is not one.
    """
    header, *rows = text.split("\n")
    match = _HEADER.fullmatch(header)
    cells = "".join(rows).replace(" ", "")
    if match is not None and len(cells) == CELLS:
        cells = "".join([cell if cell in LETTERS else EMPTY for cell in cells])
        view = View(match["you"], match["turn"], cells)
        if write(view) == text:
            return view
    raise ValueError(f"not a tic-tac-toe observation: {text[:80]!r}")
