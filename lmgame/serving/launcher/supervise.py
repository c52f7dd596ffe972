"""Starts the processes of a plan, watches over them, and stops them all.

Nothing is restarted: a process that ends is named with its last words, and all others
are stopped. Each runs under a guard, so that none outlives us.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import cast

import httpx

from lmgame.errors import ServerError
from lmgame.serving.launcher import guard
from lmgame.serving.launcher.journal import Journal
from lmgame.serving.launcher.plan import Plan, Process

_POLL_S, _SLOWEST_POLL_S, _ASK_S = 0.2, 2.0, 5.0
_LONGEST = 65_536
_ENDS = re.compile(rb"\r\n|\n|\r")


class _Child:
    """One process as we see it, with what it starts."""

    def __init__(self, process: Process, grace_s: float, journal: Journal) -> None:
        self.process, self._journal = process, journal
        self._run = subprocess.Popen(
            [sys.executable, "-I", guard.__file__, str(grace_s), *process.arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **process.environment},
            start_new_session=True,  # Ctrl-C in a terminal is for us, who stop them in order
        )
        # asyncio's own wait() waits for the pipes too, which what it left behind may hold open.
        self.ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        threading.Thread(target=self._wait, args=(self.ended.get_loop(),), daemon=True).start()
        self._reading = asyncio.create_task(self._read())

    def _wait(self, loop: asyncio.AbstractEventLoop) -> None:
        status = self._run.wait()
        self._kill()  # what it left behind
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody asks any more
            loop.call_soon_threadsafe(self.ended.set_result, status)

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._run.pid, signal.SIGKILL)

    async def _read(self) -> None:
        loop, reader = asyncio.get_running_loop(), asyncio.StreamReader()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), self._run.stdout)
        left = b""
        while piece := await reader.read(_LONGEST):
            *lines, left = _ENDS.split(left + piece)
            if len(left) > _LONGEST:
                lines.append(left)
                left = b""
            for line in filter(None, lines):
                self._journal.add(self.process.name, line.decode(errors="replace"))
        if left:
            self._journal.add(self.process.name, left.decode(errors="replace"))

    async def last_words(self) -> str:
        """Who it was, how it ended, and what it said last."""
        await self._heard()
        status = self.ended.result()
        how, number = f"with status {status}", -status if status < 0 else status - 128
        with contextlib.suppress(ValueError):
            how = f"by {signal.Signals(number).name}"
        said = self._journal.tail(self.process.name)
        tail = "".join(f"\n  {line}" for line in said) or " It said nothing."
        return f"{self.process.name} ended {how}; all others were stopped.{tail}"

    async def _heard(self) -> None:
        """Wait for its last output, though not for what a grandchild holds open."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(self._reading), 1.0)

    def let_go(self) -> None:
        """Tell its guard to end it."""
        assert self._run.stdin is not None
        self._run.stdin.close()

    async def gone(self, within_s: float) -> None:
        """Wait until it has ended."""
        try:
            await asyncio.wait_for(asyncio.shield(self.ended), within_s)
        except TimeoutError:  # its guard hangs, which it never should
            self._kill()
            await self.ended
        await self._heard()
        self._reading.cancel()


class Supervisor:
    """The processes of a plan, for as long as they run.

    Args:
        plan: What to run.
        journal: Is told what they say.
        stop: Set from outside to stop them all.
    """

    def __init__(self, plan: Plan, journal: Journal, stop: asyncio.Event) -> None:
        self._plan, self._journal, self._stop = plan, journal, stop
        self._children: list[_Child] = []

    async def run(self, on_ready: Callable[[], None]) -> None:
        """Run until ``stop`` is set.

        Args:
            on_ready: Called when the router answers.

        Raises:
            ServerError: A port is taken, a process ended, or they took too long.
        """
        check_ports(self._plan.processes)
        for folder in map(Path, self._plan.fresh):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
        deadline = time.monotonic() + self._plan.config.start_s
        try:
            for wave in (self._plan.workers, (self._plan.router,)):
                if not await self._while_all_live(self._start(wave, deadline)):
                    return
            on_ready()
            await self._while_all_live(asyncio.Event().wait())
        finally:
            await self._end()

    async def _while_all_live(self, work: Coroutine[object, object, object]) -> bool:
        """Do something; False if we were asked to stop meanwhile."""
        task: asyncio.Future[object] = asyncio.ensure_future(work)
        asked: asyncio.Future[object] = asyncio.ensure_future(self._stop.wait())
        try:
            while True:
                awaited: list[asyncio.Future[object]] = [task, asked]
                awaited += [cast("asyncio.Future[object]", one.ended) for one in self._children]
                # A look now and then: `work` may have started further children.
                await asyncio.wait(awaited, timeout=1.0, return_when=asyncio.FIRST_COMPLETED)
                if asked.done():
                    return False
                for child in self._children:
                    if child.ended.done():
                        raise ServerError(await child.last_words())
                if task.done():
                    task.result()
                    return True
        finally:
            for one in (task, asked):
                one.cancel()
            await asyncio.gather(task, asked, return_exceptions=True)

    async def _start(self, wave: Sequence[Process], deadline: float) -> None:
        began, grace = time.monotonic(), self._plan.config.stop_s
        for process in wave:
            self._journal.note(f"starting {process.name}")
            self._children.append(_Child(process, grace, self._journal))
        waiting, pause = {process.name: process for process in wave}, _POLL_S
        async with httpx.AsyncClient(timeout=_ASK_S, trust_env=False) as client:
            while waiting:
                for name, process in tuple(waiting.items()):
                    if await _ready(client, process):
                        del waiting[name]
                        took = time.monotonic() - began
                        self._journal.note(f"{name} is ready after {took:.1f} s")
                if waiting and time.monotonic() > deadline:
                    raise ServerError(self._late(list(waiting.values())))
                await asyncio.sleep(pause)
                pause = min(pause * 1.2, _SLOWEST_POLL_S)  # some log every question as an error

    def _late(self, waiting: Sequence[Process]) -> str:
        first = waiting[0]
        names = " and ".join(process.name for process in waiting)
        tail = "".join(f"\n  {line}" for line in self._journal.tail(first.name))
        return (
            f"not ready after {self._plan.config.start_s:g} s: {names}. {first.health} did not "
            f"answer as it should (backend.start_s= allows more). {first.name} said last:{tail}"
        )

    async def _end(self) -> None:
        """The router first, so that nobody asks workers that are gone."""
        if any(not child.ended.done() for child in self._children):
            self._journal.note("stopping")
        for child in reversed(self._children):
            child.let_go()
        within = self._plan.config.stop_s + 5.0
        await asyncio.gather(*(child.gone(within) for child in self._children))


async def _ready(client: httpx.AsyncClient, process: Process) -> bool:
    try:
        answer = await client.get(process.health)
    except httpx.HTTPError:
        return False
    return answer.status_code == 200 and process.says in answer.text


def check_ports(processes: Sequence[Process]) -> None:
    """See that nobody else has the ports: their answers would be taken for ours.

    Raises:
        ServerError: One is taken; says whose it was to be.
    """
    for process in processes:
        for port in process.ports:
            with socket.socket() as trial:
                trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    trial.bind(("", port))
                except OSError:
                    key = "port" if process.role == "router" else "worker_port"
                    raise ServerError(
                        f"port {port}, meant for {process.name}, is taken: stop who has it, or "
                        f"give backend.{key}= another"
                    ) from None


def run_until_signalled(plan: Plan, journal: Journal, on_ready: Callable[[], None]) -> None:
    """Run a plan until SIGINT, SIGTERM or SIGHUP.

    Raises:
        ServerError: As for :meth:`Supervisor.run`.
    """

    async def main() -> None:
        loop, stop = asyncio.get_running_loop(), asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number == signal.SIGHUP and signal.getsignal(number) == signal.SIG_IGN:
                continue  # started with nohup, to outlive its terminal
            loop.add_signal_handler(number, stop.set)
        await Supervisor(plan, journal, stop).run(on_ready)

    asyncio.run(main())
