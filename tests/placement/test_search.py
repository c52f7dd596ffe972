from __future__ import annotations

import math

import pytest

from benchmarks.plan import EXAMPLE, example, sharegpt
from lmgame.errors import ConfigError
from lmgame.placement.profile import load
from lmgame.placement.search import Goal, capacity, fewest, nearest, plan
from lmgame.placement.simulate import Load, simulate
from lmgame.placement.split import Shape, Split, enumerate_splits
from lmgame.placement.workload import from_lengths
from lmgame.slo import Slo
from tests.placement.plain import profile


def test_the_capacity_of_a_queue_that_can_be_computed() -> None:
    """M/D/1: 90 % wait at most w where P(W <= w) = 0.9 (Erlang's formula)."""
    goal = Goal(Slo(ttft_s=0.3), calls=4000, rounds=6, tolerance=0.01)
    found = capacity(profile(), Split("split", 1, 1), from_lengths("x", [(100, 1)]), goal)
    low, high = 0.0, 9.99
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _waits(middle, 0.1, 0.2) >= 0.9 else (low, middle)
    assert found.rate == pytest.approx(low, rel=0.04)
    assert found.binding == "prefill_queue"


def _waits(rate: float, service: float, wait: float) -> float:
    """P(W <= wait) of an M/D/1 queue (Erlang, 1909)."""
    total = 0.0
    for k in range(math.floor(wait / service + 1e-9) + 1):
        x = rate * (k * service - wait)
        total += x**k / math.factorial(k) * math.exp(-x)
    return (1 - rate * service) * total


def test_distserve_example() -> None:
    work, one = from_lengths("w", [(512, 64)]), Split("split", 1, 1)
    prefill_only = capacity(example(), one, from_lengths("p", [(512, 1)]), EXAMPLE)
    decode_only = capacity(example(prefill=0.0), one, work, EXAMPLE)
    assert prefill_only.rate == pytest.approx(5.6, rel=0.03)  # by choice of the profile
    assert decode_only.rate == pytest.approx(10, rel=0.03)  # likewise
    colocated = capacity(example(), Split("prefill_first", 0, 1), work, EXAMPLE)
    split = capacity(example(), Split("split", 2, 1), work, EXAMPLE)
    assert colocated.per_unit == pytest.approx(1.6, rel=0.15)
    assert split.rate == pytest.approx(10, rel=0.05)
    assert split.per_unit == pytest.approx(3.3, rel=0.05)
    assert split.per_unit / colocated.per_unit == pytest.approx(2.1, rel=0.15)


def test_the_split_that_distserve_reports() -> None:
    """The README of simdistserve: OPT-13B, ShareGPT, 4 A100s, 200 and 100 ms: TP 2 and TP 1.

    Its search places one prefill and one decode instance, of any parallelism, and takes
    the best rate per GPU.
    """
    goal = Goal(Slo(ttft_s=0.2, tpot_s=0.1), calls=300, rounds=1, edge=0.0)
    prof, work = load("opt-13b-a100"), sharegpt()
    singles = [
        split
        for split in enumerate_splits(prof, 4, fewer=True)
        if (split.kind, split.prefills, split.decodes) == ("split", 1, 1)
    ]
    assert len(singles) > 8
    found = [capacity(prof, split, work, goal) for split in singles]
    best = max(found, key=lambda one: (one.per_unit, -one.split.units))
    assert best.split == Split("split", 1, 1, Shape(2, 1), Shape(1, 1))
    assert best.per_unit >= 1.56


def test_more_workers_carry_more() -> None:
    work, goal = from_lengths("x", [(100, 20)]), Goal(Slo(0.3, 0.05), calls=300, rounds=1)
    rates = [
        capacity(profile(sequence_s=0.002), Split("split", n, n), work, goal).rate
        for n in (1, 2, 4)
    ]
    assert rates[1] > 1.8 * rates[0]
    assert rates[2] > 1.8 * rates[1]


def test_limits_that_nobody_meets() -> None:
    work = from_lengths("x", [(100, 20)] * 9 + [(400, 20)])
    goal = Goal(Slo(ttft_s=0.05, tpot_s=0.02), calls=100)
    found = plan(profile(), work, goal, 2)
    assert all(one.load == 0 for one in found)
    hint = nearest(found[0].alone, goal.slo, 0.9)
    assert hint.limit == "ttft_s"
    assert hint.value == pytest.approx(0.1)
    both = nearest(found[0].alone, Slo(ttft_s=0.05, tpot_s=0.005), 0.9)
    assert both.limit is None
    assert both.value == pytest.approx(2)
    held = capacity(profile(), found[0].split, work, Goal(Slo(hint.value * 1.01, 0.02), calls=100))
    assert held.load > 0


def test_limits_that_are_never_broken_end_where_queues_grow() -> None:
    goal = Goal(Slo(ttft_s=1e6), calls=400, rounds=1)
    found = capacity(profile(), Split("split", 1, 1), from_lengths("x", [(100, 1)]), goal)
    assert 9 <= found.rate <= 12.5
    assert found.bounded


def test_the_fewest_workers_for_a_rate() -> None:
    work, goal = from_lengths("x", [(100, 20)]), Goal(Slo(0.3, 0.05), calls=300, rounds=1)
    found = fewest(profile(), work, goal, 30.0, 3.0)
    assert found is not None
    assert fewest(profile(), work, goal, 1e5, 3.0) is None
    # One worker less does not carry it.
    for split in enumerate_splits(profile(), found.units - 1):
        out = simulate(profile(), split, work, Load("poisson", 30.0), calls=300)
        share = [one.joint for one in out.verdicts(goal.slo)]
        assert sum(map(bool, share)) < 0.9 * len(share)


def test_sessions_are_counted_in_whole_numbers() -> None:
    work = from_lengths("x", [(100, 5)])
    goal = Goal(Slo(ttft_s=0.35), arrivals="sessions", calls=200, rounds=1)
    found = capacity(profile(), Split("prefill_first", 0, 1), work, goal)
    assert found.load == int(found.load) >= 1
    assert found.rate > 0


def test_every_placement_is_there_once() -> None:
    prof = profile(stages=(1, 2))
    some = list(enumerate_splits(prof, 4))
    assert len(some) == len(set(some))
    assert all(split.units == 4 for split in some)
    assert Split("split", 3, 1) in some
    assert {split.units for split in enumerate_splits(prof, 4, fewer=True)} == {1, 2, 3, 4}
    assert str(Split("split", 2, 1, Shape(2), Shape(1, 2))) == "2P of 2 + 1D of 1x2"


@pytest.mark.parametrize("name", ["opt-13b-a100", "opt-13b-a100-vllm", "opt-66b-a100"])
def test_profiles_of_this_package(name: str) -> None:
    prof = load(name)
    for speed in prof.speeds:
        assert 0.01 < speed.prefill.seconds([(512, 0)]) < 0.3
        for batch in (1, 94, 95, 200):
            assert 0.005 < speed.step(batch)[0] < 0.2
    with pytest.raises(ConfigError, match="it has"):
        prof.speed(7)


def test_published_times() -> None:
    """By hand from DistServe's files: milliseconds of OPT-13B on one A100."""
    speed = load("opt-13b-a100").speed(1)
    assert speed.prefill.seconds([(1000, 0)]) * 1e3 == pytest.approx(
        16.456860 + 92.647507 + 6.474786, abs=1e-3
    )
    fixed, each = speed.step(10)
    assert (fixed + 5000 * each) * 1e3 == pytest.approx(
        19.934703 + 5000 * 0.00062693565 + 10 * 0.038506977, abs=1e-3
    )
