"""The calls to be served: from a trace of real matches, or made up in their shape."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from lmgame import trace_line
from lmgame.backend_settings import Model
from lmgame.trace_line import BLOCK, BrokenLine, Line

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


class Made(Model):
    """The shape of a made-up load; see ``configs/plan.yaml`` for each key."""

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
        UsageError: It cannot be read, or has broken lines.
    """
    sessions: dict[str | int, list[Item]] = {}

    def take(line: Line) -> tuple[str | int, int]:
        """The session of a call, and its place there."""
        # A call without a session is one of its own.
        name = line.number if line.session is None else line.session
        item = _item(line, block, name in sessions)
        items = sessions.setdefault(name, [])
        items.append(item)
        return name, len(items) - 1

    order, _ = trace_line.read(path, "plan.trace", take)
    index = {name: at for at, name in enumerate(sessions)}
    return Workload(
        path.name,
        tuple(map(tuple, sessions.values())),
        tuple((index[name], place) for name, place in order),
        block,
        any(isinstance(name, str) for name in sessions),
    )


def _item(line: Line, block: int, follows: bool) -> Item:
    """A line's call.

    Args:
        line: The line.
        block: Tokens of a block.
        follows: Whether a call of its session came before.
    """
    prompt, output = line.tokens("input_length", least=1), line.tokens("output_length")
    if prompt is None or output is None:
        raise BrokenLine("no input_length or no output_length: only a trace has both")
    if line.at_s is None and not (follows and line.delay_s is not None):
        raise BrokenLine("neither a timestamp nor a delay after a call of its session")
    blocks = line.blocks(prompt, block, "plan.block")
    return Item(prompt, max(1, output), blocks, line.delay_s or 0.0, line.at_s)
