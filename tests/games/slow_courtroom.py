"""A slow solver for the courtroom: walks the game itself by legal actions, breadth first.

It reads no case file and no facts. It saves, tries every action that is offered,
sees what happened to the score and the penalties, and restores.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from lmgame.game import State
from lmgame.games.courtroom import Courtroom, Snapshot, parse_text


@dataclass
class Walk:
    """What the walk found.

    Attributes:
        right: By testimony, from 1: evidence name and statement text of every
            present that was right.
        won: Whether a stage was seen in which the last testimony can be solved.
        dead: Stages from which no right present can be reached.
        stages: How many stages there are.
    """

    right: dict[int, set[tuple[str, str]]] = field(default_factory=dict)
    won: bool = False
    dead: int = 0
    stages: int = 0


def key(seen: Snapshot) -> object:
    said = frozenset((one.text, one.answers) for one in seen.statements)
    return seen.testimony, said, frozenset(seen.record)


def walk(game: Courtroom) -> Walk:
    """Walk all stages of the one case of a game that was just reset."""
    found = Walk()
    start = parse_text(game.text(0))
    queue: deque[tuple[object, State]] = deque([(key(start), game.save())])
    after: dict[object, set[object]] = {key(start): set()}
    while queue:
        here, state = queue.popleft()
        game.restore(state)
        seen = parse_text(game.text(0))
        for action in game.actions(0).choices:
            game.restore(state)
            score = game.scores()[0]
            game.apply({0: action})
            if action.startswith("present") and game.scores()[0] == score:
                continue
            if action.startswith("present"):
                evidence, _, place = action.removeprefix("present E").partition(" at ")
                pair = seen.record[int(evidence) - 1].name, seen.statements[int(place) - 1].text
                found.right.setdefault(seen.testimony, set()).add(pair)
            if not game.acting():
                found.won = True
                after[here].add("won")
                continue
            there = key(parse_text(game.text(0)))
            after[here].add(there)
            if there not in after:
                after[there] = set()
                queue.append((there, game.save()))
    found.stages = len(after)
    found.dead = len(after) - len(alive(after))
    return found


def alive(after: dict[object, set[object]]) -> set[object]:
    """The stages from which the verdict can be reached."""
    good: set[object] = {"won"}
    while more := {one for one, next_ in after.items() if one not in good and next_ & good}:
        good |= more
    return good - {"won"}
