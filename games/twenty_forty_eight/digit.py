"""Round digits of any size, drawn from strokes with soft edges."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Coverage = NDArray[np.float64]
_Points = list[tuple[float, float]]

WIDE = 0.56
"""A digit's width from stroke to stroke, when its height is 1."""


def _arc(x: float, y: float, rx: float, ry: float, start: int, end: int) -> _Points:
    """Part of an ellipse in degrees: 0 is right, 90 down."""
    turns = np.radians(np.linspace(start, end, 1 + abs(end - start) // 12))
    return [(x + rx * float(np.cos(turn)), y + ry * float(np.sin(turn))) for turn in turns]


# Middles of the strokes, in a box of 1 by 1 with y downwards.
_STROKES: dict[str, list[_Points]] = {
    "0": [_arc(0.5, 0.5, 0.5, 0.5, 0, 360)],
    "1": [[(0.12, 0.2), (0.58, 0), (0.58, 1)]],
    "2": [[*_arc(0.5, 0.29, 0.5, 0.29, -170, 30), (0, 1), (1, 1)]],
    "3": [_arc(0.47, 0.25, 0.45, 0.25, -160, 90), _arc(0.47, 0.74, 0.53, 0.26, -90, 155)],
    "4": [[(0.72, 1), (0.72, 0), (0, 0.7), (1, 0.7)]],
    "5": [[(0.92, 0), (0.17, 0), (0.1, 0.44), *_arc(0.48, 0.67, 0.52, 0.33, -135, 150)]],
    "6": [_arc(0.5, 0.68, 0.5, 0.32, 0, 360), _arc(0.95, 0.68, 0.95, 0.68, 180, 262)],
    "7": [[(0, 0), (1, 0), (0.36, 1)]],
    "8": [_arc(0.5, 0.25, 0.43, 0.25, 0, 360), _arc(0.5, 0.74, 0.5, 0.26, 0, 360)],
    "9": [_arc(0.5, 0.32, 0.5, 0.32, 0, 360), _arc(0.05, 0.32, 0.95, 0.68, 0, 82)],
}


@cache
def digit(name: str, height: int, weight: float) -> Coverage:
    """How much of each pixel a digit covers, 0 to 1.

    Args:
        name: ``0`` to ``9``.
        height: Pixels from top to bottom, strokes included.
        weight: The strokes' width in pixels.
    """
    tall = height - weight
    wide = tall * WIDE
    y, x = np.mgrid[0:height, 0 : round(wide + weight)] + 0.5
    nearest = np.full(x.shape, np.inf)
    for points in _STROKES[name]:
        placed = np.array(points) * (wide, tall) + weight / 2
        for start, end in pairwise(placed):
            nearest = np.minimum(nearest, _distance(x, y, start, end))
    return np.clip(weight / 2 - nearest + 0.5, 0, 1)


def _distance(x: Coverage, y: Coverage, start: Coverage, end: Coverage) -> Coverage:
    """From every pixel to a line between two points."""
    dx, dy = end - start
    along = ((x - start[0]) * dx + (y - start[1]) * dy) / (dx * dx + dy * dy)
    along = np.clip(along, 0, 1)
    nearest: Coverage = np.hypot(x - start[0] - along * dx, y - start[1] - along * dy)
    return nearest


def number(value: int, height: int, weight: float, gap: int) -> Coverage:
    """How much of each pixel a number covers; ``gap`` pixels between its digits."""
    parts: list[Coverage] = []
    for name in str(value):
        parts += [digit(name, height, weight), np.zeros((height, gap))]
    return np.concatenate(parts[:-1], axis=1)
