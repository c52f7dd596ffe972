from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from lmgame.picture import Picture, Pixels

PALETTE = np.array([[0, 0, 0], [255, 0, 0], [0, 255, 0], [10, 20, 30]], dtype=np.uint8)
INDEXED = hnp.arrays(
    np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=20), elements=st.integers(0, 3)
)
COLOURED = hnp.arrays(np.uint8, st.tuples(st.integers(1, 20), st.integers(1, 20), st.just(3)))


def decoded(png: bytes) -> Pixels:
    """What an independent decoder makes of a PNG."""
    image = Image.open(io.BytesIO(png))
    image.verify()  # checks the chunks' checksums
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


@given(INDEXED)
def test_indexed_png_decodes_to_the_same_colours(pixels: Pixels) -> None:
    picture = Picture(pixels, PALETTE)
    assert (decoded(picture.png()) == picture.rgb()).all()


@given(COLOURED)
def test_rgb_png_decodes_to_the_same_colours(pixels: Pixels) -> None:
    picture = Picture(pixels)
    assert (decoded(picture.png()) == pixels).all()


@given(INDEXED, st.integers(1, 4))
def test_scaling_repeats_every_pixel(pixels: Pixels, factor: int) -> None:
    scaled = Picture(pixels, PALETTE).scaled(factor)
    assert scaled.size == (pixels.shape[1] * factor, pixels.shape[0] * factor)
    assert (scaled.pixels[::factor, ::factor] == pixels).all()
    assert (scaled.pixels[factor - 1 :: factor, factor - 1 :: factor] == pixels).all()


def test_shape_and_palette_must_agree() -> None:
    with pytest.raises(ValueError, match="palette"):
        Picture(np.zeros((2, 2, 3), np.uint8), PALETTE)
    with pytest.raises(ValueError, match="palette"):
        Picture(np.zeros((2, 2), np.uint8))
