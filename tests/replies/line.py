"""One line of the corpus: a reply, the turn it answers, and how it reads."""

from __future__ import annotations

import dataclasses
import json
from functools import cache
from pathlib import Path

from pydantic import ConfigDict, TypeAdapter

from lmgame import registry
from lmgame.agent import ReadingOutcome
from lmgame.errors import IllegalAction
from lmgame.game import State, Turn
from lmgame.world import World

FOLDER = Path(__file__).parent


@dataclasses.dataclass(frozen=True, slots=True)
class Line:
    """One line of a file.

    Attributes:
        id: Names the line; unique in the corpus.
        game: The game's id.
        arguments: The game's settings.
        seed: The match seed.
        played: Canonical actions that landed before; where seats act at the same
            moment, one for each of them in seat order.
        seat: Who was asked.
        reply: What was answered.
        finish: The server's finish reason: ``"stop"`` or ``"length"``.
        outcome: How a careful person reads it.
        action: The answer in the game's own spelling; None unless ``ok``.
        habit: What the line is an example of, in a few words.
        source: ``"written"``, or the name of the model that gave the reply.
    """

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True)
    id: str
    game: str
    arguments: State
    seed: int
    played: list[str]
    seat: int
    reply: str
    finish: str
    outcome: ReadingOutcome
    action: str | None
    habit: str
    source: str


_LINE = TypeAdapter(Line)


def files() -> list[Path]:
    """The files of the corpus, by name."""
    return sorted(FOLDER.glob("*.jsonl"))


@cache
def load(path: Path) -> tuple[Line, ...]:
    """The lines of one file.

    Raises:
        ValidationError: A line is not a Line.
    """
    # Not splitlines: a reply may hold other characters that end a line.
    lines = path.read_text(encoding="utf-8").split("\n")[:-1]
    return tuple(_LINE.validate_json(line) for line in lines)


def dump(line: Line) -> str:
    """A line as it is written in a file: what cannot be seen is escaped."""
    text = json.dumps(dataclasses.asdict(line), ensure_ascii=False)
    return "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in text)


def turn_of(line: Line) -> Turn:
    """The turn that a line answers.

    Raises:
        IllegalAction: What was played before cannot be played.
    """
    return _turn(line.game, json.dumps(line.arguments), line.seed, tuple(line.played), line.seat)


@cache
def _turn(game_id: str, arguments: str, seed: int, played: tuple[str, ...], seat: int) -> Turn:
    world = World(registry.games.make(game_id, json.loads(arguments)), seed)
    world.offer(lambda seat: None)
    left = list(played)
    while left:
        landing = {seat: left.pop(0) for seat in world.game.acting()}
        for one, done in world.land(landing).items():
            if done.action != landing[one]:
                raise IllegalAction(
                    f"{game_id}, seed {seed}: {landing[one]!r} in {played} cannot be played: "
                    f"{done.refused or f'it is spelled {done.action!r}'}"
                )
        world.advance(world.pace)
        world.offer(lambda seat: None)
    return world.turns[seat]
