from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from lmgame.bench.compare import compare, difference, order


def found(goodput: float, met: int, n: int) -> dict[str, object]:
    joint = {"met": met, "n": n}
    return {"serving": {"goodput_rps": goodput, "attainment": {"joint": joint}}}


def test_every_block_holds_every_configuration_once() -> None:
    made = order(3, 20, seed=5)
    assert all(sorted(block) == [0, 1, 2] for block in made)
    assert len({tuple(block) for block in made}) > 1
    assert made == order(3, 20, seed=5) != order(3, 20, seed=6)


def test_differences_are_paired_as_in_a_t_test() -> None:
    rng = np.random.default_rng(1)
    drift = rng.normal(10, 5, size=8)
    slow, fast = list(drift), list(drift + rng.normal(1, 0.1, size=8))
    interval = stats.ttest_rel(fast, slow).confidence_interval()
    made = difference(fast, slow)
    assert made.ci95 == pytest.approx((interval.low, interval.high))
    assert made.mean == pytest.approx(np.mean(np.subtract(fast, slow)))


def test_one_block_has_no_interval_and_none_no_mean() -> None:
    assert (difference([3.0], [1.0]).mean, difference([3.0], [1.0]).ci95) == (2.0, None)
    assert difference([], []).mean is None


def test_shares_are_pooled_over_blocks_and_the_first_is_the_yardstick() -> None:
    split, whole = compare(
        {"split": [found(2.0, 8, 10), found(4.0, 9, 10)], "whole": [found(1.0, 5, 10)] * 2}
    )
    assert (split.joint.met, split.joint.n, split.goodput_rps) == (17, 20, 3.0)
    assert split.against is None
    assert whole.against is not None
    assert whole.against.mean == pytest.approx(-2.0)
