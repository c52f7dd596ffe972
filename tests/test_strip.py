from __future__ import annotations

from io import BytesIO

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from lmgame.picture import Picture, Pixels
from lmgame.strip import Strip

PALETTE = np.array([[0, 0, 0], [255, 0, 0], [9, 9, 9]], np.uint8)


def drawn(pictures: list[Picture]) -> list[Pixels]:
    """What somebody sees who draws patch over patch."""
    strip, canvas, seen = Strip(), Image.new("RGBA", (1, 1)), []
    for picture in pictures:
        patch = strip.add(picture)
        if patch is not None:
            image = Image.open(BytesIO(patch.png)).convert("RGBA")
            canvas = image if patch.whole else Image.alpha_composite(canvas, image)
        seen.append(np.asarray(canvas.convert("RGB")))
    return seen


@given(st.lists(st.lists(st.integers(0, 2), min_size=12, max_size=12), min_size=1, max_size=5))
def test_patches_give_every_picture_again(cells: list[list[int]]) -> None:
    indexed = [Picture(np.array(one, np.uint8).reshape(3, 4), PALETTE) for one in cells]
    for made in (indexed, [Picture(one.rgb()) for one in indexed]):
        for picture, seen in zip(made, drawn(made), strict=True):
            assert np.array_equal(picture.rgb(), seen)


def test_nothing_changed_is_no_patch_and_another_size_a_whole_one() -> None:
    strip = Strip()
    small, large = (Picture(np.zeros((n, n), np.uint8), PALETTE) for n in (4, 5))
    assert strip.add(small) is not None
    assert strip.add(small) is None
    again = strip.add(large)
    assert again is not None
    assert again.whole


def test_a_full_palette_leaves_no_colour_for_what_is_clear() -> None:
    palette = np.arange(768, dtype=np.uint8).reshape(256, 3)
    one, other = (Picture(np.full((2, 2), n, np.uint8), palette) for n in (1, 2))
    other.pixels[0, 0] = 1
    strip = Strip()
    strip.add(one)
    patch = strip.add(other)
    assert patch is not None
    assert patch.whole


def test_a_patch_is_small() -> None:
    rng = np.random.Generator(np.random.PCG64(1))
    before = Picture(rng.integers(0, 3, (300, 300), dtype=np.uint8), PALETTE)
    after = Picture(before.pixels.copy(), PALETTE)
    after.pixels[:8, :8] = 1
    strip = Strip()
    whole, patch = strip.add(before), strip.add(after)
    assert whole is not None
    assert patch is not None
    assert 20 * len(patch.png) < len(whole.png)
