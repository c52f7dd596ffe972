"""When calls should be sent in an open loop: endless, seeded, in seconds."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator

from lmgame.bench.settings import LoadSettings


def constant(rate: float) -> Iterator[float]:
    """Equal distances; the first call at once.

    Args:
        rate: Calls a second.
    """
    number = 0
    while True:
        yield number / rate
        number += 1


def gamma(rate: float, cv: float, rng: random.Random) -> Iterator[float]:
    """Distances from a gamma distribution, as DistServe's and vLLM's load tools draw them.

    Args:
        rate: Calls a second, on average.
        cv: Coefficient of variation of the distances; with 1 they are exponential
            (a Poisson process).
        rng: Where chance comes from.
    """
    shape = 1 / cv**2
    at = 0.0
    while True:
        # Inverting by hand where it is possible: random() alone has a sequence that
        # the standard library promises to keep.
        drawn = -math.log(1 - rng.random()) if cv == 1 else rng.gammavariate(shape, 1 / shape)
        at += drawn / rate
        yield at


def ramp(rate: float, to_rate: float, over_s: float, rng: random.Random) -> Iterator[float]:
    """A Poisson process whose rate goes steadily from one to another, and stays there.

    Exact, by the time change theorem: a process of rate 1, looked up in the inverse of
    the expected count ``rate t + (to_rate - rate) t² / (2 over_s)``.

    Args:
        rate: Calls a second in the beginning.
        to_rate: Calls a second from ``over_s`` on.
        over_s: Seconds between the two.
        rng: Where chance comes from.
    """
    slope = (to_rate - rate) / over_s
    whole = over_s * (rate + to_rate) / 2
    for count in gamma(1.0, 1.0, rng):
        if count >= whole:
            yield over_s + (count - whole) / to_rate
        elif abs(slope) < 1e-12:
            yield count / rate
        else:
            # The root of slope/2 t² + rate t - count in the form that does not cancel.
            yield 2 * count / (rate + math.sqrt(rate * rate + 2 * slope * count))


def times(load: LoadSettings) -> Iterator[float]:
    """When a load's calls (or sessions) should begin, in seconds from its begin."""
    rng = random.Random(load.seed)
    if load.kind == "constant":
        return constant(load.rate)
    if load.kind == "ramp":
        return ramp(load.rate, load.to_rate, load.over_s, rng)
    return gamma(load.rate, load.cv if load.kind == "gamma" else 1.0, rng)
