"""Paired comparisons against their textbook forms, worked out another way."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from lmgame.board.compare import compare, compare_all

SCORES = st.dictionaries(
    st.integers(0, 12), st.integers(-20, 20).map(lambda one: one / 4), min_size=1, max_size=10
)


def signed_rank(differences: list[float]) -> float:
    """Wilcoxon's p-value from its definition: all signs are equally likely."""
    moved = pd.Series([one for one in differences if one])
    ranks = moved.abs().rank().to_numpy()
    observed = abs(ranks[moved.to_numpy() > 0].sum() - ranks.sum() / 2)
    sums = [
        abs(ranks[np.array(signs, bool)].sum() - ranks.sum() / 2)
        for signs in product((0, 1), repeat=len(ranks))
    ]
    return float(np.mean([one >= observed - 1e-9 for one in sums]))


@given(SCORES, SCORES)
def test_a_comparison_is_the_textbooks(ours: dict[int, float], theirs: dict[int, float]) -> None:
    found = compare("a", "b", ours, theirs)
    frame = pd.DataFrame({"a": ours, "b": theirs}).dropna()
    if frame.empty:
        assert found is None
        return
    assert found is not None
    gap = (frame["a"] - frame["b"]).to_numpy(dtype=float)
    sem = float(stats.sem(gap)) if len(gap) > 1 else 0.0
    assert found.n == len(gap)
    assert found.difference == pytest.approx(gap.mean())
    if found.n < 2:
        assert (found.low, found.high, found.p, found.p_rank) == (None, None, None, None)
        return
    half = stats.t.ppf(0.975, len(gap) - 1) * sem
    assert found.low == pytest.approx(gap.mean() - half)
    assert found.high == pytest.approx(gap.mean() + half)
    if len(set(gap)) == 1:
        assert found.p is None
    else:
        expected = 2 * stats.t.sf(abs(gap.mean() / sem), len(gap) - 1)
        assert found.p == pytest.approx(expected, rel=1e-5, abs=1e-12)
    moved = [float(one) for one in gap if one]
    if len(moved) < 2:
        assert found.p_rank is None
    else:
        assert found.p_rank == pytest.approx(signed_rank(moved), rel=1e-5)


@given(SCORES, SCORES)
def test_the_other_way_round_is_the_mirror_image(
    ours: dict[int, float], theirs: dict[int, float]
) -> None:
    one, other = compare("a", "b", ours, theirs), compare("b", "a", theirs, ours)
    if one is None or other is None:
        assert one is other
        return
    assert one.difference == pytest.approx(-other.difference)
    assert (one.p, one.p_rank) == (other.p, other.p_rank)
    if one.low is not None:
        assert other.high == pytest.approx(-one.low)


def test_many_differences_are_tested_by_the_normal_approximation() -> None:
    rng = np.random.default_rng(0)
    ours = dict(enumerate(rng.integers(0, 9, 60).astype(float)))
    theirs = dict(enumerate(rng.integers(0, 9, 60).astype(float)))
    found = compare("a", "b", ours, theirs)
    assert found is not None
    gap = np.array([ours[seed] - theirs[seed] for seed in range(60)])
    expected = stats.wilcoxon(gap[gap != 0], method="approx").pvalue
    assert found.p_rank == pytest.approx(expected, rel=1e-5)


def test_every_two_are_compared_that_share_a_seed() -> None:
    found = compare_all({"a": {1: 1.0}, "b": {1: 0.0, 2: 1.0}, "c": {2: 4.0}})
    assert [(one.one, one.other, one.n) for one in found] == [("a", "b", 1), ("b", "c", 1)]
