"""The language of actions: ``mark N``, found in replies and read."""

from __future__ import annotations

import re

from lmgame.errors import IllegalAction

from .board import CELLS

MENU = tuple(f"mark {number}" for number in range(1, CELLS + 1))
CELL_OF = {text: cell for cell, text in enumerate(MENU)}
"""The cell, 0 to 8, of a canonical spelling."""

_FLAGS = re.IGNORECASE | re.ASCII
_NUMBER = r"-?[0-9]{1,3}(?![0-9]|\.[0-9])"
# Every repetition is bounded, so that a search takes time linear in the text. A
# second number is part of the passage: it is refused, and never guessed away.
_MARK = re.compile(
    r"(?<![a-z0-9])mark[\s(\[:=]{1,4}(?:(?:cell|square)[\s:=#]{1,3})?"
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
    return [match.group() for match in _MARK.finditer(reply)]


def parse(text: str) -> int:
    """The cell, 0 to 8, that a written action names.

    Raises:
        IllegalAction: It is not an action, or there is no such cell.
    """
    ready = CELL_OF.get(text)
    if ready is not None:
        return ready
    passage = text[: _LONGEST + 1].strip()
    if len(text) > _LONGEST or not (_BARE.fullmatch(passage) or _MARK.fullmatch(passage)):
        shown = passage if len(passage) <= 40 else passage[:40] + "..."
        raise IllegalAction(f"{shown!r} is not an action: write 'mark N', e.g. 'mark 5'")
    numbers = re.findall(r"-?[0-9]+", passage)
    if len(numbers) > 1:
        raise IllegalAction(f"{passage!r} names two numbers: a cell is one, 1 to {CELLS}")
    number = int(numbers[0])
    if not 1 <= number <= CELLS:
        raise IllegalAction(f"there is no cell {number}: cells are 1 to {CELLS}")
    return number - 1
