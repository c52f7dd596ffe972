"""How long a session thinks between a reply and its next call: drawn, seeded, in seconds.

Only ``random()`` is drawn from: it alone has a sequence that the standard library promises
to keep.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from statistics import NormalDist

from lmgame import record
from lmgame.bench.settings import LoadSettings
from lmgame.client import Call
from lmgame.errors import LogNeverBegan, UsageError
from lmgame.record import Log

_NORMAL = NormalDist()
_EDGE = 1e-12
"""How near a quantile may come to 0 and 1, where the normal's are infinite."""


def draw(load: LoadSettings, rng: random.Random) -> float:
    """One pause of a session.

    Args:
        load: What is known of them: ``think``, ``think_s`` (their mean), ``think_cv``.
        rng: Where chance comes from.

    Raises:
        UsageError: They should come from a run, and it has none.
    """
    if load.think == "constant":
        return load.think_s
    u = rng.random()
    if load.think == "exponential":
        return -math.log(1 - u) * load.think_s
    if load.think == "lognormal":
        # Mean m and coefficient of variation c: sigma² = ln(1 + c²), mu = ln m - sigma²/2.
        variance = math.log1p(load.think_cv**2)
        z = _NORMAL.inv_cdf(min(max(u, _EDGE), 1 - _EDGE))
        return load.think_s * math.exp(math.sqrt(variance) * z - variance / 2)
    assert load.think_from is not None
    known = recorded(load.think_from)
    return known[int(u * len(known))]


@cache
def recorded(run: Path) -> tuple[float, ...]:
    """The pauses of a run: from the end of a seat's call to its next one, in seconds.

    Args:
        run: A run's folder, or one log.

    Raises:
        UsageError: There is no run, or no seat in it has asked twice.
    """
    folder = run / "matches" if (run / "matches").is_dir() else run
    files = [run] if run.is_file() else sorted(folder.glob("*.jsonl"))
    found: list[float] = []
    for file in files:
        try:
            log = record.read(file)
        except LogNeverBegan:
            continue
        for seat in range(len(log.header.seats)):
            found += _pauses(log, seat)
    if not found:
        raise UsageError(
            f"load.think_from={run}: no seat of a match there has asked a model twice: write a "
            "run of agents that ask one, runs/NAME, or load.think=lognormal"
        )
    return tuple(found)


def _pauses(log: Log, seat: int) -> Iterator[float]:
    """A seat's pauses, without those in which the run was suspended."""
    calls = [
        call
        for one in log.played
        if one.seat == seat
        for each in one.tries
        for call in each.calls
        if call.purpose != "plan"  # nobody waits for it
    ]
    stops = [call.timing.at for stop in log.suspended for one in stop.tries for call in one.calls]
    for before, after in pairwise(sorted(calls, key=_begin)):
        ended, begun = before.timing.at + before.timing.end, after.timing.at
        if ended <= begun and not any(ended <= stop <= begun for stop in stops):
            yield begun - ended


def _begin(call: Call) -> float:
    return call.timing.at
