"""The points of the figures: pure functions of calls and results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from lmgame.bench.result import decision
from lmgame.client import Call
from lmgame.slo import Share, Slo, wilson

LIMITS = {
    "joint": "all limits",
    "ttft_s": "TTFT only",
    "tpot_s": "TPOT only",
    "itl_s": "ITL only",
}
"""The lines of DistServe's figures 8 to 10, by the name of a share; and ITL's."""
SCALES = tuple(round(0.1 * number, 1) for number in range(1, 31))
"""How many times wider the limits are made."""

Tree = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Point:
    """A share at a place.

    Attributes:
        at: The load, or the scale of the limits.
        share: The share of calls that met a limit.
        low: The lower end of its 95 % interval; ``high`` the upper one.
    """

    at: float
    share: float
    low: float
    high: float


def _point(at: float, share: Share) -> Point | None:
    if share.value is None or share.ci95 is None:
        return None
    return Point(at, share.value, *share.ci95)


def against_scale(
    calls: Sequence[Call], limits: Slo, scales: Sequence[float] = SCALES
) -> dict[str, list[Point]]:
    """Attainment if all limits were so many times as wide (DistServe, figure 8, right).

    Args:
        calls: The calls.
        limits: The limits at scale 1.
        scales: Factors.

    Returns:
        By limit its points; a limit that is not set has none.
    """
    found: dict[str, list[Point]] = {name: [] for name in LIMITS}
    for scale in scales:
        wider = _scaled(limits, scale)
        verdicts = [wider.judge(call, decision(call).seconds) for call in calls]
        for name in LIMITS:
            point = _point(scale, Share.of(one.of(name) for one in verdicts))
            if point is not None:
                found[name].append(point)
    return found


def _scaled(limits: Slo, scale: float) -> Slo:
    return replace(limits, **{name: scale * getattr(limits, name) for name in limits.names})


def against_load(blocks: Sequence[tuple[float, Tree]]) -> dict[str, list[Point]]:
    """Attainment at each load of a search (DistServe, figure 8, left); blocks are pooled.

    Args:
        blocks: Loads, and the results there.
    """
    found: dict[str, list[Point]] = {name: [] for name in LIMITS}
    for name in LIMITS:
        counts: dict[float, tuple[int, int]] = {}
        for load, one in blocks:
            serving = one["serving"]
            assert isinstance(serving, Mapping)
            share = serving["attainment"].get(name) or {"met": 0, "n": 0}
            met, n = counts.get(load, (0, 0))
            counts[load] = (met + share["met"], n + share["n"])
        for load, (met, n) in sorted(counts.items()):
            if (interval := wilson(met, n)) is not None:
                found[name].append(Point(load, met / n, *interval))
    return found


def stages(results: Sequence[tuple[str, Tree]]) -> tuple[list[str], dict[str, list[float]]]:
    """The mean seconds of each server-side stage (DistServe, figure 10, left).

    Args:
        results: Labels and results; several with one label are averaged.

    Returns:
        The labels that tell of stages, and by stage its mean for each of them.
    """
    means: dict[str, list[dict[str, float]]] = {}
    for label, one in results:
        serving = one["serving"]
        assert isinstance(serving, Mapping)
        if serving["stages_s"]:
            told = {name: entry["mean"] for name, entry in serving["stages_s"].items()}
            means.setdefault(label, []).append(told)
    names = list(dict.fromkeys(name for some in means.values() for told in some for name in told))
    return list(means), {
        name: [sum(told.get(name, 0.0) for told in some) / len(some) for some in means.values()]
        for name in names
    }


def transfers(calls: Sequence[Call]) -> list[tuple[float, float]]:
    """How the times of KV cache transfers are distributed (DistServe, figure 10, right).

    Returns:
        Seconds, and the share of calls that took no longer; empty where no server tells.
    """
    times = sorted(call.stages["transfer_s"] for call in calls if "transfer_s" in call.stages)
    return [(seconds, (place + 1) / len(times)) for place, seconds in enumerate(times)]
