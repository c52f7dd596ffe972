"""What a scripted server answers, and when: replies and how they are sent."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b
from http import HTTPStatus
from typing import Literal

_WORDS = re.compile(r"\s*\S+")

_CHOICE = ("structured_outputs", "choice")  # vLLM
_ENUM = ("response_format", "json_schema", "schema", "properties", "action", "enum")  # OpenAI

Step = tuple[float, bytes]
"""Seconds since the request came in, and what to send then."""


@dataclass(frozen=True, slots=True)
class Received:
    """A request as it came in.

    Attributes:
        path: The request's target.
        headers: Names in lower case.
        body: The JSON object of the body; empty where it held none.
        connection: Which connection brought it, counted from 0.
    """

    path: str
    headers: Mapping[str, str]
    body: Mapping[str, object]
    connection: int

    @property
    def choices(self) -> tuple[str, ...]:
        """The replies that the request allows, in the dialects that list them."""
        wanted = self.body.get("guided_choice")
        for path in (_CHOICE, _ENUM):
            found: object = self.body
            for name in path:
                found = found.get(name) if isinstance(found, dict) else None
            wanted = found or wanted
        return tuple(map(str, wanted)) if isinstance(wanted, list) else ()

    def pick(self, choices: Sequence[str]) -> str:
        """Pick one by a hash of the messages: the same request, the same reply."""
        messages = json.dumps(self.body.get("messages"), sort_keys=True).encode()
        number = int.from_bytes(blake2b(messages, digest_size=8).digest(), "big")
        return choices[number % len(choices)]


@dataclass(frozen=True, slots=True)
class Reply:
    """How to answer one request.

    Attributes:
        text: The answer; for a status of 400 or above, the error's message.
        chunks: The answer in pieces, one event each; default: word by word.
        reasoning: Pieces of reasoning that come before the answer.
        reasoning_field: The name under which they come.
        ttft_s: Seconds from the request's arrival to the first piece.
        itl_s: Seconds between pieces.
        status: The HTTP status.
        headers: Further response headers.
        usage: Token counts to state; ``"count"`` takes one token per piece, None
            states none. Streams state them in their last event, if asked to.
        finish: The finish reason.
        server: What to tell under ``lmgame``: stages, workers, mode.
        stream: False answers in one JSON body even where a stream was asked.
        done: Whether a stream ends with ``[DONE]``.
        events: Raw data of the stream's events instead of generated ones.
        break_after: Events after which ``ending`` happens; None: after all.
        ending: ``"keep"`` the connection; ``"close"`` it, in the middle of the
            body or not; fall into ``"silence"``; or go on with the last event,
            ``"endless"``.
        body: Sent as it is instead of a generated JSON body.
        raw: Sent as it is instead of an HTTP response.
    """

    text: str = "ok"
    chunks: Sequence[str] | None = None
    reasoning: Sequence[str] = ()
    reasoning_field: str = "reasoning_content"
    ttft_s: float = 0.0
    itl_s: float = 0.0
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    usage: Mapping[str, object] | Literal["count"] | None = "count"
    finish: str | None = "stop"
    server: Mapping[str, object] | None = None
    stream: bool = True
    done: bool = True
    events: Sequence[str] | None = None
    break_after: int | None = None
    ending: Literal["keep", "close", "silence", "endless"] = "keep"
    body: bytes | None = None
    raw: bytes | None = None

    @property
    def pieces(self) -> tuple[str, ...]:
        """The answer's pieces."""
        return tuple(_WORDS.findall(self.text) if self.chunks is None else self.chunks)


def steps(reply: Reply, received: Received) -> Iterator[Step]:
    """Lay out what is sent, and when."""
    if reply.raw is not None:
        yield reply.ttft_s, reply.raw
    elif received.body.get("stream") is True and reply.stream and reply.status < 400:
        yield from _stream(reply, received)
    else:
        body = _whole(reply, received) if reply.body is None else reply.body
        count = len(reply.pieces) + len(reply.reasoning)
        head = _head(reply, "application/json", f"Content-Length: {len(body)}")
        if reply.break_after is not None:
            body = body[: reply.break_after]
        yield reply.ttft_s + max(count - 1, 0) * reply.itl_s, head + body


def _stream(reply: Reply, received: Received) -> Iterator[Step]:
    yield 0.0, _head(reply, "text/event-stream; charset=utf-8", "Transfer-Encoding: chunked")
    timed = _raw_events(reply) if reply.events is not None else _events(reply, received)
    at, frame = 0.0, b""
    for count, (when, data) in enumerate(timed):
        if count == reply.break_after:
            break
        at, frame = when, data
        yield at, frame
    if reply.ending == "endless":
        for number in itertools.count(1):
            yield at + number * reply.itl_s, frame
    if reply.break_after is None:
        if reply.done:
            yield at, _framed("[DONE]")
        if reply.ending == "keep":
            yield at, b"0\r\n\r\n"


def _raw_events(reply: Reply) -> Iterator[Step]:
    for number, data in enumerate(reply.events or ()):
        yield reply.ttft_s + number * reply.itl_s, _framed(data)


def _events(reply: Reply, received: Received) -> Iterator[Step]:
    model = str(received.body.get("model"))
    yield 0.0, _delta(model, "role", "assistant")
    pieces = [(reply.reasoning_field, piece) for piece in reply.reasoning]
    pieces += [("content", piece) for piece in reply.pieces]
    at = reply.ttft_s
    for number, (name, piece) in enumerate(pieces):
        at = reply.ttft_s + number * reply.itl_s
        yield at, _delta(model, name, piece)
    last = {**_shape(model, "chat.completion.chunk"), "choices": [_choice({}, reply.finish)]}
    if reply.server is not None:
        last["lmgame"] = reply.server
    yield at, _framed(json.dumps(last))
    options = received.body.get("stream_options")
    usage = _usage(reply, received)
    if usage is not None and isinstance(options, dict) and options.get("include_usage"):
        yield at, _framed(json.dumps({**last, "choices": [], "usage": usage}))


@lru_cache(maxsize=4096)  # a known-truth server must cost less than who is measured with it
def _delta(model: str, name: str, piece: str) -> bytes:
    delta = {"role": piece, "content": ""} if name == "role" else {name: piece}
    shape = _shape(model, "chat.completion.chunk")
    return _framed(json.dumps({**shape, "choices": [_choice(delta, None)]}))


def _choice(delta: Mapping[str, object], finish: str | None) -> dict[str, object]:
    return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}


def _whole(reply: Reply, received: Received) -> bytes:
    if reply.status >= 400:
        kind = "invalid_request_error" if reply.status < 500 else "server_error"
        error = {"message": reply.text, "type": kind, "param": None, "code": None}
        return json.dumps({"error": error}).encode()
    message: dict[str, object] = {"role": "assistant", "content": "".join(reply.pieces)}
    if reply.reasoning:
        message[reply.reasoning_field] = "".join(reply.reasoning)
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": reply.finish}
    model = str(received.body.get("model"))
    value = {**_shape(model, "chat.completion"), "choices": [choice]}
    usage = _usage(reply, received)
    if usage is not None:
        value["usage"] = usage
    if reply.server is not None:
        value["lmgame"] = reply.server
    return json.dumps(value).encode()


def _shape(model: str, kind: str) -> dict[str, object]:
    return {"id": "chatcmpl-0", "object": kind, "created": 0, "model": model}


def _usage(reply: Reply, received: Received) -> Mapping[str, object] | None:
    if reply.usage != "count":
        return reply.usage
    messages = received.body.get("messages")
    prompt = len(json.dumps(messages).split())
    completion = len(reply.pieces) + len(reply.reasoning)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "completion_tokens_details": {"reasoning_tokens": len(reply.reasoning)},
        "prompt_tokens_details": {"cached_tokens": 0},
    }


def _head(reply: Reply, kind: str, framing: str) -> bytes:
    reason = HTTPStatus(reply.status).phrase
    names = {name.lower() for name in reply.headers}
    lines = [f"HTTP/1.1 {reply.status} {reason}", framing]
    if "content-type" not in names:
        lines.append(f"Content-Type: {kind}")
    lines += [f"{name}: {value}" for name, value in reply.headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def _framed(event: str) -> bytes:
    data = f"data: {event}\n\n".encode()
    return b"%x\r\n%b\r\n" % (len(data), data)
