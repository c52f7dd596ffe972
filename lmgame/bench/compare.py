"""Configurations measured in turn, so that what changes on the machine meets all alike."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scipy import stats

from lmgame.rng import Rng
from lmgame.slo import Share

Tree = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Difference:
    """How much more one configuration gave than the first, block by block.

    Attributes:
        mean: Of the differences.
        ci95: Student's interval for it; None for fewer than two blocks.
        n: Blocks.
    """

    mean: float | None
    ci95: tuple[float, float] | None
    n: int


@dataclass(frozen=True, slots=True)
class Compared:
    """What one configuration came to.

    Attributes:
        label: Its words.
        joint: The share of all its calls that met all limits.
        goodput_rps: Calls a second that met them: the mean of its blocks.
        blocks: The goodput of each block.
        against: Goodput against the first configuration's, in calls a second.
    """

    label: str
    joint: Share
    goodput_rps: float | None
    blocks: tuple[float, ...]
    against: Difference | None


def order(count: int, blocks: int, seed: int) -> list[list[int]]:
    """Which configuration comes when: in each block all of them, shuffled.

    Args:
        count: How many configurations.
        blocks: How many blocks.
        seed: What the order is made from.
    """
    rng, found = Rng(seed), []
    for _ in range(blocks):
        block = list(range(count))
        rng.shuffle(block)
        found.append(block)
    return found


def compare(results: Mapping[str, Sequence[Tree]]) -> list[Compared]:
    """What configurations came to, against the first.

    Args:
        results: By label the results of its blocks, in the same order for all.
    """
    rates = {label: [_goodput(one) for one in some] for label, some in results.items()}
    first = next(iter(rates), "")
    return [
        Compared(
            label,
            _pooled(results[label]),
            sum(values) / len(values) if values else None,
            tuple(values),
            None if label == first else difference(values, rates[first]),
        )
        for label, values in rates.items()
    ]


def difference(values: Sequence[float], others: Sequence[float]) -> Difference:
    """The paired difference of what was measured in the same blocks."""
    gaps = [one - other for one, other in zip(values, others, strict=False)]
    n = len(gaps)
    if n < 2:
        return Difference(gaps[0] if gaps else None, None, n)
    mean = sum(gaps) / n
    sd = math.sqrt(sum((gap - mean) ** 2 for gap in gaps) / (n - 1))
    half = float(stats.t.ppf(0.975, n - 1)) * sd / math.sqrt(n)
    return Difference(mean, (mean - half, mean + half), n)


def _goodput(found: Tree) -> float:
    serving = found["serving"]
    assert isinstance(serving, Mapping)
    return float(serving["goodput_rps"] or 0.0)


def _pooled(results: Sequence[Tree]) -> Share:
    met = missed = 0
    for found in results:
        serving = found["serving"]
        assert isinstance(serving, Mapping)
        joint = serving["attainment"]["joint"]
        met, missed = met + joint["met"], missed + joint["n"] - joint["met"]
    return Share.of([True] * met + [False] * missed)
