"""What recent requests would have met under each way of using the workers.

A small simulation, fed with speeds that the workers measured on themselves at their
start and with the requests of the last minutes: when each came, how many tokens of its
prompt were new, how many its reply had. It knows what the modes do to each other's
tokens: a colocated worker alternates decode steps and chunks of prompts; a prefill
worker takes what the decode workers leave of the cores; a prompt waits until the worker
that is to reply may make one more reply. It exists to rank a few plans
while serving; lmgame.placement answers the same question for hardware that
is yet to be bought.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count

from lmgame.serving.engine import PREFILL_CHUNK, piece


@dataclass(frozen=True, slots=True)
class Pace:
    """How much longer things take while serving than when they were measured.

    The router and whoever asks are on the same machine, and workers share its memory
    and caches.

    Attributes:
        step: Of a decode step; 1 is as long as measured.
        passed: Of a piece of a prompt that is passed on.
        own: Of a piece of a prompt whose reply is made by the same worker.
    """

    step: float = 1.0
    passed: float = 1.0
    own: float = 1.0


@dataclass(frozen=True, slots=True)
class Speed:
    """How fast the workers are on this machine.

    All but the pace is measured on one worker with the others at rest.

    Attributes:
        call_s: Seconds that each piece of a prompt takes beside those of its tokens.
        prefill_s: Seconds per prompt token of a worker that passes prompts on.
        own_s: The same of one that also makes replies, while it makes none.
        chunk_s: The same while it makes some, in chunks.
        step_s: Seconds of a decode step of 1, 2, 4 ... sequences.
        transfer_s: Seconds to hand a KV state over.
        cores: CPU cores that the workers share.
        threads: Threads of a worker that passes prompts on.
        pace: What to multiply these times by.
    """

    call_s: float
    prefill_s: float
    own_s: float
    chunk_s: float
    step_s: Sequence[float]
    transfer_s: float
    cores: int
    threads: int
    pace: Pace = Pace()

    def step(self, sequences: int) -> float:
        """Seconds of a decode step, between those measured by the line through them."""
        at = sequences.bit_length() - 1
        if at + 1 >= len(self.step_s):
            return self.pace.step * self.step_s[-1] * sequences / (1 << len(self.step_s) - 1)
        share = sequences / (1 << at) - 1
        step = self.step_s[at] + share * (self.step_s[at + 1] - self.step_s[at])
        return self.pace.step * step

    def passed(self, tokens: int, workers: int, replying: int) -> float:
        """Seconds of a piece of a prompt that is passed on.

        Prefill yields to decode: it has the cores that no decode worker uses.

        Args:
            tokens: How long the piece is.
            workers: How many workers pass prompts on.
            replying: How many others make replies just now.
        """
        free = max(self.cores - replying, 1) / workers
        slower = max(1.0, min(self.threads, self.cores) / free)
        return self.pace.passed * (self.call_s + tokens * self.prefill_s) * slower

    def own(self, tokens: int, *, beside: bool) -> float:
        """Seconds of a piece of a prompt where its reply is made, too.

        Args:
            tokens: How long the piece is.
            beside: Whether the worker makes replies meanwhile.
        """
        token_s = self.chunk_s if beside else self.own_s
        return self.pace.own * (self.call_s + tokens * token_s)


@dataclass(frozen=True, slots=True)
class Plan:
    """A way of using the workers.

    Attributes:
        prefillers: How many pass prompts on to the others; 0 for none, where each
            replies to what it has run.
        at_once: How many replies one worker makes at the same time, at most.
    """

    prefillers: int
    at_once: int


@dataclass(frozen=True, slots=True)
class Past:
    """A request that was served.

    Attributes:
        at: When it came, in seconds.
        prompt: Tokens of its prompt that had to be run.
        reply: Tokens of its reply.
    """

    at: float
    prompt: int
    reply: int


@dataclass(slots=True)
class _Job:
    past: Past
    left: int
    made: int = 0
    first: float = 0.0
    last: float = 0.0


@dataclass(slots=True)
class _Worker:
    """A worker of the simulation.

    Attributes:
        passes: It passes prompts on rather than replying itself.
        pending: The prompt that it runs, if any.
        active: Replies.
        idle: It has nothing to do.
    """

    passes: bool
    pending: deque[_Job] = field(default_factory=deque)
    active: list[_Job] = field(default_factory=list)
    idle: bool = True


class _Simulation:
    def __init__(self, plan: Plan, workers: int, chunk: int, speed: Speed) -> None:
        self.plan, self.speed, self.chunk = plan, speed, chunk
        self.workers = [_Worker(number < plan.prefillers) for number in range(workers)]
        self.entry = [one for one in self.workers if one.passes] or self.workers
        self.decoders = [one for one in self.workers if not one.passes]
        self.line: deque[_Job] = deque()
        self.ready: deque[_Job] = deque()
        self.under_way = 0
        self._events: list[tuple[float, int, _Worker | _Job]] = []
        self._order = count()

    def run(self, past: Sequence[Past]) -> list[_Job]:
        """Serve the requests; all of them, once the last one ended."""
        jobs = [_Job(one, max(1, one.prompt)) for one in past]
        for job in jobs:
            self._at(job.past.at, job)
        while self._events:
            now, _, what = heapq.heappop(self._events)
            if isinstance(what, _Worker):
                self._work(what, now)
            else:
                (self.line if what.left else self.ready).append(what)
            self._dispatch(now)
        return jobs

    def _dispatch(self, now: float) -> None:
        """Give work to whoever is free, as the router does."""
        at_once = self.plan.at_once
        while self.ready:
            able = [one for one in self.decoders if len(one.active) < at_once]
            if not able:
                break
            self._give(min(able, key=lambda one: len(one.active)), self.ready.popleft(), now)
        room = at_once * len(self.decoders) + self.plan.prefillers
        while self.line and self.under_way < room:
            able = [
                one
                for one in self.entry
                if not one.pending and (one.passes or len(one.active) < at_once)
            ]
            if not able:
                break
            self.under_way += 1
            self._give(min(able, key=lambda one: len(one.active)), self.line.popleft(), now)

    def _at(self, time: float, what: _Worker | _Job) -> None:
        heapq.heappush(self._events, (time, next(self._order), what))

    def _give(self, worker: _Worker, job: _Job, now: float) -> None:
        if job.left:
            worker.pending.append(job)
        else:
            worker.active.append(job)
        if worker.idle:
            worker.idle = False
            self._at(now, worker)

    def _work(self, worker: _Worker, now: float) -> None:
        """End a round of a worker, and begin the next: a step, a chunk of a prompt, or both."""
        self._settle(worker, now)
        worker.idle = not (worker.active or worker.pending)
        if worker.idle:
            return
        end = now
        if worker.active:
            end += self.speed.step(len(worker.active)) * self._crowd()
            for job in worker.active:
                job.made += 1
                job.last = end
        if worker.pending:
            job = worker.pending[0]
            tokens = piece(job.left, self.chunk if worker.active else PREFILL_CHUNK)
            end += self._piece_s(worker, tokens)
            job.left -= tokens
            if not job.left:
                job.first = job.last = end
                job.made = 1
        self._at(end, worker)

    def _settle(self, worker: _Worker, now: float) -> None:
        """What a round has completed goes on."""
        going_on = [job for job in worker.active if job.made < job.past.reply]
        self.under_way -= len(worker.active) - len(going_on)
        worker.active = going_on
        if not worker.pending or worker.pending[0].left:
            return
        job = worker.pending.popleft()
        if job.past.reply == 1:
            self.under_way -= 1
        elif worker.passes:
            self._at(now + self.speed.transfer_s, job)
        else:
            worker.active.append(job)

    def _piece_s(self, worker: _Worker, tokens: int) -> float:
        if not worker.passes:
            return self.speed.own(tokens, beside=bool(worker.active)) * self._crowd()
        replying = sum(bool(one.active) for one in self.decoders)
        return self.speed.passed(tokens, len(self.entry), replying)

    def _crowd(self) -> float:
        """How much slower workers that reply are where more of them work than cores."""
        return max(1.0, sum(not one.idle for one in self.decoders) / self.speed.cores)


def forecast(
    past: Sequence[Past],
    speed: Speed,
    plan: Plan,
    *,
    workers: int,
    chunk: int,
    ttft_s: float,
    tpot_s: float,
) -> float:
    """Serve past requests again, differently.

    Args:
        past: The requests, at least one.
        speed: How fast the workers are.
        plan: How the workers are used.
        workers: How many there are.
        chunk: Prompt tokens between two decode steps of a worker that does both.
        ttft_s: Limit on the time to first token, in seconds.
        tpot_s: Limit on the time per output token, in seconds.

    Returns:
        The share of them that would have met both limits.
    """
    jobs = _Simulation(plan, workers, chunk, speed).run(past)
    return sum(
        job.made >= job.past.reply
        and job.first - job.past.at <= ttft_s
        and (job.made == 1 or (job.last - job.first) / (job.made - 1) <= tpot_s)
        for job in jobs
    ) / len(jobs)
