from __future__ import annotations

import asyncio
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmgame.agent import Decision
from lmgame.clock import (
    Clock,
    Landing,
    Paused,
    Realtime,
    Simulated,
    Thinking,
    Thought,
    latency_from,
)
from lmgame.errors import ConfigError
from tests.table import call


class FakeWorld:
    def __init__(self, tick: int = 0, hz: int | None = 60) -> None:
        self.tick, self.hz, self.over, self.pace = tick, hz, False, 12

    def advance(self, ticks: int) -> None:
        assert ticks >= 0
        self.tick += ticks


def landing(clock: Clock, world: FakeWorld, thoughts: dict[int, tuple[int, float]]) -> Landing:
    """Ask a clock, with seats that began at a tick and took some seconds."""

    async def ask() -> Landing:
        thinking = {}
        for seat, (since, seconds) in thoughts.items():
            done: asyncio.Future[Thought] = asyncio.get_running_loop().create_future()
            done.set_result(Thought(seconds, (Decision("x"),)))
            thinking[seat] = Thinking(since, done)
        return await clock.landing(thinking, world)

    return asyncio.run(ask())


def test_paused_waits_for_all_and_then_lets_the_pace_pass() -> None:
    world, clock = FakeWorld(100), Paused()
    found = landing(clock, world, {1: (100, 9.0), 0: (100, 0.1)})
    assert found.seats == (0, 1)
    assert world.tick == 100
    clock.settle(world)
    assert world.tick == 112


def test_a_pace_that_was_set_goes_before_the_games_own() -> None:
    world = FakeWorld()
    Paused(pace=0).settle(world)
    assert world.tick == 0


def test_paused_has_no_pace_in_a_game_without_ticks() -> None:
    world = FakeWorld(hz=None)
    Paused(pace=5).settle(world)
    assert world.tick == 0


@given(
    st.dictionaries(st.integers(0, 3), st.floats(0, 5), min_size=1),
    st.integers(1, 240),
    st.integers(0, 1000),
)
def test_simulated_lands_the_earliest_at_ceil_of_seconds_times_hz(
    seconds: dict[int, float], hz: int, since: int
) -> None:
    world = FakeWorld(since, hz)
    clock = Simulated(lambda thought: thought.seconds)
    found = landing(clock, world, {seat: (since, took) for seat, took in seconds.items()})
    ticks = {seat: since + math.ceil(took * hz) for seat, took in seconds.items()}
    assert world.tick == min(ticks.values())
    assert found.seats == tuple(sorted(seat for seat in ticks if ticks[seat] == world.tick))
    assert found.charged_s == {seat: seconds[seat] for seat in found.seats}


def test_simulated_never_turns_the_world_back() -> None:
    # After a match is continued, a quick answer may be due before the present.
    world = FakeWorld(500)
    landing(Simulated(lambda thought: 0.0), world, {0: (100, 0.0)})
    assert world.tick == 500


def test_a_time_bank_is_charged_and_overdrawn() -> None:
    world = FakeWorld(hz=None)
    clock = Simulated(lambda thought: thought.seconds, bank_s=1.0)
    assert clock.deadline_s(0) == 1.0
    assert landing(clock, world, {0: (0, 0.75)}).late == frozenset()
    assert clock.deadline_s(0) == 0.25
    assert clock.deadline_s(1) == 1.0
    assert landing(clock, world, {0: (0, 0.5)}).late == {0}
    assert clock.deadline_s(0) == 0.0


def test_a_continued_match_recalls_what_was_charged() -> None:
    clock = Simulated(lambda thought: 0.0, bank_s=2.0)
    clock.recall(0, 1.5)
    assert clock.deadline_s(0) == 0.5


def test_latency_from_tokens_does_not_depend_on_the_machine() -> None:
    latency = latency_from("tokens", ttft_s=0.5, tpot_s=0.1)
    calls = (call(completion=4), call(completion=1))
    assert latency(Thought(99.0, (Decision("x", calls=calls),))) == pytest.approx(0.8 + 0.5)


def test_latency_measured_or_given() -> None:
    thought = Thought(0.7, ())
    assert latency_from("measured", 1, 1)(thought) == 0.7
    assert latency_from(0.25, 1, 1)(thought) == 0.25
    assert latency_from("0.25", 1, 1)(thought) == 0.25


@pytest.mark.parametrize("setting", ["slow", -1, "-0.5", "nan", math.inf])
def test_a_latency_that_cannot_be_used_says_what_can(setting: str | float) -> None:
    with pytest.raises(ConfigError, match="measured, tokens, or seconds"):
        latency_from(setting, 1, 1)


class Hand:
    """A clock face that is moved by hand."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def test_realtime_lands_at_the_wall_clocks_tick() -> None:
    hand, world = Hand(), FakeWorld(30)
    clock = Realtime(now=hand)
    assert landing(clock, world, {0: (30, 0.5)}).charged_s == {0: 0.5}
    assert world.tick == 30  # the clock starts where the match is
    hand.seconds += 0.75
    landing(clock, world, {0: (30, 0.7)})
    assert world.tick == 30 + 45


def test_realtime_lands_whoever_is_done_and_leaves_the_others_thinking() -> None:
    async def ask() -> Landing:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Thought] = loop.create_future()
        done.set_result(Thought(0.1, (Decision("x"),)))
        slow: asyncio.Future[Thought] = loop.create_future()
        thinking = {0: Thinking(0, slow), 1: Thinking(0, done)}
        return await Realtime(now=Hand()).landing(thinking, FakeWorld())

    assert asyncio.run(ask()).seats == (1,)


def test_a_live_seat_lands_as_soon_as_it_has_decided() -> None:
    hand, world = Hand(), FakeWorld(30)
    clock = Realtime(hand=12, live=[1], now=hand)
    assert landing(clock, world, {0: (30, 0.1), 1: (30, 0.1)}).seats == (1,)
    hand.seconds += 0.25
    assert landing(clock, world, {0: (30, 0.1), 1: (44, 0.1)}).seats == (0, 1)


def test_realtime_notices_the_end_while_everybody_thinks() -> None:
    hand = Hand()

    class Ending(FakeWorld):
        def advance(self, ticks: int) -> None:
            super().advance(ticks)
            self.over = True

    async def ask() -> Landing:
        never: asyncio.Future[Thought] = asyncio.get_running_loop().create_future()
        return await Realtime(now=hand).landing({0: Thinking(0, never)}, Ending())

    assert asyncio.run(ask()).seats == ()


def test_realtime_charges_the_time_bank_of_a_game_without_ticks() -> None:
    clock = Realtime(bank_s=1.0, now=Hand())
    assert landing(clock, FakeWorld(hz=None), {0: (0, 0.75)}).late == frozenset()
    assert landing(clock, FakeWorld(hz=None), {0: (0, 0.75)}).late == {0}
