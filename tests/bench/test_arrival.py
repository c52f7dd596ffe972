from __future__ import annotations

import math
import random
import statistics
from itertools import islice, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from lmgame.bench import arrival
from tests.bench.loads import loading, shaped


def gaps(kind: str, *overrides: str, n: int = 4000) -> list[float]:
    at = list(islice(arrival.times(loading(f"load={kind}", *overrides)), n))
    return [after - before for before, after in pairwise([0.0, *at])]


def test_constant_is_a_grid() -> None:
    assert list(islice(arrival.constant(4), 4)) == [0.0, 0.25, 0.5, 0.75]


def test_poisson_has_exponential_distances() -> None:
    found = gaps("poisson", "load.rate=5")
    assert stats.kstest(found, "expon", args=(0, 1 / 5)).pvalue > 0.01


@pytest.mark.parametrize("cv", [0.5, 2.0])
def test_gamma_has_the_rate_and_the_variation_that_were_asked(cv: float) -> None:
    found = gaps("gamma", "load.rate=8", f"load.cv={cv}", n=20_000)
    assert statistics.mean(found) == pytest.approx(1 / 8, rel=0.06)
    assert statistics.stdev(found) / statistics.mean(found) == pytest.approx(cv, rel=0.06)
    shape = 1 / cv**2
    assert stats.kstest(found, "gamma", args=(shape, 0, 1 / 8 / shape)).pvalue > 0.01


@pytest.mark.parametrize(("rate", "to_rate"), [(2, 20), (20, 2), (5, 5)])
def test_a_ramp_has_the_expected_count_at_every_time(rate: float, to_rate: float) -> None:
    over = 200.0
    times = list(islice(arrival.ramp(rate, to_rate, over, random.Random(1)), 8000))
    for until in (50.0, 100.0, 150.0, 200.0, 240.0):
        inside = min(until, over)
        expected = rate * inside + (to_rate - rate) * inside**2 / (2 * over)
        expected += to_rate * max(0.0, until - over)
        if expected < len(times):
            count = sum(at < until for at in times)
            assert abs(count - expected) < 4 * math.sqrt(expected)


@settings(max_examples=30, deadline=None)
@given(
    st.sampled_from(["poisson", "constant", "gamma", "ramp", "sessions"]),
    st.floats(0.01, 1000),
    st.integers(0, 2**62),
)
def test_times_are_finite_ordered_and_the_seeds(kind: str, rate: float, seed: int) -> None:
    load = shaped(kind, rate=rate, seed=seed)
    first = list(islice(arrival.times(load), 50))
    assert first == sorted(first) == list(islice(arrival.times(load), 50))
    assert all(math.isfinite(at) and at >= 0 for at in first)
