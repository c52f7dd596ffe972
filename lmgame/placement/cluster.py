"""A placement, simulated: its workers, and who gets which call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import simpy

from lmgame.placement.cache import PrefixCache
from lmgame.placement.colocated import ColocatedWorker
from lmgame.placement.job import Job
from lmgame.placement.machine import Machine
from lmgame.placement.profile import Profile
from lmgame.placement.split import Split
from lmgame.placement.worker import Buffers, DecodeWorker, PrefillWorker, Site, Worker


class Cluster:
    """Workers and their router.

    A prompt goes to the worker that would be done with it first, by what waits there
    and what of the prompt it holds already; without a prefix cache that is one queue
    for all. A KV state goes to the decode worker with the fewest sequences.

    Args:
        env: Simulated time.
        profile: How fast the model is.
        split: The placement.
        finish: Called with every call that was served.
        cache_tokens: Prefix cache of each worker that runs prompts.
        block: Tokens of its blocks.
    """

    def __init__(
        self,
        env: simpy.Environment,
        profile: Profile,
        split: Split,
        finish: Callable[[Job], None],
        cache_tokens: int = 0,
        block: int = 512,
    ) -> None:
        self._site = Site(env, Machine(profile.cores), profile, finish)
        self._split, self._cache = split, (cache_tokens, block)
        self.decodes: list[DecodeWorker] = []
        self.entries: list[PrefillWorker] | list[ColocatedWorker]
        if split.kind == "split":
            self.decodes = [self._decode() for _ in range(split.decodes * split.decode.stages)]
            slots = profile.slots
            room = None if slots is None else split.prefills + split.decodes * slots
            self._buffers = Buffers(room)
            self.entries = [self._prefill() for _ in range(split.prefills)]
        else:
            self.entries = [self._colocated() for _ in range(split.decodes)]

    @property
    def workers(self) -> list[Worker]:
        """All of them."""
        return [*self.entries, *self.decodes]

    def submit(self, job: Job) -> None:
        """Take in a call."""
        entries = self.entries
        if len(entries) == 1:
            entries[0].take(job)
            return
        best, least = entries[0], (float("inf"), 0)
        for one in entries:
            load = one.load() if isinstance(one, ColocatedWorker) else 0
            key = (one.backlog() + one.cost(job), load)
            if key < least:
                best, least = one, key
        best.take(job)

    def _give(self, job: Job) -> None:
        min(self.decodes, key=DecodeWorker.load).take(job)

    def _loaded(self) -> None:
        self._buffers.used -= 1
        for one in self.entries:
            if one.queue:
                one.wake()

    def _prefill(self) -> PrefillWorker:
        profile, shape = self._site.profile, self._split.prefill
        size = shape.size
        if profile.cores is not None:
            # Each takes what the others leave, with no more threads than that may be.
            each = max(1, profile.cores.count // self._split.prefills)
            size = max((one.size for one in profile.speeds if one.size <= each), default=size)
        site = replace(self._site, size=size, stages=shape.stages)
        return PrefillWorker(site, self._give, self._buffers, PrefixCache(*self._cache))

    def _decode(self) -> DecodeWorker:
        shape = self._split.decode
        site = replace(self._site, size=shape.size, stages=shape.stages)
        return DecodeWorker(site, self._loaded)

    def _colocated(self) -> ColocatedWorker:
        site = replace(self._site, size=self._split.decode.size)
        return ColocatedWorker(site, PrefixCache(*self._cache), self._split.chunk)
