"""Waiting for a condition, never for a time: the one place in the tests that sleeps."""

from __future__ import annotations

import time
from collections.abc import Callable


def wait_for(condition: Callable[[], object], what: str, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # the first look comes before the first wait
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.01)
