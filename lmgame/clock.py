"""How long thinking takes in the world of the game.

A clock decides two things: which decisions land next, and how far the world has
moved by then. The match asks :meth:`Clock.landing` with everybody who is
thinking; the clock advances the world and names the seats whose decisions land
at the tick it has reached. After they were applied it may let more time pass
(:meth:`Clock.settle`).

* **Paused**: the world waits for everybody, then moves ``pace`` ticks.
* **Simulated**: a decision that took ``t`` seconds lands ``ceil(t * hz)`` ticks
  after it was asked for; ``t`` is measured, given, computed from tokens, or
  read from a log. The same replies can be replayed under a faster backend.
* **Realtime**: the world runs on the wall clock; whoever has decided lands at
  the tick it has reached by then.

In a game without ticks a clock other than *Paused* charges each seat's time
bank, and a decision that overdraws it is late.
"""

from __future__ import annotations

import asyncio
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from lmgame.agent import Decision
from lmgame.client.call import Call
from lmgame.errors import ConfigError

LOOK_HZ = 30
"""How often a realtime world is moved while everybody thinks."""


class Moving(Protocol):
    """What a clock may know and do of a world."""

    @property
    def tick(self) -> int:
        """Now."""

    @property
    def hz(self) -> int | None:
        """Ticks a second, or None for a game without time."""

    @property
    def pace(self) -> int:
        """Ticks that the decisions just applied take if nothing else says so."""

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
            pace (Game.pace).
    """

    def __init__(self, pace: int | None = None) -> None:
        self._pace = pace

    async def landing(self, thinking: Mapping[int, Thinking], world: Moving) -> Landing:
        """All seats land together, at the tick they saw."""
        await _all_thought(thinking)
        seats = tuple(sorted(thinking))
        return Landing(seats, dict.fromkeys(seats, 0.0))

    def settle(self, world: Moving) -> None:
        """The game's pace: how long a hand takes."""
        if world.hz is not None:
            world.advance(world.pace if self._pace is None else self._pace)


async def _all_thought(thinking: Mapping[int, Thinking]) -> None:
    if len(thinking) == 1:  # most matches, and gather() costs more than all else here
        await next(iter(thinking.values())).thought
    else:
        await asyncio.gather(*(one.thought for one in thinking.values()))


class Bank:
    """The time banks of a match without ticks.

    Args:
        each_s: Seconds each seat has for the whole match; None for no limit.
    """

    def __init__(self, each_s: float | None) -> None:
        self._each_s = each_s
        self._spent: dict[int, float] = {}

    def charge(self, seat: int, seconds: float) -> bool:
        """Charge a seat; False when its bank is overdrawn by it."""
        self._spent[seat] = self._spent.get(seat, 0.0) + seconds
        return self._each_s is None or self._spent[seat] <= self._each_s

    def land(self, charged: Mapping[int, float]) -> Landing:
        """The landing of decisions that cost bank time only."""
        late = {seat for seat, seconds in charged.items() if not self.charge(seat, seconds)}
        return Landing(tuple(sorted(charged)), dict(charged), frozenset(late))

    def left_s(self, seat: int) -> float | None:
        """What a seat has left, or None."""
        if self._each_s is None:
            return None
        return max(0.0, self._each_s - self._spent.get(seat, 0.0))


Latency = Callable[[Thought], float]
"""Seconds to charge for a thought."""


class Simulated(Clock):
    """Thinking costs simulated time.

    Args:
        latency: Seconds to charge for a thought.
        bank_s: Seconds each seat has for a whole match of a game without ticks;
            None for no limit.
        hand: Ticks that a decision takes at least: a hand is not faster, however
            quick the thought. Without it a scripted player acts at every tick.
    """

    def __init__(self, latency: Latency, bank_s: float | None = None, hand: int = 0) -> None:
        self._latency = latency
        self._bank = Bank(bank_s)
        self._hand = hand

    async def landing(self, thinking: Mapping[int, Thinking], world: Moving) -> Landing:
        """The earliest decision lands; it takes all of them to know which."""
        await _all_thought(thinking)
        charged = {seat: self._latency(one.thought.result()) for seat, one in thinking.items()}
        if world.hz is None:
            return self._bank.land(charged)
        landing = {
            seat: max(world.tick, one.since + max(self._hand, math.ceil(charged[seat] * world.hz)))
            for seat, one in thinking.items()
        }
        tick = min(landing.values())
        world.advance(tick - world.tick)
        seats = tuple(seat for seat in sorted(thinking) if landing[seat] == tick)
        return Landing(seats, {seat: charged[seat] for seat in seats})

    def deadline_s(self, seat: int) -> float | None:
        """What is left of the seat's time bank."""
        return self._bank.left_s(seat)

    def recall(self, seat: int, charged_s: float) -> None:
        """Charge a seat's time bank."""
        self._bank.charge(seat, charged_s)


class Realtime(Clock):
    """The world runs on the wall clock.

    Between two landings the world is moved lazily, at least ``LOOK_HZ`` times a
    second, so that the end of the match is noticed while everybody thinks. That
    is exact: what a game does by itself depends on the ticks alone.

    Args:
        bank_s: Seconds each seat has for a whole match of a game without ticks;
            None for no limit.
        hand: Ticks that a decision takes at least, as for Simulated.
        live: Seats with a hand of their own: theirs land as soon as they are taken.
        now: Monotonic seconds.
    """

    def __init__(
        self,
        bank_s: float | None = None,
        hand: int = 0,
        live: Collection[int] = (),
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._bank = Bank(bank_s)
        self._hand = hand
        self._live = live
        self._now = now
        self._zero: float | None = None

    async def landing(self, thinking: Mapping[int, Thinking], world: Moving) -> Landing:
        """Whoever has decided first; several land together if they are done by then."""
        if self._zero is None:  # a continued match goes on from the tick it had reached
            self._zero = self._now() - world.tick / (world.hz or 1)
        self._catch_up(world)
        while not world.over:
            ready = self._ready(thinking, world)
            if ready:
                return self._land(thinking, ready, world)
            await self._look(thinking)
            self._catch_up(world)
        return Landing((), {})  # the match ended first: everybody is too late

    def _ready(self, thinking: Mapping[int, Thinking], world: Moving) -> list[int]:
        """Who has decided, and whose hand has had its time."""
        return [
            seat
            for seat, one in sorted(thinking.items())
            if one.thought.done()
            and (world.hz is None or seat in self._live or world.tick >= one.since + self._hand)
        ]

    async def _look(self, thinking: Mapping[int, Thinking]) -> None:
        """Wait for a decision, but no longer than to the next look at the world."""
        going = [one.thought for one in thinking.values() if not one.thought.done()]
        if going:
            await asyncio.wait(going, timeout=1 / LOOK_HZ, return_when=asyncio.FIRST_COMPLETED)
        else:
            await asyncio.sleep(1 / LOOK_HZ)

    def _land(
        self, thinking: Mapping[int, Thinking], seats: Sequence[int], world: Moving
    ) -> Landing:
        charged = {seat: thinking[seat].thought.result().seconds for seat in seats}
        if world.hz is None:
            return self._bank.land(charged)
        return Landing(tuple(seats), charged)

    def _catch_up(self, world: Moving) -> None:
        if world.hz is not None and self._zero is not None:
            due = int((self._now() - self._zero) * world.hz)
            world.advance(due - world.tick)

    def deadline_s(self, seat: int) -> float | None:
        """What is left of the seat's time bank."""
        return self._bank.left_s(seat)

    def recall(self, seat: int, charged_s: float) -> None:
        """Charge a seat's time bank."""
        self._bank.charge(seat, charged_s)


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
            ttft_s + tpot_s * max(0, (call.usage.completion or 1) - 1)
            for call in thought.calls
            if call.purpose != "plan"  # nobody waited for it
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
