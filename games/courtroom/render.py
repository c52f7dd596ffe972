"""The image observation: the text on a page, nothing more and nothing less."""

from __future__ import annotations

import re
from functools import cache
from textwrap import wrap

import numpy as np

from lmgame.picture import Picture, Pixels
from lmgame.picture.glyph import HIGH, WIDE, stamp

SCALE = 2
STEP, ROW = (WIDE + 1) * SCALE, (HIGH + 2) * SCALE  # a sign's room on the page, in pixels
LEFT, TOP = 52, 12
COLUMNS, ROWS = 75, 50
WIDTH, HEIGHT = LEFT + COLUMNS * STEP + 8, TOP + ROWS * ROW + 12
INDENT = 2
"""Signs by which a line goes on after a break."""

PAPER, WOOD, GRAIN, BRASS, INK, TITLE, EXHIBIT, ANSWER, QUIET = range(9)
PALETTE: Pixels = np.array(
    [(246, 241, 228), (88, 58, 40), (100, 68, 48), (216, 176, 88), (34, 32, 38), (140, 30, 36),
     (96, 62, 18), (28, 74, 140), (112, 106, 96)],
    np.uint8,
)  # fmt: skip
WRITTEN = (INK, TITLE, EXHIBIT, ANSWER, QUIET)
_KINDS = (
    (re.compile(r"case |testimony"), TITLE),
    (re.compile(r"E\d+ "), EXHIBIT),
    (re.compile(r"> "), ANSWER),
    (re.compile(r"\* |both sides|court record|refused"), QUIET),
)


def _lines(text: str) -> list[tuple[str, int]]:
    """The rows of the page with their colours."""
    found: list[tuple[str, int]] = []
    for line in text.split("\n"):
        colour = next((one for kind, one in _KINDS if kind.match(line)), INK)
        parts = wrap(line, COLUMNS, subsequent_indent=" " * INDENT, break_on_hyphens=False)
        found += [(part, colour) for part in parts]
    return found


def rows(text: str) -> int:
    """How many rows of the page a text takes."""
    return len(_lines(text))


@cache
def _background() -> Pixels:
    """A page beside a panel of wood, on which hang the scales of justice."""
    pixels = np.full((HEIGHT, WIDTH), PAPER, np.uint8)
    panel = pixels[:, : LEFT - 10]
    panel[:] = WOOD
    y, x = np.mgrid[0:HEIGHT, 0 : LEFT - 10]
    panel[(x + 3 * np.sin(y / 37)).astype(int) % 7 == 0] = GRAIN
    panel[TOP + 4 : TOP + 54, 20:22] = BRASS
    panel[TOP + 52 : TOP + 56, 12:30] = BRASS
    panel[TOP + 8 : TOP + 10, 7:35] = BRASS
    for middle in (8, 33):
        drop = y - (TOP + 9)
        strings = (abs(abs(x - middle) - drop // 3) < 1) & (drop >= 0) & (drop <= 18)
        panel[strings] = BRASS
        pan = np.hypot(x - middle, y - (TOP + 27))
        panel[(pan <= 7) & (y >= TOP + 27)] = BRASS
    return pixels


def draw(text: str) -> Picture:
    """The picture, 960 by 924 pixels."""
    pixels = _background().copy()
    for row, (line, colour) in enumerate(_lines(text)[:ROWS]):
        # By words: there are not so many of them, and the alphabet keeps what it has drawn.
        for word in re.finditer(r"\S+", line):
            stamp(pixels, word[0], LEFT + word.start() * STEP, TOP + row * ROW, colour, SCALE)
    return Picture(pixels, PALETTE)
