"""How late an event loop is: whatever it delays is a fault of ours, not of the server."""

from __future__ import annotations

import asyncio
from array import array
from time import perf_counter

PROBE_S = 0.01


class LoopLag:
    """Wakes up again and again, and notes how late.

    A byte that arrives while the loop is busy is stamped as late as this says. uvloop
    keeps its timers in whole milliseconds, so up to one of them is the timer's own.

    Attributes:
        late_s: Seconds, one for every probe.
    """

    def __init__(self) -> None:
        self.late_s = array("d")
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to probe the running loop."""
        self._due = perf_counter() + PROBE_S
        self._timer = asyncio.get_running_loop().call_later(PROBE_S, self._wake)

    def stop(self) -> None:
        """End."""
        if self._timer is not None:
            self._timer.cancel()

    def _wake(self) -> None:
        self.late_s.append(max(0.0, perf_counter() - self._due))
        self.start()
