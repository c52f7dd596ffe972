"""A 5 by 7 pixel alphabet: just the letters and digits that the picture needs."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

WIDE, HIGH = 5, 7
# Each letter: seven rows of five dots, a row as the bits of a number below 32.
_ROWS = {
    "0": (14, 17, 19, 21, 25, 17, 14), "1": (4, 12, 4, 4, 4, 4, 14),
    "2": (14, 17, 1, 6, 8, 16, 31), "3": (14, 17, 1, 6, 1, 17, 14),
    "4": (2, 6, 10, 18, 31, 2, 2), "5": (31, 16, 30, 1, 1, 17, 14),
    "6": (6, 8, 16, 30, 17, 17, 14), "7": (31, 1, 2, 4, 4, 4, 4),
    "8": (14, 17, 17, 14, 17, 17, 14), "9": (14, 17, 17, 15, 1, 2, 12),
    "E": (31, 16, 16, 30, 16, 16, 31), "F": (31, 16, 16, 30, 16, 16, 16),
    "L": (16, 16, 16, 16, 16, 16, 31), "M": (17, 27, 21, 21, 17, 17, 17),
    "O": (14, 17, 17, 17, 17, 17, 14), "S": (15, 16, 16, 14, 1, 1, 30),
    "T": (31, 4, 4, 4, 4, 4, 4), "V": (17, 17, 17, 17, 17, 10, 4),
    " ": (0, 0, 0, 0, 0, 0, 0),
}  # fmt: skip


@cache
def bitmap(text: str, scale: int) -> NDArray[np.bool_]:
    """The text as a boolean picture, one empty column after each letter."""
    letters = np.array([_ROWS[letter] for letter in text])  # letters by rows
    dots = letters[:, :, None] >> np.arange(WIDE - 1, -1, -1) & 1
    picture = np.pad(dots, ((0, 0), (0, 0), (0, 1))).transpose(1, 0, 2).reshape(HIGH, -1) == 1
    return np.asarray(picture.repeat(scale, axis=0).repeat(scale, axis=1))
