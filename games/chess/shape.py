"""The pieces' outlines, drawn for this game: polygons and ellipses on a square of 100 by 100.

A shape is rasterised once, finer than the picture, and then averaged, so that
its edges are smooth.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .table import BISHOP, KING, KNIGHT, PAWN, QUEEN, ROOK

Mask = NDArray[np.bool_]
Cover = NDArray[np.float64]
Point = tuple[float, float]

FINE = 5
"""Samples in each direction within a pixel."""
_RIM = 3.4
"""The outline's width, on the square of 100."""

_FOOT: tuple[Point, ...] = ((22, 88), (22, 81), (29, 76), (71, 76), (78, 81), (78, 88))
_CROWN: tuple[Point, ...] = (
    (31, 68), (19, 33), (34, 51), (35, 26), (46, 49), (50, 22), (54, 49), (65, 26), (66, 51),
    (81, 33), (69, 68),
)  # fmt: skip
_HORSE: tuple[Point, ...] = (
    (72, 78), (75, 64), (73, 48), (66, 33), (57, 24), (53, 11), (46, 21), (37, 26), (30, 36),
    (20, 52), (21, 61), (29, 64), (35, 58), (45, 55), (51, 51), (47, 61), (38, 68), (32, 78),
)  # fmt: skip
_MITRE: tuple[Point, ...] = ((50, 16), (62, 31), (68, 46), (60, 62), (40, 62), (32, 46), (38, 31))
_TOWER: tuple[Point, ...] = (
    (30, 45), (25, 40), (25, 20), (37, 20), (37, 28), (44, 28), (44, 20), (56, 20), (56, 28),
    (63, 28), (63, 20), (75, 20), (75, 40), (70, 45), (64, 49), (67, 78), (33, 78), (36, 49),
)  # fmt: skip


def _grid(size: int) -> tuple[Cover, Cover]:
    """The samples' x and y on the square of 100, each (size * FINE, size * FINE)."""
    line = (np.arange(size * FINE) + 0.5) * (100 / (size * FINE))
    x, y = np.meshgrid(line, line)
    return x, y


def _round(points: tuple[Point, ...], times: int = 2) -> tuple[Point, ...]:
    """Cut the corners of a polygon (Chaikin 1974)."""
    for _ in range(times):
        pairs = zip(points, (*points[1:], points[0]), strict=True)
        points = tuple(
            (a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t)
            for a, b in pairs
            for t in (0.25, 0.75)
        )
    return points


class _Canvas:
    """Samples that a piece covers, and those where its inner lines are."""

    def __init__(self, size: int) -> None:
        self.x, self.y = _grid(size)
        self.body = np.zeros(self.x.shape, np.bool_)
        self.lines = np.zeros(self.x.shape, np.bool_)

    def area(self, points: tuple[Point, ...]) -> None:
        inside = np.zeros(self.x.shape, np.bool_)
        for (ax, ay), (bx, by) in zip(points, (*points[1:], points[0]), strict=True):
            if ay != by:
                crossed = (self.y < ay) != (self.y < by)
                inside ^= crossed & (self.x < ax + (self.y - ay) * (bx - ax) / (by - ay))
        self.body |= inside

    def oval(self, x: float, y: float, rx: float, ry: float) -> None:
        self.body |= self._oval(x, y, rx, ry)

    def dot(self, x: float, y: float, radius: float) -> None:
        self.lines |= self._oval(x, y, radius, radius)

    def line(self, a: Point, b: Point, width: float = 3.4) -> None:
        dx, dy = b[0] - a[0], b[1] - a[1]
        along = ((self.x - a[0]) * dx + (self.y - a[1]) * dy) / (dx * dx + dy * dy)
        along = along.clip(0, 1)
        distance = np.hypot(self.x - a[0] - along * dx, self.y - a[1] - along * dy)
        self.lines |= distance < width / 2

    def _oval(self, x: float, y: float, rx: float, ry: float) -> Mask:
        return np.asarray(((self.x - x) / rx) ** 2 + ((self.y - y) / ry) ** 2 < 1)


def _pawn(canvas: _Canvas) -> None:
    canvas.oval(50, 33, 13, 13)
    canvas.oval(50, 48, 16, 4)
    canvas.area(((43, 47), (57, 47), (60, 62), (69, 78), (31, 78), (40, 62)))


def _rook(canvas: _Canvas) -> None:
    canvas.area(_TOWER)
    canvas.line((31, 45), (69, 45))
    canvas.line((35, 69), (65, 69))


def _knight(canvas: _Canvas) -> None:
    canvas.area(_round(_HORSE))
    canvas.dot(41, 36, 3.2)
    canvas.dot(26, 55, 2.2)
    canvas.line((60, 34), (65, 46))
    canvas.line((65, 46), (67, 62))


def _bishop(canvas: _Canvas) -> None:
    canvas.oval(50, 15, 5.5, 5.5)
    canvas.area(_round(_MITRE))
    canvas.oval(50, 62, 18, 4)
    canvas.area(((42, 62), (58, 62), (64, 78), (36, 78)))
    canvas.line((50, 32), (50, 49))
    canvas.line((43, 39), (57, 39))
    canvas.line((38, 62), (62, 62))


def _queen(canvas: _Canvas) -> None:
    canvas.area(_CROWN)
    for x, y in ((18, 29), (35, 22), (50, 18), (65, 22), (82, 29)):
        canvas.oval(x, y, 5, 5)
    canvas.area(((31, 66), (69, 66), (65, 78), (35, 78)))
    canvas.line((33, 65), (67, 65))


def _king(canvas: _Canvas) -> None:
    canvas.area(((46, 9), (54, 9), (54, 32), (46, 32)))
    canvas.area(((40, 14), (60, 14), (60, 21), (40, 21)))
    canvas.oval(50, 38, 9, 13)
    canvas.oval(35, 47, 16, 14)
    canvas.oval(65, 47, 16, 14)
    canvas.area(((23, 54), (77, 54), (67, 78), (33, 78)))
    canvas.line((50, 40), (50, 62))
    canvas.line((32, 66), (68, 66))


_DRAWN = {
    PAWN: _pawn, KNIGHT: _knight, BISHOP: _bishop, ROOK: _rook, QUEEN: _queen, KING: _king
}  # fmt: skip


def rasterise(kind: int, size: int) -> tuple[Cover, Cover]:
    """How much of each pixel a piece covers.

    Args:
        kind: The piece, 1 to 6.
        size: The side of its square in pixels.

    Returns:
        From 0 to 1, each of shape (size, size): the whole piece with its
        outline, and what is filled within the outline and the inner lines.
    """
    canvas = _Canvas(size)
    _DRAWN[kind](canvas)
    canvas.area(_FOOT)
    whole = _grown(canvas.body, _RIM * size * FINE / 100)
    return _averaged(whole), _averaged(canvas.body & ~canvas.lines)


def _grown(mask: Mask, radius: float) -> Mask:
    """The mask and everything within ``radius`` samples of it."""
    reach = int(radius)
    grown = mask.copy()
    height, width = mask.shape
    padded = np.pad(mask, reach)
    for dy in range(-reach, reach + 1):
        for dx in range(-reach, reach + 1):
            if dx * dx + dy * dy <= radius * radius:
                top, left = reach + dy, reach + dx
                grown |= padded[top : top + height, left : left + width]
    return grown


def _averaged(mask: Mask) -> Cover:
    size = mask.shape[0] // FINE
    return np.asarray(mask.reshape(size, FINE, size, FINE).mean(axis=(1, 3)))
