"""Sends a load's calls from one event loop, and keeps a record of each.

A call with a time of its own (open loop, think time over) counts all its times from
there, however late we are: what waits in this process waits visibly (no coordinated
omission). A call that only waits for the one before has no such time; it is intended
when its stream comes to it, and how late that was is kept beside it.
"""

from __future__ import annotations

import asyncio
import math
import time
from array import array
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from time import perf_counter

from lmgame.bench.lag import LoopLag
from lmgame.bench.load import Plan
from lmgame.bench.session import Session, Step
from lmgame.client import Call, Client, Failure, Request

PAUSE_S, LONGEST_PAUSE_S = 0.05, 5.0
"""How long a closed loop's stream waits after a failure, doubling with each in a row: a
server that refuses at once would else be asked thousands of times a second."""
_WARM_AT_A_TIME = 16


@dataclass(frozen=True, slots=True)
class Record:
    """One call of a load.

    Attributes:
        session: The session that it belongs to.
        step: Which call of the session, from 0.
        process: The process that made it.
        intended_s: When it was intended, in seconds from the begin of the load.
        late_s: How much later than it was due the client came to it; part of its times
            only where it had a time of its own.
        call: What came of it; its ``timing.at`` stands on one wall clock for all.
        settling: Whether it belongs to the first seconds, which are left out.
    """

    session: str
    step: int
    process: int
    intended_s: float
    late_s: float
    call: Call
    settling: bool = False


@dataclass
class Outcome:
    """What one process did.

    Attributes:
        records: Its calls, in the order of their ends.
        lag_s: How late its event loop was, probe by probe, in seconds.
        cpu_s: CPU time while the load lasted, in seconds.
        wall_s: How long that was.
        clock_drift_s: How far wall clock and monotonic clock came apart meanwhile.
        skipped: Broken lines of the load's file.
        stopped: Whether it was stopped before its end.
    """

    records: list[Record] = field(default_factory=list)
    lag_s: array[float] = field(default_factory=lambda: array("d"))
    cpu_s: float = 0.0
    wall_s: float = 0.0
    clock_drift_s: float = 0.0
    skipped: tuple[str, ...] = ()
    stopped: bool = False


async def warm_up(client: Client, plan: Plan) -> Failure | None:
    """Make the calls that count nowhere, and open a closed loop's connections.

    Returns:
        Why the last call failed, if none succeeded.
    """
    if not plan.warmup:
        return None
    calls: list[Call] = []
    left = iter(plan.warmup)

    async def one_after_another() -> None:
        for step in left:
            calls.append(await client.complete(_request(step)))

    lanes = min(_WARM_AT_A_TIME, len(plan.warmup))
    await asyncio.gather(*(one_after_another() for _ in range(lanes)))
    failed = [call.failure for call in calls if call.failure is not None]
    if len(failed) == len(calls):
        return failed[-1]
    return await client.warm(plan.streams) if plan.streams else None


class Driver:
    """Sends a plan's calls.

    Args:
        plan: What.
        seconds: No call begins after so many; None: no such end.
        settle_s: Calls due in the first seconds are marked.
        process: Which process this is.

    Attributes:
        outcome: What was done so far.
        under_way: Calls under way.
    """

    def __init__(
        self,
        plan: Plan,
        seconds: float | None = None,
        settle_s: float = 0.0,
        process: int = 0,
    ) -> None:
        self.plan, self._seconds, self._settle_s = plan, seconds, settle_s
        self._process = process
        self._client: Client | None = None
        self._left = math.inf if plan.calls is None else plan.calls
        self._begin = self._wall = 0.0
        self._tasks: set[asyncio.Task[object]] = set()
        self._cancelled: Call | None = None
        self._over = asyncio.Event()
        self._error: BaseException | None = None
        self.outcome = Outcome(skipped=plan.skipped)
        self.under_way = 0

    def seen(self, call: Call) -> None:
        """Keep a cancelled call, which nobody else is told of."""
        if call.failure is not None and call.failure.kind == "cancelled":
            self._cancelled = call

    async def run(self, client: Client, begin: float) -> Outcome:
        """Send everything, and wait for the last reply.

        Args:
            client: Whom to ask; ``on_call`` is :meth:`seen`.
            begin: The zero of the plan's times (``time.perf_counter``).
        """
        self._client, self._begin = client, begin
        self._wall = time.time() - (perf_counter() - begin)
        lag, cpu = LoopLag(), time.process_time()
        lag.start()
        self._spawn(self._streams() if self.plan.streams else self._open())
        await self._over.wait()
        lag.stop()
        if self._error is not None:
            raise self._error
        now = perf_counter()
        found = self.outcome
        found.lag_s, found.wall_s = lag.late_s, now - begin
        found.cpu_s = time.process_time() - cpu
        found.clock_drift_s = time.time() - self._wall - (now - begin)
        return found

    def stop(self) -> None:
        """Give up what is under way; what is over is kept."""
        self.outcome.stopped = True
        self._left = 0
        for task in self._tasks:
            task.cancel()

    async def _streams(self) -> None:
        for start in self.plan.stagger_s:
            self._spawn(self._stream(self._begin + start))

    async def _stream(self, due: float) -> None:
        """One stream of a closed loop: session after session."""
        for session in self.plan.sessions:
            after = await self._session(session, due)
            if after is None:
                return
            due = after

    async def _open(self) -> None:
        """Begin each session when it is due."""
        for session in self.plan.sessions:
            due = self._begin + session.start_s
            if not self._may_begin(due):
                return
            await _until(due)
            self._spawn(self._session(session, due))

    async def _session(self, session: Session, due: float) -> float | None:
        """Make the calls of a session; returns when it was over, None: the load is."""
        pause = PAUSE_S
        for number, step in enumerate(session.steps):
            due += step.delay_s
            if not self._may_begin(due):
                return None
            self._left -= 1
            await _until(due)
            begin = perf_counter()
            own = step.delay_s > 0 or (number == 0 and not self.plan.streams)
            intended = due if own else begin
            call = await self._call(session, number, step, intended, begin - due)
            due = intended + call.timing.end
            if call.failure is None:
                pause = PAUSE_S
            else:
                due += pause
                pause = min(2 * pause, LONGEST_PAUSE_S)
        return due

    def _may_begin(self, due: float) -> bool:
        late = self._seconds is not None and due - self._begin >= self._seconds
        return self._left > 0 and not late

    async def _call(
        self,
        session: Session,
        number: int,
        step: Step,
        intended: float,
        late: float,
        request: Request | None = None,
    ) -> Call:
        assert self._client is not None
        self.under_way += 1
        keep = partial(self._keep, session.name, number, intended, late)
        try:
            call = await self._client.complete(request or _request(step), intended=intended)
        except asyncio.CancelledError:
            if self._cancelled is not None:
                keep(self._cancelled)
                self._cancelled = None
            raise
        finally:
            self.under_way -= 1
        keep(call)
        return call

    def _keep(self, session: str, number: int, due: float, late: float, call: Call) -> None:
        intended = due - self._begin
        # The wall clock was read once: it may be set while a load lasts.
        timing = replace(call.timing, at=self._wall + intended)
        # Of reasoning only that there was some matters, for its time per token.
        call = replace(call, timing=timing, reply="", reasoning=call.reasoning[:1])
        settling = intended < self._settle_s
        self.outcome.records.append(
            Record(session, number, self._process, intended, late, call, settling)
        )

    def _spawn(self, work: Coroutine[object, object, object]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[object]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._error = error
            self.stop()
        if not self._tasks:
            self._over.set()


def peak(records: Sequence[Record]) -> int:
    """The most calls that were under way at the same time, by their sending."""
    changes = [
        change
        for one in records
        for change in (
            (one.intended_s + one.call.timing.queued, 1),
            (one.intended_s + one.call.timing.end, -1),  # an end sorts before a begin
        )
    ]
    most = now = 0
    for _, change in sorted(changes):
        now += change
        most = max(most, now)
    return most


def _request(step: Step) -> Request:
    return Request(step.messages, max_tokens=step.max_tokens, purpose="bench")


async def _until(due: float) -> None:
    """Wait for a moment of ``time.perf_counter``; never less, and at most a millisecond more."""
    wait = due - perf_counter()
    if wait > 0:
        # uvloop rounds a delay to the nearest millisecond.
        await asyncio.sleep(math.ceil(1e3 * wait) / 1e3)
