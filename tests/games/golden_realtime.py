"""Golden playthroughs of the games that run by the clock, as in golden.py.

Write them again with ``python -m tests.games.golden_realtime``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import cast

from lmgame.agents.scripted import platformer, pong
from lmgame.game import Game, Turn
from lmgame.games.platformer import Platformer
from lmgame.games.pong import Pong

FOLDER = Path(__file__).with_name("golden")
SEED, DECISIONS = 2026, 150
GAMES: dict[type[Game], Callable[[Turn], str]] = {Pong: pong.best, Platformer: platformer.best}


def playthrough(game: Game, best: Callable[[Turn], str]) -> Iterator[str]:
    """The lines of one match, played by the anchor with some odd moves."""
    random = Random(SEED)
    game.reset(SEED)
    yield f"{game.spec.id} seed {SEED}"
    yield from observations(game)
    for number in range(DECISIONS):
        if not game.acting():
            break
        said = {seat: chosen(game, seat, best, random) for seat in game.acting()}
        game.apply(said)
        game.advance(random.choice((0, game.spec.pace, game.spec.pace, 2 * game.spec.pace + 1)))
        words = "; ".join(f"{seat} {text}" for seat, text in said.items())
        scores = " ".join(f"{score:g}" for score in game.scores())
        yield f"{number} | {words} | tick {game.tick} | score {scores} | {game.fingerprint()}"
        if number % 30 == 29:
            yield from observations(game)
    yield from observations(game)
    for seat in range(len(game.spec.seats)):
        counted = game.statistics(seat).items()
        yield f"seat {seat}: " + ", ".join(f"{name} {value:g}" for name, value in counted)
    outcome = game.outcome()
    yield f"outcome: {outcome.reason if outcome else 'none yet'}"


def observations(game: Game) -> Iterator[str]:
    for seat in range(len(game.spec.seats)):
        yield f"seat {seat} sees:"
        yield game.text(seat)


def chosen(game: Game, seat: int, best: Callable[[Turn], str], random: Random) -> str:
    actions = game.actions(seat)
    if random.random() < 0.15:
        return random.choice(actions.choices)
    seen = SimpleNamespace(observation=game.observe(seat), actions=actions)
    return best(cast(Turn, seen))


def path(game: type[Game]) -> Path:
    return FOLDER / f"{game.spec.id}.txt"


def write(game: type[Game]) -> str:
    return "\n".join(playthrough(game(), GAMES[game])) + "\n"


if __name__ == "__main__":
    for kind in GAMES:
        path(kind).write_text(write(kind), encoding="utf-8")
        print(f"wrote {path(kind)}")
