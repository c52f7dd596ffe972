"""Calls from a file: a trace, or prompts, as `lmgame export` writes them.

Also any JSON lines with a ``prompt`` (text) or ``messages`` (OpenAI's). What cannot be
read is named by its line.
"""

from __future__ import annotations

import base64
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, cast, get_args

from lmgame import trace_line
from lmgame.bench.session import Session, Step, text
from lmgame.bench.settings import LoadSettings
from lmgame.client.call import Message
from lmgame.errors import UsageError
from lmgame.trace_line import BrokenLine, Line

_PNG = "data:image/png;base64,"
Role = Literal["system", "user", "assistant"]


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
    found = Source(
        *trace_line.read(
            path,
            "load.file",
            lambda line: _row(line, load),
            skip=load.broken == "skip",
            advice="mend them, or write load.broken=skip",
        )
    )
    if load.kind == "trace" and not found.timed:
        raise UsageError(
            f"{path} says of no call when it is due (timestamp): write load=poisson "
            f"load.rate=4 load.file={path}, or another load that has times of its own"
        )
    return found


def _row(line: Line, load: LoadSettings) -> Row:
    limit = line.tokens("output_length", "output_tokens")
    wanted = max(limit, 1) if limit is not None else load.max_tokens
    step = Step(_messages(line, load), wanted, line.delay_s or 0.0)
    return Row(line.number, step, line.session or "", line.at_s)


def _messages(line: Line, load: LoadSettings) -> tuple[Message, ...]:
    if "messages" in line.values:
        return _spoken(line.values["messages"])
    prompt = line.values.get("prompt")
    if isinstance(prompt, str):
        return (Message("user", prompt),)
    if prompt is not None:
        raise BrokenLine("prompt is no text")
    length = line.tokens("input_length")
    if length is None:
        raise BrokenLine("no messages, no prompt and no input_length")
    return (Message("user", _filler(line.blocks(length, load.block, "load.block"), length, load)),)


def _filler(blocks: Sequence[int], tokens: int, load: LoadSettings) -> str:
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
