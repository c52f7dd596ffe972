"""The calls to be served: from a trace of real matches, or made up in their shape."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from lmgame.errors import UsageError

BLOCK = 512
"""Tokens of a block in Mooncake's published traces, and of `lmgame export`."""
MOST_TOKENS = 10_000_000
"""A row that claims more is no call."""
Length = Annotated[int, Field(ge=1, le=1_000_000)]


@dataclass(frozen=True, slots=True)
class Item:
    """One call of a session.

    Attributes:
        prompt: Tokens.
        output: Tokens; at least one.
        blocks: A number for each block of the prompt; two prompts share one exactly
            where they are equal up to the end of that block.
        think_s: From the end of the session's reply before to this call.
        at_s: When it was made, since the beginning of the trace; None where only its
            delay is known.
    """

    prompt: int
    output: int
    blocks: tuple[int, ...] = ()
    think_s: float = 0.0
    at_s: float | None = None


@dataclass(frozen=True)
class Workload:
    """Calls in sessions.

    Attributes:
        name: Where it is from.
        sessions: The calls of each, in order.
        order: Session and place of every call, in the order in which they were made.
        block: Tokens of a block.
        chained: Whether calls of a session follow each other (closed loop).
    """

    name: str
    sessions: tuple[tuple[Item, ...], ...]
    order: tuple[tuple[int, int], ...]
    block: int = BLOCK
    chained: bool = True

    @property
    def calls(self) -> int:
        """How many calls there are."""
        return len(self.order)

    def items(self) -> Iterator[Item]:
        """All calls in order, again and again."""
        for copy in self._copies():
            for session, place in self.order:
                yield copy[session][place]

    def chains(self) -> Iterator[tuple[Item, ...]]:
        """All sessions, again and again."""
        for copy in self._copies():
            yield from copy

    def _copies(self) -> Iterator[Sequence[tuple[Item, ...]]]:
        """The sessions, and then others like them.

        A session that is played again is another match: it shares with the first only
        what different sessions share, such as the rules.
        """
        yield self.sessions
        seen = Counter(b for one in self.sessions for b in {b for i in one for b in i.blocks})
        shared = {block for block, count in seen.items() if count > 1}
        span = max(seen, default=0) + 1
        number = 0
        while True:
            number += 1
            shift = number * span
            yield [
                tuple(
                    replace(
                        item, blocks=tuple(b if b in shared else b + shift for b in item.blocks)
                    )
                    if item.blocks
                    else item
                    for item in session
                )
                for session in self.sessions
            ]

    def describe(self) -> dict[str, object]:
        """What it is like, for people and for JSON."""
        items = [item for session in self.sessions for item in session]
        thinks = [item.think_s for session in self.sessions for item in session[1:]]
        return {
            "name": self.name,
            "calls": len(items),
            "sessions": len(self.sessions),
            "prompt_tokens": round(sum(i.prompt for i in items) / len(items), 1),
            "output_tokens": round(sum(i.output for i in items) / len(items), 1),
            "think_s": round(sum(thinks) / len(thinks), 3) if thinks else None,
        }


def from_lengths(name: str, lengths: Sequence[tuple[int, int]]) -> Workload:
    """Calls that share nothing, from their prompt and output lengths in tokens."""
    sessions = tuple((Item(prompt, output),) for prompt, output in lengths)
    return Workload(name, sessions, tuple((n, 0) for n in range(len(sessions))), chained=False)


class Made(BaseModel):
    """The shape of a made-up load.

    Attributes:
        sessions: Matches.
        turns: Calls of each.
        prompt_min: Tokens of a session's first prompt, and prompt_max, evenly between.
        growth: Tokens that every turn adds to the one before. With 0 every turn has a
            length of its own.
        shared: Tokens at the beginning that all prompts share: the rules.
        output_min: Tokens of a reply, and output_max, evenly between.
        think_s: From a reply to the next call.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    sessions: Length = 40
    turns: Length = 25
    prompt_min: Length = 300
    prompt_max: Length = 1200
    growth: Annotated[int, Field(ge=0, le=100_000)] = 0
    shared: Annotated[int, Field(ge=0, le=1_000_000)] = 200
    output_min: Length = 5
    output_max: Length = 60
    think_s: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.05

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        for name in ("prompt", "output"):
            least, most = getattr(self, f"{name}_min"), getattr(self, f"{name}_max")
            if least > most:
                raise ValueError(f"{name}_min={least} is more than {name}_max={most}")
        return self


def synthetic(shape: Made, seed: int = 0, block: int = 64) -> Workload:
    """Make up a load: sessions with prompts that share a beginning, and short replies."""
    chance = random.Random(seed)
    numbers: dict[tuple[int, ...], int] = {}

    def number(*key: int) -> int:
        return numbers.setdefault(key, len(numbers))

    sessions: list[tuple[Item, ...]] = []
    for session in range(shape.sessions):
        first = chance.randint(shape.prompt_min, shape.prompt_max)
        items = []
        for turn in range(shape.turns):
            grown = first + turn * shape.growth
            fresh = turn and not shape.growth
            prompt = chance.randint(shape.prompt_min, shape.prompt_max) if fresh else grown
            common = min(shape.shared, prompt)
            blocks = []
            for at in range(-(-prompt // block)):
                end = (at + 1) * block
                if end <= common:
                    blocks.append(number(at))
                elif shape.growth and end <= prompt:
                    blocks.append(number(at, session))
                else:
                    blocks.append(number(at, session, turn))
            output = chance.randint(shape.output_min, shape.output_max)
            items.append(Item(prompt, output, tuple(blocks), shape.think_s if turn else 0.0))
        sessions.append(tuple(items))
    order = [(session, turn) for turn in range(shape.turns) for session in range(shape.sessions)]
    return Workload("synthetic", tuple(sessions), tuple(order), block)


def from_trace(path: Path, block: int = BLOCK) -> Workload:
    """Read a trace that `lmgame export --trace` wrote (docs/traces.md).

    Args:
        path: JSON lines in Mooncake's form.
        block: Tokens of a block, as given to the export.

    Raises:
        UsageError: A line is broken, or there is none; names up to five lines.
    """
    sessions: dict[str, list[Item]] = {}
    order: list[tuple[str, int]] = []
    broken: list[str] = []
    chained = False
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise UsageError(f"plan.trace={path}: {error.strerror}") from None
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            name, item = _row(line, number, block, sessions)
        except ValueError as error:
            broken.append(f"line {number}: {error}")
            continue
        chained = chained or not name.startswith("\n")
        order.append((name, len(sessions.setdefault(name, []))))
        sessions[name].append(item)
    if broken:
        more = f"; and {len(broken) - 5} lines more" if len(broken) > 5 else ""
        raise UsageError(f"{path}: {'; '.join(broken[:5])}{more}")
    if not order:
        raise UsageError(f"{path} holds no calls: write one with lmgame export RUN --trace FILE")
    index = {name: at for at, name in enumerate(sessions)}
    placed = tuple((index[name], place) for name, place in order)
    return Workload(
        path.name, tuple(tuple(items) for items in sessions.values()), placed, block, chained
    )


def _row(
    line: str, number: int, block: int, sessions: Mapping[str, Sequence[Item]]
) -> tuple[str, Item]:
    """One call and its session; a call without one is a session of its own."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        raise ValueError("is no JSON") from None
    if not isinstance(row, dict):
        raise ValueError("is no JSON object")
    prompt = _tokens(row, "input_length")
    output = _tokens(row, "output_length")
    session = row.get("session_id")
    known = session is not None and str(session) in sessions
    at, think = _millis(row, "timestamp"), _millis(row, "delay")
    if at is None and not (known and think is not None):
        raise ValueError("has neither a timestamp nor a delay after a call of its session")
    blocks = row.get("hash_ids", [])
    if not isinstance(blocks, list) or not all(type(one) is int and one >= 0 for one in blocks):
        raise ValueError("hash_ids must be a list of whole numbers")
    if blocks and len(blocks) != -(-prompt // block):
        raise ValueError(
            f"{len(blocks)} hash_ids do not fit {prompt} tokens in blocks of {block}; set "
            "plan.block as the export's --block"
        )
    name = f"\n{number}" if session is None else str(session)
    return name, Item(prompt, max(1, output), tuple(blocks), think or 0.0, at)


def _tokens(row: Mapping[str, object], key: str) -> int:
    value = row.get(key)
    least = 1 if key == "input_length" else 0
    if type(value) is not int or not least <= value <= MOST_TOKENS:
        raise ValueError(f"{key} must be a whole number from {least}, not {value!r}")
    return value


def _millis(row: Mapping[str, object], key: str) -> float | None:
    value = row.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e15:
        raise ValueError(f"{key} must be milliseconds from 0, not {value!r}")
    return value / 1000
