from __future__ import annotations

import dataclasses
import itertools
import json
import math
import random
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmgame.client import Call, Failure, FailureKind, Timing, Usage
from lmgame.errors import ConfigError, LogVersionError, MixedClocks
from lmgame.game import State
from lmgame.slo import (
    Decided,
    ServingSummary,
    Share,
    Slo,
    Spread,
    Verdict,
    busy_seconds,
    goodput,
    itl,
    percentile,
    summarise,
    tpot,
    wilson,
)

unhurried = settings(deadline=None)  # the machine may be busy with other things


def call(
    ttft: float | None = 0.1,
    pace: float = 0.02,
    tokens: int | None = 11,
    *,
    chunks: int | None = None,
    fails: FailureKind | None = None,
    at: float = 0.0,
    end: float | None = None,
    stages: dict[str, float] | None = None,
    usage: Usage | None = None,
) -> Call:
    """A call whose first token came after ``ttft``, the others ``pace`` apart."""
    if chunks is None:
        chunks = 11 if tokens is None else tokens
    steps = max((tokens or 11) - 1, 0)
    times = (
        []
        if ttft is None
        else [ttft + n * pace * steps / max(chunks - 1, 1) for n in range(chunks)]
    )
    return timed(times, tokens, fails, at, end, stages, usage)


def timed(
    times: Sequence[float],
    tokens: int | None = None,
    fails: FailureKind | None = None,
    at: float = 0.0,
    end: float | None = None,
    stages: dict[str, float] | None = None,
    usage: Usage | None = None,
) -> Call:
    """A call whose chunks came at these times; it ends with the last one or later."""
    last = times[-1] if times else 0.0
    return Call(
        model="m",
        prompt_digest="0" * 16,
        reply="x",
        timing=Timing(
            at=at,
            end=max(end or 0.0, last),
            first_token=times[0] if times else None,
            last_token=last if times else None,
            chunks=tuple(times),
        ),
        usage=usage or Usage(completion=tokens),
        stages=stages or {},
        failure=Failure(fails, "it broke") if fails else None,
    )


SLO = Slo(ttft_s=0.15, tpot_s=0.025, time_to_action_s=1.0)
seconds = st.floats(0.001, 3.0)
calls_ = st.builds(
    call,
    st.one_of(st.none(), seconds),
    st.floats(0, 0.1),
    st.one_of(st.none(), st.integers(0, 12)),
    chunks=st.integers(0, 5),
    fails=st.sampled_from([None, None, None, "timeout", "cancelled", "status"]),
    at=st.floats(0, 50),
    end=st.floats(0, 5),
)
decisions_ = st.lists(
    st.tuples(st.one_of(st.none(), seconds), st.lists(calls_, max_size=3)), max_size=12
)
limit = st.one_of(st.none(), seconds)
slos = st.builds(Slo, limit, limit, limit, limit, st.floats(0.01, 1), limit)


# Verdicts


def test_limits_are_met_up_to_their_value() -> None:
    exact = call(0.15, 0.0, 1)
    assert SLO.judge(exact, 1.0) == Verdict(True, None, True)
    assert SLO.judge(call(math.nextafter(0.15, 1)), 1.0).ttft is False


def test_one_token_has_no_tpot_and_is_judged_on_the_rest() -> None:
    assert tpot(call(tokens=1)) is None
    assert SLO.judge(call(tokens=1), 0.5) == Verdict(True, None, True)
    assert SLO.judge(call(0.2, tokens=1), 0.5).joint is False
    assert SLO.judge(call(tokens=1), 1.5).joint is False
    assert Slo(tpot_s=0.01).judge(call(tokens=1)).joint is None


def test_a_verdict_in_a_log_line() -> None:
    assert SLO.judge(call(tokens=1), 2.0).to_json() == {
        "joint": False,
        "ttft_s": True,
        "tpot_s": None,
        "itl_s": None,
        "time_to_action_s": False,
        "deadline_s": None,
    }


def test_without_a_token_count_tpot_is_undetermined_and_counted() -> None:
    assert SLO.judge(call(tokens=None), 0.5) == Verdict(True, None, True)
    found = summarise([(0.5, [call(tokens=None)]), (0.5, [call(tokens=1)])], SLO)
    assert found.attainment.tpot_s == Share(None, 0, 0, None)
    assert found.attainment.undetermined == 1
    assert found.tokens.calls_without_usage == 1


def test_many_tokens_in_one_chunk_have_no_measured_pace() -> None:
    burst = call(tokens=50, chunks=1)
    assert burst.tpot_s == 0.0
    assert tpot(burst) is None
    assert summarise([(0.5, [burst])], SLO).attainment.undetermined == 1


def test_several_tokens_per_chunk_count_as_tokens() -> None:
    assert tpot(call(tokens=11, chunks=3)) == pytest.approx(0.02)


@pytest.mark.parametrize("kind", ["connect", "timeout", "status", "disconnect", "server"])
def test_failures_miss_every_limit_that_is_set(kind: FailureKind) -> None:
    assert SLO.judge(call(fails=kind), 0.1) == Verdict(False, False, False)
    assert Slo(ttft_s=1).judge(call(fails=kind)) == Verdict(False, None, None)
    assert Slo().judge(call(fails=kind)).joint is None


def test_a_cancelled_call_is_a_miss_unless_nobody_waited() -> None:
    dropped = call(ttft=None, fails="cancelled", end=0.1)
    assert SLO.judge(dropped, 0.5).joint is False
    assert SLO.judge(dropped, None) == Verdict(excluded=True)
    assert SLO.judge(call(ttft=None, fails="cancelled", end=0.2), None).joint is False
    assert SLO.judge(call(0.1, fails="cancelled", end=9), None).excluded
    assert SLO.judge(call(0.2, fails="cancelled"), None).joint is False
    found = summarise([(None, [dropped]), (0.5, [dropped, call()])], SLO)
    assert (found.calls, found.failed, found.cancelled, found.excluded) == (3, 0, 2, 1)
    assert (found.attainment.joint.met, found.attainment.joint.n) == (1, 2)


def test_an_empty_reply_misses_ttft() -> None:
    assert SLO.judge(call(ttft=None, tokens=0), 0.5) == Verdict(False, None, True)


def test_all_calls_of_a_decision_share_its_time_to_action() -> None:
    tries = [call(), call(), call()]
    late, timely = summarise([(1.5, tries)], SLO), summarise([(0.5, tries)], SLO)
    assert (late.attainment.joint.met, late.attainment.joint.n) == (0, 3)
    assert (timely.attainment.joint.met, timely.attainment.joint.n) == (3, 3)
    assert late.attainment.ttft_s.met == 3
    assert (late.time_to_action_s.n, late.time_to_action_s.p50) == (1, 1.5)


def test_decisions_without_calls_are_left_out() -> None:
    found = summarise([(0.0001, []), (0.5, [call()]), (0.0001, ())], SLO)
    assert (found.calls, found.time_to_action_s.n, found.time_to_action_s.p50) == (1, 1, 0.5)


@pytest.mark.parametrize("name", ["ttft_s", "tpot_s", "time_to_action_s", "itl_s", "deadline_s"])
@pytest.mark.parametrize("value", [0, -1, math.nan, math.inf, True, "0.1"])
def test_limits_that_are_none(name: str, value: float) -> None:
    with pytest.raises(ConfigError, match=name):
        Slo(**{name: value})


@pytest.mark.parametrize("value", [0, -0.5, 1.5, 99, math.nan, True, "0.99"])
def test_percentiles_that_are_none(value: float) -> None:
    with pytest.raises(ConfigError, match=r"slo\.itl_percentile must be a share above 0"):
        Slo(itl_s=0.1, itl_percentile=value)


# Waits within a reply


def test_itl_is_judged_by_the_waits_of_one_call() -> None:
    steady = timed([0.1, 0.12, 0.14, 0.16])
    stalled = timed([0.1, 0.12, 0.64, 0.66])
    assert itl(steady) == pytest.approx(0.02)
    assert itl(stalled) == pytest.approx(0.52)
    tight = Slo(itl_s=0.1)
    assert (tight.judge(steady).itl, tight.judge(stalled).itl) == (True, False)
    assert tight.judge(stalled).joint is False


def test_one_stall_in_fifty_tokens_breaks_the_99_percent_and_not_the_90() -> None:
    times = [0.1 + 0.02 * n + (1.0 if n >= 25 else 0.0) for n in range(50)]
    stalled = timed(times, tokens=50)
    assert Slo(itl_s=0.1).judge(stalled).itl is False
    assert Slo(itl_s=0.1, itl_percentile=0.9).judge(stalled).itl is True
    assert Slo(tpot_s=0.05).judge(stalled).tpot is True  # averaged away


def test_one_token_and_one_chunk_have_no_wait() -> None:
    strict = Slo(itl_s=1e-6)
    assert strict.judge(call(tokens=1)) == Verdict()
    assert strict.judge(call(tokens=50, chunks=1)) == Verdict()
    found = summarise([(0.5, [call(tokens=50, chunks=1), call(tokens=1)])], strict)
    assert found.attainment.itl_s == Share(None, 0, 0, None)
    assert found.attainment.undetermined == 1


def test_a_wait_for_a_chunk_of_several_tokens_is_not_divided() -> None:
    """60 ms for three tokens are a wait of 60 ms, whatever TPOT says."""
    bundled = call(tokens=31, pace=0.02, chunks=11)
    assert tpot(bundled) == pytest.approx(0.02)
    assert itl(bundled) == pytest.approx(0.06)
    assert Slo(tpot_s=0.025, itl_s=0.025).judge(bundled) == Verdict(tpot=True, itl=False)


def test_waits_are_known_without_token_counts() -> None:
    assert itl(call(tokens=None)) == pytest.approx(0.02)


def test_reasoning_is_part_of_ttft_tpot_and_itl() -> None:
    """Four reasoning tokens, a pause, four of the answer: all are tokens that were waited for."""
    times = [0.1, 0.12, 0.14, 0.16, 0.46, 0.48, 0.5, 0.52]
    thought = dataclasses.replace(timed(times, usage=Usage(10, 8, 4)), reasoning="hm")
    assert thought.ttft_s == 0.1
    assert tpot(thought) == pytest.approx(0.06)
    assert itl(thought) == pytest.approx(0.3)
    hidden = dataclasses.replace(thought, reasoning="")
    assert tpot(hidden) == pytest.approx(0.42 / 3)


def test_waiting_in_the_client_counts() -> None:
    """Timed from when it was intended: a call that a limit of ours held back is late."""
    waited = call(0.9)
    waited = dataclasses.replace(waited, timing=dataclasses.replace(waited.timing, queued=0.85))
    assert SLO.judge(waited, 0.5).ttft is False


@unhurried
@given(st.lists(st.floats(0, 1), min_size=2, max_size=40), st.floats(0.01, 1), seconds)
def test_the_itl_limit_is_met_where_that_share_of_the_waits_is_within_it(
    steps: list[float], share: float, limit: float
) -> None:
    times = [sum(steps[: n + 1]) for n in range(len(steps))]
    waits = [after - before for before, after in itertools.pairwise(times)]
    within = sum(wait <= limit for wait in waits) / len(waits)
    met = Slo(itl_s=limit, itl_percentile=share).judge(timed(times)).itl
    assert met == (within >= share - 1e-9)


# The game's deadline


def test_the_deadline_is_judged_by_what_the_games_clock_charged() -> None:
    slo = Slo(deadline_s=0.2)
    assert slo.judge(call(), 5.0, charged_s=0.2, outcome="ok").deadline is True
    assert slo.judge(call(), 0.1, charged_s=0.21, outcome="ok").deadline is False
    assert slo.judge(call(), 0.1, charged_s=0.1, outcome="late").deadline is False
    assert slo.judge(call(), 0.1).deadline is None  # no game, or it never landed
    assert slo.judge(call(fails="timeout"), 0.1, 0.1, "failed").deadline is False
    assert Slo().judge(call(), 0.1, 9.0, "late").deadline is None


def test_all_calls_of_a_decision_share_its_deadline() -> None:
    found = summarise([Decided(0.5, [call(), call()], 0.5, "ok")], Slo(deadline_s=0.2))
    assert found.attainment.deadline_s is not None
    assert (found.attainment.deadline_s.met, found.attainment.deadline_s.n) == (0, 2)


# Old logs


def test_limits_of_old_logs_are_what_they_were() -> None:
    old: State = {"ttft_s": 1.0, "tpot_s": None, "time_to_action_s": 6.0}
    slo = Slo.from_log(old)
    assert slo == Slo(ttft_s=1.0, time_to_action_s=6.0)
    assert slo.to_json() == old
    assert Slo.from_log({}) == Slo()
    plain = summarise([(0.5, [call()])], slo).to_json()
    assert "itl_s" not in plain
    assert isinstance(plain["attainment"], dict)
    assert set(plain["attainment"]) == {"joint", *old, "undetermined"}


@given(slos)
def test_limits_come_back_from_a_log(slo: Slo) -> None:
    again = Slo.from_log(json.loads(json.dumps(slo.to_json())))
    assert again.names == slo.names
    assert again.to_json() == slo.to_json()


def test_limits_of_a_newer_log_are_not_guessed_at() -> None:
    with pytest.raises(LogVersionError, match="charm_s"):
        Slo.from_log({"ttft_s": 1.0, "charm_s": 2.0})


# One clock


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"end": 0.2}, "end: 0.3 s, then 0.2 s"),
        ({"end": -5.0}, "end: 0.3 s, then -5 s"),
        ({"sent": -0.5}, "sent: 0 s, then -0.5 s"),
        ({"first_byte": 7.0}, "end: 7 s, then 0.1 s"),
        ({"chunks": (0.1, 0.3, 0.2)}, "chunks: 0.3 s, then 0.2 s"),
        ({"end": math.nan}, "end: 0.3 s, then nan s"),
    ],
)
def test_times_that_go_back_are_refused(changes: dict[str, float], what: str) -> None:
    good = call()
    bad = dataclasses.replace(good, timing=dataclasses.replace(good.timing, **changes))  # type: ignore[arg-type] # one value is a tuple
    for judged in (summarise, goodput):
        with pytest.raises(MixedClocks, match=f"times that go back .{what}"):
            judged([(0.5, [good, bad])], SLO)


# Joint and marginal


def test_marginal_attainment_is_looser_than_joint() -> None:
    """90 % meet TTFT, 90 % meet TPOT, but only 80 % meet both."""
    some = [call(0.5)] + [call(pace=0.5)] + [call()] * 8
    found = summarise([(0.1, [c]) for c in some], SLO).attainment
    assert (found.ttft_s.value, found.tpot_s.value, found.joint.value) == (0.9, 0.9, 0.8)


@unhurried
@given(decisions_, slos)
def test_joint_misses_are_at_least_each_limits_and_at_most_their_sum(
    decisions: list[tuple[float | None, list[Call]]], slo: Slo
) -> None:
    found = summarise(decisions, slo).attainment
    each = [found.ttft_s, found.tpot_s, found.time_to_action_s]
    each += [share for share in (found.itl_s, found.deadline_s) if share is not None]
    misses = found.joint.n - found.joint.met
    assert misses >= max(share.n - share.met for share in each)
    assert misses <= sum(share.n - share.met for share in each)
    for share in each:
        assert share.n <= found.joint.n
        if share.n == found.joint.n and share.value is not None:
            assert found.joint.value is not None
            assert found.joint.value <= share.value


@unhurried
@given(decisions_, slos)
def test_nothing_is_out_of_bounds(
    decisions: list[tuple[float | None, list[Call]]], slo: Slo
) -> None:
    found = summarise(decisions, slo)
    calls = [c for _, some in decisions for c in some]
    failed = [c for c in calls if c.failure is not None]
    assert found.calls == len(calls)
    assert found.failed + found.cancelled == len(failed)
    limited = bool(slo.names)
    if limited:
        missed = found.attainment.joint.n - found.attainment.joint.met
        assert missed >= len(failed) - found.excluded
    for share in dataclasses.astuple(found.attainment)[:4]:
        value, n, met, ci = share
        assert 0 <= met <= n
        if n:
            assert 0 <= ci[0] <= value <= ci[1] <= 1
    if found.throughput_rps is not None and found.goodput_rps is not None:
        assert found.goodput_rps <= found.throughput_rps
    assert (found.goodput_rps is None) == (not limited or found.busy_s == 0)
    json.dumps(found.to_json(), allow_nan=False)


@unhurried
@given(decisions_, slos, st.randoms(use_true_random=False))
def test_the_order_of_decisions_does_not_matter(
    decisions: list[tuple[float | None, list[Call]]], slo: Slo, shuffle: random.Random
) -> None:
    def rounded(found: ServingSummary) -> dict[str, object]:
        plain = found.to_json()
        return {
            name: plain[name] for name in ("calls", "failed", "excluded", "attainment", "ttft_s")
        }

    other = list(decisions)
    shuffle.shuffle(other)
    assert rounded(summarise(decisions, slo)) == rounded(summarise(other, slo))


# Statistics


@pytest.mark.parametrize(
    ("met", "n", "low", "high"),
    [  # Newcombe 1998, Statistics in Medicine 17, table I, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_against_newcombes_table(met: int, n: int, low: float, high: float) -> None:
    found = wilson(met, n)
    assert found is not None
    assert found == pytest.approx((low, high), abs=5e-5)


@unhurried
@given(st.integers(1, 500), st.floats(0, 1))
def test_wilson_ends_solve_the_score_equation(n: int, share: float) -> None:
    """At each end the observed share lies exactly z standard errors away."""
    met = round(share * n)
    found = wilson(met, n)
    assert found is not None
    for end in found:
        if 0 < end < 1:
            error = math.sqrt(end * (1 - end) / n)
            assert abs(met / n - end) / error == pytest.approx(1.959963984540054, rel=1e-6)
    low, high = found
    assert 0 <= low <= met / n <= high <= 1
    mirrored = wilson(n - met, n)
    assert mirrored is not None
    assert mirrored == pytest.approx((1 - high, 1 - low))


def test_fifty_calls_cannot_certify_99_percent() -> None:
    found = wilson(50, 50)
    assert found is not None
    assert found[0] < 0.99


@unhurried
@given(st.lists(st.floats(-1e6, 1e6), min_size=1), st.floats(0, 100))
def test_percentiles_are_numpys_linear_ones(values: list[float], q: float) -> None:
    assert percentile(values, q) == float(np.percentile(values, q, method="linear"))


def test_a_percentile_between_two_values() -> None:
    assert percentile([1.0, 2.0], 90) == pytest.approx(1.9)
    assert percentile([], 50) is None
    assert Spread.of([3.0]) == Spread(3.0, 3.0, 3.0, 1)


# Goodput


@unhurried
@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 20)), max_size=12))
def test_busy_seconds_against_counting(spans: Sequence[tuple[int, int]]) -> None:
    covered = {second for at, length in spans for second in range(at, at + length)}
    calls = [call(None, at=float(at), end=float(length)) for at, length in spans]
    assert busy_seconds(calls) == pytest.approx(len(covered))


def test_a_paused_run_is_not_punished() -> None:
    def run(pause: float) -> ServingSummary:
        some = [call(at=n + (pause if n > 4 else 0), end=1.0) for n in range(10)]
        return summarise([(0.5, [c]) for c in some], SLO)

    assert run(0).goodput_rps == pytest.approx(1.0)
    assert run(86_400).goodput_rps == pytest.approx(1.0)


def test_calls_at_once_raise_goodput() -> None:
    some = [call(at=float(n // 4), end=1.0) for n in range(40)]
    found = summarise([(0.5, [c]) for c in some], SLO)
    assert found.busy_s == pytest.approx(10)
    assert found.goodput_rps == pytest.approx(4.0)


def test_only_good_calls_are_goodput() -> None:
    some = [
        call(at=0.0, end=1.0),
        call(0.9, at=1.0, end=1.0),
        call(fails="status", at=2.0, end=1.0),
    ]
    found = summarise([(0.5, [c]) for c in some], SLO)
    assert found.goodput_rps == pytest.approx(1 / 3)
    assert found.throughput_rps == pytest.approx(2 / 3)


def test_goodput_per_worker_of_distserves_worked_example() -> None:
    """Prefill alone 5.6/s, decode alone 10/s: 2 + 1 workers give 10/s, 3.3/s each."""
    served = min(2 * 5.6, 10.0)
    some = [call(0.05, 0.002, at=n / served, end=1 / served) for n in range(300)]
    found = summarise([(0.5, [c]) for c in some], Slo(ttft_s=0.4, tpot_s=0.04))
    assert found.goodput_rps is not None
    assert found.goodput_rps / 3 == pytest.approx(3.33, abs=0.01)


def test_tokens_of_good_calls_and_timely_legal_decisions_are_goodput() -> None:
    slo = Slo(ttft_s=0.15, time_to_action_s=1.0, deadline_s=0.5)
    made = [
        Decided(0.4, [call(at=0.0, end=1.0)], 0.4, "ok"),
        Decided(0.4, [call(0.5, at=1.0, end=1.0)], 0.4, "ok"),  # late token, timely action
        Decided(0.4, [call(at=2.0, end=1.0)], 0.6, "ok"),  # too late for the game
        Decided(1.2, [call(at=3.0, end=1.0)], 0.4, "ok"),  # too late for the limit
        Decided(0.4, [call(at=4.0, end=1.0)], 0.4, "illegal"),
        Decided(0.4, [call(at=5.0, end=1.0)], 0.4, "late"),
        Decided(0.0, [], 0.0, "ok"),  # asked no model
    ]
    found = goodput(made, slo)
    assert found.busy_s == pytest.approx(6.0, abs=0.01)
    assert found.calls_s == pytest.approx(2 / found.busy_s)
    assert found.tokens_s == pytest.approx(22 / found.busy_s)
    assert found.decisions == 2
    assert found.decisions_s == pytest.approx(2 / found.busy_s)
    assert found.calls_s == pytest.approx(summarise(made, slo).goodput_rps)


def test_goodput_that_cannot_be_known_is_none() -> None:
    bench = goodput([(0.5, [call(tokens=None)])], SLO)
    assert bench.calls_s is not None
    assert (bench.tokens_s, bench.decisions_s) == (None, None)
    unlimited = goodput([Decided(0.5, [call()], 0.0, "ok")], Slo())
    assert (unlimited.calls_s, unlimited.tokens_s) == (None, None)
    assert unlimited.decisions_s is not None
    assert goodput([], SLO).calls_s is None


# The summary


def test_no_calls_give_nulls() -> None:
    empty = summarise([], SLO)
    plain = empty.to_json()
    assert (plain["calls"], plain["goodput_rps"], plain["throughput_rps"]) == (0, None, None)
    assert plain["ttft_s"] == {"p50": None, "p90": None, "p99": None, "n": 0}
    assert empty.attainment.joint == Share(None, 0, 0, None)
    assert plain["stages_s"] == {}
    json.dumps(plain, allow_nan=False)


def test_stages_tokens_and_their_gaps() -> None:
    some = [
        call(stages={"prefill_s": 0.3, "decode_s": 0.1}, usage=Usage(10, 5, 2, 4)),
        call(stages={"prefill_s": 0.5, "decode_s": 0.1}, usage=Usage(20, 6)),
        call(usage=Usage()),
    ]
    found = summarise([(0.5, some)], SLO)
    assert dataclasses.astuple(found.tokens) == (30, 11, 2, 4, 1)
    prefill = found.stages_s["prefill_s"]
    assert (prefill.mean, prefill.p50, prefill.n) == (0.4, 0.4, 2)
    assert prefill.share == pytest.approx(0.8)
    assert list(found.stages_s) == ["prefill_s", "decode_s"]


def test_the_summary_names_what_the_summary_file_names() -> None:
    plain = summarise([(0.5, [call()])], SLO).to_json()
    assert {
        *("calls", "failed", "ttft_s", "tpot_s", "time_to_action_s", "attainment"),
        *("goodput_rps", "throughput_rps", "busy_s", "tokens", "stages_s"),
    } <= set(plain)
    attainment = plain["attainment"]
    assert isinstance(attainment, dict)
    assert set(attainment["joint"]) == {"value", "n", "met", "ci95"}
    assert set(attainment) == {"joint", "ttft_s", "tpot_s", "time_to_action_s", "undetermined"}
    assert plain["slo"] == {"ttft_s": 0.15, "tpot_s": 0.025, "time_to_action_s": 1.0}
    more = summarise([(0.5, [call()])], Slo(itl_s=0.1, deadline_s=0.2)).to_json()
    assert isinstance(more["attainment"], dict)
    assert {"itl_s", "deadline_s"} <= set(more["attainment"])
    assert more["slo"] == {
        "ttft_s": None,
        "tpot_s": None,
        "time_to_action_s": None,
        "itl_s": 0.1,
        "itl_percentile": 0.99,
        "deadline_s": 0.2,
    }
