"""Choosing while they serve how workers are used: split or not, replies at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean
from typing import Literal

from lmgame.serving.forecast import Pace, Past, Plan, Speed, forecast

WINDOW = 32
"""Requests that a choice is made from."""
FEWEST = 8
EVERY_S = 2.0
"""Seconds between two looks."""
GAIN = 0.05
"""How much more of the requests another plan must be expected to serve in time."""
SURGES = (1.0, 1.5)
"""How many times as fast as they came the requests are served again: what is in time at
any rate now should be so, too, when more of them come."""
LATEST = {"step": 0.02, "passed": 0.1, "own": 0.1}
"""What the latest counts for in how long they take; pieces of prompts are rarer than steps."""
SLOWEST = 4.0
"""What took longer than so many times what was measured says nothing of the next."""


class Auto:
    """Watches the requests and says how the workers should be used.

    Every plan is tried on the last requests in a simulation, so a change of the load
    counts as soon as it makes up enough of them.

    Args:
        workers: How many there are.
        plan: How they are used at first; never more replies at once than there.
        chunk: Prompt tokens between two decode steps of a worker that does both.
        ttft_s: Limit on the time to first token to be met, in seconds.
        tpot_s: Limit on the time per output token to be met, in seconds.
    """

    def __init__(self, workers: int, plan: Plan, chunk: int, ttft_s: float, tpot_s: float) -> None:
        self.plan = plan
        fewer = [1 << power for power in range((plan.at_once - 1).bit_length())]
        self._plans = [  # of those that are as good, the one that holds least back
            Plan(prefillers, at_once)
            for at_once in (plan.at_once, *reversed(fewer))
            for prefillers in range(workers)
        ]
        self._pace = Pace()
        self._workers, self._chunk = workers, chunk
        self._ttft_s, self._tpot_s = ttft_s, tpot_s
        self._past: deque[Past] = deque(maxlen=WINDOW)
        self._fresh = False

    def served(self, past: Past) -> None:
        """Take note of a request."""
        self._past.append(past)
        self._fresh = True

    def took(self, what: Literal["step", "passed", "own"], share: float) -> None:
        """Take note of how long something took.

        Args:
            what: A field of :class:`Pace`.
            share: What it took, as a share of what was measured.
        """
        known = getattr(self._pace, what)
        learned = known + LATEST[what] * (min(share, SLOWEST) - known)
        self._pace = replace(self._pace, **{what: learned})

    def due(self) -> list[Past] | None:
        """The requests to decide from; None where nothing new is known."""
        if not self._fresh or len(self._past) < FEWEST:
            return None
        self._fresh = False
        return sorted(self._past, key=lambda one: one.at)

    def weigh(self, past: Sequence[Past], speed: Speed) -> dict[Plan, float]:
        """The share of requests that each plan would serve in time; may run in a thread."""
        now = replace(speed, pace=self._pace)
        loads = [[replace(one, at=one.at / surge) for one in past] for surge in SURGES]
        return {
            plan: fmean(
                forecast(
                    load,
                    now,
                    plan,
                    workers=self._workers,
                    chunk=self._chunk,
                    ttft_s=self._ttft_s,
                    tpot_s=self._tpot_s,
                )
                for load in loads
            )
            for plan in self._plans
        }

    def choose(self, expected: dict[Plan, float]) -> bool:
        """Take the best plan, unless it is hardly better than the one in use.

        Returns:
            Whether it is another one.
        """
        best = max(expected, key=expected.__getitem__)
        if expected[best] < expected[self.plan] + GAIN:
            return False
        self.plan = best
        return True
