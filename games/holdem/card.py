"""The cards' faces and backs as tiles, drawn once."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from lmgame.picture import Pixels
from lmgame.picture.glyph import bitmap

WIDE, HIGH = 46, 64
FELT, EDGE, FACE, RED, BLACK, BACK, WEAVE, SLOT = range(8)
COLOURS = (
    (32, 104, 74), (206, 202, 190), (251, 249, 243), (200, 43, 52), (32, 34, 42), (52, 82, 150),
    (96, 128, 196), (24, 84, 59),
)  # fmt: skip
"""The colours with which every palette that shows cards begins."""

# Half of each suit, left side with the middle column; the right mirrors it.
_HALVES = {
    "c": "....## ...### ...### ....## .##.## ###### ###### .##.## .....# ....## ...###",
    "d": ".....# .....# ....## ...### ..#### .##### ..#### ...### ....## .....# .....#",
    "h": "...... .###.. #####. ###### ###### ###### .##### ..#### ...### ....## .....#",
    "s": ".....# ....## ...### ..#### .##### ###### ###### .###.# .....# ....## ...###",
}


@cache
def suit(name: str, scale: int) -> NDArray[np.bool_]:
    """A suit's sign, 11 by 11 dots times the scale."""
    half = np.array([[dot == "#" for dot in row] for row in _HALVES[name].split()])
    whole = np.concatenate([half, half[:, -2::-1]], axis=1)
    return whole.repeat(scale, axis=0).repeat(scale, axis=1)


def _blank(colour: int, edge: int) -> Pixels:
    """A card with round corners on the felt."""
    y, x = np.mgrid[0:HIGH, 0:WIDE]
    dx = np.maximum(abs(x - (WIDE - 1) / 2) - (WIDE / 2 - 5.5), 0)
    dy = np.maximum(abs(y - (HIGH - 1) / 2) - (HIGH / 2 - 5.5), 0)
    corner = np.hypot(dx, dy)
    pixels = np.full((HIGH, WIDE), FELT, np.uint8)
    pixels[corner < 5.5] = edge
    pixels[corner < 4.4] = colour
    return pixels


@cache
def face(name: str) -> Pixels:
    """A card's face: the rank, and the suit twice."""
    pixels = _blank(FACE, EDGE)
    ink = RED if name[1] in "dh" else BLACK
    rank, small, large = bitmap(name[0], 3), suit(name[1], 1), suit(name[1], 2)
    for dots, x, y in ((rank, 5, 6), (small, 29, 8), (large, 12, 35)):
        height, width = dots.shape
        pixels[y : y + height, x : x + width][dots] = ink
    return pixels


@cache
def back() -> Pixels:
    """A card face down."""
    pixels = _blank(BACK, FACE)
    y, x = np.mgrid[0:HIGH, 0:WIDE]
    inside = (x > 4) & (x < WIDE - 5) & (y > 4) & (y < HIGH - 5)
    pixels[inside & (((x + y) % 6 == 0) | ((x - y) % 6 == 0))] = WEAVE
    return pixels


@cache
def slot() -> Pixels:
    """Where a card of the board will come to lie."""
    return _blank(FELT, SLOT)
