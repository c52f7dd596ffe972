"""The scripted anchor: one rule of thumb for each game."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import ClassVar

from lmgame.agent import Agent, Decision, Seating
from lmgame.errors import ConfigError
from lmgame.game import Turn

Rule = Callable[[Turn], str]
RULES = {
    "Tetris-v1": "tetris",
    "TetrisVersus-v1": "tetris",
    "Chess-v1": "chess",
    "ConnectFour-v1": "connect_four",
    "Courtroom-v1": "courtroom",
    "Holdem-v1": "holdem",
    "Match3-v1": "match3",
    "Platformer-v1": "platformer",
    "Pong-v1": "pong",
    "Retro-v1": "retro",
    "Sokoban-v1": "sokoban",
    "SuperMarioBros-v1": "super_mario_bros",
    "TicTacToe-v1": "tic_tac_toe",
    "TwentyFortyEight-v1": "twenty_forty_eight",
}
"""The module of each game's rule, ``best(turn)``; imported when it is needed.

Of a game that plays many titles, it plays those in the module's ``TITLES``.
"""


class GreedyAgent(Agent):
    """Takes the action that its rule of thumb values most.

    It sees the same text or picture that a model sees, and nothing else.

    Raises:
        ConfigError: There is no rule for the game, or for the title it plays.
    """

    name: ClassVar[str] = "greedy"

    def __init__(self, seating: Seating) -> None:
        game = seating.game.wraps or seating.game.id
        if game not in RULES:
            raise ConfigError(f"agent greedy has no rule for {game}; it plays {', '.join(RULES)}")
        module = import_module(f".{RULES[game]}", __package__)
        titles: tuple[str, ...] = getattr(module, "TITLES", ())
        if titles and seating.game.title not in titles:
            raise ConfigError(
                f"agent greedy plays {game} only with {', '.join(titles)}, not with "
                f"{seating.game.title}: leave it out, e.g. anchors=[random]"
            )
        self._rule: Rule = module.best

    async def decide(self, turn: Turn) -> Decision:
        """Take the best action."""
        return Decision(self._rule(turn))
