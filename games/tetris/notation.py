"""The language of actions: reading, spelling, and the grammar of what is legal.

Whether a sequence is legal is a matter of its words alone: every input may
always be pressed, except that hold works once until a piece locks, and within
one action only ``drop`` locks.
"""

from __future__ import annotations

import re
from functools import cache

from lmgame.errors import IllegalAction, suggest
from lmgame.game import Actions

from .field import DROP, HOLD, INPUTS, Field
from .placement import PLACES, distinct, place, placements, steps

MAX_INPUTS = 32
MODES = ("all", "placements", "inputs")
PLACE = len(INPUTS)
"""The first number of an action that is a placement; column and turns follow.

Any other action is the codes of its inputs.
"""

Action = tuple[int, ...]

_LONGEST = 1000  # characters; more than any action needs
_CODES = {name: code for code, name in enumerate(INPUTS)}

MENU = (*(text for row in PLACES for text in row), *(f"press {name}" for name in INPUTS))
SINGLE = {f"press {name}": code for name, code in _CODES.items()}
_READY: dict[str, Action] = {text: (code,) for text, code in SINGLE.items()} | {
    text: (PLACE, column, turns)
    for column, row in enumerate(PLACES)
    for turns, text in enumerate(row)
}

# Words that players of other games write: found, so that the refusal can teach.
_FOREIGN = ("up", "rotate", "space", "softdrop", "harddrop", "hard", "soft", "swap", "noop")
_ITEM = rf"(?:{'|'.join((*INPUTS, *_FOREIGN))})(?:\*[0-9]{{1,3}})?(?![a-z0-9_*])"
# Every repetition is bounded and no two neighbours share a character, so that a
# search takes time linear in the text whatever the text is.
_PLACE = (
    r"place[\s(\[:=]{1,4}(?:c(?:ol(?:umn)?)?[\s:=]{1,3})?-?[0-9]{1,3}"
    r"[\s,;]{1,4}(?:r(?:ot(?:ation)?)?[\s:=]{1,3})?-?[0-9]{1,3}(?![0-9])\)?"
)
_NEXT = r"[\s,;+>-]{1,4}(?:(?:and|then)\s{1,2}){0,2}"
_PRESS = rf"press[\s(\[:=]{{1,4}}{_ITEM}(?:{_NEXT}{_ITEM}){{0,63}}\)?"
_FLAGS = re.IGNORECASE | re.ASCII
_ACTION = re.compile(rf"(?<![a-z0-9])(?:{_PLACE}|{_PRESS})", _FLAGS)
_NUMBER = re.compile(r"-?[0-9]+")
_INPUT = re.compile(r"([a-z]+)(?:\*([0-9]+))?", _FLAGS)

_HELP = "write 'place C R' (e.g. 'place 3 1') or 'press INPUT ...' (e.g. 'press left cw drop')"


def find(reply: str) -> list[str]:
    """The passages that read like an action, in order; legality is not judged."""
    return [match.group() for match in _ACTION.finditer(reply)]


def parse(text: str) -> Action:
    """Read one action, in any spelling that :func:`find` finds.

    Raises:
        IllegalAction: It is not an action; the message says what is.
    """
    ready = _READY.get(text)
    if ready is not None:
        return ready
    text = text.strip() if len(text) <= _LONGEST else text[:_LONGEST]
    if _ACTION.fullmatch(text) is None:
        raise IllegalAction(_not_an_action(text))
    if text[:5].lower() == "place":
        column, turns = (int(number) for number in _NUMBER.findall(text))
        return PLACE, column, turns
    return _inputs(text[5:])


def _inputs(text: str) -> Action:
    codes: list[int] = []
    for name, repeat in _INPUT.findall(text):
        if name.lower() in ("and", "then"):
            continue
        code = _CODES.get(name.lower())
        if code is None:
            raise IllegalAction(_unknown(name))
        times = int(repeat or 1)
        if not times:
            raise IllegalAction(f"{name}*0 presses nothing; leave it out")
        codes += [code] * times
    if len(codes) > MAX_INPUTS:
        raise IllegalAction(f"{len(codes)} inputs are too many: at most {MAX_INPUTS} in one action")
    return tuple(codes)


def _unknown(name: str) -> str:
    near = suggest(name[:20], INPUTS) if name.lower() not in _FOREIGN else ""
    return f"unknown input {name[:20]!r}; {near or 'known: ' + ', '.join(INPUTS)}"


def _not_an_action(text: str) -> str:
    words = re.split(r"[\s,]+", text.lower())
    if words[0] == "press":
        for word in words[1:]:
            if word.partition("*")[0] not in _CODES:
                return _unknown(word)
    shown = text if len(text) <= 40 else text[:40] + "..."
    return f"{shown!r} is not an action: {_HELP}"


def spell(action: Action) -> str:
    """The canonical spelling."""
    if action[0] == PLACE:
        return PLACES[action[1]][action[2]]
    return "press " + " ".join([INPUTS[code] for code in action])


def check(field: Field, action: Action, mode: str) -> None:
    """Refuse what is not legal now.

    Args:
        field: The seat's playfield.
        action: What :func:`parse` gave.
        mode: One of ``MODES``: which actions this match takes.

    Raises:
        IllegalAction: The message says what to do instead.
    """
    if action[0] == PLACE:
        if mode == "inputs":
            raise IllegalAction("this match takes inputs only: write 'press INPUT ...'")
        steps(field, action[1], action[2])
        return
    if mode == "placements" and (len(action) > 1 or INPUTS[action[0]] not in ("hold", "wait")):
        raise IllegalAction(
            "this match takes whole placements: write 'place C R', 'press hold' or 'press wait'"
        )
    if HOLD in action:
        if not field.holds:
            raise IllegalAction("there is no hold in these rules: leave 'hold' out")
        held = field.held
        for code in action:
            if code == HOLD and held:
                raise IllegalAction("hold is used up until this piece locks: leave 'hold' out")
            held = code == HOLD or (held and code != DROP)


def run(field: Field, action: Action) -> None:
    """Do what :func:`check` has let pass; a seat that loses on the way stops there."""
    if action[0] == PLACE:
        place(field, action[1], action[2])
        return
    for code in action:
        if field.over:
            break
        field.inputs[code](field)


def offer(field: Field, mode: str) -> Actions:
    """What a seat may write now; see Tetris.actions."""
    presses = _press(field.held, field.holds)
    if mode == "inputs":
        singles = tuple(text for text, code in SINGLE.items() if code != HOLD or not field.held)
        return Actions(singles, "press wait", False, f"root ::= press\n{presses}")
    if mode == "placements":
        # Waiting is taken but not offered: a placement is always worth more.
        choices = distinct(field) + (() if field.held else ("press hold",))
        return Actions(choices or ("press wait",), "press wait")
    legal = placements(field)
    singles = tuple(text for text, code in SINGLE.items() if code != HOLD or not field.held)
    places = " | ".join([f'"{PLACES[column][turns]}"' for column, turns, _ in legal])
    grammar = f"root ::= place | press\nplace ::= {places}\n{presses}"
    return Actions(distinct(field, legal) + singles, "press wait", False, grammar)


@cache
def _press(held: bool, holds: bool) -> str:
    """GBNF rules for every legal sequence.

    ``fN`` is up to N more inputs while hold is free, ``uN`` while it is used up.
    """
    plain = " | ".join(f'" {name}"' for name in INPUTS if name not in ("hold", "drop"))
    if not holds:
        return f'press ::= "press" input{{1,{MAX_INPUTS}}}\ninput ::= {plain} | " drop"\n'
    rules = [f'press ::= "press" {"u" if held else "f"}{MAX_INPUTS}', f"plain ::= {plain}"]
    for left in range(MAX_INPUTS, 1, -1):
        rest = left - 1
        used = f'plain u{rest}? | " drop" f{rest}?'
        rules.append(f'f{left} ::= plain f{rest}? | " drop" f{rest}? | " hold" u{rest}?')
        rules.append(f"u{left} ::= {used}")
    rules += ['f1 ::= plain | " drop" | " hold"', 'u1 ::= plain | " drop"']
    return "\n".join(rules) + "\n"
