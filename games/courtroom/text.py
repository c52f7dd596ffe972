"""The text observation, and its reader; the image is the same text on a page (see render.py)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .case import Stage

_HEAD = re.compile(
    r"case (\d+) of (\d+): (.+)\ntestimony (\d+) of (\d+), penalties (\d+) of (\d+)\n(.+)\n"
)
_AGREED = re.compile(r"\* (.+)")
_EVIDENCE = re.compile(r"E(\d+) ([^:]+): (.+)")
_STATEMENT = re.compile(r"(\d+)\. (.+)")
_HEARD = re.compile(r"> (.+)")
_WITNESS = re.compile(r"testimony of ([A-Za-z]+ [A-Za-z]+), ([^:]+): (.+)")
_REFUSED = re.compile(r"E(\d+) at (\d+)")
AGREED, RECORD, REFUSED = "both sides agree:", "court record:", "refused: "


@dataclass(frozen=True, slots=True)
class Exhibit:
    """A piece of evidence as the player sees it; its number is its place, from 1."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Heard:
    """A statement as the player sees it, and the answers that pressing brought."""

    text: str
    answers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is seen at one moment.

    Attributes:
        case, cases: Which case it is, from 1, and how many there are.
        title, story: Of the case.
        testimony, testimonies: Which testimony it is, from 1, and how many there are.
        penalties, limit: How many there were in this case, and how many lose it.
        agreed: What both sides agree on.
        record: The evidence.
        witness, role, heading, opening: Of the testimony; the opening may be empty.
        statements: The testimony.
        refused: Evidence and statement, from 1, of presents that were wrong.
    """

    case: int
    cases: int
    title: str
    story: str
    testimony: int
    testimonies: int
    penalties: int
    limit: int
    agreed: tuple[str, ...]
    record: tuple[Exhibit, ...]
    witness: str
    role: str
    heading: str
    opening: str
    statements: tuple[Heard, ...]
    refused: tuple[tuple[int, int], ...]


def snapshot(
    stage: Stage,
    case: tuple[int, int],
    penalties: tuple[int, int],
    refused: tuple[tuple[int, int], ...],
) -> Snapshot:
    """What is seen of a stage; the pairs are a number and of how many."""
    told, testimony = stage.case, stage.testimony
    return Snapshot(
        *case,
        told.title,
        told.story,
        stage.number + 1,
        len(told.testimonies),
        *penalties,
        told.agreed,
        tuple(Exhibit(told.evidence[one].name, told.evidence[one].text) for one in stage.record),
        testimony.witness,
        testimony.role,
        testimony.title,
        testimony.opening,
        tuple(Heard(said.line.text, said.heard) for said in stage.said),
        refused,
    )


def fullest(stage: Stage) -> Snapshot:
    """What is seen of a stage at its longest."""
    return snapshot(stage, (99, 99), (9, 9), ((9, 9),) * 9)


def write(seen: Snapshot) -> str:
    """The observation."""
    lines = [
        f"case {seen.case} of {seen.cases}: {seen.title}",
        f"testimony {seen.testimony} of {seen.testimonies}, "
        f"penalties {seen.penalties} of {seen.limit}",
        seen.story,
    ]
    if seen.agreed:
        lines += [AGREED, *(f"* {one}" for one in seen.agreed)]
    lines.append(RECORD)
    lines += [f"E{number} {one.name}: {one.text}" for number, one in enumerate(seen.record, 1)]
    lines.append(f"testimony of {seen.witness}, {seen.role}: {seen.heading}")
    if seen.opening:
        lines.append(seen.opening)
    for number, one in enumerate(seen.statements, 1):
        lines += [f"{number}. {one.text}", *(f"> {answer}" for answer in one.answers)]
    if seen.refused:
        pairs = ", ".join(f"E{evidence} at {place}" for evidence, place in seen.refused)
        lines.append(REFUSED + pairs)
    return "\n".join(lines)


def parse_text(text: str) -> Snapshot:
    """Read a text observation.

    Raises:
        ValueError: It is not one.
    """
    try:
        found = _read(text)
    except (IndexError, TypeError):
        found = None
    if found is None or write(found) != text:
        raise ValueError(f"not a courtroom observation: {text[:80]!r}")
    return found


def _read(text: str) -> Snapshot | None:
    head = _HEAD.match(text)
    if head is None:
        return None
    lines = text[head.end() :].split("\n")
    agreed: list[str] = []
    if lines[0] == AGREED:
        lines.pop(0)
        while match := _AGREED.fullmatch(lines[0]):
            agreed.append(match[1])
            lines.pop(0)
    if lines.pop(0) != RECORD:
        return None
    record: list[Exhibit] = []
    while match := _EVIDENCE.fullmatch(lines[0]):
        record.append(Exhibit(match[2], match[3]))
        lines.pop(0)
    witness = _WITNESS.fullmatch(lines.pop(0))
    opening = lines.pop(0) if _STATEMENT.fullmatch(lines[0]) is None else ""
    pairs = lines.pop() if lines[-1].startswith(REFUSED) else ""
    refused = [(int(one), int(two)) for one, two in _REFUSED.findall(pairs)]
    statements: list[Heard] = []
    for line in lines:
        if match := _STATEMENT.fullmatch(line):
            statements.append(Heard(match[2], ()))
        elif match := _HEARD.fullmatch(line):
            statements[-1] = Heard(statements[-1].text, (*statements[-1].answers, match[1]))
        else:
            return None
    if witness is None:
        return None
    case, cases, title, testimony, testimonies, penalties, limit, story = head.groups()
    return Snapshot(
        int(case), int(cases), title, story, int(testimony), int(testimonies), int(penalties),
        int(limit), tuple(agreed), tuple(record), witness[1], witness[2], witness[3], opening,
        tuple(statements), tuple(refused),
    )  # fmt: skip
