"""A model server that costs next to nothing, for measuring who asks it.

It answers every chat completion with one of the choices that the request lists,
picked by a checksum of the request, one latency after the request was read. All
waits are equal, so they end in the order in which they began: one queue and one
timer serve every connection. ``GET /v1/told`` says how many calls were answered,
and how much later than promised. For replies in all their shapes there is
``lmgame.scripted_server``, which takes longer for a call.

    python benchmarks/load_server.py --latency-s 0.05
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import math
import socket
import sys
import zlib
from collections import deque
from functools import lru_cache
from time import perf_counter
from typing import cast

import uvloop

_HEAD_END = b"\r\n\r\n"
_CHOICES = b'"choice":['
_OPENING = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)
_SHAPE = {"id": "chatcmpl-0", "object": "chat.completion.chunk", "created": 0, "model": "load"}


class Answers:
    """Replies that are due, in order.

    Args:
        latency_s: Seconds from a request to its reply.
    """

    def __init__(self, latency_s: float) -> None:
        self._latency_s = latency_s
        self._due: deque[tuple[float, asyncio.Transport, bytes]] = deque()
        self.calls = 0
        self.late_s = 0.0
        self.latest_s = 0.0

    def add(self, transport: asyncio.Transport, reply: bytes) -> None:
        """Send a reply when its time has come."""
        if not self._due:
            self._wait(self._latency_s)
        self._due.append((perf_counter() + self._latency_s, transport, reply))

    def _wait(self, seconds: float) -> None:
        # Never early: uvloop rounds a delay to the nearest millisecond.
        asyncio.get_running_loop().call_later(math.ceil(1e3 * seconds) / 1e3, self._send)

    def _send(self) -> None:
        now, due = perf_counter(), self._due
        while due and due[0][0] <= now:
            when, transport, reply = due.popleft()
            self.calls += 1
            self.late_s += now - when
            self.latest_s = max(self.latest_s, now - when)
            if not transport.is_closing():
                transport.write(reply)
        if due:
            self._wait(max(due[0][0] - perf_counter(), 0.0))

    def told(self) -> bytes:
        """What was answered so far, as an HTTP response."""
        mean = self.late_s / self.calls if self.calls else 0.0
        found = {"calls": self.calls, "late_mean_s": mean, "late_max_s": self.latest_s}
        return _plain(json.dumps(found).encode())


class Connection(asyncio.Protocol):
    """Finds whole requests in what a client sends."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._unread = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass

    def data_received(self, data: bytes) -> None:
        data = self._unread + data if self._unread else data
        while (end := data.find(_HEAD_END)) >= 0:
            body = end + len(_HEAD_END)
            length = _length(data[:end])
            if len(data) < body + length:
                break
            self._answer(data[:end], data[body : body + length])
            data = data[body + length :]
        self._unread = data

    def _answer(self, head: bytes, body: bytes) -> None:
        if head.startswith(b"POST"):
            self._answers.add(self._transport, _reply(_choices(body), zlib.crc32(body)))
        elif head.startswith(b"GET /v1/told"):
            self._transport.write(self._answers.told())
        else:
            self._transport.write(_plain(b'{"object":"list","data":[{"id":"load"}]}'))


def _length(head: bytes) -> int:
    start = head.lower().find(b"content-length:")
    return int(head[start + 15 :].split(b"\r\n", 1)[0]) if start >= 0 else 0


def _choices(body: bytes) -> bytes:
    """The list of choices, as it stands in the request."""
    start = body.rfind(_CHOICES) + len(_CHOICES)
    return body[start : body.index(b"]", start)]


def _reply(choices: bytes, number: int) -> bytes:
    listed = _listed(choices)
    return _stream(listed[number % len(listed)])


@lru_cache(maxsize=4096)
def _listed(choices: bytes) -> tuple[str, ...]:
    return tuple(json.loads(b"[%b]" % choices))


@lru_cache(maxsize=4096)
def _stream(text: str) -> bytes:
    """A whole reply, one HTTP chunk for each event."""
    usage = {"prompt_tokens": 200, "completion_tokens": 1, "total_tokens": 201}
    events = [
        *(
            json.dumps({**_SHAPE, "choices": [{"index": 0, "delta": delta, "finish_reason": why}]})
            for delta, why in (
                ({"role": "assistant", "content": ""}, None),
                ({"content": text}, None),
                ({}, "stop"),
            )
        ),
        json.dumps({**_SHAPE, "choices": [], "usage": usage}),
        "[DONE]",
    ]
    framed = [f"data: {event}\n\n".encode() for event in events]
    return _OPENING + b"".join(b"%x\r\n%b\r\n" % (len(one), one) for one in framed) + b"0\r\n\r\n"


def _plain(body: bytes) -> bytes:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    return head % len(body) + body


async def serve(latency_s: float) -> None:
    """Answer until standard input ends; prints the base URL first."""
    loop = asyncio.get_running_loop()
    answers = Answers(latency_s)
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    server = await loop.create_server(lambda: Connection(answers), sock=listener, backlog=4096)
    print(f"http://127.0.0.1:{listener.getsockname()[1]}/v1", flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--latency-s", type=float, default=0.05, help="seconds to a reply")
    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(serve(parser.parse_args().latency_s))


if __name__ == "__main__":
    main()
