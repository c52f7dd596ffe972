"""Choosing how to use the workers while they serve: split, in which ratio, or colocated."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from lmgame.serving.forecast import Forecast, Past, Speed, forecast

WINDOW = 64
"""Requests that a choice is made from."""
FEWEST = 8
EVERY_S = 2.0
"""Seconds between two looks."""
GAIN = 0.05
"""How much more of the requests another plan must be expected to serve in time."""
EASE = 0.8
"""Where it serves as many: what share of the strain it may have at most."""


class Auto:
    """Watches the requests and says how many workers should pass their prompts on.

    0 of them is colocated: each worker replies to what it has run. Every plan is tried
    on the last requests in a simulation, so a change of the load counts as soon as it
    makes up enough of them.

    Args:
        workers: How many there are.
        prefillers: How many pass prompts on at first.
        chunk: Prompt tokens between two decode steps of a worker that does both.
        ttft_s: Limit on the time to first token to be met, in seconds.
        tpot_s: Limit on the time per output token to be met, in seconds.
    """

    def __init__(
        self, workers: int, prefillers: int, chunk: int, ttft_s: float, tpot_s: float
    ) -> None:
        self.prefillers = prefillers
        self._workers, self._chunk = workers, chunk
        self._ttft_s, self._tpot_s = ttft_s, tpot_s
        self._past: deque[Past] = deque(maxlen=WINDOW)
        self._fresh = False

    def served(self, past: Past) -> None:
        """Take note of a request."""
        self._past.append(past)
        self._fresh = True

    def due(self) -> list[Past] | None:
        """The requests to decide from; None where nothing new is known."""
        if not self._fresh or len(self._past) < FEWEST:
            return None
        self._fresh = False
        return sorted(self._past, key=lambda one: one.at)

    def weigh(self, past: Sequence[Past], speed: Speed) -> dict[int, Forecast]:
        """Forecast every plan; may run in a thread."""
        return {
            prefillers: forecast(
                past,
                speed,
                prefillers=prefillers,
                workers=self._workers,
                chunk=self._chunk,
                ttft_s=self._ttft_s,
                tpot_s=self._tpot_s,
            )
            for prefillers in range(self._workers)
        }

    def choose(self, expected: dict[int, Forecast]) -> bool:
        """Take the best plan, unless it is hardly better than the one in use.

        Returns:
            Whether it is another one.
        """
        now = expected[self.prefillers]
        best = max(expected, key=lambda plan: (expected[plan].met, -expected[plan].strain))
        other = expected[best]
        more = other.met >= now.met + GAIN
        easier = other.met >= now.met and other.strain <= EASE * now.strain
        if best == self.prefillers or not (more or easier):
            return False
        self.prefillers = best
        return True
