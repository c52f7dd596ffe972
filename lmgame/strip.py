"""Pictures one after the other, each as a PNG of what changed since the last.

From step to step most of a game stays as it is. A picture whose unchanged pixels
are transparent is a few hundred bytes, and drawn over the ones before it gives
the whole picture again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lmgame.picture import Picture, Pixels


@dataclass(frozen=True, slots=True)
class Patch:
    """A PNG to draw over what was drawn before; over nothing, if it is ``whole``."""

    png: bytes
    whole: bool


class Strip:
    """Turns pictures into patches, in order."""

    def __init__(self) -> None:
        self._last: Pixels | None = None

    def add(self, picture: Picture) -> Patch | None:
        """The patch from the picture before to this one; None if nothing changed."""
        last, now = self._last, picture.rgb()
        self._last = now.copy()
        if last is not None and last.shape == now.shape:
            same = (last == now).all(axis=2)
            if same.all():
                return None
            if (patch := _patch(picture, same)) is not None:
                return Patch(patch, False)
        return Patch(picture.png(9), True)


def _patch(picture: Picture, same: Pixels) -> bytes | None:
    """A picture with some pixels transparent; None if no colour is free to say so."""
    pixels = picture.pixels.copy()
    if picture.palette is None:
        found = _unused_colour(pixels)
        if found is None:
            return None
        pixels[same] = (found >> 16, found >> 8 & 255, found & 255)
        return Picture(pixels).png(9, found)
    free = len(picture.palette)
    if free > 255:
        return None
    pixels[same] = free
    palette = np.vstack([picture.palette, np.zeros((1, 3), np.uint8)])
    return Picture(pixels, palette).png(9, free)


def _unused_colour(pixels: Pixels) -> int | None:
    red, green, blue = (pixels[..., channel].astype(np.uint32) for channel in range(3))
    used = set(np.unique(red << 16 | green << 8 | blue).tolist())
    return next((colour for colour in range(len(used) + 1) if colour not in used), None)
