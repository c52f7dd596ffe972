"""A loopback server that speaks the chat completions API from a script.

It stands in for a model in tests, demonstrations and calibration: it plays
ordinary replies at exact times, and every way in which a server can fail.

    with ScriptedServer(Reply("left", ttft_s=0.1)) as server:
        endpoint = Endpoint(server.base_url, "scripted")
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import math
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from time import perf_counter
from types import TracebackType
from typing import cast

import httptools

from lmgame.scripted_reply import Received, Reply, Step, steps

__all__ = ["Received", "Reply", "Script", "ScriptedServer"]

_TURN = 64  # events in a row before other connections get theirs


Script = Reply | Sequence[Reply] | Callable[[Received], Reply]
"""What to answer: always the same, one after another (the last one stays), or
as a function of the request."""


_OK = Reply()


def _new_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:  # Windows
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


class ScriptedServer:
    """Plays a script on 127.0.0.1, in a thread with a loop of its own.

    Args:
        script: What to answer to chat completions.
        models: The models it has; a request for another one gets a 404.
        key: The key it wants, or empty for none; another one gets a 401.
        port: Where to listen; 0 takes a free one.
        metrics: What stands on its Prometheus page, beside ``/v1``; None for no page.

    Attributes:
        requests: Every chat completion asked for, in order of arrival.
        connections: How many connections were made.
        dropped: How many were closed by the client while a reply was being sent.
    """

    def __init__(
        self,
        script: Script = _OK,
        *,
        models: Sequence[str] = ("scripted",),
        key: str = "",
        port: int = 0,
        metrics: Callable[[], str] | None = None,
    ) -> None:
        self._script, self._key, self.port = script, key, port
        self._metrics = metrics
        self.models = tuple(models)
        self.requests: list[Received] = []
        self.connections = 0
        self.dropped = 0
        self._changed = threading.Condition()
        self._loop = _new_loop()
        self._open: set[_Connection] = set()
        self._server: asyncio.AbstractServer | None = None
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    @property
    def base_url(self) -> str:
        """What a client takes as its base URL."""
        return f"http://127.0.0.1:{self.port}/v1"

    def __enter__(self) -> ScriptedServer:
        self._thread.start()
        try:
            asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()
        except BaseException:
            self._end_loop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._shut(), self._loop).result()
        self._end_loop()

    def wait(self, condition: Callable[[ScriptedServer], bool], timeout_s: float = 10.0) -> bool:
        """Block until the condition holds; False where it never did in time."""
        with self._changed:
            return self._changed.wait_for(lambda: condition(self), timeout_s)

    def answer(self, received: Received) -> Reply:
        """Decide what to play for a request (called in the server's thread)."""
        if received.path.endswith("/models"):
            data = [
                {"id": m, "object": "model", "created": 0, "owned_by": "x"} for m in self.models
            ]
            return Reply(body=json.dumps({"object": "list", "data": data}).encode(), stream=False)
        if received.path.endswith("/health"):
            return Reply(body=b"{}", stream=False)
        if received.path == "/metrics" and self._metrics is not None:
            plain = {"Content-Type": "text/plain; version=0.0.4"}
            return Reply(body=self._metrics().encode(), headers=plain, stream=False)
        if not received.path.endswith("/chat/completions"):
            return Reply("there is no such path here", status=404)
        with self._changed:
            number = len(self.requests)
            self.requests.append(received)
            self._changed.notify_all()
        if self._key and received.headers.get("authorization") != f"Bearer {self._key}":
            return Reply("Incorrect API key provided", status=401)
        if received.body.get("model") not in self.models:
            return Reply(f"The model {received.body.get('model')!r} does not exist", status=404)
        if isinstance(self._script, Reply):
            return self._script
        if callable(self._script):
            return self._script(received)
        return self._script[min(number, len(self._script) - 1)]

    def note(self, connection: _Connection, *, lost: bool, dropped: bool = False) -> None:
        """Count a connection that came or went."""
        with self._changed:
            if lost:
                self._open.discard(connection)
                self.dropped += dropped
            else:
                self._open.add(connection)
                self.connections += 1
            self._changed.notify_all()

    async def _listen(self) -> None:
        # A burst of many streams must not overflow the queue of new connections.
        listener = socket.create_server(("127.0.0.1", self.port), backlog=2048)
        self.port = listener.getsockname()[1]
        self._server = await self._loop.create_server(
            lambda: _Connection(self), sock=listener, backlog=2048
        )

    async def _shut(self) -> None:
        assert self._server is not None
        self._server.close()
        for connection in list(self._open):
            connection.end()
        while self._open:
            await asyncio.sleep(0)
        await self._server.wait_closed()

    def _end_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class _Connection(asyncio.Protocol):
    """Reads requests and plays replies, at times counted from their arrival."""

    def __init__(self, server: ScriptedServer) -> None:
        self._server, self._number = server, server.connections
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._path, self._headers, self._body = b"", dict[str, str](), bytearray()
        self._steps: Iterator[Step] = iter(())
        self._next: Step | None = None
        self._reply: Reply | None = None  # while one is being played
        self._start = 0.0
        self._timer: asyncio.Handle | None = None
        self._loop = asyncio.get_running_loop()
        self._paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass
        self._server.note(self, lost=False)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        dropped = self._reply is not None
        self._reply = self._transport = None
        self._server.note(self, lost=True, dropped=dropped)

    def end(self) -> None:
        """Close, without counting it as the client's doing."""
        self._reply = None
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        # In a burst all sockets are read before any request is parsed, so that
        # replies are timed from when requests came, not from when it was their turn.
        self._loop.call_soon(self._parse, data, perf_counter())

    def _parse(self, data: bytes, at: float) -> None:
        self._start = at
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.end()

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        if self._reply is not None:
            self._step()

    def on_url(self, url: bytes) -> None:
        self._path += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, data: bytes) -> None:
        self._body += data

    def on_message_complete(self) -> None:
        try:
            body = json.loads(self._body or b"{}")
        except ValueError:
            body = {}
        path = self._path.decode("latin-1")
        received = Received(path, self._headers, body, self._number)
        self._path, self._headers, self._body = b"", {}, bytearray()
        self._reply = self._server.answer(received)
        self._steps = steps(self._reply, received)
        self._next = next(self._steps, None)
        self._step()

    def _step(self) -> None:
        if self._reply is None or self._transport is None or self._paused:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        transport, now = self._transport, perf_counter()
        due: list[bytes] = []
        while self._next is not None and len(due) < _TURN and self._start + self._next[0] <= now:
            due.append(self._next[1])
            self._next = next(self._steps, None)
        if due:
            transport.write(b"".join(due))
        if self._next is None:
            self._finish()
            return
        # Never early: uvloop rounds a delay to the nearest millisecond, asyncio up.
        wait = max(self._start + self._next[0] - perf_counter(), 0.0)
        self._timer = self._loop.call_later(math.ceil(1e3 * wait) / 1e3, self._step)

    def _finish(self) -> None:
        reply = self._reply
        assert reply is not None
        if reply.ending == "silence":
            return  # still under way: a client that leaves is counted as one that dropped it
        self._reply = None
        if reply.ending != "keep" and self._transport is not None:
            self._transport.close()


def main() -> None:
    """Play one reply over and over; prints the base URL, ends with its input."""
    parser = argparse.ArgumentParser(prog="python -m lmgame.scripted_server", description=__doc__)
    parser.add_argument("--ttft-s", type=float, default=0.1, help="time to first token, seconds")
    parser.add_argument("--itl-s", type=float, default=0.02, help="time between tokens, seconds")
    parser.add_argument("--tokens", type=int, default=50, help="tokens of a reply")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    options = parser.parse_args()
    reply = Reply(chunks=(" a",) * options.tokens, ttft_s=options.ttft_s, itl_s=options.itl_s)
    with ScriptedServer(reply, port=options.port) as server, contextlib.suppress(EOFError):
        print(server.base_url, flush=True)
        input()


if __name__ == "__main__":
    main()
