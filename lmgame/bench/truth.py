"""A model server whose times are known, and which costs next to nothing.

It answers every chat completion with ``max_tokens`` tokens: the first one TTFT after
the request was read, the others one ITL apart. Where the request lists choices it
answers with one of them, picked by a checksum of the request, as one token. One heap and
one timer serve every connection. ``GET /v1/told`` says how many calls were answered,
and how much later than promised their first tokens were sent. For replies in all their
shapes there is ``lmgame.scripted_server``, which takes longer for a call.

    python -m lmgame.bench.truth --ttft-s 0.1 --itl-s 0.02
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import heapq
import json
import math
import re
import socket
import subprocess
import sys
import zlib
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from time import perf_counter
from typing import cast

_HEAD_END = b"\r\n\r\n"
_CHOICES = b'"choice":['
_MAX_TOKENS = re.compile(rb'"max(?:_completion)?_tokens":\s*(\d+)')
_USUAL_TOKENS = 50
_OPENING = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)
_SHAPE = {"id": "chatcmpl-0", "object": "chat.completion.chunk", "created": 0, "model": "truth"}
_KEPT = 1 << 20
"""Latenesses kept for percentiles; a benchmark of hours needs no more."""


class Answers:
    """Replies that are due, in order.

    Args:
        ttft_s: Seconds from a request to the first token of its reply.
        itl_s: Seconds between tokens.
    """

    def __init__(self, ttft_s: float, itl_s: float = 0.0) -> None:
        self._ttft_s, self._itl_s = ttft_s, itl_s
        self._due: list[tuple[float, int, asyncio.Transport, tuple[bytes, ...], int]] = []
        self._number = 0
        self._timer: asyncio.TimerHandle | None = None
        self._wakes = math.inf
        self.calls = 0
        self.late_s = 0.0
        self.latest_s = 0.0
        self._late = array("d")

    def add(self, transport: asyncio.Transport, pieces: tuple[bytes, ...], at: float) -> None:
        """Send a reply piece by piece, counted from when its request was read."""
        self._number += 1
        heapq.heappush(self._due, (at + self._ttft_s, self._number, transport, pieces, 0))
        self._wait()

    def _wait(self) -> None:
        if not self._due or self._due[0][0] >= self._wakes:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._wakes = self._due[0][0]
        # Never early: uvloop rounds a delay to the nearest millisecond.
        seconds = math.ceil(1e3 * max(self._wakes - perf_counter(), 0.0)) / 1e3
        self._timer = asyncio.get_running_loop().call_later(seconds, self._send)

    def _send(self) -> None:
        self._timer, self._wakes = None, math.inf
        now, due = perf_counter(), self._due
        while due and due[0][0] <= now:
            when, number, transport, pieces, place = due[0]
            if transport.is_closing():
                heapq.heappop(due)
                continue
            transport.write(pieces[place])
            if place == 0:
                self._note(perf_counter() - when)
            if place + 1 < len(pieces):
                following = (when + self._itl_s, number, transport, pieces, place + 1)
                heapq.heapreplace(due, following)
            else:
                heapq.heappop(due)
        self._wait()

    def _note(self, late: float) -> None:
        self.calls += 1
        self.late_s += late
        self.latest_s = max(self.latest_s, late)
        if len(self._late) < _KEPT:
            self._late.append(late)

    def told(self) -> bytes:
        """What was answered so far, as an HTTP response."""
        late = sorted(self._late)
        found = {
            "calls": self.calls,
            "late_mean_s": self.late_s / self.calls if self.calls else 0.0,
            "late_p99_s": late[math.ceil(0.99 * len(late)) - 1] if late else 0.0,
            "late_max_s": self.latest_s,
        }
        return _plain(json.dumps(found).encode())


class Connection(asyncio.Protocol):
    """Finds whole requests in what a client sends."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._unread = b""
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass

    def data_received(self, data: bytes) -> None:
        """Note when it came."""
        # In a burst all sockets are read before any request is looked at, so that
        # replies are timed from when requests came, not from when it was their turn.
        self._loop.call_soon(self._read, data, perf_counter())

    def _read(self, data: bytes, at: float) -> None:
        data = self._unread + data if self._unread else data
        while (end := data.find(_HEAD_END)) >= 0:
            body = end + len(_HEAD_END)
            length = _length(data[:end])
            if len(data) < body + length:
                break
            self._answer(data[:end], data[body : body + length], at)
            data = data[body + length :]
        self._unread = data

    def _answer(self, head: bytes, body: bytes, at: float) -> None:
        if head.startswith(b"POST"):
            self._answers.add(self._transport, _reply(body), at)
        elif head.startswith(b"GET /v1/told"):
            self._transport.write(self._answers.told())
        else:
            self._transport.write(_plain(b'{"object":"list","data":[{"id":"truth"}]}'))


def _length(head: bytes) -> int:
    start = head.lower().find(b"content-length:")
    return int(head[start + 15 :].split(b"\r\n", 1)[0]) if start >= 0 else 0


def _reply(body: bytes) -> tuple[bytes, ...]:
    start = body.rfind(_CHOICES)
    if start >= 0:
        start += len(_CHOICES)
        listed = _listed(body[start : body.index(b"]", start)])
        return _stream(listed[zlib.crc32(body) % len(listed)], 1)
    wanted = _MAX_TOKENS.search(body)
    return _stream(" a", int(wanted[1]) if wanted else _USUAL_TOKENS)


@lru_cache(maxsize=4096)
def _listed(choices: bytes) -> tuple[str, ...]:
    return tuple(json.loads(b"[%b]" % choices))


@lru_cache(maxsize=4096)
def _stream(text: str, tokens: int) -> tuple[bytes, ...]:
    """A whole reply, one HTTP chunk for each event, in the pieces in which it is sent."""
    usage = {"prompt_tokens": 200, "completion_tokens": tokens, "total_tokens": 200 + tokens}
    token = _framed(_delta({"content": text}))
    end = [_delta({}, "stop"), {**_SHAPE, "choices": [], "usage": usage}]
    last = b"".join(map(_framed, end)) + _chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n"
    first = _OPENING + _framed(_delta({"role": "assistant", "content": ""})) + token
    pieces = [first, *[token] * (max(tokens, 1) - 1)]
    pieces[-1] += last
    return tuple(pieces)


def _delta(delta: dict[str, str], why: str | None = None) -> dict[str, object]:
    return {**_SHAPE, "choices": [{"index": 0, "delta": delta, "finish_reason": why}]}


def _framed(event: dict[str, object]) -> bytes:
    return _chunk(b"data: %b\n\n" % json.dumps(event).encode())


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _plain(body: bytes) -> bytes:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    return head % len(body) + body


async def serve(ttft_s: float, itl_s: float) -> None:
    """Answer until standard input ends; prints the base URL first."""
    loop = asyncio.get_running_loop()
    answers = Answers(ttft_s, itl_s)
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    server = await loop.create_server(lambda: Connection(answers), sock=listener, backlog=4096)
    print(f"http://127.0.0.1:{listener.getsockname()[1]}/v1", flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


@contextmanager
def serving(ttft_s: float, itl_s: float) -> Iterator[str]:
    """Such a server in a process of its own, for as long as the block lasts: its base URL."""
    times = [f"--ttft-s={ttft_s}", f"--itl-s={itl_s}"]
    server = subprocess.Popen(
        [sys.executable, "-m", "lmgame.bench.truth", *times],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C ends who measures; this ends with its input
    )
    assert server.stdout is not None
    try:
        yield server.stdout.readline().strip()
    finally:
        server.communicate("")


def main() -> None:
    """Serve from the command line."""
    from lmgame.bench.fleet import run

    parser = argparse.ArgumentParser(prog="python -m lmgame.bench.truth", description=__doc__)
    parser.add_argument("--ttft-s", type=float, default=0.1, help="seconds to the first token")
    parser.add_argument("--itl-s", type=float, default=0.02, help="seconds between tokens")
    options = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        run(serve(options.ttft_s, options.itl_s))


if __name__ == "__main__":
    main()
