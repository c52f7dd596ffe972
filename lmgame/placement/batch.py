"""The arithmetic of a decode batch: many steps at once, without looking at each.

Between two moments at which a sequence joins or leaves, the batch size stays and the
context grows by one token a sequence and step, so that the time of ``k`` steps is a
polynomial in ``k``. A simulation that makes an event of every step spends nearly all
its time there.
"""

from __future__ import annotations

import heapq
import math

from lmgame.placement.job import Job
from lmgame.placement.profile import Speed


class Batch:
    """Sequences that are decoded together.

    Args:
        speed: What steps cost.
    """

    def __init__(self, speed: Speed) -> None:
        self._speed = speed
        self._leaving: list[tuple[int, int, Job]] = []
        self._made = 0
        self.context = 0
        self.reserved = 0

    def __len__(self) -> int:
        return len(self._leaving)

    def add(self, job: Job) -> None:
        """Let a sequence join at the end of a step; its first token is made already."""
        heapq.heappush(self._leaving, (self._made + job.output - 1, job.number, job))
        # The step that makes the second token reads the prompt and the first token.
        self.context += job.prompt + 1
        self.reserved += job.prompt + job.output

    @property
    def steps(self) -> int:
        """Steps until the next sequence leaves."""
        return self._leaving[0][0] - self._made

    def seconds(self, steps: int) -> float:
        """Time of the next steps, if nobody joins and nobody leaves before the last."""
        count = len(self._leaving)
        fixed, each = self._speed.step(count)
        return steps * (fixed + each * self.context) + each * count * steps * (steps - 1) / 2

    def steps_by(self, seconds: float) -> int:
        """The fewest steps (at least one) that take this long or longer."""
        count = len(self._leaving)
        fixed, each = self._speed.step(count)
        half, first = each * count / 2, fixed + each * self.context
        linear = first - half
        if half > 0:
            root = (math.sqrt(linear * linear + 4 * half * seconds) - linear) / (2 * half)
        else:
            root = seconds / first
        steps = max(1, math.floor(root))
        # Rounding must not cost a whole step: a moment at its end belongs to it.
        while self.seconds(steps) < seconds * (1 - 1e-12):
            steps += 1
        return steps

    def advance(self, steps: int) -> list[Job]:
        """Make steps; returns who has left, in the order of their numbers."""
        self._made += steps
        self.context += steps * len(self._leaving)
        left = []
        while self._leaving and self._leaving[0][0] <= self._made:
            job = heapq.heappop(self._leaving)[2]
            self.context -= job.prompt + job.output
            self.reserved -= job.prompt + job.output
            left.append(job)
        return left
