"""Reads token counts, wherever a server puts them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from lmgame.client.call import Usage

PLACES = ("usage", "x_groq.usage")
"""Where a stream's event may hold them: OpenAI's place, and Groq's."""

CACHED = ("prompt_tokens_details.cached_tokens", "prompt_cache_hit_tokens", "cached_tokens")
"""Where cached prompt tokens may stand: OpenAI and most others; DeepSeek; Moonshot."""

_MOST_TOKENS = 1 << 48
_MOST_USD = 1e9


def find(event: Mapping[str, Any], cost: str = "") -> Usage | None:
    """The counts in one event or body, or None where it holds none.

    Args:
        event: What the server sent.
        cost: The name under which the usage also tells US dollars, or "".
    """
    if "usage" in event or "x_groq" in event:  # most events of a stream hold neither
        for place in PLACES:
            usage = at(event, place)
            if isinstance(usage, dict):
                return _read(usage, cost)
    return None


def _read(usage: Mapping[str, Any], cost: str) -> Usage:
    prompt, completion = count(usage.get("prompt_tokens")), count(usage.get("completion_tokens"))
    reasoning = count(at(usage, "completion_tokens_details.reasoning_tokens"))
    total = count(usage.get("total_tokens"))
    if None not in (prompt, completion, total):
        assert prompt is not None
        assert completion is not None
        assert total is not None
        # xAI and Gemini count reasoning beside the completion, only the total holds
        # both (vercel/ai#12425, CLIProxyAPI#5733); OpenAI counts it inside.
        beside = total - prompt - completion
        if beside > 0:
            completion += beside
            reasoning = beside if reasoning is None else reasoning
    found = (count(at(usage, name)) for name in CACHED)
    return Usage(
        prompt=prompt,
        completion=completion,
        reasoning=reasoning,
        cached=next((one for one in found if one is not None), None),
        usd=_dollars(usage.get(cost)) if cost else None,
    )


def at(value: Mapping[str, Any], path: str) -> object:
    """What stands at a dotted path, or None."""
    found: object = value
    for name in path.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    return found


def count(value: object) -> int | None:
    """A plausible number of tokens, or None."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MOST_TOKENS:
        return value
    return None


def _dollars(value: object) -> float | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value) if math.isfinite(value) and 0 <= value < _MOST_USD else None
    return None
