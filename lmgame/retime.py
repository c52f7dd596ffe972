"""Plays a log's replies again under another latency.

Every seat gives the same replies in the same order, but each takes as long as
another backend would have taken, and the world moves on meanwhile (the clock
:class:`~lmgame.clock.Simulated`). What comes out depends on the log and the
latency alone. It tells what time did to a score, not what a model would have
answered: it would have seen other positions.
"""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass, replace
from typing import ClassVar

from lmgame import registry
from lmgame.agent import Agent, Decision
from lmgame.clock import Latency, Simulated, Thought
from lmgame.errors import LogError, UsageError
from lmgame.game import Turn
from lmgame.match import Match, Policy
from lmgame.record import Log, Played, Result


class Recorded(Agent):
    """Gives the replies of a log's seat, one a turn, whatever it sees."""

    name: ClassVar[str] = "recorded"

    def __init__(self, played: list[Played]) -> None:
        self._played = played

    async def decide(self, turn: Turn) -> Decision:
        """The reply of the turn with this number; later there is none."""
        if turn.number >= len(self._played):
            return Decision(None, "empty", "the log holds no more replies")
        return self._played[turn.number].tries[-1]


@dataclass(frozen=True, slots=True)
class Retimed:
    """A match under another latency.

    Attributes:
        before: The scores in the log, where it ends.
        result: How the match ends under the new latency.
        beyond: Decisions for which the log had no reply left, and the game's
            default was taken.
    """

    before: tuple[float, ...]
    result: Result
    beyond: int


def retime(log: Log, latency: str) -> Retimed:
    """Play a log's replies under another latency.

    Args:
        log: A match with at least one decision.
        latency: Seconds for every reply; ``measured`` for what each reply took
            when the match was played; ``x0.5`` for a multiple of that.

    Raises:
        UsageError: The latency cannot be read, or the game has no ticks.
        LogError: The log holds no decision.
    """
    game = registry.games.make(log.header.game, log.header.arguments)
    if game.spec.hz is None:
        raise UsageError(f"{log.path}: {game.spec.id} has no ticks, so latency changes nothing")
    if not log.played:
        raise LogError(f"{log.path}: the log holds no decision")
    seats = [
        [one for one in log.played if one.seat == seat] for seat in range(len(game.spec.seats))
    ]
    pace = log.header.clock.get("pace")
    hand = pace if isinstance(pace, int) else game.spec.pace
    match = Match(
        header=replace(log.header, max_decisions=max(len(played) for played in seats)),
        game=game,
        agents=[Recorded(played) for played in seats],
        clock=Simulated(_latency(latency, log), hand=hand),
        policy=Policy(retries=0, failed="default", attempts=1),
    )
    result = asyncio.run(match.play())
    assert isinstance(result, Result)  # nothing can suspend it
    beyond = sum(max(0, n - len(played)) for n, played in zip(result.decisions, seats, strict=True))
    return Retimed(log.result.scores if log.result else log.played[-1].scores, result, beyond)


def _latency(setting: str, log: Log) -> Latency:
    """The rule behind ``--latency``."""
    number = setting.removeprefix("x") if setting != "measured" else "1"
    try:
        value = float(number)
    except ValueError:
        value = -1.0
    if not math.isfinite(value) or value < 0:
        raise UsageError(
            f"--latency {setting}: write seconds such as 0.25, measured, or a multiple such as x0.5"
        )
    if number == setting:
        return lambda thought: value
    took = {id(one.tries[-1]): one.seconds for one in log.played}

    def measured(thought: Thought) -> float:
        return value * took.get(id(thought.tries[-1]), 0.0)

    return measured
