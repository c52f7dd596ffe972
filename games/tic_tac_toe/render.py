"""The image observation: the facts of a View, and nothing more.

Everything is drawn once, smoothly, when the first picture is asked for; a
picture is then a copy of the empty frame with tiles laid over it.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np

from lmgame.picture import Picture, Pixels
from lmgame.picture.canvas import Canvas, Colour, blank, indexed, label, paint, rounded, samples

from .board import CELLS
from .text import EMPTY, LETTERS, NOBODY, View

CELL, GAP, MARGIN, HEADER = 76, 6, 10, 46
STEP = CELL + GAP
WIDTH = 3 * STEP - GAP + 2 * MARGIN
HEIGHT = HEADER + 3 * STEP - GAP + MARGIN
CHIP = 28
"""The side of a small mark in the header."""
CHIPS = {"you": (62, 10), "turn": (WIDTH - MARGIN - CHIP, 10)}
"""Where they begin, (x, y)."""

GROUND: Colour = (15, 17, 26)
CARD: Colour = (33, 37, 54)
LABEL: Colour = (134, 143, 176)
VALUE: Colour = (232, 236, 248)
MARKS: dict[str, Colour] = {"X": (236, 84, 92), "O": (49, 199, 239)}


class Sheet(NamedTuple):
    """What pictures are made of, as palette indices.

    Attributes:
        frame: The picture with nine free cells and no mark.
        tiles: Cells by letter: X, O.
        chips: Small marks by letter: none, X, O.
        palette: The colours.
    """

    frame: Pixels
    tiles: Pixels
    chips: Pixels
    palette: Pixels


def corner(cell: int) -> tuple[int, int]:
    """Where a cell begins, (x, y)."""
    return MARGIN + STEP * (cell % 3), HEADER + STEP * (cell // 3)


def draw(view: View) -> Picture:
    """The picture, 260 by 296 pixels."""
    sheet = _sheet()
    pixels = sheet.frame.copy()
    for cell, letter in enumerate(view.cells):
        if letter != EMPTY:
            x, y = corner(cell)
            pixels[y : y + CELL, x : x + CELL] = sheet.tiles[LETTERS.index(letter)]
    for letter, (x, y) in ((view.you, CHIPS["you"]), (view.turn, CHIPS["turn"])):
        pixels[y : y + CHIP, x : x + CHIP] = sheet.chips[(NOBODY + LETTERS).index(letter)]
    return Picture(pixels, sheet.palette)


@cache
def _sheet() -> Sheet:
    tiles = [_tile(letter) for letter in LETTERS]
    chips = [_chip(letter) for letter in NOBODY + LETTERS]
    (frame, *sprites), palette = indexed([_frame(), *tiles, *chips])
    return Sheet(frame, np.stack(sprites[:2]), np.stack(sprites[2:]), palette)


def _frame() -> Canvas:
    canvas = blank(HEIGHT, WIDTH, GROUND)
    label(canvas, "YOU", MARGIN + 6, 18, 2, VALUE)
    label(canvas, "TURN", CHIPS["turn"][0] - 56, 18, 2, VALUE)
    for cell in range(CELLS):
        x, y = corner(cell)
        canvas[y : y + CELL, x : x + CELL] = _card()
        label(canvas, str(cell + 1), x + CELL // 2 - 5, y + CELL // 2 - 8, 2.5, LABEL)
    return canvas


def _card() -> Canvas:
    """A free cell without its number."""
    canvas = blank(CELL, CELL, GROUND)
    paint(canvas, rounded(canvas, 10), CARD)
    return canvas


def _tile(letter: str) -> Canvas:
    canvas = _card()
    _mark(canvas, letter, 20, 10)
    return canvas


def _chip(letter: str) -> Canvas:
    canvas = blank(CHIP, CHIP, GROUND)
    if letter != NOBODY:
        _mark(canvas, letter, 9, 5)
    return canvas


def _mark(canvas: Canvas, letter: str, reach: float, thick: float) -> None:
    """A cross whose arms end at ``reach`` both ways, or a ring a little larger."""
    y, x = samples(canvas)
    if letter == "O":
        paint(canvas, np.abs(np.hypot(x, y) - reach * 1.08) <= thick / 2, MARKS[letter])
        return
    # Distance to each diagonal arm, which has round ends.
    inside = np.zeros((y.size, x.size), np.bool_)
    for way in (1, -1):
        along = np.clip((x + way * y) / 2, -reach, reach)
        inside |= np.hypot(x - along, y - way * along) <= thick / 2
    paint(canvas, inside, MARKS[letter])
