"""The router: who waits, who runs where, who holds which slot and slab.

It lives in one asyncio loop and never blocks. Every ``start`` it sends ends with
exactly one ``exported`` or ``done`` from the worker, or with the worker's death;
slots and slabs are given back at those three places and nowhere else.

A worker gets one prompt at a time, so that what waits, waits here: in order, bounded,
and droppable at its deadline.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections import Counter, deque
from pathlib import Path

from lmgame.serving.channel import Message
from lmgame.serving.config import EmbeddedConfig
from lmgame.serving.crew import Crew
from lmgame.serving.dispatch import REPLY_TOKENS, soonest, unknown
from lmgame.serving.forecast import Past
from lmgame.serving.job import Done, Failed, Job, Text
from lmgame.serving.line import Line
from lmgame.serving.metric import Metrics
from lmgame.serving.process import WorkerProcess
from lmgame.serving.reply import Request
from lmgame.serving.slab import SlabPool

log = logging.getLogger("lmgame.serving")

MAX_ATTEMPTS = 3
LOOK = 16
"""Waiting requests that are looked at for a worker that is free."""


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
        self._slabs = SlabPool(config.slabs())
        self._line = Line(config.queue)
        self._exported: deque[Job] = deque()
        self._running: dict[int, Job] = {}
        self._live: dict[int, Job] = {}
        self._numbers = itertools.count(1)
        self.started = False
        self.crew = Crew(
            config,
            weights,
            self._slabs,
            self._on_message,
            self._on_down,
            self._on_hopeless,
            self._dispatch,
        )
        self.workers = self.crew.workers

    def start(self) -> None:
        """Start all workers."""
        self.crew.start()

    async def stop(self) -> None:
        """End all workers; replies under way fail."""
        for job in list(self._live.values()):
            self._end(job, Failed(self.failure or "the server is shutting down"))
        await self.crew.stop()
        self._slabs.close()

    @property
    def ready(self) -> bool:
        """Whether each kind of worker has at least one that is ready."""
        return self.crew.ready

    @property
    def mode(self) -> str:
        """How work is given out now."""
        return self.crew.mode

    def submit(self, request: Request, client: str, deadline_s: float | None) -> Job:
        """Accept a request.

        Args:
            request: What is wanted.
            client: Who asks, as far as fairness goes.
            deadline_s: Seconds from now after which the reply is of no use.

        Raises:
            QueueFull: Too many wait already.
        """
        job = Job(next(self._numbers), request, client, mode=self.crew.mode)
        if deadline_s is not None:
            job.deadline = job.arrived + deadline_s
        away = self._line.add(job)
        if away is not None:
            again = self._line.retry_after_s()
            message = f"others' requests came first in a full queue; try again in {again} s"
            self._end(away, Failed(message, 429, retry_after_s=again))
        self._live[job.number] = job
        if deadline_s is not None:
            loop = asyncio.get_running_loop()
            job.alarm = loop.call_later(deadline_s, self._too_late, job, deadline_s)
        self._dispatch()
        return job

    def cancel(self, job: Job) -> None:
        """Stop working for a job that nobody waits for; does nothing once it ended."""
        if job.state == "ended" or job.given_up:
            return
        job.cancelled = True
        self._give_up(job, Failed("cancelled"))

    def _too_late(self, job: Job, deadline_s: float) -> None:
        """Drop a job at its deadline: work for it would only make others late."""
        if job.state == "ended" or job.given_up:
            return
        job.late = True
        self.metrics.late.labels(job.state).inc()
        got = f"after {len(job.tokens)} tokens" if job.tokens else "before its first token"
        message = f"dropped {got}: its deadline of {deadline_s:g} s has passed"
        failed = Failed(message, 504, "deadline_exceeded")
        if job.state in ("prefill", "decode"):
            job.events.put_nowait(failed)  # the client need not wait for the worker
        self._give_up(job, failed)

    def _give_up(self, job: Job, why: Failed) -> None:
        if job.state == "waiting":
            self._line.remove(job)
            self._end(job, why)
        elif job.state == "ready":
            self._exported.remove(job)
            self._end(job, why)
        else:
            self._worker_of(job).send({"op": "cancel", "id": job.number})

    def observe(self) -> None:
        """Bring the gauges up to date."""
        metrics = self.metrics
        metrics.queue.labels("prefill").set(len(self._line))
        metrics.queue.labels("decode").set(len(self._exported))
        metrics.slabs.set(self._slabs.in_use)
        metrics.jobs.set(len(self._live))
        for worker in self.workers:
            metrics.slots.labels(worker.name).set(worker.busy_slots)
        metrics.prefillers.set(self.crew.plan.prefillers)
        metrics.at_once.set(self.crew.plan.at_once)
        for role in self.config.workers():
            ready = sum(worker.ready for worker in self.workers if worker.role == role)
            metrics.workers.labels(role).set(ready)

    # Dispatch

    def _dispatch(self) -> None:
        """Give work to whoever is free."""
        while self._exported and (worker := self._decoder()):
            self._start_decode(self._exported.popleft(), worker)
        while (found := self._next_prompt()) is not None:
            job, worker = found
            self._line.take(job)
            self._start_prefill(job, worker)

    def _decoder(self) -> WorkerProcess | None:
        able = [worker for worker in self.crew.decoders if self.crew.may_reply(worker)]
        return min(able, key=lambda worker: (worker.busy_slots, worker.given), default=None)

    def _next_prompt(self) -> tuple[Job, WorkerProcess] | None:
        """Who is next and where: the first whose best worker is free.

        Who waits for the worker that knows its prompt lets others pass to the rest.
        """
        crew = self.crew
        if crew.plan.prefillers and not self._slabs.available:
            return None
        prompts = {job.worker: job for job in self._running.values() if job.state == "prefill"}
        if not crew.may_begin(len(prompts) + len(self._exported)):
            return None
        able = [worker for worker in crew.prompters if worker.ready]
        free = {one.name for one in able if one.name not in prompts and crew.may_reply(one)}
        promised: Counter[str] = Counter()
        for job in self._line.first(LOOK) if free else ():
            worker = soonest(job, able, prompts, promised)
            if worker.name in free:
                return job, worker
            promised[worker.name] += unknown(job, worker) + REPLY_TOKENS
        return None

    def _worker_of(self, job: Job) -> WorkerProcess:
        return next(worker for worker in self.workers if worker.name == job.worker)

    def _start_prefill(self, job: Job, worker: WorkerProcess) -> None:
        job.attempts += 1
        job.due = unknown(job, worker)
        job.prefill_worker = worker.index
        job.mode = self.crew.mode
        passed_on = job.mode == "disaggregated"
        job.decode_worker = None if passed_on else worker.index
        job.slab = self._slabs.take() if passed_on else None
        self._place(job, worker)
        job.state = "prefill"
        worker.send(self._start_message(job))

    def _start_decode(self, job: Job, worker: WorkerProcess) -> None:
        job.decode_worker = worker.index
        self._place(job, worker)
        job.state = "decode"
        worker.send(self._start_message(job))

    def _start_message(self, job: Job) -> Message:
        return {
            "op": "start",
            "id": job.number,
            "slot": job.slot,
            "request": job.request.to_json(),
            "tokens": job.tokens,
            "slab": job.slab,
            "slab_size": self._slabs.size,
            "exported": job.exported,
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
        self._live.pop(job.number, None)
        if job.alarm is not None:
            job.alarm.cancel()
        if isinstance(event, Done):
            self.metrics.finished(job)
        if isinstance(event, Done) or job.late:
            new = len(job.request.prompt) - job.cached
            self.crew.served(Past(job.arrived, new, max(1, len(job.tokens))))
        job.events.put_nowait(event)

    # What workers say

    def _on_message(self, worker: WorkerProcess, message: Message) -> None:
        handler = getattr(self, f"_on_{message['op']}")
        if message["op"] in ("ready", "measured", "deltas", "kept"):
            handler(worker, message)
        elif message["id"] in self._running:  # else the server is shutting down
            handler(worker, message, self._running[message["id"]])

    def _on_ready(self, worker: WorkerProcess, message: Message) -> None:
        self.context = min(self.context, message["context"])
        self._slabs.resize(message["state_bytes"])
        self.crew.greet(worker)
        self.started = self.started or self.ready
        log.info("worker %s is ready (process %d)", worker.name, worker.pid)
        self._dispatch()

    def _on_measured(self, worker: WorkerProcess, message: Message) -> None:
        del worker
        self.crew.measured(message)
        self.started = self.started or self.ready
        self._dispatch()

    def _on_prefilled(self, worker: WorkerProcess, message: Message, job: Job) -> None:
        count = message["count"]
        job.due = max(0, job.due - count)
        self.metrics.prefilled.labels(worker.role).inc(count)
        passed_on, beside = job.slab is not None, message["beside"]
        self.crew.ran(count, message["seconds"], passed_on=passed_on, beside=beside)

    def _on_kept(self, worker: WorkerProcess, message: Message) -> None:
        for number in message["removed"]:
            worker.prefixes.remove(number)
        if message["added"] is not None:
            worker.prefixes.add(message["id"], message["added"])

    def _on_first(self, worker: WorkerProcess, message: Message, job: Job) -> None:
        job.cached = message["cached"]
        self.metrics.cached.labels(worker.role).inc(job.cached)
        job.stages.prefill_queue += message["start"] - job.mark
        job.stages.prefill += message["end"] - message["start"]
        if not job.tokens:
            self.metrics.ttft.observe(message["end"] - job.arrived)
        job.mark = message["end"]
        count = self.metrics.repeated_prefills if message["known"] else self.metrics.prefills
        count.labels(worker.role).inc()
        if job.slab is None:  # it stays where it is, and another prompt may begin there
            job.state = "decode"
            self._dispatch()

    def _on_deltas(self, worker: WorkerProcess, message: Message) -> None:
        if message["step"] is not None:
            self.crew.stepped(*message["step"])
        for number, tokens, forced, text, finish in message["items"]:
            job = self._running.get(number)
            if job is None:  # the server is shutting down
                continue
            job.finish = finish
            job.tokens += tokens
            job.forced_tokens += forced
            job.completion_tokens += len(tokens) - forced
            if job.state == "decode":
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
        if job.given_up:
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
        self.metrics.transferred.inc((job.exported or {}).get("bytes", 0))
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
            if job.given_up:
                self._end(job, Failed("cancelled"))
            elif job.finish is not None:  # it died after its last token
                self._end(job, Done(job.finish))
            elif job.attempts >= MAX_ATTEMPTS:
                self._end(job, Failed(f"gave up: {job.attempts} workers died while serving this"))
            else:
                self.metrics.retries.inc()
                job.state = "waiting"
                job.exported = None
                job.mark = self._close_stage(job)
                self._line.put_back(job)
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
