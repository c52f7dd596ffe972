"""Matches of the two small board games, for their tests and golden playthroughs.

``python -m tests.games.board_match`` writes the golden playthroughs again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

from lmgame.agents.scripted import connect_four, tic_tac_toe
from lmgame.game import Game, Turn
from lmgame.games.connect_four import ConnectFour
from lmgame.games.tic_tac_toe import TicTacToe
from lmgame.world import World

from .golden import FOLDER

Board = ConnectFour | TicTacToe
Player = Callable[[Turn], str]
BEST: dict[type[Board], Player] = {ConnectFour: connect_four.best, TicTacToe: tic_tac_toe.best}
GAMES: list[type[Board]] = [ConnectFour, TicTacToe]


def rambler(random: Random) -> Player:
    """A player that chooses at random."""
    return lambda turn: random.choice(turn.actions.choices)


def match(game: Game, seed: int, players: tuple[Player, Player]) -> tuple[float, ...]:
    """The scores of a match played to the end."""
    world = World(game, seed)
    while not world.over:
        world.offer(lambda seat: None)
        for seat, turn in list(world.turns.items()):
            world.land({seat: players[seat](turn)})
    return game.scores()


def walk(game: Game, seed: int, random: Random) -> Iterator[Game]:
    """The same game at every moment of a random match, the end included."""
    game.reset(seed)
    while True:
        yield game
        if not game.acting():
            return
        seat = game.acting()[0]
        game.apply({seat: random.choice(game.actions(seat).choices)})


def playthrough(kind: type[Board]) -> Iterator[str]:
    """Three matches, the anchor against chance in both seats and against itself."""
    for seed in range(3):
        chance, anchor = rambler(Random(seed)), BEST[kind]
        players = [(anchor, chance), (chance, anchor), (anchor, anchor)][seed]
        game = kind()
        world = World(game, seed)
        yield f"{game.spec.id} seed {seed}"
        world.offer(lambda seat: None)
        while not world.over:
            ((seat, turn),) = world.turns.items()
            yield f"seat {seat} sees:"
            yield turn.observation.text
            action = players[seat](turn)
            world.land({seat: action})
            scores = " ".join(f"{score:g}" for score in game.scores())
            yield f"{seat} {action} | tick {game.tick} | score {scores} | {game.fingerprint()}"
            world.offer(lambda seat: None)
        yield from (game.text(seat) for seat in (0, 1))
        outcome = game.outcome()
        yield f"outcome: {outcome.reason if outcome else 'none'}"


def golden(kind: type[Board]) -> str:
    return "\n".join(playthrough(kind)) + "\n"


if __name__ == "__main__":
    for each in GAMES:
        path = FOLDER / f"{each.spec.id}.txt"
        path.write_text(golden(each), encoding="utf-8")
        print(f"wrote {path}")
