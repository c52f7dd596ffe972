"""Garbage is looked for less often while matches are played, and as before afterwards."""

from __future__ import annotations

import gc
import weakref

from lmgame.garbage import YOUNG, rarely_collected


class Ring:
    """Garbage that only a collection finds."""

    def __init__(self) -> None:
        self.me = self


def test_thresholds_and_what_was_set_aside_come_back() -> None:
    before, aside = gc.get_threshold(), gc.get_freeze_count()
    with rarely_collected():
        assert gc.get_threshold()[0] == YOUNG > before[0]
        assert gc.get_freeze_count() > aside
    assert (gc.get_threshold(), gc.get_freeze_count()) == (before, 0)


def test_garbage_is_found_all_the_same() -> None:
    with rarely_collected():
        ring = weakref.ref(Ring())
        held = [[number] for number in range(50 * YOUNG)]
        assert ring() is None
        del held
