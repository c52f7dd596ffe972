"""Service-level objectives: which calls met them, how sure that is, what it is worth.

Everything here is a pure function of calls. The policies, where tools disagree
(vLLM, SGLang, DistServe, AIPerf and GuideLLM each treat the same short reply
differently), and why these were taken:

- *One token.* A reply of one token has no time per output token; short replies
  are the normal case in games. TPOT does not apply: such a call is judged on
  TTFT and time to action alone. Passing it would flatter TPOT attainment,
  failing it would make every one-word move a miss.
- *TPOT undetermined.* Without a token count from the server, or where a whole
  reply of several tokens came in one chunk, TPOT cannot be known. It is treated
  as not applicable, and counted (``undetermined``), so that a server which hides
  its pace is seen to hide it. Chunks are never taken for tokens.
- *Failures* miss every limit that is set. A reply without any token never had a
  first one: it misses TTFT, so that answering nothing does not pay.
- *Cancelled calls* miss every limit, because dropping late work must not raise
  attainment. The exception is a call that nobody waited for any more (the match
  was over: its decision has no time to action): it says nothing about the server
  and is left out, unless its TTFT limit was broken already when it was cancelled.
- *Time to action* belongs to a decision, attainment's denominator is calls: all
  calls of a decision share its time. Judging only the last one would let a
  decision that came too late after three retries count two calls as good.
- *Joint* means that one call met every limit that applied to it. "90 % met TTFT
  and 90 % met TPOT" is marginal, looser, and never called joint here. A call to
  which no limit applied is in no denominator.
- Limits are met up to and including their value, as in DistServe.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields

import numpy as np

from lmgame.client.call import Call
from lmgame.errors import ConfigError

Z95 = 1.959963984540054
"""The 97.5 % quantile of the normal distribution."""

Decisions = Iterable[tuple[float | None, Sequence[Call]]]
"""Per decision its time to action in seconds (None: nobody waited for it, or it
is unknown) and the calls made for it. A bare call is a decision of one call."""


@dataclass(frozen=True, slots=True)
class Slo:
    """Limits in seconds; None sets no limit.

    Attributes:
        ttft_s: Intended send to first token, reasoning included.
        tpot_s: Mean time per output token after the first.
        time_to_action_s: From the turn to the action that was read from replies.
    """

    ttft_s: float | None = None
    tpot_s: float | None = None
    time_to_action_s: float | None = None

    def __post_init__(self) -> None:
        for name in (f.name for f in fields(self)):
            value = getattr(self, name)
            if value is None:
                continue
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not number or not (math.isfinite(value) and value > 0):
                raise ConfigError(
                    f"slo.{name} must be a positive number of seconds or null, not {value!r}"
                )

    def judge(self, call: Call, time_to_action_s: float | None = None) -> Verdict:
        """Say which limits one call met.

        Args:
            call: The call.
            time_to_action_s: That of the decision it was made for; None where
                nobody waited for it or it is unknown.
        """
        if call.failure is not None:
            dropped = call.failure.kind == "cancelled" and time_to_action_s is None
            if dropped and not self._ttft_broken(call):
                return Verdict(excluded=True)
            return Verdict(
                ttft=_within(math.inf, self.ttft_s),
                tpot=_within(math.inf, self.tpot_s),
                time_to_action=_within(math.inf, self.time_to_action_s),
            )
        first = math.inf if call.ttft_s is None else call.ttft_s
        return Verdict(
            ttft=_within(first, self.ttft_s),
            tpot=_within(tpot(call), self.tpot_s),
            time_to_action=_within(time_to_action_s, self.time_to_action_s),
        )

    def _ttft_broken(self, call: Call) -> bool:
        first = call.timing.first_token
        waited = call.timing.end if first is None else first
        return self.ttft_s is not None and waited > self.ttft_s


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a call met each limit; None where a limit is not set or not applicable.

    Attributes:
        excluded: The call says nothing about the server (cancelled, unneeded).
    """

    ttft: bool | None = None
    tpot: bool | None = None
    time_to_action: bool | None = None
    excluded: bool = False

    @property
    def joint(self) -> bool | None:
        """Whether every limit that applied was met; None where none applied."""
        verdicts = [v for v in (self.ttft, self.tpot, self.time_to_action) if v is not None]
        return all(verdicts) if verdicts else None

    def to_json(self) -> dict[str, bool | None]:
        """Give what a log line holds, under the names of the limits."""
        return {
            "joint": self.joint,
            "ttft_s": self.ttft,
            "tpot_s": self.tpot,
            "time_to_action_s": self.time_to_action,
        }


@dataclass(frozen=True, slots=True)
class Share:
    """A share of calls with its Wilson 95 % interval; None where there are none."""

    value: float | None
    n: int
    met: int
    ci95: tuple[float, float] | None

    @classmethod
    def of(cls, verdicts: Iterable[bool | None]) -> Share:
        """Count verdicts; None is in no denominator."""
        known = [verdict for verdict in verdicts if verdict is not None]
        n, met = len(known), sum(known)
        return cls(met / n if n else None, n, met, wilson(met, n))


@dataclass(frozen=True, slots=True)
class Spread:
    """Percentiles of a time in seconds, and of how many values."""

    p50: float | None
    p90: float | None
    p99: float | None
    n: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Take the percentiles of values in seconds."""
        p50, p90, p99 = (percentile(values, q) for q in (50, 90, 99))
        return cls(p50, p90, p99, len(values))


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
    """

    joint: Share
    ttft_s: Share
    tpot_s: Share
    time_to_action_s: Share
    undetermined: int


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
    slo: Slo = Slo()

    def to_json(self) -> dict[str, object]:
        """Give plain dicts, lists, numbers and None; never NaN or infinity."""
        plain = _plain(asdict(self))
        assert isinstance(plain, dict)
        return plain


def summarise(decisions: Decisions, slo: Slo) -> ServingSummary:
    """Sum up what serving these decisions was like, under these limits.

    Decisions without calls (scripted players) cost no serving and are left out.
    """
    kept = [(seconds, tuple(calls)) for seconds, calls in decisions if calls]
    calls = [call for _, some in kept for call in some]
    good = [call for call in calls if call.failure is None]
    verdicts = [slo.judge(call, seconds) for seconds, some in kept for call in some]
    joint = Share.of(verdict.joint for verdict in verdicts)
    paces = [pace for call in good if (pace := tpot(call)) is not None]
    cancelled = sum(1 for c in calls if c.failure is not None and c.failure.kind == "cancelled")
    busy = busy_seconds(calls)
    limited = any(limit is not None for limit in (slo.ttft_s, slo.tpot_s, slo.time_to_action_s))
    return ServingSummary(
        calls=len(calls),
        failed=len(calls) - len(good) - cancelled,
        cancelled=cancelled,
        excluded=sum(verdict.excluded for verdict in verdicts),
        ttft_s=Spread.of([call.ttft_s for call in good if call.ttft_s is not None]),
        tpot_s=Spread.of(paces),
        time_to_action_s=Spread.of([seconds for seconds, _ in kept if seconds is not None]),
        attainment=Attainment(
            joint=joint,
            ttft_s=Share.of(verdict.ttft for verdict in verdicts),
            tpot_s=Share.of(verdict.tpot for verdict in verdicts),
            time_to_action_s=Share.of(verdict.time_to_action for verdict in verdicts),
            undetermined=sum(map(_undetermined, good)),
        ),
        goodput_rps=joint.met / busy if busy > 0 and limited else None,
        throughput_rps=len(good) / busy if busy > 0 else None,
        busy_s=busy,
        tokens=_tokens(calls),
        stages_s=_stages(good),
        slo=slo,
    )


def tpot(call: Call) -> float | None:
    """Time per output token in seconds, or None where it cannot be known.

    Stricter than ``Call.tpot_s``: a reply of several tokens that came in a single
    chunk shows no gap between tokens, and zero would meet any limit.
    """
    return call.tpot_s if len(call.timing.chunks) > 1 else None


def wilson(met: int, n: int, z: float = Z95) -> tuple[float, float] | None:
    """Wilson's score interval for a share (1927; Newcombe 1998, method 3).

    Unlike the normal approximation it stays within 0 and 1 and says something
    at 0 of n and n of n.

    Args:
        met: Successes.
        n: Trials; for 0 there is no interval.
        z: Normal quantile; the default gives 95 %.
    """
    if n == 0:
        return None
    share = met / n
    middle = share + z * z / (2 * n)
    spread = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    low, high = (middle - spread) / scale, (middle + spread) / scale
    # Exact at the ends, where rounding would leave 1e-17 instead of 0.
    return (0.0 if met == 0 else low), (1.0 if met == n else high)


def percentile(values: Sequence[float], q: float) -> float | None:
    """The q-th percentile (0 to 100) with linear interpolation, numpy's default.

    Returns:
        None for no values.
    """
    return float(np.percentile(np.asarray(values, dtype=float), q)) if len(values) else None


def busy_seconds(calls: Iterable[Call]) -> float:
    """Seconds in which at least one call was under way, from intended send to end.

    The length of the union of the calls' intervals: waiting for a human, a slow
    game or a paused and resumed run costs no goodput, while two calls at once
    are not counted twice. Intervals stand on the wall clock (``Timing.at``),
    because runs may be spread over processes.
    """
    return union_s((c.timing.at, c.timing.at + max(c.timing.end, 0.0)) for c in calls)


def union_s(spans: Iterable[tuple[float, float]]) -> float:
    """Seconds that lie in at least one of some spans of time."""
    total, reached = 0.0, -math.inf
    for begin, end in sorted(spans):
        if end > reached:
            total += end - max(begin, reached)
            reached = end
    return total


def _within(seconds: float | None, limit: float | None) -> bool | None:
    return None if seconds is None or limit is None else seconds <= limit


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
