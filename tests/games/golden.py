"""Golden playthroughs: whole matches as text, compared by test_golden.py.

A difference there is a change of rules or of what players see, and needs a new
version of the game. Write them again with ``python -m tests.games.golden``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

from lmgame.games.tetris import Tetris, TetrisVersus, parse_text, rank_placements

FOLDER = Path(__file__).with_name("golden")
SEED, DECISIONS = 2026, 120
Game = Tetris | TetrisVersus


def playthrough(game: Game) -> Iterator[str]:
    """The lines of one match, played by a seeded mixture of good and odd moves."""
    random = Random(SEED)
    game.reset(SEED)
    yield f"{game.spec.id} seed {SEED}"
    yield from observations(game)
    for number in range(DECISIONS):
        if not game.acting():
            break
        actions = {seat: chosen(game, seat, random) for seat in game.acting()}
        game.apply(actions)
        game.advance(random.choice((0, 6, 12, 30)))
        said = "; ".join(f"{seat} {text}" for seat, text in actions.items())
        scores = " ".join(f"{score:g}" for score in game.scores())
        yield f"{number} | {said} | tick {game.tick} | score {scores} | {game.fingerprint()}"
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


def chosen(game: Game, seat: int, random: Random) -> str:
    choices = game.actions(seat).choices
    draw = random.random()
    if draw < 0.15:
        return random.choice(choices)
    if draw < 0.25:
        way = random.choice(("left", "right"))
        return f"press {random.choice(('cw', 'ccw'))} {way} {way} down down cw drop"
    # The second seat plays a little worse.
    best = rank_placements(parse_text(game.text(seat)), choices)
    return best[min(len(best) - 1, seat if draw < 0.6 else 0)][0]


GAMES: tuple[type[Game], ...] = (Tetris, TetrisVersus)


def path(game: type[Game]) -> Path:
    return FOLDER / f"{game.spec.id}.txt"


def write(game: type[Game]) -> str:
    return "\n".join(playthrough(game())) + "\n"


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for kind in GAMES:
        path(kind).write_text(write(kind), encoding="utf-8")
        print(f"wrote {path(kind)}")
