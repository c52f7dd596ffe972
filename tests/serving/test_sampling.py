from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lmgame.serving.sampling import GREEDY, Sampling, draw

logit_rows = arrays(np.float32, 12, elements=st.floats(-20, 20, width=32))


@given(logit_rows, st.integers(0, 100))
def test_greedy_takes_the_first_of_the_most_likely(row: np.ndarray, index: int) -> None:
    assert draw(row, GREEDY, index) == int(np.argmax(row))


@given(logit_rows, st.sets(st.integers(0, 11), min_size=1), st.floats(0, 2), st.integers(0, 9))
def test_only_allowed_tokens_are_drawn(
    row: np.ndarray, allowed: set[int], temperature: float, index: int
) -> None:
    assert draw(row, Sampling(temperature, 0.9, seed=3), index, sorted(allowed)) in allowed


@given(logit_rows, st.integers(0, 2**64 - 1), st.integers(0, 1000))
def test_a_draw_depends_on_seed_and_index_alone(row: np.ndarray, seed: int, index: int) -> None:
    sampling = Sampling(1.0, 1.0, seed)
    assert draw(row, sampling, index) == draw(row.copy(), sampling, index)


@given(logit_rows, st.floats(0.0, 1.0), st.integers(0, 50))
def test_top_p_keeps_the_smallest_sufficient_set(row: np.ndarray, top_p: float, index: int) -> None:
    token = draw(row, Sampling(1.0, top_p, seed=1), index)
    weights = np.exp(row.astype(np.float64) - row.max())
    weights /= weights.sum()
    order = np.argsort(-weights, kind="stable")
    more_likely = weights[order[: list(order).index(token)]].sum()
    assert more_likely < top_p or more_likely == 0.0


def test_frequencies_follow_the_softmax() -> None:
    row = np.log(np.array([0.5, 0.3, 0.2], dtype=np.float32))
    counts = Counter(draw(row, Sampling(1.0, 1.0, seed=7), index) for index in range(4000))
    # Three standard deviations of a binomial with n = 4000 are at most 0.024.
    for token, share in enumerate((0.5, 0.3, 0.2)):
        assert abs(counts[token] / 4000 - share) < 0.024


def test_temperature_sharpens() -> None:
    row = np.log(np.array([0.6, 0.4], dtype=np.float32))
    cold = [draw(row, Sampling(0.05, 1.0, seed=1), index) for index in range(200)]
    assert np.mean(cold) < 0.01
