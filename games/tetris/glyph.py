"""A 5 by 7 pixel alphabet: just the letters and digits that the picture needs."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from lmgame.picture import Pixels

WIDE, HIGH = 5, 7
_ROWS = {
    "0": ".###. #...# #..## #.#.# ##..# #...# .###.",
    "1": "..#.. .##.. ..#.. ..#.. ..#.. ..#.. .###.",
    "2": ".###. #...# ....# ...#. ..#.. .#... #####",
    "3": "##### ...#. ..#.. ...#. ....# #...# .###.",
    "4": "...#. ..##. .#.#. #..#. ##### ...#. ...#.",
    "5": "##### #.... ####. ....# ....# #...# .###.",
    "6": "..##. .#... #.... ####. #...# #...# .###.",
    "7": "##### ....# ...#. ..#.. .#... .#... .#...",
    "8": ".###. #...# #...# .###. #...# #...# .###.",
    "9": ".###. #...# #...# .#### ....# ...#. .##..",
    "A": ".###. #...# #...# ##### #...# #...# #...#",
    "B": "####. #...# #...# ####. #...# #...# ####.",
    "D": "####. #...# #...# #...# #...# #...# ####.",
    "E": "##### #.... #.... ####. #.... #.... #####",
    "G": ".###. #...# #.... #.### #...# #...# .###.",
    "H": "#...# #...# #...# ##### #...# #...# #...#",
    "L": "#.... #.... #.... #.... #.... #.... #####",
    "N": "#...# ##..# ##..# #.#.# #..## #..## #...#",
    "O": ".###. #...# #...# #...# #...# #...# .###.",
    "P": "####. #...# #...# ####. #.... #.... #....",
    "R": "####. #...# #...# ####. #.#.. #..#. #...#",
    "T": "##### ..#.. ..#.. ..#.. ..#.. ..#.. ..#..",
    "U": "#...# #...# #...# #...# #...# #...# .###.",
    "V": "#...# #...# #...# #...# #...# .#.#. ..#..",
    "X": "#...# #...# .#.#. ..#.. .#.#. #...# #...#",
    "Y": "#...# #...# .#.#. ..#.. ..#.. ..#.. ..#..",
}


@cache
def bitmap(text: str, scale: int = 1) -> NDArray[np.bool_]:
    """The text as a boolean picture, one empty column after each letter."""
    if not text:
        return np.zeros((HIGH * scale, 0), np.bool_)
    letters = [
        [[dot == "#" for dot in row] + [False] for row in _ROWS[letter].split()] for letter in text
    ]
    picture = np.concatenate([np.array(letter) for letter in letters], axis=1)
    return picture.repeat(scale, axis=0).repeat(scale, axis=1)


def stamp(pixels: Pixels, text: str, x: int, y: int, colour: int, scale: int = 1) -> None:
    """Write ``text`` with its upper left corner at (x, y)."""
    dots = bitmap(text, scale)
    height, width = dots.shape
    pixels[y : y + height, x : x + width][dots] = colour
