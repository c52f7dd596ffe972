"""One worker process as the router sees it: start, talk, notice its death, restart."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable

from lmgame.serving.channel import Message, encode
from lmgame.serving.prefix import PrefixMap
from lmgame.serving.role import RoleName
from lmgame.serving.worker import WorkerSettings

log = logging.getLogger("lmgame.serving")

STEADY_S = 5.0
"""A worker that was ready for this long works; so does one that finished any reply."""
MAX_USELESS_LIVES = 5
"""Deaths in a row without either, after which restarting makes no sense."""
FIRST_BACKOFF_S = 0.1
CROWDED = {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "10000"}
"""How threads of llama.cpp wait for each other where they do not have a core each.

Going to sleep at once makes a prompt slow on free cores, spinning for long makes it slow
beside a decode worker; some microseconds of spinning cost little of either. Where each
thread has its core, OpenMP's own way is best."""


class WorkerProcess:
    """A worker that is kept alive.

    Args:
        role: What it does.
        index: Its number among those of its role.
        slots: Sequences it holds.
        settings: Builds its settings from the control descriptor.
        inherited: Other descriptors it inherits.
        on_message: Called for each message.
        on_down: Called when it died, before it is restarted.
        on_hopeless: Called with an explanation when restarting makes no sense.
    """

    def __init__(
        self,
        role: RoleName,
        index: int,
        slots: int,
        settings: Callable[[int], WorkerSettings],
        inherited: tuple[int, ...],
        on_message: Callable[[WorkerProcess, Message], None],
        on_down: Callable[[WorkerProcess], None],
        on_hopeless: Callable[[str], None],
    ) -> None:
        self.role = role
        self.index = index
        self.slots = slots
        self.free_slots = list(range(slots - 1, -1, -1))
        self.ready = False
        self.given = 0  # jobs it was ever given: among equals the least used is next
        self.prefixes = PrefixMap()  # the prompts that it keeps
        self.restarts = 0
        self.pid = 0
        self._settings = settings
        self._inherited = inherited
        self._on_message = on_message
        self._on_down = on_down
        self._on_hopeless = on_hopeless
        self._writer: asyncio.StreamWriter | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = False
        self._ready_at = 0.0
        self._finished_work = False
        self._task: asyncio.Task[None] | None = None

    @property
    def name(self) -> str:
        """``decode-0``."""
        return f"{self.role}-{self.index}"

    @property
    def busy_slots(self) -> int:
        """Slots in use."""
        return self.slots - len(self.free_slots)

    def start(self) -> None:
        """Start it and keep it alive until :meth:`stop`."""
        self._task = asyncio.create_task(self._supervise(), name=self.name)

    def send(self, message: Message) -> None:
        """Send a message; lost if the worker is dying, which :attr:`on_down` then tells."""
        if self._writer is not None:
            self._writer.write(encode(message))

    async def stop(self, grace: float = 1.0) -> None:
        """End it: it leaves when its control socket closes, and is killed otherwise.

        Args:
            grace: Seconds to wait before killing.
        """
        self._stopping = True
        if self._writer is not None:
            self._writer.close()
        process = self._process
        if process is not None:
            deadline = time.monotonic() + grace
            while process.poll() is None and time.monotonic() < deadline:
                await asyncio.sleep(0.01)
            if process.poll() is None:
                process.kill()
                process.wait()
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _supervise(self) -> None:
        try:
            await self._keep_alive()
        except Exception as error:
            # Nobody awaits this task, so an error here must not end in silence.
            log.exception("cannot keep worker %s alive", self.name)
            self._on_hopeless(f"cannot keep worker {self.name} alive: {error!r}")

    async def _keep_alive(self) -> None:
        useless = 0
        while True:
            status, useful = await self._live_once()
            if self._stopping:
                return
            useless = 0 if useful else useless + 1
            self._on_down(self)
            if useless >= MAX_USELESS_LIVES:
                self._on_hopeless(
                    f"worker {self.name} died {useless} times in a row before it did any "
                    f"work, last with status {status}"
                )
                return
            self.restarts += 1
            await asyncio.sleep(FIRST_BACKOFF_S * 2 ** max(useless - 1, 0))

    async def _live_once(self) -> tuple[int, bool]:
        """One life; its exit status and whether it was of use."""
        self._finished_work = False
        ours, theirs = socket.socketpair()
        with theirs:
            # Its own process group, so that Ctrl-C in a terminal reaches only the router;
            # not its own session, because Linux's autogroup scheduling compares nice
            # values only within a session, and prefill must yield to decode.
            settings = self._settings(theirs.fileno())
            environment = {**(CROWDED if settings.crowded else {}), **os.environ}
            self._process = subprocess.Popen(
                [sys.executable, "-m", "lmgame.serving.worker", settings.to_json()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(), *self._inherited),
                process_group=0,
                env=environment,
            )
        self.pid = self._process.pid
        reader, self._writer = await asyncio.open_connection(sock=ours, limit=2**24)
        try:
            while line := await reader.readline():
                self._receive(json.loads(line))
        except (OSError, ValueError):
            pass
        finally:
            steady = self.ready and time.monotonic() - self._ready_at >= STEADY_S
            self.ready = False
            self.prefixes.clear()
            self._writer.close()
            self._writer = None
        return 0 if self._stopping else await self._reap(), steady or self._finished_work

    def _receive(self, message: Message) -> None:
        if message["op"] == "fatal":
            self._stopping = True
            self._on_hopeless(message["message"])
            return
        if message["op"] == "ready":
            self.ready, self._ready_at = True, time.monotonic()
        elif message["op"] == "exported" or message.get("finish") in ("stop", "length"):
            self._finished_work = True
        self._on_message(self, message)

    async def _reap(self) -> int:
        """Collect the dead process; one that only closed its socket is made dead."""
        process = self._process
        assert process is not None
        for _ in range(50):
            if process.poll() is not None:
                break
            await asyncio.sleep(0.01)
        else:
            process.kill()
        return process.wait()
