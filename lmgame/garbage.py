"""How often Python looks for garbage while many matches are under way."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

YOUNG = 50_000
"""How many more objects there must be before Python looks for garbage among the new ones.
With many matches under way its own 700 make for looks that find nothing: what a decision
needs lives until its reply is there, and is then let go without a look. While a look
lasts no socket is read."""


@contextmanager
def rarely_collected() -> Iterator[None]:
    """Look for garbage less often, and never among what was there before.

    That is above all the imported modules: a full look through them would show in the
    times of every call under way.
    """
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(YOUNG, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
