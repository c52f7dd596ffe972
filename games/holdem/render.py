"""The image observation: the facts of a Snapshot, and nothing more."""

from __future__ import annotations

from functools import cache

import numpy as np

from lmgame.picture import Picture, Pixels
from lmgame.picture.glyph import bitmap, stamp

from .card import COLOURS, FACE, FELT, HIGH, WIDE, back, face, slot
from .hand import BIG_BLIND, SMALL_BLIND, STREETS
from .text import NEITHER, OPPONENT, YOU, Snapshot

WIDTH, HEIGHT = 640, 300
GROUND, RAIL, LABEL, VALUE, LINE, GOLD, SOFT = range(len(COLOURS), len(COLOURS) + 7)
PALETTE: Pixels = np.array(
    [*COLOURS, (23, 26, 33), (92, 62, 44), (134, 143, 163), (236, 239, 244), (52, 58, 72),
     (244, 200, 96), (148, 196, 172)],
    np.uint8,
)  # fmt: skip

STEP = WIDE + 6
HAND_X, OPPONENT_Y, OWN_Y = 141, 24, 212
BOARD_X, BOARD_Y = 63, 110
POT_Y = 184
STACK_X, OPPONENT_STACK_Y, OWN_STACK_Y = 50, 56, 236
BUTTON_X, OPPONENT_BUTTON_Y, OWN_BUTTON_Y = 262, 46, 234
PANEL, RIGHT = 398, 520
HEAD_Y, ACT_Y, TABLE_Y, ROW = 30, 74, 142, 34
OWN_X, OTHER_X, RAISES_X, LAST_X = 452, 500, 548, 592
_MARK = {YOU: "YOU", OPPONENT: "OPP", NEITHER: "-"}


@cache
def _background() -> Pixels:
    pixels = np.full((HEIGHT, WIDTH), GROUND, np.uint8)
    _oval(pixels, 182, 138, RAIL)
    _oval(pixels, 174, 130, FELT)
    for text, y in (("OPPONENT", OPPONENT_STACK_Y), ("YOU", OWN_STACK_Y)):
        stamp(pixels, text, STACK_X, y - 12, SOFT)
    for place in range(2):
        _put(pixels, back(), HAND_X + STEP * place, OPPONENT_Y)
    for text, x, y in (
        ("HAND", PANEL, HEAD_Y), ("STREET", RIGHT, HEAD_Y), ("TO ACT", PANEL, ACT_Y),
        ("TO CALL", RIGHT, ACT_Y), ("YOU", OWN_X, TABLE_Y), ("OPP", OTHER_X, TABLE_Y),
        ("RAISES", RAISES_X - 6, TABLE_Y), ("LAST", LAST_X, TABLE_Y),
    ):  # fmt: skip
        stamp(pixels, text, x, y - 12, LABEL)
    stamp(pixels, f"BLINDS {SMALL_BLIND}/{BIG_BLIND}", PANEL, 108, LABEL)
    pixels[TABLE_Y, PANEL : WIDTH - 14] = LINE
    for row, name in enumerate(STREETS):
        stamp(pixels, name.upper(), PANEL, TABLE_Y + 16 + ROW * row, LABEL)
    return pixels


def _oval(pixels: Pixels, rx: int, ry: int, colour: int) -> None:
    """The table: a rounded shape between an ellipse and a rectangle."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    shape = (abs(x - 190) / rx) ** 4.0 + (abs(y - 150) / ry) ** 4.0
    pixels[shape < 1] = colour


def _put(pixels: Pixels, tile: Pixels, x: int, y: int) -> None:
    pixels[y : y + HIGH, x : x + WIDE] = tile


def _button(pixels: Pixels, y: int) -> None:
    line = np.arange(24) - 11.5
    disc = np.hypot(*np.meshgrid(line, line))
    box = pixels[y : y + 24, BUTTON_X : BUTTON_X + 24]
    box[disc < 12] = GOLD
    box[disc < 10.5] = FACE
    stamp(pixels, "D", BUTTON_X + 7, y + 5, RAIL, 2)


def draw(seen: Snapshot) -> Picture:
    """The picture, 640 by 300 pixels."""
    pixels = _background().copy()
    for place, name in enumerate(seen.cards):
        _put(pixels, face(name), HAND_X + STEP * place, OWN_Y)
    for place in range(5):
        tile = face(seen.board[place]) if place < len(seen.board) else slot()
        _put(pixels, tile, BOARD_X + STEP * place, BOARD_Y)
    _button(pixels, OWN_BUTTON_Y if seen.button == YOU else OPPONENT_BUTTON_Y)
    stamp(pixels, str(seen.own), STACK_X, OWN_STACK_Y, VALUE, 2)
    stamp(pixels, str(seen.other), STACK_X, OPPONENT_STACK_Y, VALUE, 2)
    pot = f"POT {seen.pot}"
    stamp(pixels, pot, 190 - bitmap(pot, 2).shape[1] // 2, POT_Y, GOLD, 2)
    stamp(pixels, f"{seen.hand}/{seen.hands}", PANEL, HEAD_Y, VALUE, 2)
    stamp(pixels, seen.street.upper(), RIGHT, HEAD_Y, VALUE, 2)
    stamp(pixels, _MARK[seen.actor], PANEL, ACT_Y, GOLD, 2)
    stamp(pixels, str(seen.to_call), RIGHT, ACT_Y, VALUE, 2)
    for row, street in enumerate(seen.streets):
        y = TABLE_Y + 12 + ROW * row
        for text, x in (
            (str(street.own), OWN_X), (str(street.other), OTHER_X), (str(street.raises), RAISES_X),
            (_MARK[street.last], LAST_X),
        ):  # fmt: skip
            stamp(pixels, text, x, y, VALUE, 2)
    return Picture(pixels, PALETTE)
