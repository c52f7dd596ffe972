"""The scripted anchor: one rule of thumb per game, looking one move ahead."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from lmgame.agent import Agent, Decision, Seating
from lmgame.errors import ConfigError
from lmgame.game import Turn
from lmgame.games import tetris


class GreedyAgent(Agent):
    """Takes the action that its rule of thumb values most.

    It reads the same text that a model reads, and nothing else.

    Raises:
        ConfigError: There is no rule for the game.
    """

    name: ClassVar[str] = "greedy"

    def __init__(self, seating: Seating) -> None:
        rule = RULES.get(seating.game.id)
        if rule is None:
            raise ConfigError(
                f"agent greedy has no rule for {seating.game.id}; it plays {', '.join(RULES)}"
            )
        self._rule = rule

    async def decide(self, turn: Turn) -> Decision:
        """Take the best action."""
        return Decision(self._rule(turn))


def dellacherie(turn: Turn) -> str:
    """The Tetris placement that Dellacherie's evaluation likes best.

    Six features of the board after the placement, hand-tuned by Pierre
    Dellacherie, published in Fahey, "Tetris AI" (2003); see lmgame.games.tetris.
    """
    view = tetris.parse_text(turn.observation.text)
    ranked = tetris.rank_placements(view, turn.actions.choices)
    if not ranked:
        return "press drop"
    return max(ranked, key=lambda one: one[1])[0]


RULES: dict[str, Callable[[Turn], str]] = {
    "Tetris-v1": dellacherie,
    "TetrisVersus-v1": dellacherie,
}
