"""Simulated workers that do both prefill and decode."""

from __future__ import annotations

from collections import deque

from lmgame.placement.cache import PrefixCache
from lmgame.placement.job import Job
from lmgame.placement.worker import BatchWorker, Site, Steps


class ColocatedWorker(BatchWorker):
    """Prompts stop all replies (``chunk=0``), or alternate with them in chunks.

    Args:
        site: Where it works.
        cache: What it remembers of prompts.
        chunk: Tokens of a prompt between two decode steps; 0 runs whole prompts first.
    """

    def __init__(self, site: Site, cache: PrefixCache, chunk: int) -> None:
        super().__init__(site)
        self.cache = cache
        self.chunk = chunk
        self._queued_s = 0.0
        self._open: deque[Job] = deque()
        self._fed: dict[int, int] = {}

    def cost(self, job: Job) -> float:
        """Seconds that a prompt would take here, alone."""
        return self.costs.prefill.seconds([(job.prompt, self.cache.hit(job))])

    def backlog(self) -> float:
        """Seconds of prompts that wait or are under way."""
        return self._queued_s

    def load(self) -> int:
        """Sequences that it has or was given."""
        return len(self.batch) + len(self.queue) + len(self._open)

    def take(self, job: Job) -> None:
        """Queue a prompt."""
        self.queue.append(job)
        self._queued_s += self.cost(job)
        self.wake()

    def _has_work(self) -> bool:
        return bool(self.queue or self._open or len(self.batch))

    def _joins(self) -> bool:
        return bool(self.queue) and self.fits(self.queue[0])

    def _work(self) -> Steps:
        self._admit()
        if not self._open:
            yield from self._advance(self._joins)
        elif self.chunk:
            yield from self._chunk()
        else:
            yield from self._prompts()

    def _admit(self) -> None:
        """Begin prompts, as many as may run together."""
        tokens = sum(job.prompt - self._fed[job.number] for job in self._open)
        reserved = sum(job.prompt + job.output for job in self._open)
        most = self.chunk if self.chunk and self.profile.fused else self.profile.batch_tokens
        while self.queue and self.fits(self.queue[0], len(self._open), reserved):
            cached = self.cache.hit(self.queue[0])
            new = self.queue[0].prompt - cached
            # A chunk is filled with the beginning of the next prompt; a batch of whole
            # prompts is not.
            over = tokens >= most if self.chunk else tokens + new > most
            if self._open and over:
                break
            job = self.queue.popleft()
            job.cached, job.started = cached, self.env.now
            tokens, reserved = tokens + new, reserved + job.prompt + job.output
            self._fed[job.number] = cached
            self._open.append(job)

    def _prompts(self) -> Steps:
        batch = list(self._open)
        seconds = self.costs.prefill.seconds([(job.prompt, job.cached) for job in batch])
        yield from self._spend(seconds)
        self._open.clear()
        for job in batch:
            self._first(job)

    def _chunk(self) -> Steps:
        """A decode step and a chunk: in one call where the engine can, else in two."""
        prefill, left, seconds = self.costs.prefill, self.chunk, 0.0
        pieces: list[Job] = []
        for job in self._open:
            fed = self._fed[job.number]
            some = min(left, job.prompt - fed)
            seconds += prefill.tokens_s(fed + some, fed)
            self._fed[job.number] = fed + some
            left -= some
            pieces.append(job)
            if not left or not self.profile.fused:
                break
        if len(self.batch) and self.profile.fused:
            yield from self._fused(seconds)
        else:
            if len(self.batch):
                yield from self._advance(lambda: False, 1)
            yield from self._spend(prefill.call_s + seconds)
        for job in pieces:
            if self._fed[job.number] == job.prompt:
                self._open.remove(job)
                self._first(job)

    def _fused(self, seconds: float) -> Steps:
        yield from self._spend(self.batch.seconds(1) + seconds)
        for job in self.batch.advance(1):
            job.end = self.env.now
            self._finish(job)

    def _first(self, job: Job) -> None:
        """A prompt is in: its first token is there, and it decodes from now on."""
        job.first = job.exported = job.loading = job.loaded = self.env.now
        del self._fed[job.number]
        self.cache.hold(job)
        waiting = self.queue or self._open
        self._queued_s = max(0.0, self._queued_s - self._alone(job)) if waiting else 0.0
        if job.output == 1:
            job.end = self.env.now
            self._finish(job)
        else:
            self.batch.add(job)

    def _alone(self, job: Job) -> float:
        return self.costs.prefill.seconds([(job.prompt, job.cached)])
