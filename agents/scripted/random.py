"""Picks a legal action at random."""

from __future__ import annotations

from typing import ClassVar

from lmgame.agent import Agent, Decision, Seating
from lmgame.game import Turn
from lmgame.rng import Rng


class RandomAgent(Agent):
    """Uniform over the actions it is offered.

    Each choice depends on the match seed, the seat and the turn's number alone,
    so a match that is continued from its log goes on exactly as it would have.
    """

    name: ClassVar[str] = "random"

    def __init__(self, seating: Seating) -> None:
        self._rng = Rng(seating.seed).split(seating.seat)

    async def decide(self, turn: Turn) -> Decision:
        """Pick one."""
        return Decision(self._rng.split(turn.number).choice(turn.actions.choices))
