"""The router: who waits, who runs where, who holds which slot and slab.

It lives in one asyncio loop and never blocks. Every ``start`` it sends ends with
exactly one ``exported`` or ``done`` from the worker, or with the worker's death;
slots and slabs are given back at those three places and nowhere else.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import time
from collections import deque
from pathlib import Path

from lmgame.serving.channel import Message
from lmgame.serving.config import EmbeddedConfig
from lmgame.serving.job import Done, Failed, Job, Text
from lmgame.serving.metric import Metrics
from lmgame.serving.process import WorkerProcess
from lmgame.serving.reply import Request
from lmgame.serving.role import RoleName
from lmgame.serving.slab import SlabPool
from lmgame.serving.worker import WorkerSettings

log = logging.getLogger("lmgame.serving")

MAX_ATTEMPTS = 3


class QueueFull(Exception):
    """Too many requests wait."""


class Router:
    """Serves requests with a set of worker processes.

    Args:
        config: The settings.
        weights: The GGUF file.
        metrics: Where to count.
    """

    def __init__(self, config: EmbeddedConfig, weights: Path, metrics: Metrics) -> None:
        self.config = config
        self.metrics = metrics
        self.context = config.context
        self.failed = asyncio.Event()
        self.failure = ""
        self._weights = weights
        self._slabs = SlabPool(config.slabs())
        self._waiting: deque[Job] = deque()
        self._exported: deque[Job] = deque()
        self._running: dict[int, Job] = {}
        self._numbers = itertools.count(1)
        self.started = False
        self._entry: RoleName = "colocated" if config.mode == "colocated" else "prefill"
        self.workers = [
            self._worker(role, index)
            for role, count in config.workers().items()
            for index in range(count)
        ]

    def _worker(self, role: RoleName, index: int) -> WorkerProcess:
        config = self.config

        def settings(control: int) -> WorkerSettings:
            return WorkerSettings(
                role=role,
                weights=str(self._weights),
                context=config.context,
                slots=config.slots_of(role),
                threads=config.threads_of(role),
                niceness=config.prefill_nice if role == "prefill" else 0,
                schedule=config.schedule,
                chunk=config.chunk,
                control=control,
                slabs=self._slabs.descriptor,
                parent=os.getpid(),
            )

        return WorkerProcess(
            role,
            index,
            config.slots_of(role),
            settings,
            (self._slabs.descriptor,),
            self._on_message,
            self._on_down,
            self._on_hopeless,
        )

    def start(self) -> None:
        """Start all workers."""
        for worker in self.workers:
            worker.start()

    async def stop(self) -> None:
        """End all workers; replies under way fail."""
        for job in [*self._waiting, *self._exported, *self._running.values()]:
            self._end(job, Failed(self.failure or "the server is shutting down"))
        await asyncio.gather(*(worker.stop() for worker in self.workers))
        self._slabs.close()

    @property
    def ready(self) -> bool:
        """Whether each kind of worker has at least one that is ready."""
        return all(
            any(worker.ready for worker in self.workers if worker.role == role)
            for role in self.config.workers()
        )

    def submit(self, request: Request) -> Job:
        """Accept a request.

        Raises:
            QueueFull: Too many wait already.
        """
        if len(self._waiting) >= self.config.queue:
            raise QueueFull
        job = Job(next(self._numbers), request)
        self._waiting.append(job)
        self._dispatch()
        return job

    def cancel(self, job: Job) -> None:
        """Stop working for a job that nobody waits for; does nothing once it ended."""
        if job.state == "ended" or job.cancelled:
            return
        job.cancelled = True
        if job.state == "waiting":
            self._waiting.remove(job)
            self._end(job, Failed("cancelled"))
        elif job.state == "ready":
            self._exported.remove(job)
            self._end(job, Failed("cancelled"))
        else:
            self._worker_of(job).send({"op": "cancel", "id": job.number})

    def observe(self) -> None:
        """Bring the gauges up to date."""
        metrics = self.metrics
        metrics.queue.labels("prefill").set(len(self._waiting))
        metrics.queue.labels("decode").set(len(self._exported))
        metrics.slabs.set(self._slabs.in_use)
        metrics.jobs.set(len(self._waiting) + len(self._exported) + len(self._running))
        for worker in self.workers:
            metrics.slots.labels(worker.name).set(worker.busy_slots)
        for role in self.config.workers():
            ready = sum(worker.ready for worker in self.workers if worker.role == role)
            metrics.workers.labels(role).set(ready)

    # Dispatch

    def _dispatch(self) -> None:
        """Give work to whoever is free, oldest first."""
        while self._exported and (worker := self._least_loaded("decode")):
            self._start_decode(self._exported.popleft(), worker)
        while self._waiting and (worker := self._least_loaded(self._entry)):
            if self._entry == "prefill" and not self._slabs.available:
                return
            self._start_prefill(self._waiting.popleft(), worker)

    def _least_loaded(self, role: RoleName) -> WorkerProcess | None:
        able = [w for w in self.workers if w.role == role and w.ready and w.free_slots]
        return min(able, key=lambda worker: (worker.busy_slots, worker.given), default=None)

    def _worker_of(self, job: Job) -> WorkerProcess:
        return next(worker for worker in self.workers if worker.name == job.worker)

    def _start_prefill(self, job: Job, worker: WorkerProcess) -> None:
        job.attempts += 1
        job.prefill_worker = worker.index
        job.decode_worker = worker.index if worker.role == "colocated" else None
        if worker.role == "prefill":
            job.slab = self._slabs.take()
        self._place(job, worker)
        job.state = "prefill"
        worker.send(self._start_message(job))

    def _start_decode(self, job: Job, worker: WorkerProcess) -> None:
        job.decode_worker = worker.index
        self._place(job, worker)
        job.state = "decode"
        worker.send({**self._start_message(job), **job.exported})

    def _start_message(self, job: Job) -> Message:
        return {
            "op": "start",
            "id": job.number,
            "slot": job.slot,
            "request": job.request.to_json(),
            "tokens": job.tokens,
            "slab": job.slab,
            "slab_size": self._slabs.size,
        }

    def _place(self, job: Job, worker: WorkerProcess) -> None:
        job.worker, job.slot = worker.name, worker.free_slots.pop()
        worker.given += 1
        self._running[job.number] = job

    def _vacate(self, job: Job) -> None:
        if self._running.pop(job.number, None) is not None:
            self._worker_of(job).free_slots.append(job.slot)
            job.worker = None

    def _release_slab(self, job: Job) -> None:
        if job.slab is not None:
            self._slabs.give(job.slab)
            job.slab = None

    def _end(self, job: Job, event: Done | Failed) -> None:
        self._vacate(job)
        self._release_slab(job)
        job.state = "ended"
        if isinstance(event, Done):
            self.metrics.finished(job)
        job.events.put_nowait(event)

    # What workers say

    def _on_message(self, worker: WorkerProcess, message: Message) -> None:
        handler = getattr(self, f"_on_{message['op']}")
        if message["op"] in ("ready", "deltas"):
            handler(worker, message)
        elif message["id"] in self._running:  # else the server is shutting down
            handler(worker, message, self._running[message["id"]])

    def _on_ready(self, worker: WorkerProcess, message: Message) -> None:
        self.context = min(self.context, message["context"])
        self._slabs.resize(message["state_bytes"])
        self.started = self.started or self.ready
        log.info("worker %s is ready (process %d)", worker.name, worker.pid)
        self._dispatch()

    def _on_prefilled(self, worker: WorkerProcess, message: Message, job: Job) -> None:
        del job
        self.metrics.prefilled.labels(worker.role).inc(message["count"])

    def _on_first(self, worker: WorkerProcess, message: Message, job: Job) -> None:
        job.stages.prefill_queue += message["start"] - job.mark
        job.stages.prefill += message["end"] - message["start"]
        if not job.tokens:
            self.metrics.ttft.observe(message["end"] - job.arrived)
        job.mark = message["end"]
        count = self.metrics.repeated_prefills if message["known"] else self.metrics.prefills
        count.labels(worker.role).inc()

    def _on_deltas(self, worker: WorkerProcess, message: Message) -> None:
        for number, tokens, forced, text, finish in message["items"]:
            job = self._running.get(number)
            if job is None:  # the server is shutting down
                continue
            job.finish = finish
            job.tokens += tokens
            job.forced_tokens += forced
            job.completion_tokens += len(tokens) - forced
            if job.state == "decode" or worker.role == "colocated":
                job.stages.decode += message["time"] - job.mark
                job.mark = message["time"]
            self.metrics.generated.labels(worker.role).inc(len(tokens) - forced)
            job.events.put_nowait(Text(text))

    def _on_exported(self, worker: WorkerProcess, message: Message, job: Job) -> None:
        del worker
        job.stages.transfer += message["end"] - message["start"]
        job.mark = message["end"]
        job.exported = {"bytes": message["bytes"], "fed": message["fed"]}
        self._vacate(job)
        if job.cancelled:
            self._end(job, Failed("cancelled"))
        else:
            job.state = "ready"
            self._exported.append(job)
        self._dispatch()

    def _on_loaded(self, worker: WorkerProcess, message: Message, job: Job) -> None:
        del worker
        job.stages.decode_queue += message["start"] - job.mark
        job.stages.transfer += message["end"] - message["start"]
        job.mark = message["end"]
        self.metrics.transferred.inc(job.exported["bytes"])
        self._release_slab(job)
        self._dispatch()

    def _on_done(self, worker: WorkerProcess, message: Message, job: Job) -> None:
        finish = message["finish"]
        if finish in ("stop", "length"):
            self._end(job, Done(finish))
        else:
            reason = message["error"] or finish
            self._end(job, Failed(f"worker {worker.name}: {reason}", 500))
        self._dispatch()

    # When workers die

    def _on_down(self, worker: WorkerProcess) -> None:
        """Serve a dead worker's jobs again from their prompts; nothing is sent twice."""
        log.warning("worker %s (process %d) died; restarting it", worker.name, worker.pid)
        self.metrics.restarts.labels(worker.role).inc()
        lost = [job for job in self._running.values() if job.worker == worker.name]
        for job in reversed(lost):
            self._vacate(job)
            self._release_slab(job)
            if job.cancelled:
                self._end(job, Failed("cancelled"))
            elif job.finish is not None:  # it died after its last token
                self._end(job, Done(job.finish))
            elif job.attempts >= MAX_ATTEMPTS:
                self._end(job, Failed(f"gave up: {job.attempts} workers died while serving this"))
            else:
                self.metrics.retries.inc()
                job.state = "waiting"
                job.mark = self._close_stage(job)
                self._waiting.appendleft(job)
        self._dispatch()

    @staticmethod
    def _close_stage(job: Job) -> float:
        """Time lost with a dead worker counts as waiting for a prefill."""
        now = time.monotonic()
        job.stages.prefill_queue += now - job.mark
        return now

    def _on_hopeless(self, reason: str) -> None:
        if not self.failed.is_set():
            self.failure = reason
            self.failed.set()
