"""Reads one response as it arrives: bytes and times in, text and stamps out.

No sockets here; whoever reads the socket passes on what came and when.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

from pydantic_core import from_json

from lmgame.client import delta, usage
from lmgame.client.call import Failure, Usage
from lmgame.client.delta import Piece, ToolCall
from lmgame.client.endpoint import Endpoint
from lmgame.client.sse import Event, EventParser, EventTooLong
from lmgame.client.trouble import Trouble, bad_status, clean, error_text, said

STAGES = ("prefill_queue_s", "prefill_s", "transfer_s", "decode_queue_s", "decode_s")
"""The server-side stages of a call, in the order in which they happen."""

_ERROR_BODY = 64 << 10  # bytes of an error's body that are looked at
_LONGEST_STAGE = 1e6  # seconds; anything above is not a time
_MOST_TOKENS = 1 << 48


class ReplyReader:
    """What one response has brought so far.

    Times are those that the caller passes in. Methods raise Trouble when the
    call is over because of what was read.

    Args:
        endpoint: Whose response this is.
        on_text: Called with each piece of the answer (not of its reasoning).
        hide: Takes the key out of a text, should the server repeat it.

    Attributes:
        first_byte: When the first byte was read; likewise the next four.
        chunks: When each chunk with tokens was read.
        ended: The reply is complete; what follows is only HTTP's own ending.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        on_text: Callable[[str], None] | None = None,
        hide: Callable[[str], str] = str,
    ) -> None:
        self.hide = hide
        self._endpoint = endpoint
        self._on_text = on_text
        self._limit = endpoint.limits.reply_bytes
        self._events: EventParser | None = None
        self._headers: Mapping[str, str] = {}
        self._raw: list[bytes] = []  # a body that is no stream
        self._wire = self._size = 0
        self._answer: list[str] = []
        self._reasoning: list[str] = []
        self._tools: dict[int, ToolCall] = {}
        self._choices = False
        self.status = 0
        self.first_byte: float | None = None
        self.first_token: float | None = None
        self.first_answer: float | None = None
        self.last_token: float | None = None
        self.end: float | None = None
        self.chunks: list[float] = []
        self.usage = Usage()
        self.finish: str | None = None
        self.stages: dict[str, float] = {}
        self.server: dict[str, str | int | float | None] = {}
        self.ended = False

    @property
    def answer(self) -> str:
        """The answer's text so far; tool calls are added when they are complete."""
        return _joined(self._answer)

    @property
    def error_body(self) -> str:
        """The body of a response that is an error, as text without the key."""
        if 200 <= self.status < 300:
            return ""
        return self.hide(b"".join(self._raw).decode("utf-8", "replace"))

    @property
    def reasoning(self) -> str:
        """The text that the server marked as reasoning, so far."""
        return _joined(self._reasoning)

    def head(self, status: int, headers: Mapping[str, str]) -> None:
        """Take the status and the headers (names in lower case)."""
        self.status = status
        self._headers = {name: self.hide(value) for name, value in headers.items()}
        coding = headers.get("content-encoding", "identity").lower()
        if coding not in ("", "identity"):
            raise self._broken(
                f"sent a body packed with {clean(coding)!r} although none was asked for: "
                "turn compression off at the server or what stands before it"
            )

    def body(self, data: bytes, at: float) -> None:
        """Take a piece of the body that was read at the time ``at``."""
        self._wire += len(data)
        if self._wire > 16 * self._limit:
            raise self._oversize()
        if self.ended:
            return
        if self._events is None and (self._raw or not self._is_stream(data)):
            self._raw.append(data)
            if not 200 <= self.status < 300 and self._wire > _ERROR_BODY:
                raise Trouble(self._bad_status())
            if self._wire > self._limit:
                raise self._oversize()
            return
        if self._events is None:
            self._events = EventParser(self._limit)
        try:
            events = self._events.feed(data)
        except EventTooLong:
            raise self._oversize() from None
        for event in events:
            if self._event(event, at):
                break

    def close(self, at: float) -> None:
        """Take note that the response is complete as HTTP has it."""
        if self.ended:
            return
        if not 200 <= self.status < 300:
            raise Trouble(self._bad_status())
        if self._events is None:
            self._whole(b"".join(self._raw), at)
        elif not self._choices:
            raise self._broken("sent an empty stream: look at the server's log")
        elif self.finish is None:
            text = "ended its stream without a finish reason or [DONE]: the reply may be cut"
            raise Trouble(Failure("disconnect", f"{self._endpoint.base_url} {text}", self.status))
        self._complete(at)

    def lost(self, reason: str, at: float) -> None:
        """Take note that the connection broke off before that."""
        if self.ended:
            return
        if self.status and not 200 <= self.status < 300:
            raise Trouble(self._bad_status())
        if self.finish is not None:
            self._complete(at)  # nothing of the reply is missing, at most its usage
            return
        after = f"after {len(self.chunks)} chunks" if self.status else "before any response"
        raise Trouble(
            Failure(
                "disconnect",
                f"{self._endpoint.base_url} broke the connection off {after} ({reason}): "
                "look at the server's log, then try again",
                self.status or None,
            )
        )

    def _is_stream(self, data: bytes) -> bool:
        kind = self._headers.get("content-type", "").lower()
        if not 200 <= self.status < 300 or "json" in kind:
            return False
        return "event-stream" in kind or data.lstrip()[:1] not in (b"{", b"[", b"<")

    def _event(self, event: Event, at: float) -> bool:
        """Take one event; True where it is the last one."""
        if event.data.strip() == "[DONE]":
            if not self._choices:
                raise self._broken("sent an empty stream: look at the server's log")
            self._complete(at)
            return True
        value = self._object(event.data)
        if value.get("error") is not None or event.type == "error":
            text = clean(self.hide(error_text(value))) or "no reason given"
            raise Trouble(
                Failure(
                    "server",
                    f"{self._endpoint.base_url} gave up in the middle of the reply: {text}",
                    self.status,
                )
            )
        self._facts(value)
        choice = _first(value.get("choices"))
        if choice is not None:
            self._choices = True
            self._take(choice.get("delta"), choice, at)
        return False

    def _whole(self, data: bytes, at: float) -> None:
        """Read a reply in one JSON body, from a server that does not stream."""
        body = data.decode("utf-8", "replace")
        value = self._object(body)
        if value.get("error") is not None:
            text = f"{self._endpoint.base_url} answered with an error{said(self.hide(body))}"
            raise Trouble(Failure("server", text, self.status))
        self._facts(value)
        choice = _first(value.get("choices"))
        if choice is None:
            raise self._broken("sent JSON without 'choices': is this a chat completions API?")
        self._choices = True
        self._take(choice.get("message"), choice, at)

    def _take(self, held: object, choice: dict[str, Any], at: float) -> None:
        finish = choice.get("finish_reason")
        if isinstance(finish, str):
            self.finish = clean(self.hide(finish), 40)
        fields = held if isinstance(held, dict) else {}
        piece = delta.read(fields, self._endpoint.reasoning_fields)
        called = any(name or arguments for _, name, arguments in piece.tools)
        if not (piece.thought or piece.answer or called):
            return  # a role, an empty or a finishing chunk is no token
        if self.first_token is None:
            self.first_token = at
        self.last_token = at
        self.chunks.append(at)
        self._grow(piece.thought, self._reasoning)
        if (piece.answer or called) and self.first_answer is None:
            self.first_answer = at
        self._say(piece.answer)
        self._call(piece)

    def _say(self, text: str) -> None:
        self._grow(text, self._answer)
        if text and self._on_text is not None:
            self._on_text(text)

    def _call(self, piece: Piece) -> None:
        for number, name, arguments in piece.tools:
            self._hold(len(name) + len(arguments))
            self._tools.setdefault(number, ToolCall()).add(name, arguments)

    def _grow(self, text: str, parts: list[str]) -> None:
        if not text:
            return
        self._hold(len(text) if text.isascii() else len(text.encode("utf-8", "replace")))
        parts.append(text)

    def _hold(self, size: int) -> None:
        self._size += size
        if self._size > self._limit:
            raise self._oversize()

    def _facts(self, value: dict[str, Any]) -> None:
        self.usage = usage.find(value, self._endpoint.cost_field) or self.usage
        ours = value.get("lmgame")
        if not isinstance(ours, dict):
            return
        stages = ours.get("stages")
        if isinstance(stages, dict):
            found = {name: _seconds(stages.get(name)) for name in STAGES}
            self.stages = {name: s for name, s in found.items() if s is not None}
        for name in list(ours)[:16]:
            fact = _fact(ours[name], self.hide)
            if name != "stages" and fact is not _NO_FACT:
                self.server[clean(name, 40)] = fact  # type: ignore[assignment]  # checked by _fact

    def _object(self, text: str) -> dict[str, Any]:
        value = _parsed(text)
        if not isinstance(value, dict):
            shown = clean(self.hide(text), 80)
            raise self._broken(
                f"sent what is no JSON object ({shown!r}): is this a chat completions API?"
            )
        return value

    def _complete(self, at: float) -> None:
        self.end, self.ended = at, True
        for number in sorted(self._tools):
            text = _joined([self._tools[number].text()])
            self._answer.append(text)
            if self._on_text is not None:
                self._on_text(text)

    def _bad_status(self) -> Failure:
        return bad_status(self._endpoint, self.status, self._headers, self.error_body)

    def _broken(self, text: str) -> Trouble:
        failure = Failure("protocol", f"{self._endpoint.base_url} {text}", self.status or None)
        return Trouble(failure)

    def _oversize(self) -> Trouble:
        text = (
            f"{self._endpoint.base_url} sent more than the {self._limit} bytes that a reply "
            "may hold: lower max_tokens"
        )
        return Trouble(Failure("oversize", text, self.status or None))


_NO_FACT = object()


def _fact(value: object, hide: Callable[[str], str]) -> object:
    if isinstance(value, str):
        return clean(hide(value), 100)
    if value is None:
        return None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value if math.isfinite(value) and abs(value) < _MOST_TOKENS else _NO_FACT
    return _NO_FACT


def _joined(parts: list[str]) -> str:
    text = "".join(parts)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:  # halves of surrogate pairs: join them, replace loners
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _parsed(text: str) -> object:
    try:
        return from_json(text)  # a third of the time that json takes
    except ValueError:  # it is stricter: about halves of surrogate pairs, and depth
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            return None


def _first(choices: object) -> dict[str, Any] | None:
    if isinstance(choices, list):
        for choice in choices[:16]:
            if isinstance(choice, dict) and choice.get("index", 0) in (0, None):
                return choice
    return None


def _seconds(value: object) -> float | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value) if 0 <= value <= _LONGEST_STAGE else None
    return None
