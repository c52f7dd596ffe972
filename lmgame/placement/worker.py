"""The simulated workers: prefill, decode, and both in one.

They follow the embedded backend's (:mod:`lmgame.serving.role`) and DistServe's: a
prefill worker runs prompts in order and makes first tokens; a decode worker advances
one batch that sequences join and leave between steps.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

import simpy

from lmgame.placement.batch import Batch
from lmgame.placement.cache import PrefixCache
from lmgame.placement.job import Job
from lmgame.placement.machine import Machine
from lmgame.placement.profile import Profile

Steps = Generator[simpy.Event, Any, None]


@dataclass(frozen=True, slots=True)
class Site:
    """What every worker is given.

    Attributes:
        env: Simulated time.
        machine: The cores it works on.
        profile: How fast the model is.
        finish: Called with a call that has all its tokens.
        size: GPUs, or cores that it would use.
        stages: Pipeline stages.
    """

    env: simpy.Environment
    machine: Machine
    profile: Profile
    finish: Callable[[Job], None]
    size: int = 1
    stages: int = 1


class Worker:
    """What all share: sleeping, working at the machine's speed, being woken.

    Args:
        site: Where it works.
        urgent: Whether it goes before workers that are not.
    """

    def __init__(self, site: Site, urgent: bool = True) -> None:
        self.env = site.env
        self.machine = site.machine
        self.profile = site.profile
        self.costs = site.profile.speed(site.size)
        self.threads = site.size
        self.urgent = urgent
        self._finish = site.finish
        self.speed = 1.0
        self._worked_s = 0.0
        self._since: float | None = None
        self.queue: deque[Job] = deque()
        self._awake = False
        self._bell: simpy.Event | None = None
        self._cut = False
        self._process = self.env.process(self._run())

    def retime(self) -> None:
        """Go on at another speed from now on."""
        if self._awake:
            self._process.interrupt()

    @property
    def worked_s(self) -> float:
        """Seconds in which it had work, so far."""
        return self._worked_s + (0.0 if self._since is None else self.env.now - self._since)

    def wake(self) -> None:
        """Look for work again."""
        if self._bell is not None and not self._bell.triggered:
            self._bell.succeed()
        elif self._cut:
            self._cut = False
            self._process.interrupt()

    def _run(self) -> Steps:
        while True:
            while not self._has_work():
                yield from self._sleep()
            self._since = self.env.now
            self.machine.enter(self)
            while self._has_work():
                yield from self._work()
            self.machine.leave(self)
            self._worked_s, self._since = self.worked_s, None

    def _has_work(self) -> bool:
        raise NotImplementedError

    def _work(self) -> Steps:
        raise NotImplementedError

    def _sleep(self) -> Steps:
        self._bell = self.env.event()
        while not self._bell.triggered:
            try:
                yield self._bell
            except simpy.Interrupt:  # for work that ended in the same moment
                continue
        self._bell = None

    def _spend(self, seconds: float) -> Steps:
        """Work that takes this long at full speed."""
        left = seconds
        while left > 0:
            left = yield from self._some(left)

    def _some(self, seconds: float) -> Generator[simpy.Event, Any, float]:
        """Work until it is done or somebody interrupts; gives what is left, in seconds."""
        began, speed = self.env.now, self.speed
        self._awake = True
        try:
            yield self.env.timeout(seconds / speed)
        except simpy.Interrupt:
            return max(0.0, seconds - (self.env.now - began) * speed)
        finally:
            self._awake = False
        return 0.0


class Buffers:
    """Room for KV states between the beginning of a prefill and their loading.

    Args:
        limit: How many; None sets no limit.
    """

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self.used = 0

    @property
    def free(self) -> bool:
        """Whether another prompt may begin."""
        return self._limit is None or self.used < self._limit


class PrefillWorker(Worker):
    """Runs prompts, in order, several together if the profile says so.

    Args:
        site: Where it works.
        give: Where a KV state goes that is on its way out.
        buffers: Room for states under way to decode.
        cache: What it remembers of prompts.
    """

    def __init__(
        self, site: Site, give: Callable[[Job], None], buffers: Buffers, cache: PrefixCache
    ) -> None:
        super().__init__(site, urgent=False)
        self.cache = cache
        self.stages = site.stages
        self._give, self._buffers = give, buffers
        self._queued_s = 0.0
        self._free = [0.0] * site.stages
        self._link_free = 0.0

    def cost(self, job: Job) -> float:
        """Seconds that a prompt would take here."""
        return self.costs.prefill.seconds([(job.prompt, self.cache.hit(job))])

    def backlog(self) -> float:
        """Seconds until a new prompt would begin."""
        return self._queued_s + max(0.0, self._free[0] - self.env.now)

    def take(self, job: Job) -> None:
        """Queue a prompt."""
        self.queue.append(job)
        self._queued_s += self.cost(job) / self.stages
        self.wake()

    def _has_work(self) -> bool:
        return bool(self.queue) and self._buffers.free

    def _batch(self) -> list[Job]:
        """The prompts that run next, oldest first."""
        batch: list[Job] = []
        tokens = 0
        while self.queue and self._buffers.free:
            job = self.queue[0]
            cached = self.cache.hit(job)
            if batch and tokens + job.prompt - cached > self.profile.batch_tokens:
                break
            batch.append(self.queue.popleft())
            self._buffers.used += 1
            job.cached, job.started = cached, self.env.now
            tokens += job.prompt - cached
            if not self.profile.batch_tokens:
                break
        if not self.queue:
            self._queued_s = 0.0
        return batch

    def _work(self) -> Steps:
        batch = self._batch()
        seconds = self.costs.prefill.seconds([(job.prompt, job.cached) for job in batch])
        for job in batch if self.queue else []:
            self._queued_s = max(0.0, self._queued_s - self.cost(job) / self.stages)
        each = seconds / self.stages
        begin = self.env.now
        for stage in range(self.stages):
            begin = max(begin, self._free[stage]) + each
            self._free[stage] = begin
        yield from self._spend(each)
        self._free[0] = self.env.now
        if self.stages == 1:
            yield from self._prefilled(batch)
        else:
            self.env.process(self._pass(max(0.0, self._free[-1] - self.env.now), batch))

    def _prefilled(self, batch: list[Job]) -> Steps:
        transfer = self.profile.transfer
        for job in batch:
            job.first = self.env.now
            self.cache.hold(job)
        for job in batch:
            if job.output == 1:
                self._buffers.used -= 1
                job.end = self.env.now
                self._finish(job)
                continue
            export = transfer.export_s + transfer.export_token_s * job.prompt
            if export:
                yield from self._spend(export)
            job.exported = self.env.now
            link = transfer.link(job.prompt)
            if link:
                self._link_free = max(self._link_free, self.env.now) + link
                self.env.process(self._send(self._link_free - self.env.now, job))
            else:
                self._give(job)

    def _pass(self, seconds: float, batch: list[Job]) -> Steps:
        """The way through the other stages, while the first runs the next batch."""
        yield self.env.timeout(seconds)
        yield from self._prefilled(batch)

    def _send(self, seconds: float, job: Job) -> Steps:
        yield self.env.timeout(seconds)
        job.exported = self.env.now
        self._give(job)


class BatchWorker(Worker):
    """What decode and colocated workers share: a batch, its limits, and many steps at once."""

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self.batch = Batch(self.costs)
        # Each stage of a pipeline has a batch of its own under way.
        slots, tokens = site.profile.slots, self.costs.kv_tokens
        self.slots = None if slots is None else max(1, slots // site.stages)
        self._kv_tokens = None if tokens is None else max(1, tokens // site.stages)

    def fits(self, job: Job, more: int = 0, reserved: int = 0) -> bool:
        """Whether a sequence may join, beside ``more`` that are about to.

        An empty worker takes any, or one that is too long would never be served.
        """
        count = len(self.batch) + more
        if not count:
            return True
        if self.slots is not None and count >= self.slots:
            return False
        need = self.batch.reserved + reserved + job.prompt + job.output
        return self._kv_tokens is None or need <= self._kv_tokens

    def _advance(self, wanted: Callable[[], bool], most: int | None = None) -> Steps:
        """Make steps until a sequence leaves.

        Ends sooner, with the step under way, when something came that is wanted.
        """
        batch = self.batch
        steps = batch.steps if most is None else most
        total, done, free = batch.seconds(steps), 0.0, steps > 1
        while done < total:
            self._cut = free
            done = total - (yield from self._some(total - done))
            if free and done < total and wanted():
                free = False
                steps = min(steps, batch.steps_by(done))
                total = batch.seconds(steps)
        self._cut = False
        for job in batch.advance(steps):
            job.end = self.env.now
            self._finish(job)


class DecodeWorker(BatchWorker):
    """Takes KV states in between steps, and makes all tokens after the first.

    Args:
        site: Where it works.
        on_load: Called when a state was taken in.
    """

    def __init__(self, site: Site, on_load: Callable[[], None]) -> None:
        super().__init__(site)
        self._on_load = on_load

    def load(self) -> int:
        """Sequences that it has or was given."""
        return len(self.batch) + len(self.queue)

    def take(self, job: Job) -> None:
        """Queue a state; it joins at the end of the step."""
        self.queue.append(job)
        self.wake()

    def _has_work(self) -> bool:
        return bool(self.queue or len(self.batch))

    def _joins(self) -> bool:
        return bool(self.queue) and self.fits(self.queue[0])

    def _work(self) -> Steps:
        transfer = self.profile.transfer
        while self._joins():
            job = self.queue.popleft()
            job.loading = self.env.now
            seconds = transfer.load_s + transfer.load_token_s * job.prompt
            if seconds:
                yield from self._spend(seconds)
            job.loaded = self.env.now
            self.batch.add(job)
            self._on_load()
        yield from self._advance(self._joins)
