"""Golden playthroughs of games played in turns, compared by test_turn_golden.py.

A difference there is a change of rules or of what players see, and needs a new
version of the game. Write them again with ``python -m tests.games.turn_golden``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

from lmgame.agents.scripted import chess, holdem
from lmgame.game import Game, Turn
from lmgame.games.chess import Chess
from lmgame.games.holdem import Holdem
from lmgame.world import World

FOLDER = Path(__file__).with_name("golden")
SEED, DECISIONS = 2026, 120
GAMES: dict[str, tuple[Callable[[], Game], Callable[[Turn], str]]] = {
    "Chess-v1": (Chess, chess.best),
    "Holdem-v1": (Holdem, holdem.best),
}


def playthrough(id: str) -> Iterator[str]:
    """The lines of one match: the anchor with random moves in between."""
    make, best = GAMES[id]
    random, world = Random(SEED), World(make(), SEED)
    game = world.game
    yield f"{id} seed {SEED}"
    yield from observations(game)
    for number in range(DECISIONS):
        if world.over:
            break
        world.offer(lambda seat: None)
        ((seat, turn),) = world.turns.items()
        choice = random.choice(turn.actions.choices) if random.random() < 0.3 else best(turn)
        world.land({seat: choice})
        scores = " ".join(f"{score:g}" for score in game.scores())
        yield f"{number} | {seat} {choice} | score {scores} | {game.fingerprint()}"
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


def path(id: str) -> Path:
    return FOLDER / f"{id}.txt"


def write(id: str) -> str:
    return "\n".join(playthrough(id)) + "\n"


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for one in GAMES:
        path(one).write_text(write(one), encoding="utf-8")
        print(f"wrote {path(one)}")
