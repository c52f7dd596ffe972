"""The image observation: the facts of a View, and nothing more."""

from __future__ import annotations

from functools import cache

import numpy as np

from lmgame.picture import Picture, Pixels

from .text import Point, View

WIDTH, HEIGHT = 360, 240  # one pixel a unit
MARGIN, WALL = 12, 4
BALL, THICK = 8, 8
PADDLE_X = (8, WIDTH - 8 - THICK)

GROUND, FIELD, LINE, EDGE, OWN, OTHER, NOW, THEN = range(8)
PALETTE = np.array(
    [
        (15, 17, 26), (22, 28, 44), (40, 50, 74), (74, 81, 112),
        (60, 207, 228), (240, 126, 72), (250, 250, 245), (98, 112, 150),
    ],
    np.uint8,
)  # fmt: skip


def draw(view: View) -> Picture:
    """The picture, 384 by 264 pixels."""
    pixels = _background().copy()
    field = pixels[MARGIN : MARGIN + HEIGHT, MARGIN : MARGIN + WIDTH]
    for side, (top, bottom) in enumerate(view.paddles or ()):
        left = PADDLE_X[side]
        field[top:bottom, left : left + THICK] = OWN if side == view.seat else OTHER
    _square(field, view.before, THEN)
    _square(field, view.ball, NOW)
    return Picture(pixels, PALETTE)


def _square(field: Pixels, centre: Point, colour: int) -> None:
    x, y = centre
    half = BALL // 2
    field[y - half : y + half, x - half : x + half] = colour


@cache
def _background() -> Pixels:
    pixels = np.full((HEIGHT + 2 * MARGIN, WIDTH + 2 * MARGIN), GROUND, np.uint8)
    low, right = MARGIN + HEIGHT, MARGIN + WIDTH
    pixels[MARGIN - WALL : low + WALL, MARGIN:right] = EDGE
    field = pixels[MARGIN:low, MARGIN:right]
    field[:] = FIELD
    middle = WIDTH // 2
    for top in range(4, HEIGHT, 16):
        field[top : top + 8, middle - 1 : middle + 1] = LINE
    return pixels
