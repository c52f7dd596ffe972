"""The language of actions: reading and spelling."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from lmgame.errors import IllegalAction

SILENT = "say nothing"
_LONGEST = 100  # characters; more than any action needs
_FLAGS = re.IGNORECASE | re.ASCII
_PLACE = r"(?:the[ \t]{1,3})?(?:statement[ \t]{0,3})?(?:no\.?[ \t]?)?#?[0-9]{1,3}"
_AT = r"[ \t]{1,3}(?:at|on|against|to|with)[ \t]{1,3}"
_FOUND = re.compile(
    rf"(?<![\w-])(?:press[ \t]{{1,3}}{_PLACE}|present[ \t]{{1,3}}[^\n]{{1,60}}?{_AT}{_PLACE}"
    rf"|say[ \t]{{1,3}}nothing)(?!\w|\.\d)",
    _FLAGS,
)
_PRESS = re.compile(r"press\s.*?([0-9]+)", _FLAGS)
_PRESENT = re.compile(rf"present\s+(.+?){_AT}[^0-9]*([0-9]+)", _FLAGS)
_NUMBER = re.compile(r"(?:the\s+)?(?:evidence|exhibit)?\s*#?(?:e\s?)?([0-9]{1,3})", _FLAGS)
_WORD = re.compile(r"[a-z0-9']+")
_HELP = f"write 'press N', 'present EN at N' or {SILENT!r}"


class Action(NamedTuple):
    """An action: ``evidence`` and ``statement`` are places from 0, -1 for none."""

    evidence: int
    statement: int


NOTHING = Action(-1, -1)


def find(reply: str) -> list[str]:
    """The passages that read like an action, in order; legality is not judged."""
    return [match.group() for match in _FOUND.finditer(reply)]


def spell(action: Action) -> str:
    """The canonical spelling."""
    if action == NOTHING:
        return SILENT
    if action.evidence < 0:
        return f"press {action.statement + 1}"
    return f"present E{action.evidence + 1} at {action.statement + 1}"


def parse(text: str, names: Sequence[str], statements: int) -> Action:
    """Read one action.

    Args:
        text: Any text at all.
        names: The evidence on record.
        statements: How many statements there are.

    Raises:
        IllegalAction: It is not an action, or names something that is not there.
    """
    text = text.strip() if len(text) <= 1000 else text[: _LONGEST + 1]
    if len(text) > _LONGEST or _FOUND.fullmatch(text) is None:
        shown = text if len(text) <= 40 else text[:40] + "..."
        raise IllegalAction(f"{shown!r} is not an action: {_HELP}")
    if " ".join(text.lower().split()) == SILENT:
        return NOTHING
    if match := _PRESS.fullmatch(text):
        return Action(-1, _statement(int(match[1]), statements))
    match = _PRESENT.fullmatch(text)
    if match is None:
        raise IllegalAction(f"{text!r} is not an action: {_HELP}")
    return Action(_evidence(match[1], names), _statement(int(match[2]), statements))


def _statement(number: int, statements: int) -> int:
    if not 1 <= number <= statements:
        raise IllegalAction(f"there is no statement {number}: they are 1 to {statements}")
    return number - 1


def _evidence(text: str, names: Sequence[str]) -> int:
    """The place of a piece of evidence by its number or by words of its name."""
    if match := _NUMBER.fullmatch(text):
        number = int(match[1])
        if not 1 <= number <= len(names):
            raise IllegalAction(f"there is no evidence E{number}: they are E1 to E{len(names)}")
        return number - 1
    said = _words(text)
    exact = [place for place, name in enumerate(names) if _words(name) == said]
    near = [place for place, name in enumerate(names) if said and said <= _words(name)]
    found = exact or near
    if len(found) == 1:
        return found[0]
    if not found:
        raise IllegalAction(f"there is no evidence {text!r}: write its number, E1 to E{len(names)}")
    could = " or ".join(f"E{place + 1} ({names[place]})" for place in found)
    raise IllegalAction(f"{text!r} could be {could}: write the number")


def _words(name: str) -> frozenset[str]:
    return frozenset(_WORD.findall(name.lower())) - {"the", "a", "an", "evidence", "exhibit"}
