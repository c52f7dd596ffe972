"""Shares and spreads of many values, and how sure they are."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

Z95 = 1.959963984540054
"""The 97.5 % quantile of the normal distribution."""


@dataclass(frozen=True, slots=True)
class Share:
    """A share of calls with its Wilson 95 % interval; None where there are none."""

    value: float | None
    n: int
    met: int
    ci95: tuple[float, float] | None

    @classmethod
    def of(cls, verdicts: Iterable[bool | None]) -> Share:
        """Count verdicts; None is in no denominator."""
        known = [verdict for verdict in verdicts if verdict is not None]
        n, met = len(known), sum(known)
        return cls(met / n if n else None, n, met, wilson(met, n))


@dataclass(frozen=True, slots=True)
class Spread:
    """Percentiles of a time in seconds, and of how many values."""

    p50: float | None
    p90: float | None
    p99: float | None
    n: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Take the percentiles of values in seconds."""
        p50, p90, p99 = (percentile(values, q) for q in (50, 90, 99))
        return cls(p50, p90, p99, len(values))


def wilson(met: int, n: int, z: float = Z95) -> tuple[float, float] | None:
    """Wilson's score interval for a share (1927; Newcombe 1998, method 3).

    Unlike the normal approximation it stays within 0 and 1 and says something
    at 0 of n and n of n.

    Args:
        met: Successes.
        n: Trials; for 0 there is no interval.
        z: Normal quantile; the default gives 95 %.
    """
    if n == 0:
        return None
    share = met / n
    middle = share + z * z / (2 * n)
    spread = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    low, high = (middle - spread) / scale, (middle + spread) / scale
    # Exact at the ends, where rounding would leave 1e-17 instead of 0.
    return (0.0 if met == 0 else low), (1.0 if met == n else high)


def percentile(values: Sequence[float], q: float) -> float | None:
    """The q-th percentile (0 to 100) with linear interpolation, numpy's default.

    Returns:
        None for no values.
    """
    return float(np.percentile(np.asarray(values, dtype=float), q)) if len(values) else None


def union_s(spans: Iterable[tuple[float, float]]) -> float:
    """Seconds that lie in at least one of some spans of time."""
    total, reached = 0.0, -math.inf
    for begin, end in sorted(spans):
        if end > reached:
            total += end - max(begin, reached)
            reached = end
    return total
