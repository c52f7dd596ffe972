"""Lines of a trace or of prompts, as `lmgame export` writes them: read, and checked.

docs/traces.md tells what a line holds. Whatever is wrong with one is named with its
number.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from lmgame.errors import UsageError

BLOCK = 512
"""Tokens of a block in Mooncake's published traces."""
MOST_TOKENS = 10_000_000
"""A line that claims more is no call."""
NAMED = 5
"""How many broken lines a message names."""

Call = TypeVar("Call")


class BrokenLine(ValueError):
    """A line of a file that holds no call."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line: a call, and when it is due.

    Attributes:
        number: Which one, from 1.
        values: What it holds.
        session: The session that its call belongs to, or None.
        at_s: When it is due, in seconds from the file's zero, or None.
        delay_s: Seconds from the end of the call before in its session, or None.
    """

    number: int
    values: Mapping[str, object]
    session: str | None
    at_s: float | None
    delay_s: float | None

    def tokens(self, *names: str, least: int = 0) -> int | None:
        """A number of tokens, by the first of its names that is there; None for none.

        Raises:
            BrokenLine: It is not a whole number from ``least`` on.
        """
        for name in names:
            value = self.values.get(name)
            if value is None:
                continue
            if type(value) is not int or not least <= value <= MOST_TOKENS:
                raise BrokenLine(
                    f"{name} must be a whole number of tokens from {least}, not {_shown(value)}"
                )
            return value
        return None

    def blocks(self, tokens: int, size: int, setting: str) -> tuple[int, ...]:
        """The blocks of a prompt; two prompts share one where they are equal up to its end.

        Args:
            tokens: Of the prompt.
            size: Tokens of a block.
            setting: Where the size was said.

        Raises:
            BrokenLine: They are no blocks, or not of this size.
        """
        found = self.values.get("hash_ids", [])
        if not isinstance(found, list) or not all(type(one) is int and one >= 0 for one in found):
            raise BrokenLine("hash_ids must be a list of whole numbers")
        if found and len(found) != -(-tokens // size):
            raise BrokenLine(
                f"{len(found)} hash_ids do not fit {tokens} tokens in blocks of {size}; set "
                f"{setting} as the export's --block"
            )
        return tuple(found)


def read(
    path: Path,
    setting: str,
    take: Callable[[Line], Call],
    skip: bool = False,
    advice: str = "mend them",
) -> tuple[list[Call], list[str]]:
    """Read the calls of a file.

    Args:
        path: JSON lines.
        setting: Where the file was named.
        take: Makes a call of a line; it may raise :class:`BrokenLine`.
        skip: Leave broken lines out.
        advice: What to do about them.

    Returns:
        The calls, and what was left out, as ``line N: why``.

    Raises:
        UsageError: It cannot be read, holds no calls, or has broken lines.
    """
    calls: list[Call] = []
    broken: list[str] = []
    try:
        with path.open("rb") as file:
            for number, raw in enumerate(file, start=1):
                if not raw.strip():
                    continue
                try:
                    calls.append(take(line(raw, number)))
                except BrokenLine as error:
                    broken.append(f"line {number}: {error}")
    except OSError as error:
        raise UsageError(f"{setting}={path}: {error.strerror}") from None
    if broken and not skip:
        more = f"; and {len(broken) - NAMED} more" if len(broken) > NAMED else ""
        lines = f"{len(broken)} broken line{'s' if len(broken) > 1 else ''}"
        raise UsageError(f"{path}: {lines}: {'; '.join(broken[:NAMED])}{more}: {advice}")
    if not calls:
        raise UsageError(f"{path} holds no calls: `lmgame export` writes them (docs/traces.md)")
    return calls, broken


def line(raw: bytes, number: int) -> Line:
    """Check what every line has.

    Raises:
        BrokenLine: It holds no call.
    """
    try:
        values = json.loads(raw)
    except (ValueError, RecursionError):
        raise BrokenLine("not JSON") from None
    if not isinstance(values, dict):
        raise BrokenLine("not a JSON object")
    session = values.get("session_id")
    if session is not None and type(session) not in (str, int):
        raise BrokenLine(f"session_id must be a text, not {_shown(session)}")
    at, delay = _seconds(values, "timestamp"), _seconds(values, "delay")
    if delay is not None and session is None:
        raise BrokenLine("a delay without a session_id")
    return Line(number, values, None if session is None else str(session), at, delay)


def _seconds(values: Mapping[str, object], name: str) -> float | None:
    """Milliseconds of a line, in seconds."""
    value = values.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e15:
        raise BrokenLine(f"{name} must be milliseconds from 0, not {_shown(value)}")
    return value / 1000


def _shown(value: object) -> str:
    """A value of somebody else's file in a message: one short line."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:59]}…"
