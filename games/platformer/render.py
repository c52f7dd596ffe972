"""The image observation: the facts of a View, and nothing more."""

from __future__ import annotations

from functools import cache

import numpy as np

from lmgame.picture import Picture, Pixels

from .text import COLUMNS, FORMS, PIXELS, ROWS, TILES, View

(
    CLEAR, SKY, EARTH, CRUMB, GRASS, LAWN, STONE, STONE_LIGHT, STONE_DARK, TUBE, TUBE_LIGHT,
    TUBE_DARK, GOLD, GOLD_LIGHT, RED, PINK, POLE, WHITE, INK, SKIN, SHIRT, STRONG, SAFE, BEAST,
    BEAST_DARK, SOLE, CLOUD,
) = range(27)  # fmt: skip
PALETTE = np.array(
    [
        (255, 0, 255), (139, 196, 236), (150, 102, 66), (128, 84, 53), (104, 186, 82),
        (72, 146, 62), (176, 158, 138), (212, 196, 176), (116, 100, 88), (58, 150, 112),
        (112, 200, 156), (34, 100, 78), (236, 178, 40), (255, 226, 120), (222, 62, 72),
        (255, 170, 176), (226, 228, 232), (255, 255, 255), (28, 26, 40), (248, 206, 166),
        (52, 92, 196), (222, 62, 72), (250, 250, 250), (134, 74, 150), (92, 46, 108),
        (58, 40, 34), (164, 210, 242),
    ],
    np.uint8,
)  # fmt: skip
_FORM = dict(zip(FORMS, (SHIRT, STRONG, SAFE), strict=True))

_LETTERS = {
    ".": CLEAR, "i": INK, "s": SKIN, "c": GOLD, "b": TUBE_DARK, "o": SOLE, "w": WHITE,
    "v": BEAST, "d": BEAST_DARK, "t": -1, "y": GOLD_LIGHT, "r": RED, "p": PINK,
}  # fmt: skip
"""``t`` is the shirt, whose colour is the form."""

_HEAD = (
    "...ttttttt..", "..tttttttttt", "..iisssss...", ".iissswiss..", ".iisssssss..",
    "..isssssss..", "...sssss....",
)  # fmt: skip
_BODIES = {
    "standing": (
        "..tttttt....", ".tttttttt...", ".sttttttts..", "..bbbbbb....", "..bb..bb....",
        "..bb..bb....", "..ooo.ooo...",
    ),
    "walking": (
        "..tttttt....", ".tttttttt...", ".sttttttts..", "..bbbbbb....", "..bbb.bb....",
        ".bbb...bb...", ".oo....ooo..",
    ),
    "running": (
        "..tttttt....", "s.tttttt.s..", ".stttttts...", "..bbbbbbb...", ".bbb..bbbb..",
        "obb.....bbo.", "oo.......o..",
    ),
    "rising": (
        "..tttttt..s.", ".ttttttts...", "s.tttttt....", "..bbbbbb....", ".bbbb.bbb...",
        ".oo...bb....", "......oo....",
    ),
    "falling": (
        "s.tttttt..s.", ".stttttts...", "..tttttt....", ".bbbbbbbb...", ".bb....bb...",
        "oo......oo..", "............",
    ),
    "dead": (
        "..tttttt....", "..tttttt....", "s.tttttt.s..", "..bbbbbb....", "............",
        "............", "............",
    ),
}  # fmt: skip
_WALKER = (
    "....vvvvvv....", "..vvvvvvvvvv..", ".vvvvvvvvvvvv.", ".vvvvvvvwwvww.", "vvvvvvvvwivwiv",
    "vvvvvvvvwivwiv", "vvvvvvvvvvvvvv", "vdvdvdvvvvvvvv", ".vvvvvvvddddv.", "..vvvvvvvvvv..",
    "...dddddddd...", "..ooo....ooo..", ".oooo....oooo.", ".ooo......ooo.",
)  # fmt: skip


def _sprite(rows: tuple[str, ...], shirt: int = CLEAR) -> Pixels:
    codes = [[_LETTERS[dot] if dot != "t" else shirt for dot in row] for row in rows]
    return np.array(codes, np.uint8)


@cache
def _player(pose: str, way: str, form: str) -> Pixels:
    sprite = _sprite(_HEAD + _BODIES[pose], _FORM[form])
    return sprite if way == "right" else sprite[:, ::-1]


@cache
def _walker(way: str) -> Pixels:
    sprite = _sprite(_WALKER)
    return sprite if way == "right" else sprite[:, ::-1]


# Tiles that look different beside their like: after those of TILES.
_GRASS, _TUBE_RIGHT, _POLE = range(len(TILES), len(TILES) + 3)


def draw(view: View) -> Picture:
    """The picture, 320 by 192 pixels."""
    codes = np.array([TILES.index(letter) for letter in view.tiles]).reshape(ROWS, COLUMNS)
    earth, tube, flag = (TILES.index(letter) for letter in "#|F")
    above, before = np.full_like(codes, -1), np.full_like(codes, -1)
    above[1:], before[:, 1:] = codes[:-1], codes[:, :-1]
    shown = codes.copy()
    shown[(codes == earth) & (above != earth)] = _GRASS
    shown[(codes == tube) & (before == tube)] = _TUBE_RIGHT
    shown[(codes == flag) & (above == flag)] = _POLE
    pixels = _tiles()[shown].transpose(0, 2, 1, 3).reshape(ROWS * PIXELS, COLUMNS * PIXELS)
    for one in view.walkers:
        _lay(pixels, _walker(one.way), one.x, one.y)
    _lay(pixels, _player(view.pose, view.way, view.form), view.x, view.y)
    return Picture(pixels, PALETTE)


def _lay(pixels: Pixels, sprite: Pixels, x: int, y: int) -> None:
    """Put a sprite down; what is below the window is cut off."""
    sprite = sprite[: max(0, ROWS * PIXELS - y)]
    high, wide = sprite.shape
    target = pixels[y : y + high, x : x + wide]
    np.copyto(target, sprite, where=sprite != CLEAR)


@cache
def _tiles() -> Pixels:
    """The tiles in the order of ``TILES``, then those that look different beside their like."""
    tiles = np.full((len(TILES) + 3, PIXELS, PIXELS), SKY, np.uint8)
    empty, earth, block, tube, coin, heart, flag, grass, tube_right, pole = tiles
    empty[:] = SKY
    earth[:] = EARTH
    for x, y in ((3, 4), (10, 2), (6, 9), (13, 11), (1, 13), (9, 14)):
        earth[y : y + 2, x : x + 3] = CRUMB
    block[:] = STONE
    block[0], block[:, 0], block[-1], block[:, -1] = (
        STONE_LIGHT,
        STONE_LIGHT,
        STONE_DARK,
        STONE_DARK,
    )
    block[4:12, 4:12] = STONE_LIGHT
    block[5:12, 5:12] = STONE
    tube[:] = tube_right[:] = TUBE
    tube[:, :1], tube_right[:, -1:] = TUBE_DARK, TUBE_DARK
    tube[:, 3:7], tube_right[:, 9:15] = TUBE_LIGHT, TUBE_DARK
    rows, columns = np.indices((PIXELS, PIXELS)) - 7.5
    coin[(rows / 6.5) ** 2 + (columns / 5) ** 2 < 1] = GOLD
    coin[4:12, 6:8] = GOLD_LIGHT
    heart[_heart()] = RED
    heart[4:6, 4:6] = PINK
    flag[:, 2:4] = pole[:, 2:4] = POLE
    for row in range(10):
        flag[2 + row, 4 : 14 - abs(2 * row - 9)] = RED
    flag[0, 1:5] = GOLD
    grass[:] = earth
    grass[:4] = GRASS
    grass[4, ::2] = grass[4, 1::4] = GRASS
    grass[5, ::4] = LAWN
    grass[0] = LAWN
    return tiles


def _heart() -> Pixels:
    rows, columns = np.indices((PIXELS, PIXELS)) - 7.5
    x, y = np.abs(columns) / 6.5, -(rows - 1) / 6.5
    inside = (x * x + y * y - 0.75) ** 3 - x * x * y**3 < 0
    return np.asarray(inside)
