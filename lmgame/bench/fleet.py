"""A load sent from processes of their own, and their records as one.

The processes that measure do nothing else: drawing, files and figures are the
parent's. Each makes its part of the same plan, so nothing is handed over but settings;
all count from one moment of the machine's monotonic clock, which is checked to be
the same for all. They are not pinned to cores: what else runs here, often the server
itself, would have to be pinned too, and only the operating system knows of it.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import connection
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnContext
from multiprocessing.process import BaseProcess
from time import perf_counter
from typing import Any

from lmgame.bench.drive import Driver, Outcome, warm_up
from lmgame.bench.load import plan
from lmgame.bench.settings import LoadSettings
from lmgame.client import Client, Endpoint, Failure
from lmgame.errors import LmgameError, MixedClocks, ServerError, WorkerLost
from lmgame.garbage import rarely_collected

TELL_S = 0.5
"""How often a process tells how far it is."""
_HEAD_START_S = 0.1
"""From the word to begin until the begin: all must have heard it."""


@dataclass(frozen=True, slots=True)
class Sofar:
    """How far a load is.

    Attributes:
        done: Calls that are over.
        failed: Those of them that failed.
        under_way: Calls under way.
    """

    done: int = 0
    failed: int = 0
    under_way: int = 0


@dataclass(frozen=True, slots=True)
class Line:
    """One end of two pipes, one each way.

    An event loop makes the pipe that it listens to non-blocking, and what is told on a
    non-blocking pipe may be cut off in the middle.

    Attributes:
        hears: Where the other end is heard.
        tells: Where it is told.
    """

    hears: Connection
    tells: Connection

    @classmethod
    def pair(cls, context: SpawnContext) -> tuple[Line, Line]:
        """Both ends."""
        (one, to_one), (other, to_other) = context.Pipe(False), context.Pipe(False)
        return cls(one, to_other), cls(other, to_one)

    def send(self, value: object) -> None:
        """Tell something."""
        self.tells.send(value)

    def recv(self) -> Any:  # noqa: ANN401 - each caller checks what came
        """Wait for what is told.

        Raises:
            EOFError: Nobody is there any more.
        """
        return self.hears.recv()

    def close(self) -> None:
        """Hang up."""
        self.hears.close()
        self.tells.close()


Watch = Callable[[Sofar], None]


def measure(
    endpoint: Endpoint,
    load: LoadSettings,
    watch: Watch = lambda sofar: None,
    warm: Callable[[], None] = lambda: None,
) -> list[Outcome]:
    """Send a load, and wait for its end. Ctrl-C ends it sooner and keeps what there is.

    Args:
        endpoint: Whom to ask.
        load: What to send.
        watch: Is told now and then how far it is.
        warm: Called when all have warmed up, and before the first call that counts.

    Returns:
        What each process did.

    Raises:
        ServerError: No warm-up call succeeded.
        UsageError: The load's file cannot be used.
        MixedClocks: The processes' clocks differ.
        WorkerLost: A process died.
    """
    if load.file is not None:
        plan(load.model_copy(update={"processes": 1, "warmup": 0}))  # what is wrong is told here
    with _children(endpoint, load) as lines:
        for line in lines:
            _check_ready(_hear(line))
        for line in lines:
            _check_clock(line)
        warm()
        begin = perf_counter() + _HEAD_START_S
        for line in lines:
            line.send(begin)
        with _stopping(lines):
            return _await(lines, watch)


@contextmanager
def _children(endpoint: Endpoint, load: LoadSettings) -> Iterator[list[Line]]:
    """Processes that have begun to warm up; they end with the block."""
    context = multiprocessing.get_context("spawn")
    lines: list[Line] = []
    children: list[BaseProcess] = []
    try:
        for number in range(load.processes):
            here, there = Line.pair(context)
            child: BaseProcess = context.Process(
                target=_child, args=(there, endpoint, load, number), daemon=True
            )
            lines.append(here)
            children.append(child)
            with _deaf():
                child.start()
            there.close()
        yield lines
    finally:
        for line in lines:
            line.close()  # the end of its line ends a child
        for child in children:
            child.join(1.0)
            if child.is_alive():
                child.kill()
                child.join()


@contextmanager
def _deaf() -> Iterator[None]:
    """Ignore Ctrl-C, as a process that is started now will for its whole life."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _stopping(lines: Sequence[Line]) -> Iterator[None]:
    """Let Ctrl-C stop the children, however often it is pressed, and interrupt nothing here.

    An interrupt in the middle of what a child tells would lose what it measured.
    """

    def stop(number: int, frame: object) -> None:
        for line in lines:
            with suppress(OSError):
                line.send("stop")

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _check_ready(found: object) -> None:
    if isinstance(found, LmgameError):
        raise found
    if isinstance(found, Failure):
        raise ServerError(f"no call succeeded, so there is nothing to measure: {found.message}")


def _check_clock(line: Line) -> None:
    before = perf_counter()
    line.send("clock")
    theirs = _hear(line)
    after = perf_counter()
    if not isinstance(theirs, float) or not before <= theirs <= after:
        raise MixedClocks(
            f"the monotonic clocks of two processes differ (ours {before:.6f} to {after:.6f}, "
            f"theirs {theirs}): their times cannot be put together; write load.processes=1"
        )


def _hear(line: Line) -> Any:  # noqa: ANN401 - each caller checks what came
    try:
        return line.recv()
    except (EOFError, OSError):
        raise WorkerLost(
            "a process that sends calls died: is there memory enough? Write fewer load.processes"
        ) from None


def _await(lines: Sequence[Line], watch: Watch) -> list[Outcome]:
    """Listen until every process has told what it did."""
    found: dict[int, Outcome] = {}
    sofar = [Sofar()] * len(lines)
    while len(found) < len(lines):
        waiting = {line.hears: place for place, line in enumerate(lines) if place not in found}
        for one in connection.wait(list(waiting)):
            assert isinstance(one, Connection)
            place = waiting[one]
            heard = _hear(lines[place])
            if isinstance(heard, BaseException):
                raise heard
            if isinstance(heard, Outcome):
                found[place] = heard
                heard = Sofar(len(heard.records), _failed(heard))
            sofar[place] = heard
        watch(_sum(sofar))
    return [found[place] for place in range(len(lines))]


def _sum(parts: Sequence[Sofar]) -> Sofar:
    return Sofar(
        sum(one.done for one in parts),
        sum(one.failed for one in parts),
        sum(one.under_way for one in parts),
    )


def _failed(outcome: Outcome) -> int:
    return sum(one.call.failure is not None for one in outcome.records)


def _child(line: Line, endpoint: Endpoint, load: LoadSettings, process: int) -> None:
    """A process that sends: what it hears ends it, Ctrl-C does not."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        run(_serve(line, endpoint, _driver(load, process)))
    except LmgameError as error:
        with suppress(OSError):
            line.send(error)
    except (EOFError, OSError):  # the parent is gone
        sys.exit(1)


def _driver(load: LoadSettings, process: int) -> Driver:
    if load.kind == "matches":
        from lmgame.bench.matches import MatchDriver

        return MatchDriver(load, process)
    return Driver(plan(load, process), load.seconds, load.settle_s, process)


def run(work: Any) -> None:  # noqa: ANN401 - a coroutine, whatever it gives
    """Run on uvloop where there is one."""
    try:
        import uvloop
    except ImportError:  # Windows
        asyncio.run(work)
    else:
        uvloop.run(work)


async def _serve(line: Line, endpoint: Endpoint, driver: Driver) -> None:
    async with Client(endpoint, on_call=driver.seen) as client:
        line.send(await warm_up(client, driver.plan))
        while (heard := line.recv()) == "clock":
            line.send(perf_counter())
        if heard == "stop":
            line.send(Outcome(stopped=True))
            return
        loop = asyncio.get_running_loop()
        loop.add_reader(line.hears.fileno(), _listen, line, driver)
        telling = asyncio.create_task(_tell(line, driver))
        try:
            with rarely_collected():
                await asyncio.sleep(max(0.0, heard - perf_counter()))
                outcome = await driver.run(client, heard)
        finally:
            telling.cancel()
            loop.remove_reader(line.hears.fileno())
        line.send(outcome)


def _listen(line: Line, driver: Driver) -> None:
    try:
        line.recv()
    except (EOFError, OSError):  # nobody is there any more to be told
        asyncio.get_running_loop().remove_reader(line.hears.fileno())
    driver.stop()


async def _tell(line: Line, driver: Driver) -> None:
    counted = failed = 0
    while True:
        await asyncio.sleep(TELL_S)
        records = driver.outcome.records
        failed += sum(one.call.failure is not None for one in records[counted:])
        counted = len(records)
        with suppress(OSError):
            line.send(Sofar(counted, failed, driver.under_way))
