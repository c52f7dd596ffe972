"""Which plan ``mode=auto`` takes, and what it expects of each."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmgame.serving.auto import FEWEST, GAIN, Auto
from lmgame.serving.forecast import Pace, Past, Plan, Speed, forecast

SPEED = Speed(
    call_s=0,
    prefill_s=0.002,
    own_s=0.003,
    chunk_s=0.004,
    step_s=(0.01, 0.02, 0.03, 0.04),
    transfer_s=0.005,
    cores=2,
    threads=2,
)
LOAD = st.lists(
    st.builds(Past, st.floats(0, 20), st.integers(1, 900), st.integers(1, 30)),
    min_size=1,
    max_size=30,
)


def fares(
    past: list[Past], prefillers: int, ttft_s: float, tpot_s: float, at_once: int = 8
) -> float:
    plan = Plan(prefillers, at_once)
    return forecast(past, SPEED, plan, workers=2, chunk=64, ttft_s=ttft_s, tpot_s=tpot_s)


@pytest.mark.parametrize(("prefillers", "token_s", "transfer"), [(1, 0.002, 0.005), (0, 0.003, 0)])
def test_a_request_alone_takes_its_own_time(
    prefillers: int, token_s: float, transfer: float
) -> None:
    past = [Past(5.0, 100, 11)]
    ttft, tpot = 100 * token_s, (transfer + 10 * 0.01) / 10
    assert fares(past, prefillers, ttft * 1.001, tpot * 1.001) == 1
    assert fares(past, prefillers, ttft * 0.999, tpot * 1.001) == 0
    assert fares(past, prefillers, ttft * 1.001, tpot * 0.999) == 0


@given(LOAD, st.integers(0, 1))
def test_looser_limits_are_never_met_less(past: list[Past], prefillers: int) -> None:
    tight, loose = (fares(past, prefillers, ttft, tpot) for ttft, tpot in ((1, 0.02), (3, 0.09)))
    assert loose >= tight
    assert fares(past, prefillers, 1e6, 1e6) == 1


@given(LOAD)
def test_one_reply_at_once_is_made_as_fast_as_one_alone(past: list[Past]) -> None:
    assert fares(past, 0, 1e6, SPEED.step(1) * 1.001, at_once=1) == 1


@given(LOAD, st.integers(0, 1))
def test_a_request_waits_where_no_more_replies_may_be_made(
    past: list[Past], prefillers: int
) -> None:
    """The first tokens come later, if anything, never fewer replies."""
    few, many = (fares(past, prefillers, 1e6, 1e6, at_once) for at_once in (1, 8))
    assert few == many == 1


def test_sequences_between_two_measured_batches_lie_between() -> None:
    steps = [SPEED.step(n) for n in range(1, 17)]
    assert steps == sorted(steps)
    assert [SPEED.step(n) for n in (1, 2, 4, 8)] == list(SPEED.step_s)
    assert SPEED.step(3) == pytest.approx(0.025)
    assert SPEED.step(16) == pytest.approx(0.08)


def test_prefill_slows_down_beside_decode() -> None:
    """A long reply takes one of two cores from the prompt that comes during it."""
    past = [Past(0.0, 64, 400), Past(1.0, 512, 1)]
    alone = 512 * SPEED.prefill_s
    assert fares(past[1:], 1, alone * 1.01, 1) == 1
    assert fares(past, 1, alone * 1.01, 1) == 0.5
    assert fares(past, 1, alone * 2.01, 1) == 1


def test_more_workers_than_cores_are_no_faster() -> None:
    """Four replicas on two cores take twice as long for four prompts at once."""
    past = [Past(0.0, 512, 1)] * 4
    speed = replace(SPEED, transfer_s=0.0)
    alone = 512 * SPEED.own_s
    plan = Plan(0, 1)
    quick, slow = (
        forecast(past, speed, plan, workers=4, chunk=64, ttft_s=limit, tpot_s=1)
        for limit in (1.9 * alone, 2.1 * alone)
    )
    assert quick < 1
    assert slow == 1


def load(every_s: float) -> list[Past]:
    """Long prompts and short replies, as games send them, at random times."""
    source, at, found = random.Random(4), 0.0, []
    for _ in range(64):
        at += source.expovariate(1 / every_s)
        found.append(Past(at, source.randint(300, 900), source.randint(5, 25)))
    return found


def chosen(auto: Auto, past: list[Past]) -> Plan:
    for one in past:
        auto.served(one)
    due = auto.due()
    assert due is not None
    auto.choose(auto.weigh(due, SPEED))
    return auto.plan


@pytest.mark.parametrize("first", [0, 1])
def test_tight_limits_keep_prompts_from_replies_and_loose_ones_do_not(first: int) -> None:
    """A chunk holds the replies beside it up for 0.2 s; one worker fewer runs prompts."""
    tight, loose = (Auto(2, Plan(first, 8), 64, ttft_s=5, tpot_s=tpot) for tpot in (0.032, 0.3))
    plan = chosen(tight, load(1.8))
    assert plan.prefillers == 1 or plan.at_once == 1
    assert chosen(loose, load(1.1)).prefillers == 0


@given(LOAD, st.integers(0, 2), st.floats(0.5, 10), st.floats(0.01, 0.3))
def test_no_plan_is_expected_to_be_much_better(
    past: list[Past], first: int, ttft_s: float, tpot_s: float
) -> None:
    auto = Auto(3, Plan(first, 4), 64, ttft_s, tpot_s)
    expected = auto.weigh(past, SPEED)
    auto.choose(expected)
    assert expected[auto.plan] > max(expected.values()) - GAIN


def test_what_is_hardly_better_changes_nothing() -> None:
    one, other = Plan(0, 8), Plan(1, 8)
    auto = Auto(2, other, 64, 1, 1)
    assert not auto.choose({one: 0.92, other: 0.90})
    assert auto.plan == other
    assert auto.choose({one: 0.96, other: 0.90})
    assert auto.plan == one


def test_what_is_in_time_now_should_be_so_when_more_come() -> None:
    """Either plan serves these in time, but only two workers with prompts half as many more."""
    past = [Past(1.2 * number, 500, 1) for number in range(30)]
    speed = replace(SPEED, threads=1)
    auto = Auto(2, Plan(1, 8), 64, ttft_s=4, tpot_s=1)
    for plan in (Plan(0, 8), Plan(1, 8)):
        assert forecast(past, speed, plan, workers=2, chunk=64, ttft_s=4, tpot_s=1) == 1
    auto.choose(auto.weigh(past, speed))
    assert auto.plan.prefillers == 0


def test_slow_steps_make_it_hold_replies_back() -> None:
    """Two replies at once are quick enough as measured, but not as steps really are."""
    past = [Past(0.7 * number, 100, 60) for number in range(40)]
    auto = Auto(2, Plan(0, 8), 64, ttft_s=30, tpot_s=0.022)
    assert chosen(auto, past).at_once > 1
    for _ in range(200):
        auto.took("step", 1.5)
    assert chosen(auto, past).at_once == 1


@pytest.mark.parametrize(("slow", "prefillers"), [("passed", 0), ("own", 1)])
def test_it_leaves_the_way_in_which_prompts_are_slow(
    slow: Literal["passed", "own"], prefillers: int
) -> None:
    auto = Auto(2, Plan(1 - prefillers, 8), 64, ttft_s=5, tpot_s=0.032)
    for _ in range(50):
        auto.took(slow, 3.0)
    assert chosen(auto, load(1.8)).prefillers == prefillers


@pytest.mark.parametrize("pace", [Pace(), Pace(passed=1.5, own=2.0)])
@pytest.mark.parametrize("prefillers", [0, 1])
def test_a_prompt_takes_as_much_longer_as_prompts_have(prefillers: int, pace: Pace) -> None:
    past, plan = [Past(0.0, 512, 1)], Plan(prefillers, 8)
    speed = replace(SPEED, pace=pace)
    takes = speed.passed(512, 1, 0) if prefillers else speed.own(512, beside=False)
    assert takes == pytest.approx(
        512 * (SPEED.prefill_s * pace.passed if prefillers else SPEED.own_s * pace.own)
    )
    quick, slow = (
        forecast(past, speed, plan, workers=2, chunk=64, ttft_s=limit, tpot_s=1)
        for limit in (0.999 * takes, 1.001 * takes)
    )
    assert (quick, slow) == (0, 1)


def test_it_waits_for_something_to_decide_from() -> None:
    auto = Auto(3, Plan(1, 4), 64, 1, 1)
    for number in range(FEWEST - 1):
        auto.served(Past(number, 10, 2))
    assert auto.due() is None
    auto.served(Past(0.5, 10, 2))
    past = auto.due()
    assert past is not None
    assert [one.at for one in past] == sorted(one.at for one in past)
    assert auto.due() is None  # nothing new
    plans = auto.weigh(past, replace(SPEED, cores=4))
    assert set(plans) == {Plan(passing, most) for passing in (0, 1, 2) for most in (1, 2, 4)}
