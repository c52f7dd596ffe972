"""The small logic in which a case says what is so: facts, and when they clash.

A fact is one line of text::

    sky.noon = dry               a key has one value; keys have a dot, values have none
    sky.noon != dry
    t.left = 21:40               times of the day, or whole numbers
    t.seen >= t.left + 25        differences of two quantities: = < <= > >=
    if glove.hand = left then glove.owner = cook
    if a.b = c and d.e = f then t.left < t.seen

Whether facts clash is decided exactly. The premises of an ``if`` are values of
keys, so forward chaining reaches everything that follows; when it ends without
a clash, the known values, a value of its own for every other key, and the
shortest paths as quantities are a world in which all the facts hold.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

ORIGIN = ""
"""The quantity that is zero; a time of the day is its minutes after midnight."""
_KEY = r"[a-z][a-z0-9_]*(?:\.[a-z0-9_]+)+"
_NUMBER = r"-?[0-9]{1,6}|[0-9]{1,2}:[0-9]{2}"
_WORD = r"[a-z][a-z0-9_]*"
_WORDS = re.compile(rf"({_KEY})\s*(=|!=)\s*({_WORD})")
_QUANTITIES = re.compile(
    rf"({_KEY})\s*(=|<=|>=|<|>)\s*(?:({_NUMBER})|({_KEY})(?:\s*([+-])\s*([0-9]{{1,6}}))?)"
)
_IF = re.compile(r"if\s+(.+?)\s+then\s+(.+)")
_TIME = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")


@dataclass(frozen=True, slots=True)
class Word:
    """A key has this value, or, denied, has it not."""

    key: str
    value: str
    denied: bool = False


@dataclass(frozen=True, slots=True)
class Bound:
    """``one - other <= most``."""

    one: str
    other: str
    most: int


Atom = Word | Bound


@dataclass(frozen=True, slots=True)
class Fact:
    """What one line says: the atoms hold, if there are premises then if they hold."""

    text: str
    premises: tuple[Word, ...]
    atoms: tuple[Atom, ...]


def parse(text: str) -> Fact:
    """Read a fact.

    Raises:
        ValueError: It is not one; says what is.
    """
    text = " ".join(text.split())
    rule = _IF.fullmatch(text)
    if rule is None:
        return Fact(text, (), _atoms(text))
    premises: list[Word] = []
    for part in rule[1].split(" and "):
        atom = _atoms(part)[0]
        if not isinstance(atom, Word) or atom.denied:
            raise ValueError(f"{part!r} after 'if' is not of the form KEY = VALUE")
        premises.append(atom)
    return Fact(text, tuple(premises), _atoms(rule[2]))


def _atoms(text: str) -> tuple[Atom, ...]:
    if match := _WORDS.fullmatch(text):
        return (Word(match[1], match[3], match[2] == "!="),)
    match = _QUANTITIES.fullmatch(text)
    if match is None:
        raise ValueError(
            f"{text!r} is not a fact: write 'some.key = value', 't.left >= t.seen + 25' or "
            "'if some.key = value then other.key = value'"
        )
    key, sign, number, other, plus, by = match.groups()
    shift = minutes(number) if number else int(by or 0) * (-1 if plus == "-" else 1)
    base = ORIGIN if number else other
    strict = sign in "<>"
    atoms = []
    if sign in ("=", "<", "<="):
        atoms.append(Bound(key, base, shift - strict))
    if sign in ("=", ">", ">="):
        atoms.append(Bound(base, key, -shift - strict))
    return tuple(atoms)


def minutes(number: str) -> int:
    """A whole number, or a time of the day in minutes after midnight.

    Raises:
        ValueError: It looks like a time of the day and is none.
    """
    if ":" not in number:
        return int(number)
    match = _TIME.fullmatch(number)
    if match is None:
        raise ValueError(f"{number} is not a time of the day, 00:00 to 23:59")
    return int(match[1]) * 60 + int(match[2])


def keys(fact: Fact) -> dict[str, bool]:
    """The keys of a fact, and whether each is a quantity."""
    found: dict[str, bool] = {}
    for atom in (*fact.premises, *fact.atoms):
        if isinstance(atom, Word):
            found[atom.key] = False
        else:
            found |= {key: True for key in (atom.one, atom.other) if key != ORIGIN}
    return found


def clash(facts: Iterable[Fact]) -> bool:
    """Whether the facts cannot all hold."""
    rules = list(facts)
    known: dict[str, str] = {}
    barred: set[tuple[str, str]] = set()
    bounds: dict[tuple[str, str], int] = {}
    fired = True
    while fired:
        fired, waiting = False, []
        for rule in rules:
            if all(known.get(one.key) == one.value for one in rule.premises):
                fired = True
                if not all(_add(atom, known, barred, bounds) for atom in rule.atoms):
                    return True
            else:
                waiting.append(rule)
        rules = waiting
    if any((key, value) in barred for key, value in known.items()):
        return True
    return _negative_cycle(bounds)


def _add(
    atom: Atom,
    known: dict[str, str],
    barred: set[tuple[str, str]],
    bounds: dict[tuple[str, str], int],
) -> bool:
    """Take an atom in; False when it gives a key a second value."""
    if isinstance(atom, Bound):
        pair = atom.one, atom.other
        bounds[pair] = min(atom.most, bounds.get(pair, atom.most))
        return True
    if atom.denied:
        barred.add((atom.key, atom.value))
        return True
    return known.setdefault(atom.key, atom.value) == atom.value


def _negative_cycle(bounds: dict[tuple[str, str], int]) -> bool:
    """Bellman-Ford: bounds on differences cannot hold if a cycle adds up to less than 0."""
    reach = {key: 0 for pair in bounds for key in pair}
    for _ in range(len(reach) + 1):
        moved = False
        for (one, other), most in bounds.items():
            if reach[other] + most < reach[one]:
                reach[one] = reach[other] + most
                moved = True
        if not moved:
            return False
    return bool(reach)


def reason(facts: Iterable[Fact]) -> list[Fact]:
    """Facts that clash, as few as it takes: without any one of these there is no clash."""
    kept = list(dict.fromkeys(facts))
    for fact in list(kept):
        fewer = [one for one in kept if one is not fact]
        if clash(fewer):
            kept = fewer
    return kept
