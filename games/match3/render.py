"""The image observation: the board and the moves left, and nothing more."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from lmgame.picture import Picture, Pixels
from lmgame.picture.glyph import HIGH, bitmap

from .board import LETTERS, SIDE

CELL, MARGIN, AXIS, HEADER = 44, 16, 16, 32
LEFT, TOP = MARGIN + AXIS, MARGIN + HEADER + AXIS
SPAN = SIDE * CELL
WIDTH, HEIGHT = LEFT + SPAN + MARGIN, TOP + SPAN + MARGIN

GROUND, LABEL, VALUE, FRAME = range(4)
_FIXED = ((15, 17, 26), (134, 143, 176), (232, 236, 248), (60, 66, 92))
_CELL = (24, 27, 40)
_HUES = ((232, 62, 76), (62, 190, 92), (66, 132, 240), (246, 200, 58))
SHADES = 24
"""Steps of one colour, from the empty cell over dark and full to nearly white."""
_FULL = 0.62
"""Where on that way the colour itself stands."""

# Each shape is what lies inside of all of its edges: the directions that these
# face, in degrees (0 right, 90 down), their distance from the middle, and how
# far the middle is moved down, in shares of half a cell.
_SHAPES = (
    (tuple(range(0, 360, 45)), 0.74, 0.0),
    ((0, 90, 180, 270), 0.66, 0.0),
    ((45, 135, 225, 315), 0.60, 0.0),
    ((90, 210, 330), 0.46, 0.18),
)
_BEVEL = 0.24
_LIGHT = -110  # degrees: from above, a little from the left


def shade(colour: int, step: int) -> int:
    """The palette index of a colour's (0-3) step, 0 being the empty cell."""
    return len(_FIXED) + colour * SHADES + step


def _palette() -> Pixels:
    colours = [*_FIXED]
    for hue in _HUES:
        for step in range(SHADES):
            share = step / (SHADES - 1)
            if share <= _FULL:
                colours.append(_mix(_CELL, hue, share / _FULL))
            else:
                colours.append(_mix(hue, (255, 255, 255), (share - _FULL) / (1 - _FULL)))
    return np.array(colours, np.uint8)


def _mix(one: tuple[int, ...], other: tuple[int, ...], share: float) -> tuple[int, int, int]:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


PALETTE = _palette()


@cache
def gem(colour: int) -> Pixels:
    """A cell with a cut stone: bevelled edges under one light, a flat top."""
    facing, apart, lowered = _SHAPES[colour]
    y, x = (np.mgrid[0:CELL, 0:CELL] + 0.5) / (CELL / 2) - 1
    turns = np.radians(facing)[:, None, None]
    beyond = x * np.cos(turns) + (y - lowered) * np.sin(turns) - apart
    edge = beyond.max(axis=0)
    lit = np.cos(np.radians(facing) - np.radians(_LIGHT))[beyond.argmax(axis=0)]
    flat = edge < -_BEVEL
    tone = np.where(flat, 0.64 - 0.10 * y, 0.60 + 0.20 * lit)
    covered = np.clip(0.5 - edge * (CELL / 2), 0, 1)
    steps: NDArray[np.float64] = np.round(covered * tone * (SHADES - 1))
    return (steps + shade(colour, 0)).astype(np.uint8)


@cache
def _background() -> Pixels:
    pixels = np.full((HEIGHT, WIDTH), GROUND, np.uint8)
    pixels[TOP - 2 : TOP + SPAN + 2, LEFT - 2 : LEFT + SPAN + 2] = FRAME
    stamp(pixels, "MOVES LEFT", LEFT, MARGIN + 4, LABEL, 2)
    for place in range(SIDE):
        middle = place * CELL + CELL // 2
        stamp(pixels, str(place), LEFT + middle - 5, TOP - 20, LABEL, 2)
        stamp(pixels, str(place), MARGIN - 2, TOP + middle - HIGH, LABEL, 2)
    return pixels


def stamp(pixels: Pixels, text: str, x: int, y: int, colour: int, scale: int) -> None:
    """Write ``text`` with its upper left corner at (x, y)."""
    dots = bitmap(text, scale)
    height, width = dots.shape
    pixels[y : y + height, x : x + width][dots] = colour


@cache
def _gems() -> Pixels:
    """The four cells, each with its line to the right and below."""
    cells = np.stack([gem(colour) for colour in range(len(LETTERS))])
    cells[:, -1, :] = cells[:, :, -1] = FRAME
    return cells


_COLOUR = np.zeros(128, np.uint8)
_COLOUR[[ord(letter) for letter in LETTERS]] = range(len(LETTERS))


def draw(cells: str, left: int) -> Picture:
    """The picture of a board of 64 letters and the moves left, 400 by 432 pixels."""
    pixels = _background().copy()
    colours = _COLOUR[np.frombuffer(cells.encode(), np.uint8)].reshape(SIDE, SIDE)
    board = _gems()[colours].transpose(0, 2, 1, 3).reshape(SPAN, SPAN)
    pixels[TOP : TOP + SPAN - 1, LEFT : LEFT + SPAN - 1] = board[:-1, :-1]
    stamp(pixels, str(left), LEFT + 132, MARGIN, VALUE, 3)
    return Picture(pixels, PALETTE)
