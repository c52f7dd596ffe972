"""A picture of a game: colours by index or by value, and its PNG.

Games with few colours draw palette indices: one byte a pixel instead of three,
and a PNG many times cheaper to encode. Emulators give RGB.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PALETTE, _RGB = 3, 2  # colour types, PNG specification (W3C REC-png-3) table 12


@dataclass(frozen=True, slots=True)
class Picture:
    """An image observation.

    Attributes:
        pixels: ``uint8``; shape (height, width) of palette indices, or
            (height, width, 3) of RGB values.
        palette: ``uint8`` of shape (colours, 3), colours <= 256, when ``pixels``
            holds indices; None when it holds RGB.
    """

    pixels: Pixels
    palette: Pixels | None = None

    def __post_init__(self) -> None:
        """Refuse shapes that no reader of this class expects."""
        indexed = self.palette is not None
        if self.pixels.ndim != (2 if indexed else 3):
            raise ValueError(f"pixels of shape {self.pixels.shape} with palette={indexed}")

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.pixels.shape[1], self.pixels.shape[0]

    def rgb(self) -> Pixels:
        """The picture as RGB values, shape (height, width, 3)."""
        return self.pixels if self.palette is None else self.palette[self.pixels]

    def scaled(self, factor: int) -> Picture:
        """The picture enlarged by a whole factor, without smoothing."""
        return Picture(self.pixels.repeat(factor, axis=0).repeat(factor, axis=1), self.palette)

    def png(self, level: int = 1, clear: int | None = None) -> bytes:
        """The picture as a PNG file.

        Row filters are left at "none": the flat areas of a game board compress
        well as they are (see docs/structure.md).

        Args:
            level: zlib's, 1 (fast) to 9 (small).
            clear: What is transparent: a palette index, or a colour as 0xRRGGBB.
        """
        height, width = self.pixels.shape[:2]
        rows = np.zeros((height, 1 + self.pixels[0].size), dtype=np.uint8)
        rows[:, 1:] = self.pixels.reshape(height, -1)
        kind = _RGB if self.palette is None else _PALETTE
        header = struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)
        colours = b"" if self.palette is None else _chunk(b"PLTE", self.palette.tobytes())
        body = zlib.compress(rows.tobytes(), level)
        return (
            _SIGNATURE + _chunk(b"IHDR", header) + colours + self._transparency(clear)
            + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")
        )  # fmt: skip

    def _transparency(self, clear: int | None) -> bytes:
        """The tRNS chunk (REC-png-3, 11.3.1.1)."""
        if clear is None:
            return b""
        if self.palette is not None:
            return _chunk(b"tRNS", b"\xff" * clear + b"\0")
        return _chunk(b"tRNS", struct.pack(">HHH", clear >> 16, clear >> 8 & 255, clear & 255))


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
