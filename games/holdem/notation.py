"""The language of actions: reading, spelling, and the grammar of what is legal."""

from __future__ import annotations

import re

from lmgame.errors import IllegalAction
from lmgame.game import Actions

from .hand import CALL, CHECK, FOLD, RAISE, Action, Hand

_LONGEST = 40  # characters; more than any action needs
_FLAGS = re.IGNORECASE | re.ASCII
_AMOUNT = r"[ \t]{1,3}(?:to[ \t]{1,3})?\$?[0-9]{1,6}"
_FOUND = re.compile(
    r"(?<![\w/-])(?:fold|check|call|all[ -]?in|raise[ \t]{1,3}by[ \t]{1,3}[0-9]{1,6}"
    rf"|(?:raise|bet)(?:{_AMOUNT})?)(?![\w/-])",
    _FLAGS,
)
_RAISE = re.compile(r"(raise|bet)(?:\s+(to))?(?:\s+\$?([0-9]{1,6}))?", _FLAGS)
_ALL_IN = re.compile(r"all[ -]?in", _FLAGS)
_HELP = "write 'fold', 'check', 'call' or 'raise to N'"


def find(reply: str) -> list[str]:
    """The passages that read like an action, in order; legality is not judged."""
    return [match.group() for match in _FOUND.finditer(reply)]


def spell(action: Action) -> str:
    """The canonical spelling."""
    kind, amount = action
    return f"{kind} {amount}" if kind == RAISE else kind


def parse(hand: Hand, text: str) -> Action:
    """Read one action and check that the seat to act may do it.

    Raises:
        IllegalAction: It is not an action or not legal; says what is.
    """
    text = text.strip() if len(text) <= 1000 else text[: _LONGEST + 1]
    word = text.lower()
    to_call = hand.to_call(hand.actor)
    if word == FOLD:
        if not to_call:
            raise IllegalAction("there is no bet to fold to: check, or raise")
        return FOLD, 0
    if word == CHECK:
        if to_call:
            raise IllegalAction(f"you cannot check a bet: call {to_call}, raise or fold")
        return CHECK, 0
    if word == CALL:
        if not to_call:
            raise IllegalAction("there is nothing to call: check, or raise")
        return CALL, 0
    if _ALL_IN.fullmatch(text):
        return _all_in(hand, to_call)
    if match := _RAISE.fullmatch(text):
        return _raise(hand, text, *match.groups())
    shown = text if len(text) <= _LONGEST else text[:_LONGEST] + "..."
    raise IllegalAction(f"{shown!r} is not an action: {_HELP}")


def _all_in(hand: Hand, to_call: int) -> Action:
    legal = hand.raises()
    return (RAISE, legal[-1]) if legal else (CALL, 0)


def _raise(hand: Hand, text: str, verb: str, to: str | None, number: str | None) -> Action:
    legal = hand.raises()
    if not legal:
        raise IllegalAction("you cannot raise a bet that is all in: call or fold")
    span = f"from {legal[0]} to {legal[-1]}" if len(legal) > 1 else f"{legal[0]} only"
    if number is None:
        raise IllegalAction(f"{text} to what? Write 'raise to N', N {span}")
    opening = verb.lower() == "bet" and not any(hand.streets[-1].put)
    if to is None and not opening:
        raise IllegalAction(
            f"{text[:_LONGEST]!r} could be by or to: write 'raise to N', N your total bet on this "
            f"street, {span}"
        )
    if int(number) not in legal:
        raise IllegalAction(f"you cannot raise to {int(number)}: N is {span}")
    return RAISE, int(number)


def offer(hand: Hand) -> Actions:
    """What the seat to act may write: four sizes of raise, and a grammar of all."""
    to_call = hand.to_call(hand.actor)
    plain = (FOLD, CALL) if to_call else (CHECK,)
    default = FOLD if to_call else CHECK
    legal = hand.raises()
    if not legal:
        return Actions(plain, default)
    highest, pot = max(hand.streets[-1].put), hand.pot + to_call
    wanted = (legal[0], highest + pot // 2, highest + pot, legal[-1])
    sizes = sorted({min(max(size, legal[0]), legal[-1]) for size in wanted})
    choices = plain + tuple(spell((RAISE, size)) for size in sizes)
    if len(sizes) == len(legal):
        return Actions(choices, default)
    words = " | ".join(f'"{word}"' for word in plain)
    grammar = f'root ::= {words} | "{RAISE} " amount\namount ::= {amounts(legal[0], legal[-1])}\n'
    return Actions(choices, default, False, grammar)


def amounts(low: int, high: int) -> str:
    """The whole numbers from ``low`` to ``high`` as alternatives of a GBNF rule."""
    parts = []
    while low <= high:
        # As many free digits at the end as fit between here and the top.
        free = 1
        while low % (10 * free) == 0 and low + 10 * free - 1 <= high:
            free *= 10
        # And as many steps of the digit before them.
        steps = min(9 - low // free % 10, (high + 1 - low) // free - 1)
        first, last = low // free % 10, low // free % 10 + steps
        head = str(low // free // 10) if low // free >= 10 else ""
        digit = f"[{first}-{last}]" if steps else f'"{first}"'
        parts.append(
            " ".join([f'"{head}"'] * bool(head) + [digit] + ["[0-9]"] * (len(str(free)) - 1))
        )
        low += free * (steps + 1)
    return " | ".join(parts)
