"""How long thinking takes in the world of the game.

A clock decides two things: which decisions land next, and how far the world has
moved by then. The match asks :meth:`Clock.landing` with everybody who is
thinking; the clock advances the world and names the seats whose decisions land
at the tick it has reached. After they were applied it may let more time pass
(:meth:`Clock.settle`). *Realtime* fits the same two calls: it waits for whoever
is first and advances the world to the wall clock's tick.

* **Paused**: the world waits for everybody, then moves ``pace`` ticks.
* **Simulated**: a decision that took ``t`` seconds lands ``ceil(t * hz)`` ticks
  after it was asked for; ``t`` is measured, given, computed from tokens, or
  read from a log. The same replies can be replayed under a faster backend.

In a game without ticks a clock other than *Paused* charges each seat's time
bank, and a decision that overdraws it is late.
"""

from __future__ import annotations

import asyncio
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from lmgame.agent import Decision
from lmgame.client.call import Call
from lmgame.errors import ConfigError


class Moving(Protocol):
    """What a clock may know and do of a world."""

    @property
    def tick(self) -> int:
        """Now."""

    @property
    def hz(self) -> int | None:
        """Ticks a second, or None for a game without time."""

    @property
    def over(self) -> bool:
        """Whether the match has ended."""

    def advance(self, ticks: int) -> None:
        """Let time pass."""


@dataclass(frozen=True, slots=True)
class Thought:
    """A finished decision with every try that led to it.

    Attributes:
        seconds: Wall time from turn to decision.
        tries: What the agent answered; more than one where it was asked again.
    """

    seconds: float
    tries: tuple[Decision, ...]

    @property
    def calls(self) -> tuple[Call, ...]:
        """The model calls of all tries, in order."""
        return tuple(call for one in self.tries for call in one.calls)


@dataclass(frozen=True, slots=True)
class Thinking:
    """A seat that is deciding.

    Attributes:
        since: The tick of the turn it is deciding on.
        thought: Becomes the finished Thought.
    """

    since: int
    thought: asyncio.Future[Thought]


@dataclass(frozen=True, slots=True)
class Landing:
    """Decisions that land together.

    Attributes:
        seats: Whose decisions land, in order of landing.
        charged_s: Seconds each of them was charged for.
        late: Seats whose time bank is overdrawn.
    """

    seats: tuple[int, ...]
    charged_s: Mapping[int, float]
    late: frozenset[int] = frozenset()


class Clock(ABC):
    """See the module docstring. A clock belongs to one match."""

    @abstractmethod
    async def landing(self, thinking: Mapping[int, Thinking], world: Moving) -> Landing:
        """Wait until decisions land, and advance the world to that tick.

        Args:
            thinking: Every seat that is deciding; never empty.
            world: Advanced to the landing tick; less far if the match ends.
        """

    def settle(self, world: Moving) -> None:  # noqa: B027 - a hook: most clocks have nothing to do here
        """Let pass what a decision itself takes, after it was applied."""

    def deadline_s(self, seat: int) -> float | None:
        """Seconds this seat may think before it is too late, or None."""
        return None

    def recall(self, seat: int, charged_s: float) -> None:  # noqa: B027 - a hook: most clocks remember nothing
        """Learn from a log what a decision was charged, to continue a match."""


class Paused(Clock):
    """The world waits for every decision.

    Args:
        pace: Ticks that pass with each decision, or None for the game's own
            pace (GameSpec.pace).
        game_pace: The game's pace.
    """

    def __init__(self, pace: int | None = None, game_pace: int = 0) -> None:
        self._pace = game_pace if pace is None else pace

    async def landing(self, thinking: Mapping[int, Thinking], world: Moving) -> Landing:
        """All seats land together, at the tick they saw."""
        await asyncio.gather(*(one.thought for one in thinking.values()))
        seats = tuple(sorted(thinking))
        return Landing(seats, dict.fromkeys(seats, 0.0))

    def settle(self, world: Moving) -> None:
        """The game's pace: how long a hand takes."""
        if world.hz is not None and self._pace:
            world.advance(self._pace)


Latency = Callable[[Thought], float]
"""Seconds to charge for a thought."""


class Simulated(Clock):
    """Thinking costs simulated time.

    Args:
        latency: Seconds to charge for a thought.
        bank_s: Seconds each seat has for a whole match of a game without ticks;
            None for no limit.
    """

    def __init__(self, latency: Latency, bank_s: float | None = None) -> None:
        self._latency = latency
        self._bank_s = bank_s
        self._spent: dict[int, float] = {}

    async def landing(self, thinking: Mapping[int, Thinking], world: Moving) -> Landing:
        """The earliest decision lands; it takes all of them to know which."""
        await asyncio.gather(*(one.thought for one in thinking.values()))
        charged = {seat: self._latency(one.thought.result()) for seat, one in thinking.items()}
        if world.hz is None:
            return self._charge(charged)
        landing = {
            seat: max(world.tick, one.since + math.ceil(charged[seat] * world.hz))
            for seat, one in thinking.items()
        }
        tick = min(landing.values())
        world.advance(tick - world.tick)
        seats = tuple(seat for seat in sorted(thinking) if landing[seat] == tick)
        return Landing(seats, {seat: charged[seat] for seat in seats})

    def _charge(self, charged: Mapping[int, float]) -> Landing:
        late = set()
        for seat, seconds in charged.items():
            self.recall(seat, seconds)
            if self._bank_s is not None and self._spent[seat] > self._bank_s:
                late.add(seat)
        return Landing(tuple(sorted(charged)), dict(charged), frozenset(late))

    def deadline_s(self, seat: int) -> float | None:
        """What is left of the seat's time bank."""
        if self._bank_s is None:
            return None
        return max(0.0, self._bank_s - self._spent.get(seat, 0.0))

    def recall(self, seat: int, charged_s: float) -> None:
        """Charge a seat's time bank."""
        self._spent[seat] = self._spent.get(seat, 0.0) + charged_s


def latency_from(setting: str | float, ttft_s: float, tpot_s: float) -> Latency:
    """The latency rule behind ``clock.latency``.

    Args:
        setting: ``"measured"``; ``"tokens"`` for ``ttft_s`` and ``tpot_s`` a
            token for every call, which does not depend on the machine; or a
            number of seconds.
        ttft_s: Seconds to the first token, for ``"tokens"``.
        tpot_s: Seconds for each further token, for ``"tokens"``.

    Raises:
        ConfigError: Anything else.
    """
    if setting == "measured":
        return lambda thought: thought.seconds
    if setting == "tokens":
        return lambda thought: sum(
            ttft_s + tpot_s * max(0, (call.usage.completion or 1) - 1) for call in thought.calls
        )
    try:
        seconds = float(setting)
    except ValueError:
        seconds = -1.0
    if not math.isfinite(seconds) or seconds < 0:
        raise ConfigError(
            f"clock.latency={setting!r}: use measured, tokens, or seconds such as 0.25"
        )
    return lambda thought: seconds
