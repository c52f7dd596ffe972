"""From a case file's templates to a case as it is told, in its own words or in others.

In a template ``[a|b|c]`` is said in one of several ways, ``{name}`` stands for a
person, a word, a number or a piece of evidence (``{Name}`` with a capital), and
``{21:40}`` is a time of the day. Of a person there are ``{name}`` (the surname),
``{name.first}``, ``{name.he}``, ``{name.him}`` and ``{name.his}``.

Told in its own words, a case takes the first of everything. Otherwise the
generator draws the names, the words, one row of the numbers, how far all times
of the day are shifted, and the wording of each text; the evidence and, unless
they are ordered, the statements come in another order.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from lmgame.picture.glyph import SIGNS
from lmgame.rng import Rng

from .case import Case, Evidence, Line, Press, Testimony
from .draft import Draft, Fault, LineDraft, Place, PressDraft, TestimonyDraft
from .logic import Fact, keys, minutes, parse

T = TypeVar("T")
FIRST = {
    "he": ("Alec", "Basil", "Conrad", "Dennis", "Edgar", "Felix", "Gordon", "Hugo", "Ivor",
           "Jasper", "Leo", "Martin", "Nigel", "Oscar", "Philip", "Quentin", "Rufus", "Simon",
           "Tobias", "Victor"),
    "she": ("Agnes", "Bridget", "Clara", "Dora", "Edith", "Flora", "Greta", "Hilda", "Irene",
            "Judith", "Lydia", "Mabel", "Nora", "Olive", "Pearl", "Ruth", "Sylvia", "Thelma",
            "Ursula", "Winifred"),
}  # fmt: skip
LAST = (
    "Abbott", "Bagshaw", "Calder", "Dunmore", "Eldridge", "Farrow", "Gannet", "Hollis", "Ingram",
    "Jessop", "Kettle", "Lomax", "Mortlake", "Nesbit", "Oakley", "Pargeter", "Quill", "Rudge",
    "Sallow", "Tapley", "Underhill", "Vickers", "Wragg", "Yarrow", "Ashby", "Birtle", "Crabtree",
    "Draycott", "Enfield", "Fosdyke", "Goddard", "Hartnell", "Jarvis", "Lumley", "Maddox",
    "Pocock", "Rimmer", "Stubbs", "Thackeray", "Winslow",
)  # fmt: skip
PRONOUNS = {"he": ("he", "him", "his"), "she": ("she", "her", "her")}
_WAYS = re.compile(r"\[([^\[\]]*)\]")
_SLOT = re.compile(r"\{([^{}]*)\}")
_TIME = re.compile(r"[0-9]{1,2}:[0-9]{2}")
_IN_FACT = re.compile(r"\{([^{}]*)\}|(?<![0-9:])([0-9]{1,2}:[0-9]{2})(?![0-9:])")


@dataclass(frozen=True, slots=True)
class Chance:
    """Draws what can be told in several ways; without a generator the first.

    Attributes:
        rng: The generator, or None.
        row: The row of numbers to take, or None to draw it.
        shift: Minutes by which times are shifted, or None to draw them.
        longest: Without a generator, take the longest of everything.
    """

    rng: Rng | None
    row: int | None = None
    shift: int | None = None
    longest: bool = False

    @property
    def own(self) -> bool:
        """Whether the case is told in its own words."""
        return self.rng is None and not self.longest

    def choice(self, items: list[T] | tuple[T, ...]) -> T:
        """One of the items."""
        if self.longest:
            return max(items, key=lambda one: len(str(one)))
        return items[0] if self.rng is None else self.rng.choice(items)

    def order(self, items: Iterable[T]) -> list[T]:
        """The items, shuffled."""
        found = list(items)
        if self.rng is not None:
            self.rng.shuffle(found)
        return found


def tell(draft: Draft, chance: Chance) -> Case:
    """The case in words.

    Raises:
        Fault: A template or a fact cannot be read.
    """
    return _Teller(draft, chance).case()


class _Teller:
    def __init__(self, draft: Draft, chance: Chance) -> None:
        self._draft, self._chance = draft, chance
        rows = tuple(range(len(draft.numbers)))
        row = chance.row if chance.row is not None else chance.choice(rows)
        self._shift = chance.shift if chance.shift is not None else chance.choice(draft.shift)
        self._numbers = {
            name: self._time(("numbers", row, name), value) if _TIME.fullmatch(value) else value
            for name, value in draft.numbers[row].items()
        }
        self._slots = dict(self._numbers)
        self._name_people()
        for name, ways in draft.words.items():
            self._slots[name] = self._text(("words", name), chance.choice(ways))
        # A piece of evidence may be called after a person or a word, but not the reverse.
        for name, one in draft.evidence.items():
            self._slots[name] = self._text(("evidence", name, "name"), one.name)
        self._kinds: dict[str, bool] = {}

    def _name_people(self) -> None:
        taken: set[str] = set()
        for role in self._draft.people:
            first, last, he = self._draft.person(role)
            if not self._chance.own:
                he = self._chance.choice(("he", "she"))
                # Different first letters, so that nobody is taken for somebody else.
                last = self._chance.choice([one for one in LAST if one[0] not in taken])
                first = self._chance.choice(FIRST[he])
                taken.add(last[0])
            pronouns = dict(zip(("he", "him", "his"), PRONOUNS[he], strict=True))
            self._slots |= {role: last, f"{role}.first": first}
            self._slots |= {f"{role}.{key}": word for key, word in pronouns.items()}

    def case(self) -> Case:
        draft = self._draft
        agreed = [
            (self._text(("agreed", place, "text"), one.text),
             self._facts(("agreed", place, "facts"), one.facts))
            for place, one in enumerate(draft.agreed)
        ]  # fmt: skip
        evidence = {
            name: Evidence(
                name,
                self._slots[name],
                self._text(("evidence", name, "text"), one.text),
                self._facts(("evidence", name, "shows"), one.shows),
            )
            for name, one in draft.evidence.items()
        }
        later = {name for one in draft.testimonies for name in one.gives}
        later |= {line.press.gives or "" for _, _, line in draft.lines() if line.press}
        return Case(
            self._text(("title",), draft.title),
            self._text(("story",), draft.story),
            tuple(text for text, _ in agreed),
            tuple(fact for _, facts in agreed for fact in facts),
            evidence,
            tuple(self._chance.order(name for name in evidence if name not in later)),
            tuple(
                self._testimony(("testimonies", number), one)
                for number, one in enumerate(draft.testimonies)
            ),
        )

    def _testimony(self, at: Place, one: TestimonyDraft) -> Testimony:
        lines = [
            self._line((*at, "statements", place), line)
            for place, line in enumerate(one.statements)
        ]
        return Testimony(
            f"{self._slots[one.witness + '.first']} {self._slots[one.witness]}",
            self._text((*at, "role"), one.role),
            self._text((*at, "title"), one.title),
            self._text((*at, "opening"), one.opening) if one.opening else "",
            tuple(lines if one.ordered else self._chance.order(lines)),
            frozenset(
                (answer.statement, evidence)
                for answer in one.answers
                for evidence in answer.evidence
            ),
            tuple(one.gives),
        )

    def _line(self, at: Place, one: LineDraft) -> Line:
        press = self._press((*at, "press"), one.press) if one.press else None
        text, claims = self._text((*at, "text"), one.text), (*at, "claims")
        return Line(one.id, text, self._facts(claims, one.claims), press)

    def _press(self, at: Place, one: PressDraft) -> Press:
        return Press(
            self._text((*at, "text"), one.text),
            self._facts((*at, "claims"), one.claims),
            one.gives,
            self._line((*at, "amends"), one.amends) if one.amends else None,
            self._line((*at, "adds"), one.adds) if one.adds else None,
        )

    def _text(self, at: Place, template: str) -> str:
        """Say a template: first which way, then what stands in its slots."""
        one_way = _WAYS.sub(lambda ways: self._chance.choice(ways[1].split("|")), template)
        text = " ".join(_SLOT.sub(lambda slot: self._slot(at, slot[1]), one_way).split())
        strange = sorted(set(text) - SIGNS)
        if strange:
            raise Fault(at, f"{strange[0]!r} cannot stand in a text: the picture has no such sign")
        if not text[:1].isalnum():
            raise Fault(at, f"{text[:20]!r} does not begin with a letter or digit")
        if ":" in text and at[0] == "evidence" and at[-1] == "name":
            raise Fault(at, "a name cannot hold a colon")
        return text

    def _slot(self, at: Place, name: str) -> str:
        if _TIME.fullmatch(name):
            return self._time(at, name)
        small = name[:1].lower() + name[1:]
        if small not in self._slots:
            raise Fault(at, f"nothing is called {name!r}: known are {', '.join(self._slots)}")
        text = self._slots[small]
        return text if small == name else text[:1].upper() + text[1:]

    def _time(self, at: Place, text: str) -> str:
        try:
            moved = minutes(text) + self._shift
        except ValueError as error:
            raise Fault(at, str(error)) from None
        if not 0 <= moved < 24 * 60:
            raise Fault(at, f"{text}, shifted by {self._shift} minutes, is on another day")
        return f"{moved // 60:02}:{moved % 60:02}"

    def _facts(self, at: Place, lines: list[str]) -> tuple[Fact, ...]:
        found = []
        for place, line in enumerate(lines):
            here = (*at, place)
            try:
                fact = parse(_IN_FACT.sub(self._in_fact(here), line))
            except ValueError as error:
                raise Fault(here, str(error)) from None
            for key, quantity in keys(fact).items():
                if self._kinds.setdefault(key, quantity) != quantity:
                    raise Fault(here, f"{key} is a word in one fact and a quantity in another")
            found.append(fact)
        return tuple(found)

    def _in_fact(self, at: Place) -> Callable[[re.Match[str]], str]:
        def value(match: re.Match[str]) -> str:
            if match[2]:
                return self._time(at, match[2])
            if match[1] not in self._numbers:
                raise Fault(at, f"no number is called {match[1]!r}")
            return self._numbers[match[1]]

        return value
