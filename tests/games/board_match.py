"""Matches of the two small board games, for their tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

from lmgame.agents.scripted import connect_four, tic_tac_toe
from lmgame.game import Game, Turn
from lmgame.games.connect_four import ConnectFour
from lmgame.games.tic_tac_toe import TicTacToe
from lmgame.world import World

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
