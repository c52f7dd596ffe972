"""Calls from a file: a trace, or prompts, as `lmgame export` writes them.

Also any JSON lines with a ``prompt`` (text) or ``messages`` (OpenAI's). What cannot be
read is named by its line.
"""

from __future__ import annotations

import base64
import json
import math
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, cast, get_args

from lmgame.bench.session import Session, Step, text
from lmgame.bench.settings import LoadSettings
from lmgame.client.call import Message
from lmgame.errors import UsageError

NAMED = 5
"""How many broken lines a message names."""
_LONGEST_TOKENS = 10_000_000
_PNG = "data:image/png;base64,"
Role = Literal["system", "user", "assistant"]


class BrokenLine(ValueError):
    """A line of a file that holds no call."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line: a call, and when it is due.

    Attributes:
        line: Its number, from 1.
        step: The call; its delay is that of the line.
        session: The session that it belongs to, or "".
        at_s: When it is due, in seconds from the file's zero; None: after the one before.
    """

    line: int
    step: Step
    session: str
    at_s: float | None


@dataclass
class Source:
    """What a file holds.

    Attributes:
        rows: The calls, in the file's order.
        broken: What was skipped, as ``line N: why``.
    """

    rows: list[Row] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    @property
    def timed(self) -> bool:
        """Whether its lines say when they are due."""
        return any(row.at_s is not None for row in self.rows)

    def sessions(self, speed: float = 1.0) -> Iterator[Session]:
        """The calls as sessions, in the order of their starts.

        Args:
            speed: How many times faster than the file says.
        """
        chains: dict[str, list[Row]] = {}
        for row in self.rows:
            alone = not row.session or (row.at_s is not None and row.session in chains)
            chains.setdefault(f"line {row.line}" if alone else row.session, []).append(row)
        zero = min((row.at_s for row in self.rows if row.at_s is not None), default=0.0)
        found = [
            Session(
                name,
                ((rows[0].at_s if rows[0].at_s is not None else zero) - zero) / speed,
                tuple(replace(row.step, delay_s=row.step.delay_s / speed) for row in rows),
            )
            for name, rows in chains.items()
        ]
        yield from sorted(found, key=lambda one: one.start_s)


def read(load: LoadSettings) -> Source:
    """Read a load's file.

    Raises:
        UsageError: It cannot be read, holds no calls, or has broken lines that the load
            does not skip.
    """
    path = load.file
    assert path is not None
    found = Source()
    try:
        with path.open("rb") as file:
            for number, raw in enumerate(file, start=1):
                if not raw.strip():
                    continue
                try:
                    found.rows.append(_row(raw, number, load))
                except BrokenLine as error:
                    found.broken.append(f"line {number}: {error}")
    except OSError as error:
        raise UsageError(f"load.file={path}: {error.strerror}") from None
    if found.broken and load.broken == "refuse":
        more = len(found.broken) - NAMED
        rest = f"; and {more} more" if more > 0 else ""
        raise UsageError(
            f"{path}: {len(found.broken)} broken: {'; '.join(found.broken[:NAMED])}{rest}. "
            "Mend them, or write load.broken=skip"
        )
    if not found.rows:
        raise UsageError(f"{path} holds no calls: see docs/traces.md for what a line holds")
    if load.kind == "trace" and not found.timed:
        raise UsageError(
            f"{path} says of no call when it is due (timestamp): write load=poisson "
            f"load.rate=4 load.file={path}, or another load that has times of its own"
        )
    return found


def _row(raw: bytes, number: int, load: LoadSettings) -> Row:
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        raise BrokenLine("not JSON") from None
    if not isinstance(value, dict):
        raise BrokenLine("not a JSON object")
    limit = _count(value, "output_length", "output_tokens")
    wanted = max(limit, 1) if limit is not None else load.max_tokens
    at, delay = _seconds(value, "timestamp"), _seconds(value, "delay")
    session = value.get("session_id")
    if session is not None and not isinstance(session, str | int):
        raise BrokenLine("session_id is no text")
    if delay is not None and session is None:
        raise BrokenLine("a delay without a session_id")
    step = Step(_messages(value, load), wanted, delay or 0.0)
    return Row(number, step, "" if session is None else str(session), at)


def _messages(value: Mapping[str, object], load: LoadSettings) -> tuple[Message, ...]:
    if "messages" in value:
        return _spoken(value["messages"])
    prompt = value.get("prompt")
    if isinstance(prompt, str):
        return (Message("user", prompt),)
    if prompt is not None:
        raise BrokenLine("prompt is no text")
    length = _count(value, "input_length")
    if length is None:
        raise BrokenLine("no messages, no prompt and no input_length")
    blocks = value.get("hash_ids", [])
    if not isinstance(blocks, list) or not all(type(one) is int for one in blocks):
        raise BrokenLine("hash_ids is no list of whole numbers")
    return (Message("user", _filler(blocks, length, load)),)


def _filler(blocks: list[int], tokens: int, load: LoadSettings) -> str:
    """Text of a length that begins like others exactly where their blocks are the same."""
    parts = []
    for block in blocks:
        size = min(load.block, tokens)
        parts.append(text(load.block, random.Random(f"{load.seed} block {block}")))
        parts[-1] = " ".join(parts[-1].split(" ")[:size])
        tokens -= size
    if tokens > 0:
        parts.append(text(tokens, random.Random(f"{load.seed} rest {tokens}")))
    return " ".join(part for part in parts if part)


def _spoken(value: object) -> tuple[Message, ...]:
    if not isinstance(value, list) or not value:
        raise BrokenLine("messages is no list of messages")
    found = []
    for one in value:
        role, content = (one.get("role"), one.get("content")) if isinstance(one, dict) else ("", "")
        if role not in get_args(Role):
            raise BrokenLine("a message whose role is not system, user or assistant")
        if isinstance(content, str):
            found.append(Message(cast(Role, role), content))
        else:
            found.append(Message(cast(Role, role), *_parts(content)))
    return tuple(found)


def _parts(content: object) -> tuple[str, tuple[bytes, ...]]:
    """Text and images of a message that is written in parts."""
    texts: list[str] = []
    images: list[bytes] = []
    for one in content if isinstance(content, list) else [None]:
        part = one if isinstance(one, dict) else {}
        kind = part.get("type")
        if kind == "text" and isinstance(part.get("text"), str):
            texts.append(part["text"])
            continue
        shown = part.get("image_url") if kind == "image_url" else None
        url = shown.get("url") if isinstance(shown, dict) else None
        if not isinstance(url, str) or not url.startswith(_PNG):
            raise BrokenLine("a message whose content is neither text nor text and PNG images")
        try:
            images.append(base64.b64decode(url[len(_PNG) :], validate=True))
        except ValueError:
            raise BrokenLine("an image that is not base64") from None
    return "".join(texts), tuple(images)


def _count(value: Mapping[str, object], *names: str) -> int | None:
    for name in names:
        number = value.get(name)
        if number is None:
            continue
        if type(number) is not int or not 0 <= number <= _LONGEST_TOKENS:
            raise BrokenLine(f"{name} is no number of tokens")
        return number
    return None


def _seconds(value: Mapping[str, object], name: str) -> float | None:
    """Milliseconds of a line, in seconds."""
    number = value.get(name)
    if number is None:
        return None
    real = isinstance(number, int | float) and not isinstance(number, bool)
    if not real or not math.isfinite(cast(float, number)) or cast(float, number) < 0:
        raise BrokenLine(f"{name} is no number of milliseconds")
    return cast(float, number) / 1000
