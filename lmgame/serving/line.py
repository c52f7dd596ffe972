"""Who waits for a first worker, in which order, and who is turned away.

Clients take turns by the prompt tokens they were served, not by how many requests they
have (start-time fair queueing: Goyal, Vin and Cheng, SIGCOMM 1996), so a client with a
thousand waiting requests does not keep out one with a single request. Among one client's
requests those with the earliest deadline come first, then the oldest. The line is
bounded: when it is full, the client that has most waiting loses its last one.
"""

from __future__ import annotations

import heapq
import math
import time
from bisect import insort
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from lmgame.serving.job import Job

_PACE = 32
"""Turns that the wait of those who are turned away is estimated from."""
_LONGEST_WAIT_S = 60


class QueueFull(Exception):
    """Too many requests wait.

    Attributes:
        retry_after_s: Whole seconds after which half of them should have had their turn.
    """

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"too many requests wait; try again in {retry_after_s} s")
        self.retry_after_s = retry_after_s


@dataclass(slots=True)
class _Client:
    """One client's requests.

    Attributes:
        turn: Prompt tokens at which its next turn is due, on the line's own scale.
    """

    turn: float
    jobs: list[Job] = field(default_factory=list)


class Line:
    """The requests that wait.

    Args:
        limit: The most there may be.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._clients: dict[str, _Client] = {}
        self._again: deque[Job] = deque()
        self._count = 0
        self._now = 0.0
        self._turns: deque[float] = deque(maxlen=_PACE)

    def __len__(self) -> int:
        return self._count + len(self._again)

    def __iter__(self) -> Iterator[Job]:
        """All of them, in no order."""
        yield from self._again
        for client in self._clients.values():
            yield from client.jobs

    def add(self, job: Job) -> Job | None:
        """Let a request wait.

        Returns:
            The one that is turned away for it, where the line was full.

        Raises:
            QueueFull: It is turned away itself.
        """
        away = None
        if len(self) >= self.limit:
            mine = self._clients.get(job.client)
            most = max(self._clients.values(), key=lambda one: len(one.jobs), default=None)
            if most is None or len(most.jobs) <= (len(mine.jobs) if mine else 0) + 1:
                raise QueueFull(self.retry_after_s())
            away = most.jobs[-1]
            self.remove(away)
        client = self._clients.setdefault(job.client, _Client(self._now))
        if not client.jobs:
            client.turn = max(client.turn, self._now)
        insort(client.jobs, job, key=_urgency)
        self._count += 1
        return away

    def put_back(self, job: Job) -> None:
        """Let one that had its turn, and lost its worker, wait before all others."""
        self._again.appendleft(job)

    def first(self, most: int) -> list[Job]:
        """Those that are served next, in order."""
        turns = []
        for client in self._clients.values():
            turn = client.turn
            for job in client.jobs[:most]:
                turns.append((turn, job.number, job))
                turn += len(job.request.prompt)
        waiting = [job for *_, job in heapq.nsmallest(most, turns)]
        return [*self._again, *waiting][:most]

    def take(self, job: Job) -> None:
        """Take one out: it has its turn."""
        self._turns.append(time.monotonic())
        if job in self._again:
            self._again.remove(job)
            return
        client = self._clients[job.client]
        self._now = client.turn
        client.turn += len(job.request.prompt)
        self._drop(client, job)

    def remove(self, job: Job) -> None:
        """Take one out that waits no longer."""
        if job in self._again:
            self._again.remove(job)
        else:
            self._drop(self._clients[job.client], job)

    def _drop(self, client: _Client, job: Job) -> None:
        client.jobs.remove(job)
        self._count -= 1
        # A client is remembered while its turn is yet to come, so that who leaves and
        # returns gains nothing; but when nobody waits any more all begin anew, and names
        # that are never used twice must not fill the memory.
        gone = [name for name, one in self._clients.items() if not one.jobs]
        extra = len(gone) - self.limit
        for number, name in enumerate(gone):
            if not self._count or number < extra or self._clients[name].turn <= self._now:
                del self._clients[name]

    def retry_after_s(self) -> int:
        """When to come back: half of those who wait should have had their turn by then."""
        if len(self._turns) < 2:
            return 1
        pace = (time.monotonic() - self._turns[0]) / len(self._turns)
        return min(_LONGEST_WAIT_S, max(1, math.ceil(pace * len(self) / 2)))


def _urgency(job: Job) -> tuple[float, int]:
    return (math.inf if job.deadline is None else job.deadline, job.number)
