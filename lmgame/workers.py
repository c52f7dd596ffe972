"""Processes that work while this one keeps its time stamps honest.

One event loop reads every socket, so whatever computes in it for long makes tokens
look later than they were. Threads do not help: they share the interpreter's lock.

A worker ends with whoever started it, however that ends: it waits on a pipe whose
other end only that process holds.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import Connection
from threading import Thread
from typing import ParamSpec, TypeVar

from lmgame.errors import LmgameError, UsageError, WorkerLost

P = ParamSpec("P")
T = TypeVar("T")

ATTEMPTS = 3
"""How often something is begun that a worker died of, or beside."""
PRELOADED = ["lmgame.run"]


class Workers:
    """Some processes, started when the first is needed.

    Args:
        count: How many.
        nice: By how much they give way to other processes (``nice``).
        say: Is told when they start, and when one dies.
    """

    def __init__(
        self, count: int, nice: int = 0, say: Callable[[str], None] = lambda text: None
    ) -> None:
        self.count, self._nice, self._say = count, nice, say
        self._pool: ProcessPoolExecutor | None = None
        self._pipe: tuple[Connection, Connection] | None = None
        self._changing = asyncio.Lock()

    async def run(
        self, function: Callable[P, T], *arguments: P.args, **named: P.kwargs
    ) -> tuple[T, float]:
        """Call a function in a worker; one that died of it is replaced.

        Returns:
            What it returned, and the seconds that were lost around it: waiting for a
            free worker, and for the way there and back.

        Raises:
            LmgameError: What the function raised of our own errors.
            WorkerLost: Workers died of it again and again.
        """
        asked = time.perf_counter()
        for _ in range(ATTEMPTS):
            pool = await self._started()
            try:
                task = pool.submit(_timed, function, arguments, named)
                value, error, seconds = await asyncio.wrap_future(task)
            except BrokenProcessPool:
                await self._bury(pool)
                continue
            if error is not None:
                raise UsageError(error[1]) if error[0] else LmgameError(error[1])
            return value, time.perf_counter() - asked - seconds  # type: ignore[return-value] # a value, where there is no error
        raise WorkerLost(
            f"worker processes died {ATTEMPTS} times at {function.__name__}: they were killed, for "
            "example for want of memory, or crashed; to go on with fewer of them write workers=1, "
            "and without any workers=0"
        )

    async def _started(self) -> ProcessPoolExecutor:
        async with self._changing:
            if self._pool is None:
                self._say(f"starting {self.count} worker processes")
                # In a thread: it takes about a second, and the loop has sockets to read.
                self._pool = await asyncio.to_thread(self._start)
            return self._pool

    def _start(self) -> ProcessPoolExecutor:
        methods = multiprocessing.get_all_start_methods()
        context = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
        if context.get_start_method() == "forkserver":
            context.set_forkserver_preload(PRELOADED)  # imported once, not in every worker
        # Both ends stay open: the pool may start some of its processes later than now.
        self._pipe = stop, _ = context.Pipe(duplex=False)
        pool = ProcessPoolExecutor(self.count, context, _begin, (stop, os.getcwd(), self._nice))
        wait([pool.submit(os.getpid) for _ in range(self.count)])
        return pool

    async def _bury(self, pool: ProcessPoolExecutor) -> None:
        """Wait until every process of a broken pool is gone: nothing of it may write any more."""
        async with self._changing:
            if self._pool is pool:
                self._say("a worker process died; what it did is begun again from where its log is")
                await asyncio.to_thread(self.close)

    def close(self) -> None:
        """End every process at once, whatever it does."""
        if self._pipe is not None:
            for end in self._pipe:
                end.close()
            self._pipe = None
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None


def _timed(
    function: Callable[..., T], arguments: tuple[object, ...], named: dict[str, object]
) -> tuple[T | None, tuple[bool, str] | None, float]:
    """A call's value, or whether it is the user's error and which; and its seconds."""
    start = time.perf_counter()
    value, error = None, None
    try:
        value = function(*arguments, **named)
    except LmgameError as raised:  # as words: not every error can be sent
        error = isinstance(raised, UsageError), str(raised)
    return value, error, time.perf_counter() - start


def _begin(stop: Connection, folder: str, nice: int) -> None:
    # Ctrl-C and a closed terminal reach every process; the one that leads says what follows.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    os.chdir(folder)
    os.nice(nice)
    Thread(target=_end_with, args=(stop,), name="end", daemon=True).start()


def _end_with(stop: Connection) -> None:
    try:
        stop.recv_bytes()
    except (EOFError, OSError):
        os._exit(1)
