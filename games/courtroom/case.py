"""A case as it is told in one match: plain texts and the facts behind them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from .logic import Fact


@dataclass(frozen=True, slots=True)
class Evidence:
    """A piece of evidence.

    Attributes:
        id: What the case file calls it.
        name, text: What the player reads.
        shows: The facts it proves.
    """

    id: str
    name: str
    text: str
    shows: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """A statement of a witness.

    Attributes:
        id: What the case file calls it.
        text: What the player reads.
        claims: The facts it claims.
        press: What pressing it brings; None when the witness has no more to say.
    """

    id: str
    text: str
    claims: tuple[Fact, ...]
    press: Press | None


@dataclass(frozen=True, slots=True)
class Press:
    """What pressing a statement brings.

    Attributes:
        text: The witness's answer.
        claims: The facts that the answer claims besides.
        gives: Evidence that enters the record, or None.
        amends: The statement that takes the pressed one's place, or None.
        adds: A statement that joins the testimony, or None.
    """

    text: str
    claims: tuple[Fact, ...]
    gives: str | None
    amends: Line | None
    adds: Line | None


@dataclass(frozen=True, slots=True)
class Testimony:
    """One testimony.

    Attributes:
        witness, role, title: What the player reads.
        opening: What led to it, or an empty string.
        lines: The statements at its beginning.
        answers: The contradictions, as pairs of a line's and an evidence's id.
        gives: Evidence that enters the record when a contradiction is found.
    """

    witness: str
    role: str
    title: str
    opening: str
    lines: tuple[Line, ...]
    answers: frozenset[tuple[str, str]]
    gives: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Case:
    """A case.

    Attributes:
        title, story: What the player reads.
        agreed: What both sides agree on, as text.
        facts: The same as facts.
        evidence: Every piece of evidence by its id.
        record: The evidence at the beginning, in the order of the record.
        testimonies: One after another.
    """

    title: str
    story: str
    agreed: tuple[str, ...]
    facts: tuple[Fact, ...]
    evidence: dict[str, Evidence]
    record: tuple[str, ...]
    testimonies: tuple[Testimony, ...]


@dataclass(frozen=True, slots=True)
class Said:
    """A statement as it stands now.

    Attributes:
        line: The statement.
        claims: What it claims, with what the answers to pressing added.
        heard: The answers that pressing has brought.
        open: Whether it can be pressed.
    """

    line: Line
    claims: tuple[Fact, ...]
    heard: tuple[str, ...]
    open: bool


@dataclass(frozen=True, slots=True)
class Stage:
    """How far a trial has come, apart from penalties.

    Attributes:
        case: The case.
        number: Which testimony, from 0.
        said: Its statements now, in order of their numbers.
        record: The ids of the evidence, in order of their numbers.
    """

    case: Case
    number: int
    said: tuple[Said, ...]
    record: tuple[str, ...]

    @property
    def testimony(self) -> Testimony:
        """The present testimony."""
        return self.case.testimonies[self.number]

    def press(self, place: int) -> Stage:
        """Press the open statement at ``place``, from 0."""
        said = list(self.said)
        old = said[place]
        press = old.line.press
        assert press is not None
        heard = (*old.heard, press.text)
        now = replace(old, open=False) if press.amends is None else _fresh(press.amends)
        said[place] = replace(now, claims=now.claims + press.claims, heard=heard)
        if press.adds is not None:
            said.append(_fresh(press.adds))
        gives = (press.gives,) if press.gives else ()
        return replace(self, said=tuple(said), record=_with(self.record, gives))

    def right(self, evidence: int, place: int) -> bool:
        """Whether this evidence, by its place in the record, contradicts this statement."""
        return (self.said[place].line.id, self.record[evidence]) in self.testimony.answers

    def solved(self) -> Stage | None:
        """The next testimony, or None after the last."""
        if self.number + 1 == len(self.case.testimonies):
            return None
        record = _with(self.record, self.testimony.gives)
        return _stage(self.case, self.number + 1, record)


def begin(case: Case) -> Stage:
    """The first testimony of a case."""
    return _stage(case, 0, case.record)


def _stage(case: Case, number: int, record: tuple[str, ...]) -> Stage:
    lines = case.testimonies[number].lines
    return Stage(case, number, tuple(_fresh(line) for line in lines), record)


def _fresh(line: Line) -> Said:
    return Said(line, line.claims, (), line.press is not None)


def _with(record: tuple[str, ...], more: tuple[str, ...]) -> tuple[str, ...]:
    return record + tuple(one for one in more if one not in record)
