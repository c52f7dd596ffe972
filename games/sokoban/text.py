"""The text observation, and its reader; the image shows the same facts (see render.py)."""

from __future__ import annotations

import re
from dataclasses import dataclass

_FORM = re.compile(
    r"level ([1-9][0-9]{0,3}) of ([1-9][0-9]{0,3}), ([0-9]{1,5}) moves left\n"
    r"((?:[-#.@+$*]{3,100}\n){2,100}[-#.@+$*]{3,100})"
)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is seen at one moment.

    Attributes:
        board: The rows, joined by newlines.
        level: Which level it is, from 1.
        levels: How many there are.
        left: Moves left in this level.
    """

    board: str
    level: int
    levels: int
    left: int


def write(seen: Snapshot) -> str:
    """The observation."""
    return f"level {seen.level} of {seen.levels}, {seen.left} moves left\n{seen.board}"


def parse_text(text: str) -> Snapshot:
    """Read a text observation.

    Raises:
        ValueError: It is not one.
    """
    match = _FORM.fullmatch(text)
    if match is None or len({len(row) for row in match[4].split("\n")}) > 1:
        raise ValueError(f"not a Sokoban observation: {text[:80]!r}")
    return Snapshot(match[4], int(match[1]), int(match[2]), int(match[3]))
