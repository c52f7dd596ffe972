"""Starting the embedded backend: as a child process, or in the foreground."""

from __future__ import annotations

import collections
import contextlib
import http.client
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import IO, Any, Self

from lmgame.errors import ServerError
from lmgame.serving.config import EmbeddedConfig
from lmgame.serving.server import WARNING, Address, run_until_signalled

Health = dict[str, Any]

START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 5.0
_POLL_S = 0.05


class EmbeddedServer:
    """The embedded backend as a child process, for the length of a ``with`` block.

    The child and its workers end with this process, even when it is killed: they
    notice that their pipe is closed.

    Args:
        config: The settings.
        on_progress: Called with the ``/health`` body whenever it changed while starting.
        timeout: Seconds that starting may take.

    Example:
        ``with EmbeddedServer(EmbeddedConfig(port=0)) as server: use(server.base_url)``
    """

    def __init__(
        self,
        config: EmbeddedConfig,
        on_progress: Callable[[Health], None] | None = None,
        timeout: float = START_TIMEOUT_S,
    ) -> None:
        self.config = config
        self.port = 0
        self.base_url = ""
        self._on_progress = on_progress
        self._timeout = timeout
        self._process: subprocess.Popen[str] | None = None
        self._words: collections.deque[str] = collections.deque(maxlen=50)
        self._readers: list[threading.Thread] = []
        self._listening = threading.Event()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """The server's process id; 0 before it is started."""
        return 0 if self._process is None else self._process.pid

    def start(self) -> None:
        """Start it and wait until it serves.

        Raises:
            ServerError: It ended, with its last words, or took too long.
        """
        self._process = process = subprocess.Popen(
            [sys.executable, "-m", "lmgame.serving"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # Ctrl-C in a terminal is for the owner, which may still want an answer.
            process_group=0,
        )
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(self.config.model_dump_json() + "\n")
            process.stdin.flush()
        for stream, take in ((process.stdout, self._address), (process.stderr, self._remember)):
            assert stream is not None
            reader = threading.Thread(target=_each_line, args=(stream, take), daemon=True)
            reader.start()
            self._readers.append(reader)
        self._wait_until_ready(time.monotonic() + self._timeout)

    def _wait_until_ready(self, deadline: float) -> None:
        last: Health = {}
        while time.monotonic() < deadline:
            self.check()
            health = self.health() if self._listening.is_set() else {}
            if health and health != last:
                last = health
                if self._on_progress is not None:
                    self._on_progress(health)
            if health.get("status") == "ok":
                return
            time.sleep(_POLL_S)
        raise ServerError(f"the server was not ready after {self._timeout:.0f} s: {last}")

    def health(self) -> Health:
        """What ``/health`` says; empty when it does not answer."""
        connection = http.client.HTTPConnection(self.config.host, self.port, timeout=5)
        try:
            connection.request("GET", "/health")
            body: Health = json.loads(connection.getresponse().read())
        except (OSError, ValueError, http.client.HTTPException):
            return {}
        finally:
            connection.close()
        return body

    def check(self) -> None:
        """Make sure that the server still runs.

        Raises:
            ServerError: It ended; holds its last words.
        """
        if self._process is None or self._process.poll() is None:
            return
        status = self._process.returncode
        for reader in self._readers:
            reader.join(timeout=1)
        errors = [line for line in self._words if line.startswith("error: ")]
        words = errors[-1].removeprefix("error: ") if errors else " / ".join(self._words)
        raise ServerError(words or f"the server ended with status {status} and said nothing")

    def stop(self) -> None:
        """End the server and its workers; harmless when it has ended already."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for reader in self._readers:
            reader.join(timeout=1)
        for stream in (process.stdout, process.stderr):
            assert stream is not None
            stream.close()

    def _address(self, line: str) -> None:
        address = Address(**json.loads(line))
        self.port, self.base_url = address.port, address.base_url
        self._listening.set()

    def _remember(self, line: str) -> None:
        if line.startswith(WARNING):
            print(line, file=sys.stderr, flush=True)
        else:
            self._words.append(line)


def _each_line(stream: IO[str], take: Callable[[str], None]) -> None:
    with contextlib.suppress(ValueError):  # closed by stop()
        for line in stream:
            take(line.rstrip("\n"))


def run(config: EmbeddedConfig) -> None:
    """Serve in the foreground until Ctrl-C, SIGTERM or the end of its terminal (SIGHUP).

    Raises:
        ServingError: It cannot start or cannot go on.
    """

    def ready(address: Address) -> None:
        workers = " + ".join(f"{n} {role}" for role, n in config.workers().items())
        print(f"serving {config.model} on {address.base_url} ({workers}); Ctrl-C stops it")
        sys.stdout.flush()

    run_until_signalled(config, on_ready=ready)
