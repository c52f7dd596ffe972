"""The decisions of a log as serving sees them: calls, time to action, and the game's clock."""

from __future__ import annotations

import math
from collections.abc import Iterator

from lmgame.errors import MixedClocks
from lmgame.limit import Decided
from lmgame.record import Log, Played

STEP_S = 1.0
"""A wall clock may be set back by so much, as time servers do, and still be one clock."""


def decided(log: Log, seat: int | None = None) -> Iterator[Decided]:
    """Every decision, in the order of :meth:`lmgame.record.Log.calls`.

    Args:
        log: The match.
        seat: Whose; None for everybody's.
    """
    for one in log.played:
        if seat in (None, one.seat):
            calls = [call for each in one.tries for call in each.calls]
            yield Decided(one.seconds, calls, one.charged_s, one.outcome)
    for stop in log.suspended:
        if seat in (None, stop.seat):
            yield Decided(stop.seconds, [call for each in stop.tries for call in each.calls])
    for left in log.result.abandoned if log.result else ():
        if seat in (None, left.seat):
            yield Decided(None, [call for each in left.tries for call in each.calls])


def check_clock(log: Log) -> None:
    """See that a seat's decisions follow each other on the wall clock, which busy time stands on.

    Raises:
        MixedClocks: They do not.
    """
    reached: dict[int, tuple[float, int]] = {}
    for number, one in enumerate(log.played):
        begun = _begun(one)
        before, place = reached.get(one.seat, (-math.inf, 0))
        if begun and min(begun) < before - STEP_S:
            raise MixedClocks(
                f"{log.path}: decision {number} of seat {one.seat} was begun "
                f"{before - min(begun):.1f} s before decision {place}, which came first: their "
                "calls stand on different clocks (another machine, or a clock that was set), and "
                "goodput needs one; take apart what each machine played"
            )
        if begun:
            reached[one.seat] = (max(begun), number)


def _begun(one: Played) -> list[float]:
    """When a decision's calls were intended; what plans ahead may span several decisions."""
    calls = (call for each in one.tries for call in each.calls)
    return [call.timing.at for call in calls if call.purpose != "plan"]
