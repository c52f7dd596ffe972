"""The scripted anchor: one rule of thumb for each game."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from types import ModuleType
from typing import ClassVar, NoReturn, cast

from lmgame.agent import Agent, Decision, Seating
from lmgame.errors import ConfigError
from lmgame.game import GameSpec, Observation, Turn

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

Of a game that plays many titles, it plays those in the module's ``TITLES``. A rule that
computes for about a millisecond or more, from the text alone, is ``HEAVY``.
"""


class GreedyAgent(Agent):
    """Takes the action that its rule of thumb values most.

    It sees the same text or picture that a model sees, and nothing else.

    Raises:
        ConfigError: There is no rule for the game, or for the title it plays.
    """

    name: ClassVar[str] = "greedy"

    @classmethod
    def heavy(cls, game: GameSpec) -> bool:
        """Whether its rule for a game is."""
        rule = RULES.get(game.wraps or game.id)
        return rule is not None and getattr(_module(rule), "HEAVY", False)

    def __init__(self, seating: Seating) -> None:
        game = seating.game.wraps or seating.game.id
        if game not in RULES:
            raise ConfigError(f"agent greedy has no rule for {game}; it plays {', '.join(RULES)}")
        module = _module(RULES[game])
        titles: tuple[str, ...] = getattr(module, "TITLES", ())
        if titles and seating.game.title not in titles:
            raise ConfigError(
                f"agent greedy plays {game} only with {', '.join(titles)}, not with "
                f"{seating.game.title}: leave it out, e.g. anchors=[random]"
            )
        self._name, self._rule = RULES[game], cast(Rule, module.best)
        self._workers = seating.workers if self.heavy(seating.game) else None

    async def decide(self, turn: Turn) -> Decision:
        """Take the best action."""
        if self._workers is None:
            return Decision(self._rule(turn))
        action, lost_s = await self._workers.run(_best, self._name, _sent(turn))
        self.waited_s += lost_s
        return Decision(action)


def _module(rule: str) -> ModuleType:
    return import_module(f".{rule}", __package__)


def _best(rule: str, turn: Turn) -> str:
    """A rule's action; in a worker."""
    best: Rule = _module(rule).best
    return best(turn)


def _sent(turn: Turn) -> Turn:
    """What of a turn a heavy rule reads, without what cannot leave this process: the game."""
    text = Observation(turn.observation.text, _here)
    return replace(turn, observation=text, canonical=_here, find=_here)


def _here(*_: object) -> NoReturn:
    raise AssertionError("a heavy rule reads the text and the choices alone")
