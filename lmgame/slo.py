"""Service-level objectives: which calls met them, how sure that is, what it is worth.

Everything here is a pure function of calls. The policies, where tools disagree
(vLLM, SGLang, DistServe, AIPerf and GuideLLM each treat the same short reply
differently), and why these were taken:

- *One token.* A reply of one token has no time per output token; short replies
  are the normal case in games. TPOT does not apply: such a call is judged on
  TTFT and time to action alone. Passing it would flatter TPOT attainment,
  failing it would make every one-word move a miss. It has no ITL either.
- *TPOT undetermined.* Without a token count from the server, or where a whole
  reply of several tokens came in one chunk, TPOT cannot be known. It is treated
  as not applicable, and counted (``undetermined``), so that a server which hides
  its pace is seen to hide it. Chunks are never taken for tokens.
- *ITL* is judged within one call: ``itl_percentile`` of the waits between its
  chunks are within ``itl_s`` (by nearest rank: below 100 waits, 0.99 means all of
  them). Waits of many calls are not pooled: long replies would outvote short ones.
- *Chunks of several tokens.* The wait between two chunks is a wait, however many
  tokens the second one holds; it is not divided by them, and the tokens that came
  with others add no waits of zero. So bundling tokens hides no stall. A reply in
  one chunk has no ITL; if it has several tokens it counts as ``undetermined``.
- *Stalls* inside a reply show in ITL, and are averaged away in TPOT; before the
  first token they are TTFT, after the last one nothing of the reply is waited for.
- *Role chunks*, empty and finishing ones are no tokens: they begin no TTFT and part
  no ITL (lmgame.client sees to that).
- *Reasoning tokens* are tokens: the first one ends TTFT, and they count for TPOT and
  ITL. Those that a server counts but keeps to itself were over before its first
  token came. What a player waits for in the end is time to action.
- *Failures* miss every limit that is set. A reply without any token never had a
  first one: it misses TTFT, so that answering nothing does not pay.
- *Cancelled calls* miss every limit, because dropping late work must not raise
  attainment. The exception is a call that nobody waited for any more (the match
  was over: its decision has no time to action): it says nothing about the server
  and is left out, unless its TTFT limit was broken already when it was cancelled.
- *Client queueing*, for a free connection or a rate limit of ours, is part of every
  time: calls are timed from when they were intended.
- *Time to action* belongs to a decision, attainment's denominator is calls: all
  calls of a decision share its time. Judging only the last one would let a
  decision that came too late after three retries count two calls as good.
- *The deadline* is the game's own, and shared likewise. It is judged by what the
  game's clock charged, measured or simulated, and a decision that the game counted
  as late (its time bank overdrawn, its action no longer legal) missed it. Where the
  world waits there is none.
- *Joint* means that one call met every limit that applied to it. "90 % met TTFT
  and 90 % met TPOT" is marginal, looser, and never called joint here. A call to
  which no limit applied is in no denominator.
- *Goodput* is what met all limits, a second of time in which calls were under way:
  calls, their reply tokens, and decisions that brought a legal action in time. It is
  not capacity, the highest load at which the target share is met (lmgame.bench).
- *One clock.* A call whose own times go back was not timed by one clock, and is
  refused (MixedClocks) rather than judged.
- Limits are met up to and including their value, as in DistServe.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field

from lmgame.client.call import Call
from lmgame.limit import SECONDS, Decided, Decisions, Slo, Verdict, check_times, itl, tpot
from lmgame.share import Share, Spread, percentile, union_s, wilson

__all__ = [
    "Attainment",
    "Decided",
    "Decisions",
    "Goodput",
    "ServingSummary",
    "Share",
    "Slo",
    "Spread",
    "StageTime",
    "Tokens",
    "Verdict",
    "as_before",
    "busy_seconds",
    "goodput",
    "itl",
    "percentile",
    "summarise",
    "tpot",
    "union_s",
    "wilson",
]

_LATER = ("itl_s", "deadline_s")
"""Fields that older summaries do not have; left out of files where they say nothing."""


@dataclass(frozen=True, slots=True)
class StageTime:
    """One server-side stage over all calls that tell of it.

    Attributes:
        mean: Seconds; likewise p50 and p90.
        share: Of the sum of all stages of all calls.
        n: Calls that tell of it.
    """

    mean: float
    p50: float | None
    p90: float | None
    share: float | None
    n: int


@dataclass(frozen=True, slots=True)
class Attainment:
    """Shares of calls that met all limits, and each limit alone (marginal).

    Attributes:
        undetermined: Good replies of two tokens or more whose TPOT cannot be known.
        itl_s: None where no such limit is set; likewise ``deadline_s``.
    """

    joint: Share
    ttft_s: Share
    tpot_s: Share
    time_to_action_s: Share
    undetermined: int
    itl_s: Share | None = None
    deadline_s: Share | None = None


@dataclass(frozen=True, slots=True)
class Tokens:
    """Sums over the calls whose server counted; the rest is in calls_without_usage."""

    prompt: int
    completion: int
    reasoning: int
    cached: int
    calls_without_usage: int


@dataclass(frozen=True, slots=True)
class ServingSummary:
    """What serving a set of decisions was like.

    Percentiles are over calls that succeeded (time to action: decisions that
    called a model); attainment is over all calls, so read them together.

    Attributes:
        calls: All calls.
        failed: Those that failed, cancelled ones not counted.
        cancelled: Those that the caller gave up.
        excluded: Cancelled calls that are in no attainment.
        busy_s: Seconds in which at least one call was under way.
        throughput_rps: Successful calls per busy second.
        goodput_rps: Calls that met all limits per busy second; None without limits.
        stages_s: Server-side stages, in order.
        itl_s: Each call's ITL at the percentile of the limit; None without such a limit.
    """

    calls: int
    failed: int
    cancelled: int
    excluded: int
    ttft_s: Spread
    tpot_s: Spread
    time_to_action_s: Spread
    attainment: Attainment
    goodput_rps: float | None
    throughput_rps: float | None
    busy_s: float
    tokens: Tokens
    stages_s: Mapping[str, StageTime] = field(default_factory=dict)
    slo: Slo = field(default_factory=Slo)
    itl_s: Spread | None = None

    def to_json(self) -> dict[str, object]:
        """Give plain dicts, lists, numbers and None; never NaN or infinity."""
        plain = _plain(asdict(self, dict_factory=as_before))
        assert isinstance(plain, dict)
        return plain


def as_before(items: Sequence[tuple[str, object]]) -> dict[str, object]:
    """A ``dict_factory`` that leaves out what older summaries do not have and is not set.

    So the same old logs give the same bytes.
    """
    found = dict(items)
    if found.get("itl_s") is None:
        found.pop("itl_percentile", None)
    return {key: value for key, value in found.items() if value is not None or key not in _LATER}


def summarise(decisions: Decisions, slo: Slo) -> ServingSummary:
    """Sum up what serving these decisions was like, under these limits.

    Decisions without calls (scripted players) cost no serving and are left out.

    Raises:
        MixedClocks: A call's times go back.
    """
    kept = _kept(decisions)
    calls = [call for one in kept for call in one.calls]
    good = [call for call in calls if call.failure is None]
    verdicts = [verdict for one in kept for verdict in _judged(one, slo)]
    joint = Share.of(verdict.joint for verdict in verdicts)
    each = {name: Share.of(verdict.of(name) for verdict in verdicts) for name in SECONDS}
    cancelled = sum(1 for c in calls if c.failure is not None and c.failure.kind == "cancelled")
    busy = busy_seconds(calls)
    return ServingSummary(
        calls=len(calls),
        failed=len(calls) - len(good) - cancelled,
        cancelled=cancelled,
        excluded=sum(verdict.excluded for verdict in verdicts),
        ttft_s=Spread.of([call.ttft_s for call in good if call.ttft_s is not None]),
        tpot_s=Spread.of(_known(map(tpot, good))),
        time_to_action_s=Spread.of(_known(one.seconds for one in kept)),
        attainment=Attainment(
            joint=joint,
            ttft_s=each["ttft_s"],
            tpot_s=each["tpot_s"],
            time_to_action_s=each["time_to_action_s"],
            undetermined=sum(map(_undetermined, good)),
            itl_s=None if slo.itl_s is None else each["itl_s"],
            deadline_s=None if slo.deadline_s is None else each["deadline_s"],
        ),
        goodput_rps=joint.met / busy if busy > 0 and slo.names else None,
        throughput_rps=len(good) / busy if busy > 0 else None,
        busy_s=busy,
        tokens=_tokens(calls),
        stages_s=_stages(good),
        slo=slo,
        itl_s=None
        if slo.itl_s is None
        else Spread.of(_known(itl(call, slo.itl_percentile) for call in good)),
    )


@dataclass(frozen=True, slots=True)
class Goodput:
    """What met all limits, for each busy second; None where it cannot be known.

    Attributes:
        calls_s: Calls; None without limits.
        tokens_s: Reply tokens of these calls; None where no server counts, too.
        decisions_s: Decisions that called a model and brought a legal action within the
            deadline and the limit on time to action; None where there is no game.
        decisions: How many these are.
        busy_s: Seconds in which at least one call was under way.
    """

    calls_s: float | None
    tokens_s: float | None
    decisions_s: float | None
    decisions: int
    busy_s: float


def goodput(decisions: Decisions, slo: Slo) -> Goodput:
    """Work out the goodput of decisions at the load under which they were taken.

    Raises:
        MixedClocks: A call's times go back.
    """
    kept = _kept(decisions)
    calls = [call for one in kept for call in one.calls]
    busy = busy_seconds(calls)
    good = [
        call
        for one in kept
        for call, verdict in zip(one.calls, _judged(one, slo), strict=True)
        if verdict.joint
    ]
    timely = sum(map(slo.in_time, kept))

    def rate(count: int, known: bool) -> float | None:
        return count / busy if busy > 0 and known else None

    counted = any(call.usage.completion is not None for call in calls)
    return Goodput(
        calls_s=rate(len(good), bool(slo.names)),
        tokens_s=rate(
            sum(call.usage.completion or 0 for call in good), bool(slo.names) and counted
        ),
        decisions_s=rate(timely, any(one.outcome is not None for one in kept)),
        decisions=timely,
        busy_s=busy,
    )


def _kept(decisions: Decisions) -> list[Decided]:
    """The decisions that called a model, their times checked."""
    kept = [one for one in (Decided(*each) for each in decisions) if one.calls]
    for one in kept:
        for call in one.calls:
            check_times(call)
    return kept


def _judged(one: Decided, slo: Slo) -> list[Verdict]:
    return [slo.judge(call, one.seconds, one.charged_s, one.outcome) for call in one.calls]


def _known(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def busy_seconds(calls: Iterable[Call]) -> float:
    """Seconds in which at least one call was under way, from intended send to end.

    The length of the union of the calls' intervals: waiting for a human, a slow
    game or a paused and resumed run costs no goodput, while two calls at once
    are not counted twice. Intervals stand on the wall clock (``Timing.at``),
    because runs may be spread over processes.
    """
    return union_s((c.timing.at, c.timing.at + max(c.timing.end, 0.0)) for c in calls)


def _undetermined(call: Call) -> bool:
    one = call.usage.completion is not None and call.usage.completion < 2
    return call.timing.first_token is not None and not one and tpot(call) is None


def _tokens(calls: Sequence[Call]) -> Tokens:
    usages = [call.usage for call in calls]
    return Tokens(
        prompt=sum(usage.prompt or 0 for usage in usages),
        completion=sum(usage.completion or 0 for usage in usages),
        reasoning=sum(usage.reasoning or 0 for usage in usages),
        cached=sum(usage.cached or 0 for usage in usages),
        calls_without_usage=sum(usage.completion is None for usage in usages),
    )


def _stages(calls: Sequence[Call]) -> dict[str, StageTime]:
    times: dict[str, list[float]] = {}
    for call in calls:
        for name, seconds in call.stages.items():
            times.setdefault(name, []).append(seconds)
    whole = sum(map(sum, times.values()))
    return {
        name: StageTime(
            mean=sum(some) / len(some),
            p50=percentile(some, 50),
            p90=percentile(some, 90),
            share=sum(some) / whole if whole > 0 else None,
            n=len(some),
        )
        for name, some in times.items()
    }


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
