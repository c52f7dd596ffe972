"""The image observation: the facts of a Snapshot, and nothing more.

Everything that does not change is drawn once; a picture is a copy of that with
tiles laid over it.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from lmgame.picture import Picture, Pixels
from lmgame.picture.glyph import stamp

from .srs import CELLS, KINDS, LOW, SPAN, VISIBLE, WIDTH
from .text import ROWS, Snapshot

CELL, MINI = 16, 11
MARGIN, GAP, SKYLINE = 12, 12, 2
BAR, PANEL, HEADER = 6, 56, 18
BOARD_WIDTH, BOARD_HEIGHT = WIDTH * CELL, ROWS * CELL + SKYLINE
ABOVE = (ROWS - VISIBLE) * CELL
HOLD_Y, NEXT_Y, NEXT_STEP, LEVEL_Y, GARBAGE_Y = 14, 74, 31, 276, 318

# Hues after the guideline (https://tetris.wiki/Tetris_Guideline: I cyan, J blue,
# L orange, O yellow, S green, T purple, Z red), a little softer.
_HUES = (
    (49, 199, 239), (90, 110, 225), (239, 131, 43), (247, 211, 58),
    (76, 195, 86), (181, 92, 206), (236, 65, 78),
)  # fmt: skip
_GREY = (122, 128, 146)

GROUND, WELL, SKY, GRID, FRAME, LABEL, VALUE, RISING, GLARE = range(9)
_FIXED = (
    (15, 17, 26), (24, 27, 40), (18, 20, 31), (33, 37, 54), (74, 81, 112),
    (134, 143, 176), (232, 236, 248), (236, 65, 78), (255, 255, 255),
)  # fmt: skip
_TONES = len(_FIXED)  # then light, base, dark and dim for each kind and for grey
LIGHT, BASE, DARK, DIM = range(4)
GREY = len(KINDS)


def tone(kind: int, which: int) -> int:
    """The palette index of a kind's (or ``GREY``) light, base, dark or dim tone."""
    return _TONES + 4 * kind + which


def _mix(colour: tuple[int, ...], other: tuple[int, ...], share: float) -> tuple[int, ...]:
    return tuple(round(a + (b - a) * share) for a, b in zip(colour, other, strict=True))


def _palette() -> Pixels:
    colours: list[tuple[int, ...]] = [*_FIXED]
    for hue in (*_HUES, _GREY):
        light, dark = _mix(hue, (255, 255, 255), 0.4), _mix(hue, (0, 0, 0), 0.42)
        colours += [light, hue, dark, _mix(hue, _FIXED[WELL], 0.25)]
    return np.array(colours, np.uint8)


PALETTE = _palette()


def _block(kind: int, size: int) -> Pixels:
    """A locked cell: a flat block with a lit and a shaded edge."""
    tile = np.full((size, size), GRID, np.uint8)
    tile[:-1, :-1] = tone(kind, BASE)
    tile[0, :-1] = tile[:-1, 0] = tone(kind, LIGHT)
    tile[-2, :-1] = tile[:-1, -2] = tone(kind, DARK)
    return tile


def _active(kind: int) -> Pixels:
    """A cell of the active piece: bright, in a white frame."""
    tile = np.full((CELL, CELL), GRID, np.uint8)
    tile[:-1, :-1] = GLARE
    tile[1:-2, 1:-2] = tone(kind, LIGHT)
    tile[4:-5, 4:-5] = tone(kind, BASE)
    return tile


def _ghost(kind: int) -> Pixels:
    """A cell where the active piece would land: an outline."""
    tile = np.full((CELL, CELL), GRID, np.uint8)
    tile[:-1, :-1] = WELL
    tile[1:-2, 1:-2] = tone(kind, DIM)
    tile[3:-4, 3:-4] = WELL
    return tile


def _empty(colour: int) -> Pixels:
    tile = np.full((CELL, CELL), colour, np.uint8)
    tile[-1, :] = tile[:, -1] = GRID if colour == WELL else colour
    return tile


# Tiles: empty, the kinds locked, garbage, the kinds active, the kinds as ghosts,
# empty above the skyline.
_KINDS = range(len(KINDS))
_LOCKED, _GARBAGE, _ACTIVE, _GHOST = 1, 8, 9, 16
_OPEN_SKY = 23
_TILES = np.stack(
    [
        _empty(WELL), *(_block(kind, CELL) for kind in _KINDS), _block(GREY, CELL),
        *(_active(kind) for kind in _KINDS), *(_ghost(kind) for kind in _KINDS), _empty(SKY),
    ]
)  # fmt: skip
_TILE_OF = np.zeros(128, np.uint8)
_TILE_OF[[ord(letter) for letter in KINDS]] = np.arange(_LOCKED, _GARBAGE)
_TILE_OF[ord("X")] = _GARBAGE


def _mini(kind: int, hue: int) -> Pixels:
    """A small piece as it spawns, on the panel's ground."""
    shape = 4 * kind
    cells = [(x, y - LOW[shape]) for x, y in CELLS[shape]]
    rows = 1 + max(y for _, y in cells)
    left = min(x for x, _ in cells)
    sprite = np.full((rows * MINI, SPAN[shape] * MINI), GROUND, np.uint8)
    for x, y in cells:
        top, side = (rows - 1 - y) * MINI, (x - left) * MINI
        sprite[top : top + MINI - 1, side : side + MINI - 1] = _block(hue, MINI)[:-1, :-1]
    return sprite


MINIS = tuple(_mini(kind, kind) for kind in _KINDS)
USED_MINIS = tuple(_mini(kind, GREY) for kind in _KINDS)


def draw(own: Snapshot) -> Picture:
    """The picture of a one-seat game, 252 by 390 pixels."""
    pixels = _background(False, own.hold != "").copy()
    _seat(pixels, own, MARGIN, MARGIN)
    return Picture(pixels, PALETTE)


def draw_pair(own: Snapshot, opponent: Snapshot) -> Picture:
    """The picture of a seat (left) and its opponent (right), 524 by 408 pixels."""
    pixels = _background(True, True).copy()
    for seen, x in zip((own, opponent), _columns(), strict=True):
        _seat(pixels, seen, x, MARGIN + HEADER)
    return Picture(pixels, PALETTE)


def _columns() -> tuple[int, int]:
    """Where the two boards begin."""
    first = MARGIN + BAR + 4
    return first, first + BOARD_WIDTH + GAP + PANEL + 2 * GAP + BAR + 4


@cache
def _background(pair: bool, hold: bool) -> Pixels:
    top = MARGIN + HEADER * pair
    lefts = _columns() if pair else (MARGIN,)
    width = lefts[-1] + BOARD_WIDTH + GAP + PANEL + MARGIN
    pixels = np.full((top + BOARD_HEIGHT + 12 + MARGIN, width), GROUND, np.uint8)
    for left, name in zip(lefts, ("YOU", "OPPONENT") if pair else ("",), strict=True):
        stamp(pixels, name, left, MARGIN, VALUE)
        _frame(pixels, left, top)
        panel = left + BOARD_WIDTH + GAP
        labels = {"HOLD": 0, "NEXT": NEXT_Y - 14, "LEVEL": LEVEL_Y - 12, "GARBAGE": GARBAGE_Y - 12}
        for label in ("HOLD",) * hold + ("NEXT", "LEVEL") + ("GARBAGE",) * pair:
            stamp(pixels, label, panel, top + labels[label], LABEL)
    return pixels


def _frame(pixels: Pixels, left: int, top: int) -> None:
    """The board's edge, the skyline and the column numbers."""
    bottom, right = top + BOARD_HEIGHT, left + BOARD_WIDTH
    pixels[top + ABOVE : bottom + 2, left - 2 : right + 1] = FRAME
    pixels[top:bottom, left - 2 : left] = FRAME
    pixels[top:bottom, right - 1 : right + 1] = FRAME
    for column in range(WIDTH):
        stamp(pixels, str(column), left + column * CELL + 5, bottom + 5, LABEL)


def _seat(pixels: Pixels, seen: Snapshot, left: int, top: int) -> None:
    """Lay what changes over the background."""
    board = _board(seen)
    right, skyline = left + BOARD_WIDTH - 1, top + ABOVE
    pixels[top:skyline, left:right] = board[:ABOVE, :-1]
    pixels[skyline + SKYLINE : top + BOARD_HEIGHT, left:right] = board[ABOVE:, :-1]
    panel = left + BOARD_WIDTH + GAP
    if seen.hold not in ("", "-"):
        minis = MINIS if seen.hold_free else USED_MINIS
        _centred(pixels, minis[KINDS.index(seen.hold)], panel, top + HOLD_Y)
    for place, letter in enumerate(seen.next):
        _centred(pixels, MINIS[KINDS.index(letter)], panel, top + NEXT_Y + NEXT_STEP * place)
    stamp(pixels, str(seen.level), panel, top + LEVEL_Y, VALUE, 2)
    if seen.garbage is not None:
        stamp(pixels, str(seen.garbage), panel, top + GARBAGE_Y, VALUE, 2)
        bottom = top + BOARD_HEIGHT
        for row in range(min(seen.garbage, VISIBLE)):
            low = bottom - row * CELL
            pixels[low - CELL + 1 : low, left - 4 - BAR : left - 4] = RISING


def _board(seen: Snapshot) -> Pixels:
    codes = np.frombuffer(seen.cells.encode(), np.uint8)
    tiles = _TILE_OF[codes]
    tiles[VISIBLE * WIDTH :][tiles[VISIBLE * WIDTH :] == 0] = _OPEN_SKY
    if seen.piece != "-":
        kind = KINDS.index(seen.piece)
        tiles[codes == 64] = _ACTIVE + kind  # ord("@")
        tiles[codes == 43] = _GHOST + kind  # ord("+")
    grid = tiles.reshape(ROWS, WIDTH)[::-1]
    return _TILES[grid].transpose(0, 2, 1, 3).reshape(ROWS * CELL, WIDTH * CELL)


def _centred(pixels: Pixels, sprite: Pixels, left: int, top: int) -> None:
    """Put a sprite in the middle of a panel row of four by two small cells."""
    height, width = sprite.shape
    x, y = left + (PANEL - width) // 2, top + (2 * MINI - height) // 2
    pixels[y : y + height, x : x + width] = sprite
