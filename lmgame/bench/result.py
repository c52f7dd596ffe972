"""What a load came to: a pure function of its records."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import pairwise
from typing import cast

from lmgame import figure, slo
from lmgame.bench.calibration import Calibration, Level
from lmgame.bench.drive import Outcome, Record, peak
from lmgame.bench.settings import BenchSettings, LoadSettings
from lmgame.client import Call
from lmgame.slo import Decided, Share, Slo, Spread, goodput, percentile, summarise

Tree = dict[str, object]

TENTH = 0.1
"""The client's own lag may be no more than this share of a limit."""
_DRIFT_S = 0.01
"""A wall clock that moved more than this against the monotonic one was set meanwhile."""
_FULL_CORE = 0.8


def counted(outcomes: Sequence[Outcome]) -> list[Record]:
    """The records that count, in the order in which their calls were intended."""
    records = [one for outcome in outcomes for one in outcome.records if not one.settling]
    return sorted(records, key=lambda one: (one.intended_s, one.process))


def decision(call: Call) -> Decided:
    """A call as a decision of its own: its time to action is its end.

    One that was stopped with the bench has none: nobody waited for it any more.
    """
    dropped = call.failure is not None and call.failure.kind == "cancelled"
    return Decided(None if dropped else call.timing.end, (call,))


def attained(calls: Sequence[Call], limits: Slo) -> Share:
    """The share of calls that met all limits."""
    return Share.of(limits.judge(call, decision(call).seconds).joint for call in calls)


def result(
    outcomes: Sequence[Outcome], settings: BenchSettings, calibration: Calibration | None
) -> Tree:
    """Everything that is told of one load, as plain values.

    Args:
        outcomes: What its processes did.
        settings: What was to be measured.
        calibration: How wrong this machine's clients are known to be, if that is known.
    """
    limits, load = Slo(**settings.slo.model_dump()), settings.load
    records = counted(outcomes)
    calls = [one.call for one in records]
    serving = summarise(map(decision, calls), limits)
    client = _client(outcomes, records, load, calibration)
    tree: Tree = {
        "load": load.model_dump(mode="json"),
        "stopped": any(one.stopped for one in outcomes),
        "left_out": {
            "warmup": load.warmup,
            "settling": sum(one.settling for each in outcomes for one in each.records),
        },
        "offered_rps": _offered(records, load),
        "streams": peak(records),
        "serving": serving.to_json(),
        "throughput_tokens_s": _tokens(calls, serving.busy_s),
        "goodput_tokens_s": goodput(map(decision, calls), limits).tokens_s,
        "chunk_gap_s": asdict(Spread.of([gap for call in calls for gap in _gaps(call)])),
        "end_s": asdict(Spread.of([c.timing.end for c in calls if c.failure is None])),
        "client": client,
        "verdict": verdict(serving.attainment.joint, settings, client),
        "failures": _failures(calls),
    }
    return tree | {"notes": list(_notes(tree, calls, outcomes, settings))}


def _tokens(calls: Sequence[Call], busy_s: float) -> float | None:
    """Reply tokens a second, if a server counts them."""
    counts = [c.usage.completion for c in calls if c.usage.completion is not None]
    return sum(counts) / busy_s if busy_s > 0 and counts else None


def _offered(records: Sequence[Record], load: LoadSettings) -> float | None:
    """Calls a second that were to be sent, in an open loop; None in a closed one."""
    if load.closed or len(records) < 2:
        return None
    span = records[-1].intended_s - records[0].intended_s
    return (len(records) - 1) / span if span > 0 else None


def _gaps(call: Call) -> Iterator[float]:
    """Seconds between chunks, which are tokens only where the server sends each alone."""
    chunks = call.timing.chunks
    return (after - before for before, after in pairwise(chunks))


def _client(
    outcomes: Sequence[Outcome],
    records: Sequence[Record],
    load: LoadSettings,
    calibration: Calibration | None,
) -> Tree:
    """What the client itself may have added."""
    lags = [lag for one in outcomes for lag in one.lag_s]
    late = [one.late_s for one in records]
    level = calibration.level(peak(records), load.processes) if calibration else None
    counts = [c for one in records if (c := one.call.usage.completion) is not None and c > 1]
    tokens = percentile(counts, 50)
    loop = percentile(lags, 99) or 0.0
    ttft = loop if load.closed else loop + (percentile(late, 99) or 0.0)
    tpot = loop / (tokens - 1) if tokens is not None else loop
    known = None if level is None else (level.ttft_error_s.p99, level.tpot_error_s.p99)
    return {
        "processes": load.processes,
        "loop_lag_s": asdict(Spread.of(lags)) | {"max": max(lags, default=None)},
        "begun_late_s": asdict(Spread.of(late)),
        "cpu_share": max((one.cpu_s / one.wall_s for one in outcomes if one.wall_s), default=None),
        "lag_s": {
            "ttft_s": max(ttft, (known and known[0]) or 0.0),
            "tpot_s": max(tpot, (known and known[1]) or 0.0),
            "itl_s": loop,  # a single wait bears all of it
        },
        "calibrated": None if calibration is None else _told(calibration, level),
    }


def _told(calibration: Calibration, level: Level | None) -> Tree:
    return {"when": calibration.when, "level": None if level is None else asdict(level)}


def verdict(share: Share, settings: BenchSettings, client: Mapping[str, object]) -> Tree:
    """Whether the target is met, if that can be said.

    Args:
        share: The calls that met all limits.
        settings: The limits and the target.
        client: What the client may have added.

    Returns:
        ``said``: ``met``, ``missed``, ``undecided`` (the interval holds the target) or
        ``none``; and ``why``.
    """
    lag = client["lag_s"]
    assert isinstance(lag, dict)
    limits = Slo(**settings.slo.model_dump())
    for name in limits.names:
        limit = cast(float, getattr(limits, name))
        own = cast(float, lag.get(name, lag["ttft_s"]))
        if own > TENTH * limit:
            why = (
                f"no verdict: the client's own lag ({1e3 * own:.1f} ms) exceeds a tenth of "
                f"slo.{name}={limit:g}: write more load.processes, load.ramp_s, or measure from "
                "a machine that does nothing else"
            )
            return {"said": "none", "why": why, "target": settings.target}
    if share.value is None or share.ci95 is None:
        why = "no verdict: no limit applied to any call"
        return {"said": "none", "why": why, "target": settings.target}
    low, high = share.ci95
    said = "met" if low >= settings.target else "missed" if high < settings.target else "undecided"
    why = f"{share.met} of {share.n} calls met all limits, 95 % interval {low:.1%} to {high:.1%}"
    if said == "undecided":
        why += f": the target ({settings.target:.0%}) lies in it, so more calls are needed"
    return {"said": said, "why": why, "target": settings.target}


def _failures(calls: Sequence[Call]) -> list[Tree]:
    """Why calls failed, the most frequent reason first; one message for each kind."""
    kinds: dict[tuple[str, int | None], list[str]] = {}
    for call in calls:
        if call.failure is not None:
            kinds.setdefault((call.failure.kind, call.failure.status), []).append(
                call.failure.message
            )
    return [
        {"kind": kind, "status": status, "calls": len(said), "message": said[0]}
        for (kind, status), said in sorted(kinds.items(), key=lambda one: -len(one[1]))
    ]


def _notes(
    tree: Tree, calls: Sequence[Call], outcomes: Sequence[Outcome], settings: BenchSettings
) -> Iterator[str]:
    """What somebody who reads the figures must know."""
    good = [call for call in calls if call.failure is None]
    yield from _of_server(good)
    yield from _of_limits(good, settings)
    client = tree["client"]
    assert isinstance(client, dict)
    if client["calibrated"] is None:
        yield "the client's error on this machine is not known: lmgame bench --calibrate"
    elif client["calibrated"]["level"] is None:
        yield (
            f"the calibration of this machine has nothing for {tree['streams']} streams over "
            f"{figure.count(settings.load.processes, 'process', 'es')}: lmgame bench --calibrate "
            f"load.processes={settings.load.processes}"
        )
    if (client["cpu_share"] or 0.0) > _FULL_CORE:
        yield "a sending process used nearly a whole core: write more load.processes"
    if any(abs(one.clock_drift_s) > _DRIFT_S for one in outcomes):
        yield "the wall clock was set meanwhile; all times here stand on the monotonic one"
    skipped = max((len(one.skipped) for one in outcomes), default=0)
    if skipped:
        lines = figure.count(skipped, "broken line")
        yield f"left out {lines} of the file, first {outcomes[0].skipped[0]}"


def _of_server(good: Sequence[Call]) -> Iterator[str]:
    """What the server does not tell, and what can be measured all the same."""
    if not good:
        return
    uncounted = sum(call.usage.completion is None for call in good)
    if uncounted:
        yield (
            f"{uncounted} of {len(good)} replies came without token counts: TPOT and tokens a "
            "second are unknown for them (chunks are not tokens); TTFT, the end and the gaps "
            "between chunks are measured. Does the server want backend.stream_usage?"
        )
    whole = sum(len(call.timing.chunks) < 2 and (call.usage.completion or 2) > 1 for call in good)
    if whole == len(good):
        yield (
            "every reply came in one piece: the server does not stream. TTFT is the time to "
            "the whole reply, and TPOT cannot be known"
        )
    elif whole:
        yield f"{whole} of {len(good)} replies came in one piece: their TPOT cannot be known"
    empty = sum(call.timing.first_token is None for call in good)
    if empty:
        yield f"{empty} of {len(good)} replies held no token: they missed slo.ttft_s"


def _of_limits(good: Sequence[Call], settings: BenchSettings) -> Iterator[str]:
    """Limits that not even the fastest call met."""
    share = settings.slo.itl_percentile
    fastest: dict[str, list[float | None]] = {
        "ttft_s": [call.ttft_s for call in good],
        "tpot_s": [slo.tpot(call) for call in good],
        "itl_s": [slo.itl(call, share) for call in good],
        "time_to_action_s": [call.timing.end for call in good],
    }
    for name, values in fastest.items():
        limit: float | None = getattr(settings.slo, name)
        best = min((value for value in values if value), default=math.inf)
        if limit is not None and math.isfinite(best) and best > limit:
            yield (
                f"slo.{name}={limit:g} is out of reach at this load: the fastest of all calls "
                f"took {best:.4g} s"
            )
