"""The highest load at which the target share of calls meets all limits.

Doubles the load until it is too much, then halves the gap between what was held and
what was not, on a logarithmic scale. At one load it measures block after block until
the interval of the share lies on one side of the target. Looking several times at an
interval of 95 % would be wrong more often than that says, so each look is given its
part of the 5 % (Bonferroni).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

from lmgame.slo import Share, wilson

Measure = Callable[[float], Share]
"""Measures one block at a load: which share of its calls met all limits."""


class Unsure(Exception):
    """A load at which the client cannot be trusted; carries why."""


@dataclass(frozen=True, slots=True)
class Probe:
    """What one load came to.

    Attributes:
        load: The load.
        share: Of all its blocks.
        blocks: How many were measured.
        holds: Whether the target is met.
        sure: Whether the interval says so; else the share alone does.
    """

    load: float
    share: Share
    blocks: int
    holds: bool
    sure: bool


@dataclass(frozen=True, slots=True)
class Capacity:
    """What a search found.

    Attributes:
        load: The highest load at which the target was met; None where it never was.
        over: The lowest at which it was not; None where there was none.
        why: What ended the search.
        probes: What was measured, in that order.
    """

    load: float | None
    over: float | None
    why: str
    probes: tuple[Probe, ...]


def probe(measure: Measure, load: float, target: float, blocks: int) -> Probe:
    """Measure a load until it is clear on which side of the target it is.

    Args:
        measure: Measures one block.
        load: The load.
        target: The share that must be met.
        blocks: The most blocks.
    """
    z = NormalDist().inv_cdf(1 - 0.05 / (2 * blocks))
    met = n = done = 0
    while done < blocks:
        share = measure(load)
        met, n, done = met + share.met, n + share.n, done + 1
        interval = wilson(met, n, z)
        if interval is not None and (interval[0] >= target or interval[1] < target):
            break
    interval = wilson(met, n, z)
    sure = interval is not None and (interval[0] >= target or interval[1] < target)
    whole = Share(met / n if n else None, n, met, wilson(met, n))
    return Probe(load, whole, done, n > 0 and met / n >= target, sure)


def search(
    measure: Measure,
    low: float,
    high: float,
    target: float = 0.9,
    tolerance: float = 0.05,
    blocks: int = 8,
    whole: bool = False,
) -> Capacity:
    """Find the capacity.

    Args:
        measure: Measures one block at a load. It may raise :class:`Unsure`: the search
            then ends with what is sure.
        low: Where to begin.
        high: Where to give up.
        target: The share that must be met.
        tolerance: How close the two sides must come, as a share of the lower.
        blocks: The most blocks at one load.
        whole: Whether a load is a whole number.
    """
    probes: list[Probe] = []
    held: float | None = None
    over: float | None = None
    load = low
    try:
        while True:
            found = probe(measure, load, target, blocks)
            probes.append(found)
            if found.holds:
                held = load
            else:
                over = load
            if over == low:
                why = f"the target is missed even at {low:g}, the lowest load"
                return Capacity(None, over, why, tuple(probes))
            if held is not None and held >= high:
                why = f"the target is met even at {high:g}, the highest load: raise search.high"
                return Capacity(held, None, why, tuple(probes))
            assert held is not None
            following = _next(held, over, high, tolerance, whole)
            if following is None:
                why = f"the target is met at {held:g} and missed at {over:g}"
                return Capacity(held, over, why, tuple(probes))
            load = following
    except Unsure as unsure:
        why = f"the search ended at {load:g}: {unsure}"
        return Capacity(held, over, why, tuple(probes))


def _next(
    held: float, over: float | None, high: float, tolerance: float, whole: bool
) -> float | None:
    """The load to look at next; None where the two sides are close."""
    if over is None:
        return min(2 * held, high)
    if over <= held * (1 + tolerance) or (whole and over - held <= 1):
        return None
    middle = math.sqrt(held * over)
    if not whole:
        return middle
    return float(min(max(round(middle), held + 1), over - 1))
