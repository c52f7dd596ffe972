"""A budget in money, tokens or time: when it is used up, no new call begins.

Calls under way are finished, so a budget may be overdrawn by them. What earlier
sittings of a run used is read from its logs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from lmgame import price
from lmgame.client.call import Call
from lmgame.price import Price
from lmgame.record import Log
from lmgame.slo import union_s

USED_UP = "the budget is used up"
"""How the reason begins for which a match is then suspended."""


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that a run may use, over all its sittings; None sets no limit.

    Attributes:
        usd: US dollars.
        tokens: Prompt and reply tokens, cached ones included.
        seconds: Wall time: in this sitting since its first match began, in
            earlier ones while decisions were being taken.
    """

    usd: float | None = None
    tokens: int | None = None
    seconds: float | None = None


class Purse:
    """What is left of a budget.

    Args:
        budget: The most there is.
        prices: What tokens cost; the first that fits a call's model counts.
        tells_cost: Whether the server tells each call's cost itself.
        timer: Monotonic seconds.
    """

    def __init__(
        self,
        budget: Budget,
        prices: Sequence[Price] = (),
        tells_cost: bool = False,
        timer: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._budget, self._prices, self._timer = budget, prices, timer
        self._tells_cost = tells_cost
        self._usd = self._earlier = 0.0
        self._tokens = 0
        self._began: float | None = None
        self._blind = ""  # why the budget can no longer be watched

    def begin(self, logs: Iterable[Log]) -> None:
        """Start a sitting of the run that has these logs."""
        spans: list[tuple[float, float]] = []
        for log in logs:
            for seconds, calls in log.calls():
                for call in calls:
                    self.add(call)
                if calls and seconds is not None:
                    at = calls[0].timing.at
                    spans.append((at, at + seconds))
        self._earlier = union_s(spans)
        self._blind = ""
        self._began = self._timer()

    def add(self, call: Call, prices: Sequence[Price] | None = None) -> None:
        """Take note of a call that is over.

        Args:
            call: The call.
            prices: Those of its backend, where they are known better than by its model.
        """
        usage = call.usage
        self._tokens += (usage.prompt or 0) + (usage.completion or 0)
        cost = price.of_call(call, self._prices if prices is None else prices)
        self._usd += cost or 0.0
        if call.failure is not None:
            return  # what a broken call used nobody can tell; it is not the usual case
        budget = self._budget
        if budget.tokens is not None and (usage.prompt is None or usage.completion is None):
            self._blind = "the server gives no token counts, so budget.tokens cannot be watched"
        if budget.usd is not None and cost is None:
            what = "cost" if self._tells_cost else "token counts"
            self._blind = f"the server gives no {what}, so budget.usd cannot be watched"

    def spent(self) -> str:
        """Why no further call may begin; empty while one may."""
        budget = self._budget
        if budget.usd is not None and self._usd >= budget.usd:
            return _used_up("usd", f"${budget.usd:g}", f"${self._usd:.4f}")
        if budget.tokens is not None and self._tokens >= budget.tokens:
            return _used_up("tokens", f"{budget.tokens:,}", f"{self._tokens:,}")
        if budget.seconds is not None and self._began is not None:
            seconds = self._earlier + self._timer() - self._began
            if seconds >= budget.seconds:
                return _used_up("seconds", f"{budget.seconds:g} s", f"{seconds:.1f} s")
        return self._blind


def _used_up(name: str, most: str, used: str) -> str:
    return f"{USED_UP}: {used} of {most}; raise budget.{name} to go on"
