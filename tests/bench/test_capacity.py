from __future__ import annotations

import math
import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmgame.bench.capacity import Unsure, probe, search
from lmgame.slo import Share


def step(capacity: float, n: int = 200) -> Callable[[float], Share]:
    """A server that serves everything in time up to its capacity, and nothing beyond."""
    return lambda load: Share.of([load <= capacity] * n)


def smooth(
    capacity: float, steep: float, rng: random.Random, n: int = 200
) -> tuple[Callable[[float], Share], Callable[[float], float]]:
    """A server whose attainment falls smoothly and is 90 % at its capacity; and that curve."""

    def share(load: float) -> float:
        return 1 / (1 + math.exp(steep * math.log(load / capacity) - math.log(9)))

    return lambda load: Share.of([rng.random() < share(load) for _ in range(n)]), share


@given(st.floats(1, 900), st.floats(0.01, 0.5))
def test_a_sharp_capacity_lies_between_the_two_sides(capacity: float, tolerance: float) -> None:
    found = search(step(capacity), 1, 1024, tolerance=tolerance)
    assert found.load is not None
    assert found.over is not None
    assert found.load <= capacity < found.over <= found.load * (1 + tolerance) * (1 + 1e-9)
    assert len(found.probes) <= 12 + math.log2(math.log(2) / math.log1p(tolerance)) + 2
    assert all(one.sure and one.blocks == 1 for one in found.probes)


@given(st.integers(1, 900))
def test_streams_are_whole_and_found_exactly(capacity: int) -> None:
    found = search(step(capacity), 1, 1024, tolerance=1e-9, whole=True)
    assert (found.load, found.over) == (capacity, capacity + 1)
    assert all(one.load == round(one.load) for one in found.probes)


@settings(max_examples=40, deadline=None)
@given(st.floats(3, 300), st.floats(4, 12), st.integers(0, 10_000))
def test_a_smooth_capacity_is_found_within_the_noise(
    capacity: float, steep: float, seed: int
) -> None:
    measure, share = smooth(capacity, steep, random.Random(seed))
    found = search(measure, 1, 1024, tolerance=0.05)
    assert found.load is not None
    assert found.over is not None
    # At the most 1,600 calls a load: two thirds of a per cent of standard error.
    assert share(found.load) > 0.9 - 0.04
    assert share(found.over) < 0.9 + 0.04


def test_clear_loads_take_one_block_and_close_ones_all() -> None:
    def alternating(load: float) -> Share:
        return Share.of([True] * 9 + [False])

    assert probe(step(10), 1, 0.9, 8).blocks == 1
    close = probe(alternating, 1, 0.9, 8)
    assert (close.blocks, close.sure, close.holds, close.share.n) == (8, False, True, 80)


def test_looking_often_is_wrong_no_oftener_than_one_in_twenty() -> None:
    rng = random.Random(3)

    def at_target(load: float) -> Share:
        return Share.of([rng.random() < 0.9 for _ in range(100)])

    wrong = sum(probe(at_target, 1, 0.9, 8).sure for _ in range(1000))
    assert wrong <= 60


def test_ends_that_are_no_capacity_are_told() -> None:
    never = search(step(0.5), 1, 64)
    assert never.load is None
    assert never.why == "the target is missed even at 1, the lowest load"
    always = search(step(1e9), 1, 100)
    assert (always.load, always.over) == (100, None)
    assert "raise search.high" in always.why


def test_calls_to_which_no_limit_applies_meet_nothing() -> None:
    assert search(lambda load: Share.of([]), 1, 4).load is None


@pytest.mark.parametrize("limit", [1.0, 8.0])
def test_a_search_ends_where_the_client_cannot_be_trusted(limit: float) -> None:
    def measure(load: float) -> Share:
        if load >= limit:
            raise Unsure("the client lags")
        return Share.of([True] * 100)

    found = search(measure, 1, 64)
    assert found.load == (None if limit == 1 else 4)
    assert found.why == f"the search ended at {limit:g}: the client lags"
