"""Smooth shapes and letters for a picture that is drawn once.

A canvas is an array of colours, shape (height, width, 3). Shapes are given as
which samples of each pixel lie inside; letters are strokes with round ends on a
grid of 4 by 6 units, just those that the picture needs.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from lmgame.picture import Pixels

Colour = tuple[int, int, int]
Canvas = NDArray[np.float64]
Inside = NDArray[np.bool_]

FINE = 8  # samples across a pixel
# Each stroke is a chain of points, a point its column and row.
_STROKES = {
    "1": "11 20 26", "2": "01 10 30 41 42 06 46", "3": "01 10 30 41 42 33 13/33 44 45 36 16 05",
    "4": "36 30 04 44", "5": "40 00 03 33 44 45 36 16 05", "7": "00 40 16",
    "6": "41 30 10 01 05 16 36 45 44 33 13 04", "9": "05 16 36 45 41 30 10 01 02 13 33 42",
    "8": "13 02 01 10 30 41 42 33 13 04 05 16 36 45 44 33", "N": "06 00 46 40",
    "O": "10 30 41 45 36 16 05 01 10", "R": "06 00 30 41 42 33 03/23 46", "T": "00 40/20 26",
    "U": "00 05 16 36 45 40", "Y": "00 23 40/23 26",
}  # fmt: skip


def blank(height: int, width: int, colour: Colour) -> Canvas:
    """A canvas of one colour."""
    return np.tile(np.array(colour, np.float64), (height, width, 1))


def samples(canvas: Canvas) -> tuple[Canvas, Canvas]:
    """The samples' y and x, as a column and a row, from the middle of the canvas."""
    height, width = canvas.shape[:2]
    y = (np.arange(height * FINE) + 0.5) / FINE - height / 2
    x = (np.arange(width * FINE) + 0.5) / FINE - width / 2
    return y[:, None], x[None, :]


def paint(canvas: Canvas, inside: Inside, colour: Colour) -> None:
    """Mix in a colour by how much of each pixel is inside.

    In eighths, so that the smooth edges of everything fit one palette.
    """
    height, width = canvas.shape[:2]
    cover = inside.reshape(height, FINE, width, FINE).mean(axis=(1, 3))
    cover = (cover * 8).round()[..., None] / 8
    canvas += (np.array(colour) - canvas) * cover


def rounded(canvas: Canvas, radius: float) -> Inside:
    """The whole canvas but for its round corners."""
    height, width = canvas.shape[:2]
    y, x = samples(canvas)
    dx = np.maximum(np.abs(x) - width / 2 + radius, 0)
    dy = np.maximum(np.abs(y) - height / 2 + radius, 0)
    return np.asarray(np.hypot(dx, dy) <= radius)


def label(canvas: Canvas, text: str, left: int, top: int, unit: float, colour: Colour) -> None:
    """Write in letters ``6 * unit`` pixels tall, whose strokes' middle starts at (left, top)."""
    thick = 0.55 * unit + 0.35
    reach = int(np.ceil(thick))
    height, step = int(6 * unit) + 2 * reach + 1, round(6 * unit)
    for place, letter in enumerate(text):
        x0, y0 = left + place * step - reach, top - reach
        part = canvas[y0 : y0 + height, x0 : x0 + int(4 * unit) + 2 * reach + 1]
        y, x = samples(part)
        y, x = y + part.shape[0] / 2 - reach, x + part.shape[1] / 2 - reach
        inside = np.zeros((y.size, x.size), np.bool_)
        for stroke in _STROKES[letter].split("/"):
            points = [(int(one[0]) * unit, int(one[1]) * unit) for one in stroke.split()]
            for start, end in pairwise(points):
                inside |= _distance(x, y, start, end) <= thick
        paint(part, inside, colour)


def _distance(x: Canvas, y: Canvas, start: tuple[float, float], end: tuple[float, float]) -> Canvas:
    """From every sample to the nearest point between two points."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    along = ((x - start[0]) * dx + (y - start[1]) * dy) / (dx * dx + dy * dy)
    along = np.clip(along, 0, 1)
    return np.asarray(np.hypot(x - start[0] - along * dx, y - start[1] - along * dy))


def indexed(parts: list[Canvas]) -> tuple[list[Pixels], Pixels]:
    """Canvases as palette indices, and their common palette."""
    colours = np.concatenate([part.reshape(-1, 3) for part in parts]).round().astype(np.uint8)
    palette, indices = np.unique(colours, axis=0, return_inverse=True)
    if len(palette) > 256:
        raise ValueError(f"{len(palette)} colours do not fit a palette")
    ends = np.cumsum([part.shape[0] * part.shape[1] for part in parts])[:-1]
    pieces = np.split(indices.astype(np.uint8).ravel(), ends)
    shaped = zip(pieces, parts, strict=True)
    return [piece.reshape(part.shape[:2]) for piece, part in shaped], palette
