"""How often Python looks for garbage while many matches are under way."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

YOUNG = 50_000
"""How many more objects there must be before Python looks for garbage among the new ones.
Its own 700 are a fifth of the work with a thousand matches under way, and find nothing:
what a decision needs lives until its reply is there, and is then let go without a look.
A fifth of this number still costs five times as much, and while a look lasts no socket
is read."""


@contextmanager
def rarely_collected() -> Iterator[None]:
    """Look for garbage less often, and never among what was there before.

    That is above all the imported modules: a full look takes a tenth of a second with
    them, and would show in the times of every call under way.
    """
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(YOUNG, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
