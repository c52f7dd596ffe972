"""Proves that a case can be won, and that no testimony has a second answer.

``python -m lmgame.games.courtroom FILE`` prints the proof of every case in a file,
or what is wrong and in which line.

In every stage of a trial that pressing and right answers can reach:

* the evidence and what is agreed can all be true together;
* each answer clashes: the statement, that one piece of evidence and what is
  agreed cannot all be true;
* nothing else does: each statement, what is agreed and all the evidence on
  record but its answers can be true together. So no other evidence contradicts
  it, neither alone nor several pieces combined;
* the verdict can still be reached, whatever was pressed or left unpressed.

Facts depend on the numbers and the shift of times only, not on names and words,
so proving every row of numbers with every shift proves every paraphrase.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from .case import Case, Evidence, Line, Said, Stage, begin
from .draft import Draft, Fault, Place, Source, read
from .logic import Fact, clash, reason
from .render import ROWS, rows
from .text import fullest, write
from .wording import Chance, tell

MOST_STAGES = 20_000
SPARE_ROWS = 3
"""Rows of the page kept free, because another wording may break lines worse."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A contradiction, proved.

    Attributes:
        testimony: Its number, from 0.
        line: The statement.
        evidence: What contradicts it.
        facts: Why: these cannot all be true, but any fewer of them can.
        presses: How many statements must be pressed in this testimony before, at least.
    """

    testimony: int
    line: Line
    evidence: Evidence
    facts: tuple[Fact, ...]
    presses: int


@dataclass(frozen=True, slots=True)
class Proof:
    """What prove found.

    Attributes:
        stages: How many stages of the trial were looked at.
        answers: The contradictions, in order.
    """

    stages: int
    answers: tuple[Answer, ...]


class Unsound(Exception):
    """A case that cannot be proved.

    Attributes:
        about: The id of the statement or evidence at fault, the number of the
            testimony, or None for the case.
    """

    def __init__(self, message: str, about: str | int | None) -> None:
        super().__init__(message)
        self.about = about


@dataclass(frozen=True, slots=True)
class _Node:
    stage: Stage
    presses: int
    after: list[int]
    """Places in the list of nodes, -1 for the verdict."""


def prove(case: Case) -> Proof:
    """Prove a case.

    Raises:
        Unsound: It cannot be proved; says why.
    """
    nodes = _reachable(case)
    _check_reached(case, nodes)
    answers = _check_answers(case, nodes)
    _check_no_dead_end(nodes)
    return Proof(len(nodes), answers)


def _reachable(case: Case) -> list[_Node]:
    """Every stage, breadth first, and where pressing and right answers lead from it."""
    nodes = [_Node(begin(case), 0, [])]
    places = {_key(nodes[0].stage): 0}
    for node in nodes:
        stage = node.stage
        moves = [stage.press(place) for place, said in enumerate(stage.said) if said.open]
        if _answerable(stage):
            solved = stage.solved()
            if solved is None:
                node.after.append(-1)
            else:
                moves.append(solved)
        for move in moves:
            key = _key(move)
            if key not in places:
                places[key] = len(nodes)
                nodes.append(
                    _Node(move, node.presses + 1 if move.number == stage.number else 0, [])
                )
            node.after.append(places[key])
        if len(nodes) > MOST_STAGES:
            raise Unsound(
                f"there are more than {MOST_STAGES} stages to look at: let fewer statements be "
                "pressed, or give evidence with the answer", stage.number,
            )  # fmt: skip
    return nodes


def _key(stage: Stage) -> tuple[object, ...]:
    """What tells stages apart but for the order of things."""
    said = frozenset((one.line.id, one.heard, one.open) for one in stage.said)
    return stage.number, said, frozenset(stage.record)


def _answerable(stage: Stage) -> bool:
    return any(
        stage.right(evidence, place)
        for evidence in range(len(stage.record))
        for place in range(len(stage.said))
    )


def _check_reached(case: Case, nodes: list[_Node]) -> None:
    last = max(node.stage.number for node in nodes)
    if not any(-1 in node.after for node in nodes):
        raise Unsound(f"testimony {last + 1} cannot be solved: no answer can be presented", last)
    recorded = {name for node in nodes for name in node.stage.record}
    for name in case.evidence:
        if name not in recorded:
            raise Unsound(f"evidence {name!r} never enters the record", name)


def _check_answers(case: Case, nodes: list[_Node]) -> tuple[Answer, ...]:
    judged: set[tuple[object, ...]] = set()
    answers: dict[tuple[str, str], Answer] = {}
    for node in nodes:
        stage = node.stage
        record = frozenset(stage.record)
        if (record,) not in judged:
            judged.add((record,))
            _check_consistent(case, record)
        for said in stage.said:
            right = {name for line, name in stage.testimony.answers if line == said.line.id}
            if (said.line.id, said.claims, record) not in judged:
                judged.add((said.line.id, said.claims, record))
                _check_statement(case, said, record, right)
            for name in sorted(right & record):
                if (said.line.id, name) not in answers:
                    evidence = case.evidence[name]
                    facts = reason((*said.claims, *evidence.shows, *case.facts))
                    answers[said.line.id, name] = Answer(
                        stage.number, said.line, evidence, tuple(facts), node.presses
                    )
    for number, testimony in enumerate(case.testimonies):
        for line, name in sorted(testimony.answers):
            if (line, name) not in answers:
                raise Unsound(f"evidence {name!r} can never be presented at {line!r}", number)
    return tuple(sorted(answers.values(), key=lambda one: one.testimony))


def _check_consistent(case: Case, record: frozenset[str]) -> None:
    facts = [*case.facts, *(fact for name in sorted(record) for fact in case.evidence[name].shows)]
    if clash(facts):
        why = "; ".join(fact.text for fact in reason(facts))
        about = next((name for name in sorted(record) if clash(case.evidence[name].shows)), None)
        raise Unsound(f"the evidence and what is agreed contradict each other: {why}", about)


def _check_statement(case: Case, said: Said, record: frozenset[str], right: set[str]) -> None:
    line = said.line.id
    for name in sorted(right & record):
        if not clash((*said.claims, *case.evidence[name].shows, *case.facts)):
            raise Unsound(f"evidence {name!r} does not contradict statement {line!r}", line)
    rest = sorted(record - right)
    shown = [fact for name in rest for fact in case.evidence[name].shows]
    facts = [*said.claims, *case.facts, *shown]
    if clash(facts):
        why = reason(facts)
        names = [repr(name) for name in rest if set(case.evidence[name].shows) & set(why)]
        because = "; ".join(fact.text for fact in why)
        by = f"evidence {' with '.join(names)}" if names else "what is agreed"
        raise Unsound(f"{by} contradicts statement {line!r} too ({because})", line)


def _check_no_dead_end(nodes: list[_Node]) -> None:
    before: dict[int, list[int]] = {}
    for place, node in enumerate(nodes):
        for after in node.after:
            before.setdefault(after, []).append(place)
    alive, queue = {-1}, [-1]
    for place in queue:
        for one in before.get(place, ()):
            if one not in alive:
                alive.add(one)
                queue.append(one)
    for place, node in enumerate(nodes):
        if place not in alive:
            stage = node.stage
            pressed = [said.line.id for said in stage.said if said.heard]
            lacking = sorted(set(stage.case.evidence) - set(stage.record))
            raise Unsound(
                f"testimony {stage.number + 1} can become impossible to solve: with "
                f"{', '.join(pressed) or 'nothing'} pressed and without evidence "
                f"{', '.join(lacking) or '(none lacking)'}", stage.number,
            )  # fmt: skip


@lru_cache(maxsize=256)
def check(source: Source) -> Proof:
    """Prove a case of a file, with every row of numbers and every shift of times.

    Returns:
        The proof of the case in its own words.

    Raises:
        ConfigError: It cannot be proved: says which line and why.
    """
    draft = source.draft
    try:
        _check_fits(tell(draft, Chance(None, longest=True)))
        proofs = [
            prove(tell(draft, Chance(None, row, shift)))
            for row in range(len(draft.numbers))
            for shift in draft.shift
        ]
    except Fault as fault:
        raise source.error(fault) from None
    except Unsound as error:
        raise source.error(Fault(_place(draft, error.about), str(error))) from None
    return proofs[0]


def _check_fits(case: Case) -> None:
    for node in _reachable(case):
        if not any(said.open for said in node.stage.said):
            height = rows(write(fullest(node.stage)))
            if height > ROWS - SPARE_ROWS:
                raise Unsound(
                    f"with everything pressed the page has up to {height} rows, "
                    f"{ROWS - SPARE_ROWS} fit: shorten the texts", node.stage.number,
                )  # fmt: skip


def _place(draft: Draft, about: str | int | None) -> Place:
    if isinstance(about, int):
        return ("testimonies", about)
    if about in draft.evidence:
        return ("evidence", str(about))
    return next(((*at, "id") for at, _, line in draft.lines() if line.id == about), ())


def checked(path: str) -> tuple[Source, ...]:
    """The cases of a file, each of them proved.

    Raises:
        ConfigError: The file cannot be read, or a case cannot be proved.
    """
    sources = read(path)
    for source in sources:
        check(source)
    return sources


def describe(source: Source) -> str:
    """The proof of a case, for its author.

    Raises:
        ConfigError: It cannot be proved: says which line and why.
    """
    draft, proof = source.draft, check(source)
    told = len(draft.numbers) * len(draft.shift)
    lines = [
        f"{tell(draft, Chance(None)).title}: proved, in {proof.stages} stages and "
        f"{told} tellings of its numbers and times"
    ]
    for answer in proof.answers:
        presses = f", after {answer.presses} pressed" if answer.presses else ""
        lines += [
            f"  testimony {answer.testimony + 1}{presses}: {answer.evidence.name} at "
            f"{answer.line.text!r}",
            f"    because not all of these hold: {'; '.join(one.text for one in answer.facts)}",
        ]
    return "\n".join(lines)
