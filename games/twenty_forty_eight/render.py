"""The image observation: the board's tiles, and nothing more."""

from __future__ import annotations

from functools import cache

import numpy as np

from lmgame.picture import Picture, Pixels

from .board import CELLS, EMPTY, SIDE, Board
from .digit import Coverage, number

TILE, GAP, MARGIN, RADIUS = 80, 10, 15, 9
STEP, FIRST = TILE + GAP, MARGIN + GAP
SIZE = 2 * FIRST + SIDE * TILE + (SIDE - 1) * GAP

_GROUND, _PANEL = (15, 17, 26), (35, 39, 57)
# Empty, then 2, 4, 8 ...: from cool to hot, and at 2048 to gold; beyond it the jewels.
_HUES = (
    (24, 27, 41), (70, 80, 112), (78, 104, 158), (56, 128, 186), (40, 150, 178), (44, 158, 128),
    (86, 164, 76), (158, 170, 58), (214, 160, 48), (226, 124, 44), (226, 88, 56), (242, 198, 62),
    (214, 62, 88), (196, 56, 138), (160, 70, 186), (118, 84, 208), (84, 98, 224), (236, 238, 246),
)  # fmt: skip
_LIGHT, _DARK = (250, 251, 255), (30, 28, 34)
_DARK_INK = frozenset({11, 17})  # gold and white tiles
SOFT = 6
"""Steps from one colour to another along a soft edge."""

# Digits' height, stroke and gap by their count, to fit a tile's width.
_FIT = {1: (40, 7.2, 5), 2: (36, 6.4, 5), 3: (29, 5.2, 4), 4: (23, 4.2, 3), 5: (18, 3.4, 3),
        6: (15, 2.9, 2)}  # fmt: skip


def base(tile: int) -> int:
    """The palette index of a tile's colour; the steps to its number's follow it."""
    return _EDGES + tile * 2 * SOFT + SOFT


_EDGES = SOFT + 1  # the ground, the steps to the panel, then 2 * SOFT for each tile


def _palette() -> Pixels:
    colours = [_mix(_GROUND, _PANEL, step / SOFT) for step in range(SOFT + 1)]
    for tile, hue in enumerate(_HUES):
        ink = _DARK if tile in _DARK_INK else _LIGHT
        colours += [_mix(_PANEL, hue, step / SOFT) for step in range(SOFT)]
        colours += [_mix(hue, ink, step / (SOFT - 1)) for step in range(SOFT)]
    return np.array(colours, np.uint8)


def _mix(one: tuple[int, ...], other: tuple[int, ...], share: float) -> tuple[int, ...]:
    return tuple(round(a + (b - a) * share) for a, b in zip(one, other, strict=True))


PALETTE = _palette()


def _rounded(size: int, radius: int) -> Coverage:
    """How much of each pixel a square with round corners covers."""
    middle = np.abs(np.arange(size) + 0.5 - size / 2) - (size / 2 - radius)
    beyond = np.maximum(middle, 0)
    covered: Coverage = np.clip(radius - np.hypot(beyond[:, None], beyond) + 0.5, 0, 1)
    return covered


@cache
def face(tile: int) -> Pixels:
    """One tile, ``TILE`` pixels square, with its number."""
    body = np.round(_rounded(TILE, RADIUS) * SOFT).astype(np.uint8)
    pixels = (body + (base(tile) - SOFT)).astype(np.uint8)
    pixels[body == 0] = SOFT  # the panel
    if tile != EMPTY:
        value = 1 << tile
        ink = np.round(number(value, *_FIT[len(str(value))]) * (SOFT - 1)).astype(np.uint8)
        height, width = ink.shape
        top, left = (TILE - height) // 2, (TILE - width) // 2
        pixels[top : top + height, left : left + width] += ink
    return pixels


@cache
def _background() -> Pixels:
    pixels = np.zeros((SIZE, SIZE), np.uint8)
    panel = np.round(_rounded(SIZE - 2 * MARGIN, RADIUS + GAP // 2) * SOFT)
    pixels[MARGIN:-MARGIN, MARGIN:-MARGIN] = panel.astype(np.uint8)
    return pixels


def draw(board: Board) -> Picture:
    """The picture of a board, 400 by 400 pixels."""
    pixels = _background().copy()
    for cell in range(CELLS):
        top, left = (FIRST + STEP * at for at in divmod(cell, SIDE))
        pixels[top : top + TILE, left : left + TILE] = face(board[cell])
    return Picture(pixels, PALETTE)
