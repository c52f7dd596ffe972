"""The language of actions: ``drop N``, found in replies and read."""

from __future__ import annotations

import re

from lmgame.errors import IllegalAction

from .board import COLUMNS

MENU = tuple(f"drop {number}" for number in range(1, COLUMNS + 1))
COLUMN_OF = {text: column for column, text in enumerate(MENU)}
"""The column, 0 to 6, of a canonical spelling."""

_FLAGS = re.IGNORECASE | re.ASCII
_NUMBER = r"-?[0-9]{1,3}(?![0-9]|\.[0-9])"
# Every repetition is bounded, so that a search takes time linear in the text. A
# second number is part of the passage: it is refused, and never guessed away.
_DROP = re.compile(
    r"(?<![a-z0-9])drop[\s(\[:=]{1,4}(?:(?:in(?:to)?\s{1,2})?col(?:umn)?[\s:=#]{1,3})?"
    rf"{_NUMBER}(?:[ ,;]{{1,2}}{_NUMBER})?[)\]]?",
    _FLAGS,
)
_BARE = re.compile(_NUMBER, _FLAGS)
_WRAPPING = " \t\r\n*_`'\"()[]."
_LONGEST = 60  # characters; more than any action needs


def find(reply: str) -> list[str]:
    """The passages that read like an action; a reply that is only a number is one."""
    bare = reply.strip(_WRAPPING)
    if _BARE.fullmatch(bare):
        return [bare]
    return [match.group() for match in _DROP.finditer(reply)]


def parse(text: str) -> int:
    """The column, 0 to 6, that a written action names.

    Raises:
        IllegalAction: It is not an action, or there is no such column.
    """
    ready = COLUMN_OF.get(text)
    if ready is not None:
        return ready
    passage = text[: _LONGEST + 1].strip()
    if len(text) > _LONGEST or not (_BARE.fullmatch(passage) or _DROP.fullmatch(passage)):
        shown = passage if len(passage) <= 40 else passage[:40] + "..."
        raise IllegalAction(f"{shown!r} is not an action: write 'drop N', e.g. 'drop 4'")
    numbers = re.findall(r"-?[0-9]+", passage)
    if len(numbers) > 1:
        raise IllegalAction(f"{passage!r} names two numbers: a column is one, 1 to {COLUMNS}")
    number = int(numbers[0])
    if not 1 <= number <= COLUMNS:
        raise IllegalAction(f"there is no column {number}: columns are 1 to {COLUMNS}")
    return number - 1
