"""The worker processes, and which of them do what."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from pathlib import Path

from lmgame.serving.auto import EVERY_S, Auto
from lmgame.serving.channel import Message
from lmgame.serving.config import EmbeddedConfig, cores
from lmgame.serving.forecast import Past, Plan, Speed
from lmgame.serving.process import WorkerProcess
from lmgame.serving.role import RoleName
from lmgame.serving.slab import SlabPool
from lmgame.serving.worker import WorkerSettings

log = logging.getLogger("lmgame.serving")


class Crew:
    """All workers of a server.

    The first :attr:`prefillers` of them pass the prompts that they run on to the others;
    without any, each makes the replies to its own. With ``mode=auto`` that number
    changes while they work.

    Args:
        config: The settings.
        weights: The GGUF file.
        slabs: Through which states are passed on.
        on_message: Called for each message of a worker.
        on_down: Called when a worker died, before it is restarted.
        on_hopeless: Called with an explanation when restarting makes no sense.
        on_change: Called when work may be given out differently.
    """

    def __init__(
        self,
        config: EmbeddedConfig,
        weights: Path,
        slabs: SlabPool,
        on_message: Callable[[WorkerProcess, Message], None],
        on_down: Callable[[WorkerProcess], None],
        on_hopeless: Callable[[str], None],
        on_change: Callable[[], None],
    ) -> None:
        self.config = config
        prefillers = 0 if config.mode == "colocated" else config.prefill_workers
        self.plan = Plan(prefillers, config.slots)
        self.auto: Auto | None = None
        self._speed: Speed | None = None
        self._weights, self._slabs = weights, slabs
        self._told = (on_message, on_down, on_hopeless)
        self._on_change = on_change
        self._task: asyncio.Task[None] | None = None
        self.workers = [
            self._worker(role, index)
            for role, count in config.workers().items()
            for index in range(count)
        ]
        if config.mode == "auto":
            limits = config.ttft_s, config.tpot_s
            self.auto = Auto(len(self.workers), self.plan, config.chunk, *limits)

    def _worker(self, role: RoleName, index: int) -> WorkerProcess:
        config = self.config

        def settings(control: int) -> WorkerSettings:
            return WorkerSettings(
                role=role,
                weights=str(self._weights),
                context=config.context,
                slots=config.slots_of(role),
                threads=config.threads_of(role),
                crowded=config.crowded,
                niceness=config.niceness_of(role, index),
                # Which worker has replies to make beside a prompt is not known beforehand.
                schedule="chunked" if config.mode == "auto" else config.schedule,
                chunk=config.chunk,
                prefix_bytes=config.prefix_bytes_of(role),
                control=control,
                slabs=self._slabs.descriptor,
                parent=os.getpid(),
            )

        inherited = (self._slabs.descriptor,)
        return WorkerProcess(role, index, config.slots_of(role), settings, inherited, *self._told)

    def start(self) -> None:
        """Start all workers."""
        for worker in self.workers:
            worker.start()

    async def stop(self) -> None:
        """End all workers."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await asyncio.gather(*(worker.stop() for worker in self.workers))

    @property
    def ready(self) -> bool:
        """Whether each kind of worker has at least one that is ready."""
        kinds = (self.prompters, self.decoders)
        ready = all(any(worker.ready for worker in kind) for kind in kinds)
        return ready and (self.auto is None or self._speed is not None)

    @property
    def prompters(self) -> list[WorkerProcess]:
        """Who runs prompts."""
        return self.workers[: self.plan.prefillers] or self.workers

    @property
    def decoders(self) -> list[WorkerProcess]:
        """Who takes states in."""
        return self.workers[self.plan.prefillers :]

    @property
    def mode(self) -> str:
        """How work is given out now."""
        return "disaggregated" if self.plan.prefillers else "colocated"

    def may_reply(self, worker: WorkerProcess) -> bool:
        """Whether a worker may make one more reply."""
        return worker.ready and worker.busy_slots < min(self.plan.at_once, worker.slots)

    def may_begin(self, passed_on: int) -> bool:
        """Whether a prompt may begin, given how many replies are on their way.

        Args:
            passed_on: Prompts that run to be passed on, and states that wait for who
                replies.
        """
        if not self.plan.prefillers:
            return True
        replies = sum(worker.busy_slots for worker in self.decoders)
        most = self.plan.at_once * len(self.decoders) + self.plan.prefillers
        return passed_on + replies < most

    def greet(self, worker: WorkerProcess) -> None:
        """A worker has become ready: say what it is to be.

        The first to be asked how fast it is waits until all others are ready, so that
        none of them loads its model meanwhile.
        """
        if self.auto is None:
            return
        self._tune(worker)
        if self._speed is None and all(one.ready for one in self.workers):
            self.workers[0].send(
                {
                    "op": "measure",
                    "chunk": self.config.chunk,
                    "threads": self._threads(passes=True),
                    "own_threads": self._threads(passes=False),
                }
            )

    def measured(self, message: Message) -> None:
        """Take in how fast a worker is, and begin to watch."""
        speed = message["speed"]
        self._speed = Speed(**speed, cores=cores(), threads=self._threads(passes=True))
        log.info("measured %s", self._speed)
        self._tune(self.workers[0])
        if self._task is None:
            self._task = asyncio.create_task(self._watch(), name="auto")

    def served(self, past: Past) -> None:
        """Take note of a request, for ``mode=auto``."""
        if self.auto is not None:
            self.auto.served(past)

    def stepped(self, sequences: int, seconds: float) -> None:
        """Take note of a decode step, for ``mode=auto``."""
        if self.auto is not None and self._speed is not None:
            self.auto.took("step", seconds / self._speed.step(sequences) / self._crowd())

    def ran(self, tokens: int, seconds: float, *, passed_on: bool, beside: bool) -> None:
        """Take note of a piece of a prompt, for ``mode=auto``.

        Args:
            tokens: How long it was.
            seconds: What it took.
            passed_on: Whether the reply is to be made by another worker.
            beside: Whether the worker makes replies meanwhile.
        """
        if self.auto is None or self._speed is None:
            return
        if passed_on:
            replying = sum(bool(worker.busy_slots) for worker in self.decoders)
            usual = self._speed.passed(tokens, max(1, self.plan.prefillers), replying)
            self.auto.took("passed", seconds / usual)
        else:
            usual = self._speed.own(tokens, beside=beside) * self._crowd()
            self.auto.took("own", seconds / usual)

    def _crowd(self) -> float:
        """How much slower workers are where more of them reply than there are cores.

        The forecast reckons with it by itself, so it is no part of the pace.
        """
        return max(1.0, sum(bool(worker.busy_slots) for worker in self.decoders) / cores())

    async def _watch(self) -> None:
        assert self.auto is not None
        assert self._speed is not None
        while True:
            await asyncio.sleep(EVERY_S)
            try:
                await self._look(self.auto, self._speed)
            except Exception:
                # Nobody awaits this task; the plan in use still serves.
                log.exception("cannot tell whether another plan would serve better")

    async def _look(self, auto: Auto, speed: Speed) -> None:
        past = auto.due()
        if past is None:
            return
        expected = await asyncio.to_thread(auto.weigh, past, speed)
        if auto.choose(expected):
            log.info("from now on %s: %s", auto.plan, expected)
            self.use(auto.plan)

    def use(self, plan: Plan) -> None:
        """Use the workers in another way; what is under way ends as it began."""
        self.plan = plan
        for worker in self.workers:
            self._tune(worker)
        self._on_change()

    def _tune(self, worker: WorkerProcess) -> None:
        passes = worker in self.workers[: self.plan.prefillers]
        worker.send({"op": "tune", "threads": self._threads(passes=passes)})

    def _threads(self, *, passes: bool) -> int:
        return self.config.threads_of("prefill" if passes else "decode")
