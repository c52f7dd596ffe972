"""The image observation: the facts of a Snapshot, and nothing more."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from lmgame.picture import Picture, Pixels

from .room import BOX, BOX_ON_GOAL, FLOOR, GOAL, PLAYER, PLAYER_ON_GOAL, WALL
from .text import Snapshot

CELL, MARGIN, HEADER = 24, 12, 26
LEAST_WIDTH = 240
"""Room for ``LEVEL 1000/1000`` and ``MOVES 10000`` side by side."""

GROUND, DARK_FLOOR, LIGHT_FLOOR, GRID, MORTAR, BRICK, LIT_BRICK, RING, RING_GLOW = range(9)
WOOD, LIT_WOOD, DARK_WOOD, GREEN, LIT_GREEN, DARK_GREEN = range(9, 15)
BODY, LIT_BODY, OUTLINE, EYE, LABEL, VALUE = range(15, 21)
PALETTE = np.array(
    [
        (17, 19, 28), (47, 51, 68), (51, 56, 74), (41, 45, 60),
        (62, 68, 92), (103, 111, 145), (134, 143, 178), (247, 190, 73), (104, 87, 66),
        (198, 137, 72), (232, 181, 112), (128, 82, 40),
        (84, 178, 106), (146, 221, 158), (42, 108, 63),
        (83, 166, 240), (157, 208, 252), (20, 52, 92), (255, 255, 255),
        (134, 143, 176), (232, 236, 248),
    ],
    np.uint8,
)  # fmt: skip

_Y, _X = np.mgrid[:CELL, :CELL] - (CELL - 1) / 2
_ROUND = np.hypot(_X, _Y)

# Letters of 3 by 5 dots: five rows from the top, each an octal digit whose bits are dots.
_GLYPHS = {
    "0": "75557", "1": "26227", "2": "71747", "3": "71717", "4": "55711", "5": "74717",
    "6": "74757", "7": "71111", "8": "75757", "9": "75717", "/": "11244", " ": "00000",
    "E": "74747", "L": "44447", "M": "57755", "O": "75557", "S": "74717", "V": "55552",
}  # fmt: skip
SCALE, STEP = 2, 8


def _floor(parity: int) -> Pixels:
    tile = np.full((CELL, CELL), (DARK_FLOOR, LIGHT_FLOOR)[parity], np.uint8)
    tile[-1, :] = tile[:, -1] = GRID
    return tile


def _wall() -> Pixels:
    """Three courses of bricks, every second one shifted by half a brick."""
    tile = np.full((CELL, CELL), MORTAR, np.uint8)
    for course, top in enumerate((0, 8, 16)):
        for left in (0, 12) if course % 2 else (-6, 6, 18):
            tile[top : top + 7, max(left, 0) : left + 11] = BRICK
            tile[top, max(left, 0) : left + 11] = LIT_BRICK
    return tile


def _goal(under: Pixels) -> Pixels:
    tile = under.copy()
    tile[_ROUND < 7.6] = RING_GLOW
    tile[_ROUND < 6.9] = RING
    tile[_ROUND < 4.6] = RING_GLOW
    tile[_ROUND < 2.2] = RING
    return tile


def _crate(under: Pixels, base: int, lit: int, dark: int) -> Pixels:
    """A crate of planks in a frame with a brace across."""
    tile = under.copy()
    tile[1:-2, 1:-2] = dark
    tile[2:-3, 2:-3] = lit
    tile[3:-3, 3:-3] = base
    inner = tile[6:-7, 6:-7]
    inner[:] = dark
    inner[:, 1:-1] = base
    inner[:, 3::4] = dark
    size = len(inner)
    across = np.abs(np.arange(size)[:, None] + np.arange(size)[None, :] - (size - 1))
    inner[across <= 2] = dark
    inner[across <= 1] = lit
    inner[0, :] = inner[-1, :] = dark
    return tile


def _player(under: Pixels) -> Pixels:
    """A round figure that looks at whoever looks at it."""
    tile = under.copy()
    tile[_ROUND < 9.6] = OUTLINE
    tile[_ROUND < 8.6] = BODY
    tile[np.hypot(_X + 2.5, _Y + 3) < 3.6] = LIT_BODY
    for x in (7, 13):
        tile[9:14, x : x + 4] = EYE
        tile[10:14, x + 1 : x + 3] = OUTLINE
    tile[16, 9:15] = OUTLINE
    return tile


def _player_on_goal(under: Pixels) -> Pixels:
    """The figure within the goal's ring."""
    tile = under.copy()
    tile[_ROUND < 11.4] = RING
    tile[_ROUND < 10.2] = RING_GLOW
    body = _player(under)
    inside = _ROUND < 9.6
    tile[inside] = body[inside]
    return tile


def _tiles(parity: int) -> dict[str, Pixels]:
    """The picture of a cell by its letter; a blank is a wall behind the walls."""
    ground = _floor(parity)
    return {
        " ": np.full((CELL, CELL), GROUND, np.uint8),
        WALL: _wall(),
        FLOOR: ground,
        GOAL: _goal(ground),
        BOX: _crate(ground, WOOD, LIT_WOOD, DARK_WOOD),
        BOX_ON_GOAL: _crate(ground, GREEN, LIT_GREEN, DARK_GREEN),
        PLAYER: _player(ground),
        PLAYER_ON_GOAL: _player_on_goal(ground),
    }


TILES = (_tiles(0), _tiles(1))
"""Tiles on either of the floor's two shades, which alternate like a chessboard."""


def draw(seen: Snapshot, columns: int, rows: int) -> Picture:
    """The picture of a moment.

    Args:
        seen: What to draw.
        columns: Of the match's largest level; smaller ones stand in the middle.
        rows: Likewise.
    """
    width, height = size(columns, rows)
    pixels = np.full((height, width), GROUND, np.uint8)
    _write(pixels, f"LEVEL {seen.level}/{seen.levels}", MARGIN, "LEVEL")
    moves = f"MOVES {seen.left}"
    _write(pixels, moves, width - MARGIN - STEP * len(moves) + SCALE, "MOVES")
    board = _faced(seen.board)
    left, top = corner(len(board[0]), len(board), columns, rows)
    for y, row in enumerate(board):
        for x, letter in enumerate(row):
            down, right = top + CELL * y, left + CELL * x
            pixels[down : down + CELL, right : right + CELL] = TILES[(x + y) % 2][letter]
    return Picture(pixels, PALETTE)


def size(columns: int, rows: int) -> tuple[int, int]:
    """Width and height of a picture, in pixels."""
    return max(LEAST_WIDTH, columns * CELL + 2 * MARGIN), HEADER + rows * CELL + MARGIN


def corner(wide: int, high: int, columns: int, rows: int) -> tuple[int, int]:
    """Where the upper left corner of a level of ``wide`` by ``high`` cells is."""
    return (
        (size(columns, rows)[0] - wide * CELL) // 2,
        HEADER + (rows - high) * CELL // 2,
    )


def _faced(board: str) -> list[str]:
    """The rows, with a blank for each wall that touches nothing but walls."""
    rows = board.split("\n")
    edge = WALL * (len(rows[0]) + 2)
    padded = [edge, *(WALL + row + WALL for row in rows), edge]
    blank = WALL * 3
    return [
        "".join(
            " " if all(row[x : x + 3] == blank for row in padded[y : y + 3]) else letter
            for x, letter in enumerate(row)
        )
        for y, row in enumerate(rows)
    ]


def _write(pixels: Pixels, text: str, x: int, label: str) -> None:
    """Write in the header, the label less bright than the rest."""
    for place, letter in enumerate(text):
        dots = _dots(letter)
        high, wide = dots.shape
        left = x + STEP * place
        colour = LABEL if place < len(label) else VALUE
        pixels[8 : 8 + high, left : left + wide][dots] = colour


@cache
def _dots(letter: str) -> NDArray[np.bool_]:
    rows = [[bool(int(row) >> bit & 1) for bit in (2, 1, 0)] for row in _GLYPHS[letter]]
    return np.array(rows).repeat(SCALE, axis=0).repeat(SCALE, axis=1)
