"""Two units on the same seeds: the paired tests of the Lmgame-Bench paper, with intervals."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from math import fsum

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from lmgame.board.table import Comparison

EXACT, EXACT_TIED = 50, 13
"""Up to so many differences ranks are tested exactly; with ties that takes every one of
the 2**n ways in which their signs can fall."""
_DECIMALS = 9
"""Of differences: beyond them, equal ones would be told apart by rounding."""


def compare(
    one: str, other: str, ours: Mapping[int, float], theirs: Mapping[int, float]
) -> Comparison | None:
    """Compare two units' scores on the seeds that both have played.

    Args:
        one: The first unit's key.
        other: The second's.
        ours: The first's score by seed, repeats averaged.
        theirs: The second's.

    Returns:
        The mean difference with its Student-t interval, the p-value of the paired
        t-test (Student, Biometrika 6, 1908) and of the signed-rank test (Wilcoxon,
        Biometrics Bulletin 1, 1945; zeros left out, as there); None without a
        common seed.
    """
    seeds = sorted(set(ours) & set(theirs))
    if not seeds:
        return None
    differences = np.array([ours[seed] - theirs[seed] for seed in seeds])
    n, mean = len(seeds), fsum(differences) / len(seeds)
    low = high = p = None
    if n > 1:
        half = float(stats.t.ppf(0.975, n - 1) * np.std(differences, ddof=1) / n**0.5)
        low, high = mean - half, mean + half
        if np.ptp(np.round(differences, _DECIMALS)) > 0:  # t has no value without any spread
            a, b = (np.array([scores[seed] for seed in seeds]) for scores in (ours, theirs))
            p = _short(float(stats.ttest_rel(a, b).pvalue))
    return Comparison(one, other, n, mean, low, high, p, _rank_p(differences))


def compare_all(scores: Mapping[str, Mapping[int, float]]) -> tuple[Comparison, ...]:
    """Every two units that share seeds, in the order given."""
    found = (
        compare(one, other, scores[one], scores[other]) for one, other in combinations(scores, 2)
    )
    return tuple(each for each in found if each is not None)


def _rank_p(differences: NDArray[np.float64]) -> float | None:
    """Wilcoxon's p-value; the method is named, so that no version of SciPy chooses another."""
    rounded = np.round(differences, _DECIMALS)
    moved = rounded[rounded != 0]
    n = len(moved)
    if n < 2:
        return None
    if len(np.unique(np.abs(moved))) == n <= EXACT:
        return _short(float(stats.wilcoxon(moved, method="exact").pvalue))
    if n <= EXACT_TIED:
        every = stats.PermutationMethod(n_resamples=2**n)
        return _short(float(stats.wilcoxon(moved, method=every).pvalue))
    return _short(float(stats.wilcoxon(moved, method="approx").pvalue))


def _short(p: float) -> float:
    return float(f"{p:.6g}")
