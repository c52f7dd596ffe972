"""Golden playthroughs: a match of every installed game as text, compared by test_golden.py.

A difference there is a change of rules or of what players see, and needs a new
version of the game. Write them again with ``make golden``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

from lmgame import registry
from lmgame.agent import Agent, Seating
from lmgame.errors import IllegalAction, MissingExtra, RomError
from lmgame.game import Game, Turn
from lmgame.rng import Rng
from lmgame.world import World

VARIANTS: dict[str, tuple[str, dict[str, object]]] = {
    "Tetris-v1-lmgame": ("Tetris-v1", {"rules": "lmgame", "queue": 4}),
}
"""Playthroughs beside each game's own: the game and its arguments."""
FOLDER = Path(__file__).with_name("golden")
SEED, DECISIONS, SHOWN_EVERY = 2026, 300, 30
ODD = {
    "Tetris-v1": ("press cw left*2 down*2 cw drop", "press ccw right*2 down*2 cw drop"),
    "Sokoban-v1": ("stay",),
    "Match3-v1": ("swap nothing",),
    "Holdem-v1": ("raise to 7", "raise to 40"),
}
"""Actions beyond the offered ones, tried now and then and taken where they are legal."""
FEWER = {"SuperMarioBros-v1": 80}
"""Decisions in games whose emulator takes long."""
DIGESTS = {"SuperMarioBros-v1"}
"""Games whose observations are told by a hash: their levels are not ours to copy."""


def playthrough(name: str) -> Iterator[str]:
    """The lines of one match, played by the anchor with odd moves in between."""
    game = registry.games.make(*VARIANTS.get(name, (name, {})))
    world, rng = World(game, SEED), Rng(SEED)
    agents = [
        registry.agents.make("greedy", {"seating": Seating(game.spec, seat, SEED)})
        for seat in range(len(game.spec.seats))
    ]
    yield f"{name} seed {SEED}"
    for number in range(FEWER.get(name, DECISIONS)):
        world.offer(lambda seat: None)
        if world.over:
            break
        if number % SHOWN_EVERY == 0:
            yield from observations(game)
        said = {seat: chosen(turn, agents[seat], rng) for seat, turn in world.turns.items()}
        world.land(said)
        if game.spec.hz is not None:
            world.advance(rng.choice((0, game.pace(), game.pace(), 2 * game.pace() + 1)))
        words = "; ".join(f"{seat} {text}" for seat, text in said.items())
        scores = " ".join(f"{score:g}" for score in game.scores())
        yield f"{number} | {words} | tick {game.tick} | score {scores} | {game.fingerprint()}"
    yield from observations(game)
    for seat in range(len(game.spec.seats)):
        counted = game.statistics(seat).items()
        yield f"seat {seat}: " + ", ".join(f"{key} {value:g}" for key, value in counted)
    outcome = game.outcome()
    yield f"outcome: {outcome.reason if outcome else 'none yet'}"


def observations(game: Game) -> Iterator[str]:
    for seat in range(len(game.spec.seats)):
        yield f"seat {seat} sees:"
        seen = game.observe(seat)
        yield seen.digest if game.spec.id in DIGESTS else seen.text


def chosen(turn: Turn, anchor: Agent, rng: Rng) -> str:
    draw = rng.below(100)
    if draw < 15:
        return rng.choice(turn.actions.choices)
    if draw < 25:
        try:
            return turn.canonical(rng.choice(ODD.get(turn.game, turn.actions.choices)))
        except IllegalAction:
            return turn.actions.default
    action = asyncio.run(anchor.decide(turn)).action
    assert action is not None
    return action


def names() -> list[str]:
    """Every installed game, and the variants."""
    return [*registry.games.names(), *VARIANTS]


def path(name: str) -> Path:
    return FOLDER / f"{name}.txt"


def write(name: str) -> str:
    return "\n".join(playthrough(name)) + "\n"


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for each in names():
        try:
            path(each).write_text(write(each), encoding="utf-8")
            print(f"wrote {path(each).name}")
        except (MissingExtra, RomError) as error:
            print(f"left {path(each).name} as it was: {error}")
