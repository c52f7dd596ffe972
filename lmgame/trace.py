"""Model calls in the form in which serving benchmarks replay them.

A trace is JSON lines, one a call, in the order in which the calls were intended. Two
forms hold the same calls: lengths and the blocks that prompts share (Mooncake's trace,
https://github.com/kvcache-ai/Mooncake), and the prompts themselves. docs/traces.md
tells which benchmark reads which.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from lmgame.client.body import spoken
from lmgame.client.call import Call, Message, Request
from lmgame.errors import LmgameError, UsageError
from lmgame.prefix import Prefixes
from lmgame.rebuild import rebuild
from lmgame.record import Log
from lmgame.trace_line import BLOCK

CLOSE_S = 0.001
"""Unix times are no better than this; calls that overlap less came one after another."""

Row = dict[str, object]


class Tokenizer(Protocol):
    """What turns messages into a server's tokens."""

    def __call__(self, messages: Sequence[Message]) -> bytes:
        """The tokens, four bytes each."""


@dataclass(frozen=True, slots=True)
class Traced:
    """One call of a trace.

    Attributes:
        match: The key of its match.
        session: Calls with the same one were made one after another: those of a seat,
            apart from what it asked at the same time.
        at: Unix time at which it was intended, in seconds.
        call: As logged.
        request: What was asked, or None.
    """

    match: str
    session: str
    at: float
    call: Call
    request: Request | None

    @property
    def end(self) -> float:
        """Unix time at which it was over, in seconds."""
        return self.at + self.call.timing.end

    @property
    def counted(self) -> bool:
        """Whether the server told how many tokens the call had."""
        return bool(self.call.usage.prompt) and self.call.usage.completion is not None


@dataclass
class Trace:
    """The calls of matches.

    Attributes:
        calls: In the order in which they were intended.
        problems: Why prompts are missing, one line a match.
        tokenizers: By model, where its server's tokens can be made here.
        images: Calls that showed a picture: where their shared part ends is a guess.
        inexact: Calls whose blocks rest on the text, not on the server's tokens.
        shared: Tokens of prompts in blocks that had come before.
    """

    calls: list[Traced] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    tokenizers: dict[str, Tokenizer] = field(default_factory=dict)
    images: int = 0
    inexact: int = 0
    shared: int = 0

    def add(self, log: Log) -> None:
        """Take in the calls of a match."""
        found = rebuild(log)
        if found.problem:
            self.problems.append(found.problem)
        lanes: dict[int, list[float]] = {}
        for one in sorted(found.sent, key=lambda each: each.call.timing.at):
            ends, at = lanes.setdefault(one.seat, []), one.call.timing.at
            free = [n for n, end in enumerate(ends) if end <= at + CLOSE_S]
            lane = free[0] if free else len(ends)
            ends[lane : lane + 1] = [at + one.call.timing.end]
            beside = f"-{lane}" if lane else ""
            session = f"{log.header.match}-{one.seat}{beside}"
            self.calls.append(Traced(log.header.match, session, at, one.call, one.request))

    def arrange(self) -> None:
        """Put the calls of all matches in order."""
        self.calls.sort(key=lambda one: (one.at, one.session))

    def lengths(self, block: int = BLOCK, sessions: bool = False) -> Iterator[Row]:
        """Mooncake's form: lengths by the server's count, and shared blocks.

        Calls that failed or whose tokens no server counted have no length, and are
        left out. A prompt that cannot be told shares nothing.

        Args:
            block: Tokens of a block.
            sessions: Only the first row of a session has a time; see :class:`_When`.
        """
        prefixes, when = Prefixes(block), _When(self._kept(), sessions)
        self.images = self.inexact = self.shared = 0
        for one in self._kept():
            usage = one.call.usage
            assert usage.prompt is not None
            before = prefixes.count
            ids = self._ids(prefixes, one, usage.prompt)
            old = sum(number < before for number in ids)
            self.shared += min(old * block, usage.prompt)
            yield {
                **when.of(one),
                "input_length": usage.prompt,
                "output_length": usage.completion,
                "hash_ids": ids,
            }

    def prompts(self, sessions: bool = False) -> Iterator[Row]:
        """The prompts themselves; calls that failed or cannot be told are left out.

        ``messages`` are OpenAI's, ``prompt`` is their text. A length is left out where
        the server did not count.
        """
        kept = [one for one in self.calls if one.request and not one.call.failure]
        when = _When(kept, sessions)
        for one in kept:
            assert one.request is not None
            messages = one.request.messages
            row = {
                **when.of(one),
                "messages": [spoken(message) for message in messages],
                "prompt": "\n\n".join(message.content for message in messages),
            }
            count = one.call.usage.completion
            yield row if count is None else row | {"output_length": count, "output_tokens": count}

    def summary(self) -> dict[str, object]:
        """What there is, and what is left out or guessed, for people and for JSON."""
        failed = sum(one.call.failure is not None for one in self.calls)
        kept = self._kept()
        seconds = max(one.end for one in kept) - kept[0].at if kept else 0.0
        return {
            "calls": len(self.calls),
            "matches": len({one.match for one in self.calls}),
            "sessions": len({one.session for one in self.calls}),
            "seconds": round(seconds, 3),
            "longest_pause_s": round(_longest_pause(kept), 3),
            "failed": failed,
            "uncounted": len(self.calls) - failed - len(kept),
            "not_rebuilt": sum(one.request is None for one in self.calls),
            "input_tokens": sum(one.call.usage.prompt or 0 for one in kept),
            "output_tokens": sum(one.call.usage.completion or 0 for one in kept),
            "purposes": dict(sorted(Counter(one.call.purpose for one in kept).items())),
            "problems": self.problems,
        }

    @property
    def found(self) -> dict[str, int]:
        """What the last lengths told of prompts."""
        return {"shared": self.shared, "inexact": self.inexact, "images": self.images}

    def _kept(self) -> list[Traced]:
        return [one for one in self.calls if one.counted and one.call.failure is None]

    def _ids(self, prefixes: Prefixes, one: Traced, tokens: int) -> list[int]:
        if one.request is None:
            return prefixes.unshared(tokens)
        messages = one.request.messages
        self.images += any(message.images for message in messages)
        tokenizer = self.tokenizers.get(one.call.model)
        text = b"" if tokenizer is None else tokenizer(messages)
        if len(text) != 4 * tokens:  # not this server's tokens
            self.inexact += 1
            return prefixes.blocks(one.call.model, _text(messages), tokens)
        return prefixes.blocks(f"{one.call.model} tokens", text, tokens)


class _When:
    """Times of rows, in milliseconds.

    Without sessions every row has its ``timestamp`` since the first: they are sent when
    they were sent, whatever becomes of the others (open loop). With sessions the first
    row of each has it; the others have a ``delay`` after the end of the one before
    (closed loop).
    """

    def __init__(self, kept: Sequence[Traced], sessions: bool) -> None:
        self._zero = kept[0].at if kept else 0.0
        self._sessions = sessions
        self._ends: dict[str, float] = {}

    def of(self, one: Traced) -> Row:
        timestamp = round((one.at - self._zero) * 1000)
        if not self._sessions:
            return {"timestamp": timestamp}
        before = self._ends.get(one.session)
        self._ends[one.session] = one.end
        if before is None:
            return {"session_id": one.session, "timestamp": timestamp}
        return {"session_id": one.session, "delay": max(0, round((one.at - before) * 1000))}


def collect(logs: Sequence[Log]) -> Trace:
    """The calls of matches as one trace.

    Raises:
        UsageError: They made no calls.
    """
    trace = Trace()
    for log in logs:
        trace.add(log)
    if not trace.calls:
        raise UsageError("there are no model calls in these logs: nobody in them asks a model")
    trace.arrange()
    trace.tokenizers.update(_known_tokenizers(logs))
    return trace


def write(rows: Iterator[Row], path: Path) -> int:
    """Write rows as JSON lines; returns how many."""
    if not path.parent.is_dir():
        raise UsageError(f"{path}: there is no folder {path.parent}")
    count = 0
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row, separators=(",", ":")) + "\n")
            count += 1
    return count


def _known_tokenizers(logs: Sequence[Log]) -> dict[str, Tokenizer]:
    """The embedded models' vocabularies, where they are here."""
    found: dict[str, Tokenizer] = {}
    for log in logs:
        for number, seat in enumerate(log.header.seats):
            backend = log.header.backend_of(number)
            if backend.get("kind") == "embedded" and seat.model not in found:
                made = _embedded(str(backend.get("weights", "")))
                if made is not None:
                    found[seat.model] = made
    return found


def _embedded(name: str) -> Tokenizer | None:
    try:
        from lmgame.serving import weights
        from lmgame.serving.vocabulary import Message as Spoken
        from lmgame.serving.vocabulary import Vocabulary

        vocabulary = Vocabulary.open(weights.find(name or weights.DEFAULT))
    except (ImportError, LmgameError):  # without it the text has to do
        return None

    def tokens(messages: Sequence[Message]) -> bytes:
        ids = vocabulary.prompt([Spoken(one.role, one.content) for one in messages])
        return b"".join(number.to_bytes(4, "little") for number in ids)

    return tokens


def _text(messages: Sequence[Message]) -> bytes:
    """Messages in one text; none is the beginning of another by accident."""
    parts: list[bytes] = []
    for message in messages:
        parts += [f"<|{message.role}|>\n".encode()]
        parts += [message.content.encode("utf-8", "surrogatepass"), *message.images, b"\n"]
    return b"".join(parts)


def _longest_pause(calls: Sequence[Traced]) -> float:
    """Seconds; the longest time in which no call was in flight."""
    longest, end = 0.0, calls[0].at if calls else 0.0
    for one in calls:
        longest, end = max(longest, one.at - end), max(end, one.end)
    return longest
