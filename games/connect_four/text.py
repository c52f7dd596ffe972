"""The text observation, and its reader; the image shows the same facts."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .board import COLUMNS, ROWS, SHOWN

LETTERS = "RY"
EMPTY, NOBODY = ".", "-"

_HEADER = re.compile(r"you (?P<you>[RY]), turn (?P<turn>[RY-])")
_RULER = " ".join(str(number) for number in range(1, COLUMNS + 1))


@dataclass(frozen=True, slots=True)
class View:
    """What is seen at one moment.

    Attributes:
        you: The letter of whoever looks, ``R`` or ``Y``.
        turn: The letter of whoever is to move, or ``-`` when the match is over.
        cells: 42 letters in reading order, the upper left cell first: ``R``,
            ``Y`` or ``.``.
    """

    you: str
    turn: str
    cells: str


def letters(red: int, yellow: int) -> str:
    """The cells as they are shown, from both players' bits."""
    return "".join(
        ["R" if red >> bit & 1 else "Y" if yellow >> bit & 1 else EMPTY for bit in SHOWN]
    )


def write(view: View) -> str:
    """The observation as text."""
    cells = view.cells
    rows = [" ".join(cells[i : i + COLUMNS]) for i in range(0, len(cells), COLUMNS)]
    return "\n".join([f"you {view.you}, turn {view.turn}", *rows, _RULER])


def parse_text(text: str) -> View:
    """Read a text observation.

    Raises:
        ValueError: It is not one.
    """
    header, *rows = text.split("\n")
    match = _HEADER.fullmatch(header)
    cells = "".join(rows[:-1]).replace(" ", "")
    if match is not None and len(cells) == ROWS * COLUMNS and set(cells) <= {*LETTERS, EMPTY}:
        view = View(match["you"], match["turn"], cells)
        if write(view) == text:
            return view
    raise ValueError(f"not a Connect Four observation: {text[:80]!r}")
