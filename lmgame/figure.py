"""Figures as people read them: the same digits on every machine."""

from __future__ import annotations

import math

NONE = "-"
"""What stands where there is no figure."""


def time(seconds: float | None) -> str:
    """A time in seconds, as milliseconds below one."""
    if seconds is None:
        return NONE
    if seconds >= 1:
        return f"{seconds:.2f} s"
    return f"{seconds * 1000:.{0 if seconds >= 0.1 else 1}f} ms"


def number(value: float | None, digits: int = 1, sign: bool = False) -> str:
    """A number with some digits after the point, with a real minus and no -0."""
    if value is None or not math.isfinite(value):
        return NONE
    text = f"{value:{'+' if sign else ''},.{digits}f}"
    if not text.strip("+-0,."):
        text = text.lstrip("+-")
    return text.replace("-", "−")


def scores(*values: float | None) -> list[str]:
    """Scores with the same digits: none where all are whole or large, else as many as tell."""
    known = [round(value, 6) for value in values if value is not None and math.isfinite(value)]
    most = max(map(abs, known), default=0.0)
    whole = most >= 1000 or all(value.is_integer() for value in known)
    return [number(value, 0 if whole else 1 if most >= 10 else 2) for value in values]


def share(value: float | None, digits: int = 0) -> str:
    """A share of one as per cent."""
    return NONE if value is None else number(100 * value, digits) + " %"


def span(low: str, high: str) -> str:
    """An interval whose ends are written already."""
    return NONE if NONE in (low, high) else f"{low} to {high}"


def percentile(value: float) -> str:
    """A share as the name of a percentile: 0.99 is p99."""
    return f"p{100 * value:.4g}"


def money(usd: float | None) -> str:
    """An amount in US dollars; small ones with more digits."""
    if usd is None:
        return NONE
    return f"${usd:,.2f}" if usd >= 1 or usd == 0 else f"${usd:.2g}"


def count(value: int, one: str, plural: str = "s") -> str:
    """A count with its noun."""
    return f"{value:,} {one}{'' if value == 1 else plural}"
