"""`lmgame bench --calibrate`: measures the client against a server whose times are known."""

from __future__ import annotations

import json
import math
import urllib.request
from collections.abc import Callable, Iterator, Sequence

from lmgame.bench import truth
from lmgame.bench.calibration import Level
from lmgame.bench.drive import Outcome
from lmgame.bench.fleet import measure
from lmgame.bench.result import attained, counted
from lmgame.bench.settings import LoadSettings
from lmgame.client import Endpoint
from lmgame.errors import LmgameError
from lmgame.figure import count
from lmgame.slo import Slo, Spread, percentile, tpot

TTFT_S, ITL_S, TOKENS = 0.1, 0.02, 50
"""The truth: what a good server does for a chat."""
LIMITS = Slo(ttft_s=0.15, tpot_s=0.025)
STREAMS = (1, 16, 64, 256, 1024)
ROUNDS, FEWEST = 4, 20
"""Calls of each stream, one after another; and of all together at least."""


def levels(
    processes: int, say: Callable[[str], None], streams: Sequence[int] = STREAMS
) -> Iterator[Level]:
    """The client's error at each number of streams, all of which start at once.

    Args:
        processes: Over how many processes they are spread.
        say: Is told what is measured now.
        streams: How many; those fewer than the processes are left out.

    Raises:
        LmgameError: The known server failed.
    """
    for number in streams:
        if number >= processes:
            over = count(processes, "process", "es")
            say(f"calibrating: {count(number, 'stream')} from {over}")
            yield level(number, processes)


def level(streams: int, processes: int) -> Level:
    """The client's error at one number of streams."""
    load = LoadSettings.model_validate(
        {
            "kind": "closed",
            "streams": streams,
            "calls": max(ROUNDS * streams, FEWEST),
            "processes": processes,
            "max_tokens": TOKENS,
            "warmup": max(8, processes),
        }
    )
    with truth.serving(TTFT_S, ITL_S) as url:
        outcomes = measure(Endpoint(url, "truth"), load)
        with urllib.request.urlopen(f"{url}/told") as response:
            late = json.load(response)["late_p99_s"]
    return found(outcomes, streams, processes, float(late))


def found(outcomes: Sequence[Outcome], streams: int, processes: int, late_s: float) -> Level:
    """What measured calls say of the client.

    Args:
        outcomes: The calls, of which the truth is known.
        streams: How many there were at a time.
        processes: How many processes sent them.
        late_s: How late the known server was.

    Raises:
        LmgameError: A call failed, which that server's never should.
    """
    calls = [one.call for one in counted(outcomes)]
    for call in calls:
        if call.failure is not None:
            raise LmgameError(
                f"calibration: a call to the known server failed ({call.failure.message}); with "
                f"{streams} streams too many files may be open: ulimit -n {4 * streams}"
            )
    ttfts = [math.inf if call.ttft_s is None else call.ttft_s for call in calls]
    tpots = [value for call in calls if (value := tpot(call)) is not None]
    return Level(
        streams,
        processes,
        len(calls),
        Spread.of([abs(value - TTFT_S) for value in ttfts]),
        Spread.of([abs(value - ITL_S) for value in tpots]),
        (percentile(ttfts, 50) or math.inf) - TTFT_S,
        attained(calls, LIMITS),
        late_s,
    )
