"""The image observation: the facts of a Snapshot, and nothing more.

Everything that does not change is drawn once; a picture is a copy of that with
tiles laid over it.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from lmgame.picture import Picture, Pixels
from lmgame.picture.glyph import stamp

from .shape import Cover, rasterise
from .table import PIECE, SQUARE
from .text import SIDES, Snapshot

CELL = 40
LEFT, TOP = 22, 14
PANEL = LEFT + 8 * CELL + 20
WIDTH, HEIGHT = 496, 356
YOU_Y, MOVER_Y, RIGHTS_Y, CLOCK_Y, MOVE_Y, PLY_Y, SEEN_Y = 26, 82, 138, 196, 234, 272, 310
DISC = 9

GROUND, LABEL, VALUE, FRAME, FADED, PALE, DEEP = range(7)
_FIXED = (
    (23, 26, 33), (134, 143, 163), (236, 239, 244), (66, 74, 92), (58, 65, 80), (248, 245, 236),
    (38, 38, 44),
)  # fmt: skip
# A tile's ground: a light and a dark square, and both under a king in check.
LIGHT, DARK, LIGHT_CHECK, DARK_CHECK = range(4)
_GROUNDS = ((233, 222, 199), (118, 148, 122), (236, 128, 112), (208, 92, 84))
_RING = (52, 84, 160)
# By white and black: the colours of the rim and of the filling.
_RIMS = ((52, 46, 44), (20, 20, 24))
_FILLS = ((252, 249, 242), (74, 72, 80))
_STEPS = 8
"""Shades between two colours, for smooth edges."""

_EDGES = len(_FIXED)
_RING_EDGES = _EDGES + 4 * 2 * (_STEPS + 1)
_INNER = _RING_EDGES + 2 * (_STEPS + 1)


def _mixed(one: tuple[int, ...], other: tuple[int, ...]) -> list[tuple[int, ...]]:
    """The shades from one colour to another, both included."""
    return [
        tuple(round(a + (b - a) * step / _STEPS) for a, b in zip(one, other, strict=True))
        for step in range(_STEPS + 1)
    ]


def _palette() -> Pixels:
    colours: list[tuple[int, ...]] = [*_FIXED]
    for ground in _GROUNDS:
        for rim in _RIMS:
            colours += _mixed(ground, rim)
    for ground in _GROUNDS[:2]:
        colours += _mixed(ground, _RING)
    for rim, fill in zip(_RIMS, _FILLS, strict=True):
        colours += _mixed(rim, fill)
    return np.array(colours, np.uint8)


PALETTE = _palette()


def _steps(cover: Cover) -> Pixels:
    return np.rint(cover * _STEPS).astype(np.uint8)


@cache
def tile(piece: int, ground: int) -> Pixels:
    """A square with its piece (0: none), ``CELL`` by ``CELL``."""
    side = int(piece < 0)
    edges = _EDGES + (2 * ground + side) * (_STEPS + 1)
    if not piece:
        return np.full((CELL, CELL), edges, np.uint8)
    whole, filled = _cover(abs(piece))
    inner = _INNER + side * (_STEPS + 1) + _steps(filled)
    return np.where(filled > 0, inner, edges + _steps(whole)).astype(np.uint8)


@cache
def _cover(kind: int) -> tuple[Cover, Cover]:
    return rasterise(kind, CELL)


@cache
def ring_tile(ground: int) -> Pixels:
    """An empty square that a pawn can take en passant on."""
    line = np.arange(CELL) - (CELL - 1) / 2
    distance = np.hypot(*np.meshgrid(line, line))
    cover = (2.6 - abs(distance - 12)).clip(0, 1)
    return _RING_EDGES + ground * (_STEPS + 1) + _steps(cover)


@cache
def _background() -> Pixels:
    pixels = np.full((HEIGHT, WIDTH), GROUND, np.uint8)
    pixels[TOP - 2 : TOP + 8 * CELL + 2, LEFT - 2 : LEFT + 8 * CELL + 2] = FRAME
    for place in range(8):
        middle = place * CELL + CELL // 2
        stamp(pixels, "abcdefgh"[place], LEFT + middle - 2, TOP + 8 * CELL + 7, LABEL)
        stamp(pixels, "87654321"[place], LEFT - 13, TOP + middle - 3, LABEL)
    for label, y in (
        ("YOU", YOU_Y), ("TO MOVE", MOVER_Y), ("CASTLING", RIGHTS_Y), ("FIFTY-MOVE CLOCK", CLOCK_Y),
        ("MOVE", MOVE_Y), ("HALF-MOVE", PLY_Y), ("SEEN", SEEN_Y),
    ):  # fmt: skip
        stamp(pixels, label, PANEL, y - 12, LABEL)
    for seat in (0, 1):
        _disc(pixels, PANEL + 70 * seat, RIGHTS_Y, seat, 7)
    return pixels


def _disc(pixels: Pixels, x: int, y: int, seat: int, radius: int) -> None:
    """A side's colour as a disc in a rim, its box's corner at (x, y)."""
    line = np.arange(2 * radius) - radius + 0.5
    distance = np.hypot(*np.meshgrid(line, line))
    box = pixels[y : y + 2 * radius, x : x + 2 * radius]
    box[distance < radius] = LABEL
    box[distance < radius - 1.5] = DEEP if seat else PALE


def draw(seen: Snapshot) -> Picture:
    """The picture, 496 by 356 pixels."""
    pixels = _background().copy()
    marked, checked = SQUARE.get(seen.passant, -1), SQUARE.get(seen.check, -1)
    for square in range(64):
        file, rank = square & 7, square >> 3
        piece = PIECE[seen.rows[7 - rank][file]]
        ground = LIGHT if (file + rank) & 1 else DARK
        cell = tile(piece, ground + 2 * (square == checked))
        if square == marked:
            cell = ring_tile(ground)
        x, y = LEFT + file * CELL, TOP + (7 - rank) * CELL
        pixels[y : y + CELL, x : x + CELL] = cell
    for side, y in ((seen.you, YOU_Y), (seen.mover, MOVER_Y)):
        _disc(pixels, PANEL, y, SIDES.index(side), DISC)
        stamp(pixels, side.upper(), PANEL + 26, y + 2, VALUE, 2)
    for place, name in enumerate("KQkq"):
        x = PANEL + 20 + 18 * (place & 1) + 70 * (place >> 1)
        colour = VALUE if name in seen.rights else FADED
        stamp(pixels, name.upper(), x, RIGHTS_Y, colour, 2)
    stamp(pixels, str(seen.clock), PANEL, CLOCK_Y, VALUE, 2)
    stamp(pixels, str(seen.number), PANEL, MOVE_Y, VALUE, 2)
    stamp(pixels, f"{seen.ply}/{seen.limit}", PANEL, PLY_Y, VALUE, 2)
    stamp(pixels, str(seen.seen), PANEL, SEEN_Y, VALUE, 2)
    return Picture(pixels, PALETTE)
