"""What a case file holds, and what is wrong with one; docs/courtroom.md explains each key.

A file is YAML, one document for each case. Texts are templates (see wording.py),
facts are lines of logic.py.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Annotated, TypeAlias

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from lmgame.errors import ConfigError, suggest

LARGEST_FILE = 1_000_000  # bytes
MOST_STATEMENTS, MOST_EVIDENCE, MOST_TESTIMONIES = 8, 9, 9
_PERSON = re.compile(r"([A-Z][a-z]+) ([A-Z][a-z]+), (he|she)")
_ID = r"^[a-z][a-z0-9_]*$"

Place: TypeAlias = tuple[int | str, ...]
"""Where something stands in a document: keys and places in lists, from the outside in."""


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


Id = Annotated[str, Field(pattern=_ID)]
Text = Annotated[str, Field(min_length=1, max_length=1000)]
Facts = Annotated[list[str], BeforeValidator(_listed)]
Ids = Annotated[list[Id], BeforeValidator(_listed)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PressDraft(_Model):
    """What pressing a statement brings; see case.Press."""

    text: Text
    claims: Facts = []
    gives: Id | None = None
    amends: LineDraft | None = None
    adds: LineDraft | None = None


class LineDraft(_Model):
    """A statement; see case.Line."""

    id: Id
    text: Text
    claims: Annotated[Facts, Field(min_length=1)]
    press: PressDraft | None = None


class EvidenceDraft(_Model):
    """A piece of evidence; see case.Evidence."""

    name: Text
    text: Text
    shows: Annotated[Facts, Field(min_length=1)]


class AgreedDraft(_Model):
    """What both sides agree on."""

    text: Text
    facts: Annotated[Facts, Field(min_length=1)]


class AnswerDraft(_Model):
    """A contradiction: one statement, and the evidence of which each piece contradicts it."""

    statement: Id
    evidence: Annotated[Ids, Field(min_length=1)]


class TestimonyDraft(_Model):
    """A testimony; see case.Testimony."""

    witness: Id
    role: Text
    title: Text
    opening: Annotated[str, Field(max_length=1000)] = ""
    ordered: bool = False
    statements: Annotated[list[LineDraft], Field(min_length=1, max_length=MOST_STATEMENTS)]
    answers: Annotated[list[AnswerDraft], Field(min_length=1)]
    gives: Ids = []


class Draft(_Model):
    """One case as it stands in its file."""

    title: Text
    story: Text
    people: dict[Id, Annotated[str, Field(pattern=f"^{_PERSON.pattern}$")]] = {}
    words: dict[Id, Annotated[list[Text], Field(min_length=1)]] = {}
    numbers: Annotated[list[dict[Id, str]], Field(min_length=1)] = [{}]
    shift: Annotated[list[int], Field(min_length=1)] = [0]
    agreed: list[AgreedDraft] = []
    evidence: Annotated[dict[Id, EvidenceDraft], Field(min_length=1, max_length=MOST_EVIDENCE)]
    testimonies: Annotated[list[TestimonyDraft], Field(min_length=1, max_length=MOST_TESTIMONIES)]

    def person(self, name: str) -> tuple[str, str, str]:
        """First name, surname, and ``he`` or ``she``."""
        match = _PERSON.fullmatch(self.people[name])
        assert match is not None
        return match[1], match[2], match[3]

    def lines(self) -> Iterator[tuple[Place, int, LineDraft]]:
        """Every statement with its place and the number of its testimony."""
        for number, testimony in enumerate(self.testimonies):
            for place, line in enumerate(testimony.statements):
                at = ("testimonies", number, "statements", place)
                yield from ((where, number, one) for where, one in _within(at, line))


def _within(at: Place, line: LineDraft) -> Iterator[tuple[Place, LineDraft]]:
    yield at, line
    for key in ("amends", "adds"):
        other = getattr(line.press, key, None)
        if other is not None:
            yield from _within((*at, "press", key), other)


class Fault(Exception):
    """Something wrong with a case, and the place where it is."""

    def __init__(self, at: Place, reason: str) -> None:
        super().__init__(reason)
        self.at = at


class Source:
    """A case with its lines in the file.

    Attributes:
        draft: The case.
    """

    def __init__(self, path: str, node: yaml.Node) -> None:
        self._path, self._node = path, node
        try:
            self.draft = Draft.model_validate(_plain(node, set()))
            _check_names(self.draft)
        except ValidationError as error:
            first = error.errors()[0]
            raise self.error(Fault(first["loc"], _said(first["msg"], first["type"]))) from None
        except Fault as fault:
            raise self.error(fault) from None

    def error(self, fault: Fault) -> ConfigError:
        """The fault with file and line."""
        return ConfigError(f"{self._path}, line {_line(self._node, fault.at)}: {fault}")


def read(path: str) -> tuple[Source, ...]:
    """The cases of a file.

    Raises:
        ConfigError: It cannot be read, or breaks the schema: says which line and why.
    """
    try:
        if Path(path).stat().st_size > LARGEST_FILE:
            raise ConfigError(f"{path} is larger than {LARGEST_FILE} bytes: not a case file")
        return _sources(path, Path(path).read_text(encoding="utf-8-sig"))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(f"{path}, line {line}: {error.problem}") from None
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        reason = getattr(error, "strerror", None) or "it is not YAML in UTF-8"
        raise ConfigError(f"case file {path!r} cannot be read: {reason}") from None


@lru_cache(maxsize=64)
def _sources(path: str, text: str) -> tuple[Source, ...]:
    nodes = list(yaml.compose_all(text, yaml.SafeLoader))
    if not nodes:
        raise ConfigError(f"{path} holds no case; see docs/courtroom.md")
    return tuple(Source(path, node) for node in nodes)


def _plain(node: yaml.Node, seen: set[int]) -> object:
    """The node as lists, dictionaries and strings, which is all a case needs."""
    if id(node) in seen:  # one node twice: a few of these can stand for a billion
        raise yaml.MarkedYAMLError(None, None, "an alias refers to this", node.start_mark)
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        return [_plain(one, seen) for one in node.value]
    if isinstance(node, yaml.MappingNode):
        found: dict[str, object] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.value in found:
                raise yaml.MarkedYAMLError(None, None, "a key stands here twice", key.start_mark)
            found[key.value] = _plain(value, seen)
        return found
    return node.value


def _line(node: yaml.Node, at: Place) -> int:
    """The line of the innermost part of ``at`` that there is, from 1."""
    line = node.start_mark.line
    for part in at:
        if isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            node = node.value[part]
            line = node.start_mark.line
            continue
        pairs = node.value if isinstance(node, yaml.MappingNode) else ()
        inner = [(key, value) for key, value in pairs if key.value == part]
        if not inner:
            break
        key, node = inner[0]
        line = key.start_mark.line
    return int(line) + 1


def _said(message: str, kind: str) -> str:
    """What pydantic complains about, in our words where its own are for programmers."""
    known = {"missing": "this needs a key that is missing", "extra_forbidden": "unknown key"}
    return known.get(kind, message)


def _check_names(draft: Draft) -> None:
    """Names must exist, and mean one thing."""
    slots = [*draft.people, *draft.words, *draft.evidence, *draft.numbers[0]]
    for name in slots:
        if slots.count(name) > 1:
            raise Fault((), f"{name!r} names two things; names are shared by all slots")
    for row, numbers in enumerate(draft.numbers):
        if numbers.keys() != draft.numbers[0].keys():
            raise Fault(("numbers", row), "every row of numbers has the same names")
    seen: dict[str, int] = {}
    for at, number, line in draft.lines():
        if line.id in seen:
            raise Fault((*at, "id"), f"there are two statements {line.id!r}")
        seen[line.id] = number
        if line.press is not None and line.press.gives is not None:
            _known((*at, "press", "gives"), "evidence", line.press.gives, draft.evidence)
    for number, testimony in enumerate(draft.testimonies):
        at = ("testimonies", number)
        _known((*at, "witness"), "person", testimony.witness, draft.people)
        own = [name for name, where in seen.items() if where == number]
        for place, answer in enumerate(testimony.answers):
            inner = (*at, "answers", place)
            _known((*inner, "statement"), "statement", answer.statement, own)
            for one in answer.evidence:
                _known((*inner, "evidence"), "evidence", one, draft.evidence)
        for one in testimony.gives:
            _known((*at, "gives"), "evidence", one, draft.evidence)


def _known(at: Place, kind: str, name: str, names: Collection[str]) -> None:
    if name not in names:
        raise Fault(at, f"unknown {kind} {name!r}; {suggest(name, names)}")
