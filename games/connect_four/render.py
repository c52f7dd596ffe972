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

from .board import COLUMNS, ROWS
from .text import EMPTY, LETTERS, NOBODY, View

CELL, MARGIN, RIM = 44, 8, 6
HEADER, FOOTER = 40, 20
LEFT, TOP = MARGIN + RIM, HEADER + RIM
WIDTH = COLUMNS * CELL + 2 * LEFT
HEIGHT = TOP + ROWS * CELL + RIM + FOOTER + MARGIN
CHIP = 28
"""The side of a small disc in the header."""
CHIPS = {"you": (58, 6), "turn": (WIDTH - MARGIN - CHIP, 6)}
"""Where they begin, (x, y)."""

GROUND: Colour = (15, 17, 26)
BLUE: Colour = (41, 84, 196)
SHADE: Colour = (31, 64, 154)
HOLE: Colour = (22, 26, 42)
LABEL: Colour = (134, 143, 176)
VALUE: Colour = (232, 236, 248)
# A disc's colour and that of its ring.
DISCS: dict[str, tuple[Colour, Colour]] = {
    "R": ((236, 65, 78), (190, 40, 58)),
    "Y": ((247, 211, 58), (208, 164, 22)),
}


class Sheet(NamedTuple):
    """What pictures are made of, as palette indices.

    Attributes:
        frame: The picture without discs.
        tiles: Cells by letter: empty, red, yellow.
        chips: Small discs by letter: none, red, yellow.
        palette: The colours.
    """

    frame: Pixels
    tiles: Pixels
    chips: Pixels
    palette: Pixels


def draw(view: View) -> Picture:
    """The picture, 336 by 344 pixels."""
    sheet = _sheet()
    pixels = sheet.frame.copy()
    codes = [(EMPTY + LETTERS).index(cell) for cell in view.cells]
    grid = sheet.tiles[np.array(codes).reshape(ROWS, COLUMNS)]
    board = grid.transpose(0, 2, 1, 3).reshape(ROWS * CELL, COLUMNS * CELL)
    pixels[TOP : TOP + ROWS * CELL, LEFT : LEFT + COLUMNS * CELL] = board
    for letter, (x, y) in ((view.you, CHIPS["you"]), (view.turn, CHIPS["turn"])):
        pixels[y : y + CHIP, x : x + CHIP] = sheet.chips[(NOBODY + LETTERS).index(letter)]
    return Picture(pixels, sheet.palette)


@cache
def _sheet() -> Sheet:
    tiles = [_tile(letter) for letter in EMPTY + LETTERS]
    chips = [_chip(letter) for letter in NOBODY + LETTERS]
    (frame, *sprites), palette = indexed([_frame(), *tiles, *chips])
    return Sheet(frame, np.stack(sprites[:3]), np.stack(sprites[3:]), palette)


def _frame() -> Canvas:
    canvas = blank(HEIGHT, WIDTH, GROUND)
    bottom = TOP + ROWS * CELL + RIM
    board = canvas[HEADER:bottom, MARGIN : WIDTH - MARGIN]
    paint(board, rounded(board, 12), BLUE)
    label(canvas, "YOU", MARGIN + 8, 14, 2, VALUE)
    label(canvas, "TURN", CHIPS["turn"][0] - 54, 14, 2, VALUE)
    for column in range(COLUMNS):
        label(canvas, str(column + 1), LEFT + column * CELL + CELL // 2 - 4, bottom + 8, 2, LABEL)
    return canvas


def _tile(letter: str) -> Canvas:
    canvas = blank(CELL, CELL, BLUE)
    _circle(canvas, 19.5, SHADE)
    _circle(canvas, 18, HOLE)
    if letter != EMPTY:
        _disc(canvas, letter, 18)
    return canvas


def _chip(letter: str) -> Canvas:
    canvas = blank(CHIP, CHIP, GROUND)
    if letter != NOBODY:
        _disc(canvas, letter, 12)
    return canvas


def _disc(canvas: Canvas, letter: str, radius: float) -> None:
    face, ring = DISCS[letter]
    _circle(canvas, radius, ring)
    _circle(canvas, radius * 0.86, face)
    if letter == "Y":
        y, x = samples(canvas)
        paint(canvas, np.maximum(np.abs(x), np.abs(y)) <= round(radius / 4), ring)


def _circle(canvas: Canvas, radius: float, colour: Colour) -> None:
    y, x = samples(canvas)
    paint(canvas, np.hypot(x, y) <= radius, colour)
