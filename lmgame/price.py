"""What calls cost in US dollars: by the server's own word, or by a table of prices.

A price that is not known makes a cost unknown, never zero. Prices stand in the
backend's preset with the day on which they were looked up; the log's header
keeps them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from typing import Any

from lmgame.client.call import Call

_MILLION = 1e6
_NEVER_BILLED = ("connect", "status", "budget")
"""Failures that end a call before a model has read it."""


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million tokens.

    Attributes:
        model: Which models: a name, or a pattern such as ``gpt-5.4-nano*``.
        input: Of the prompt.
        output: Of the reply, reasoning included.
        cached_input: Of prompt tokens read from a cache; None: like ``input``.
        date: The day on which it was looked up, ``YYYY-MM-DD``.
        source: Where.
    """

    model: str
    input: float
    output: float
    cached_input: float | None = None
    date: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Cost:
    """What some calls cost.

    Attributes:
        usd: The sum over the calls whose cost is known; None where there is none.
        known: How many those are.
        unknown: Calls that may have cost something that cannot be told.
        prices: The prices that were used.
    """

    usd: float | None
    known: int
    unknown: int
    prices: tuple[Price, ...] = ()

    def to_json(self) -> dict[str, object]:
        """Give plain values."""
        return {**asdict(self), "prices": [asdict(price) for price in self.prices]}


def find(prices: Iterable[Price], model: str) -> Price | None:
    """The first price that fits a model's name."""
    return next((price for price in prices if fnmatchcase(model, price.model)), None)


def of_call(call: Call, prices: Iterable[Price]) -> float | None:
    """What one call cost, in US dollars; None where that is not known.

    What the server says of the cost comes before the table. Where a server does
    not tell which prompt tokens were cached, all of them cost the full price.
    """
    usage = call.usage
    if usage.usd is not None:
        return usage.usd
    if usage.completion is None and call.failure and call.failure.kind in _NEVER_BILLED:
        return 0.0
    price = find(prices, call.model)
    if price is None or usage.prompt is None or usage.completion is None:
        return None
    cached = min(usage.cached or 0, usage.prompt)
    cheaper = price.input if price.cached_input is None else price.cached_input
    whole = (usage.prompt - cached) * price.input + cached * cheaper
    return (whole + usage.completion * price.output) / _MILLION


def of_calls(calls: Sequence[Call], prices: Sequence[Price]) -> Cost:
    """What calls cost together."""
    costs = [of_call(call, prices) for call in calls]
    known = [cost for cost in costs if cost is not None]
    used = {found: None for call in calls if (found := find(prices, call.model)) is not None}
    return Cost(sum(known) if known else None, len(known), len(costs) - len(known), tuple(used))


def from_backend(backend: Mapping[str, Any]) -> tuple[Price, ...]:
    """The prices in a backend's settings, as a log's header holds them."""
    return tuple(Price(**one) for one in backend.get("prices") or ())
