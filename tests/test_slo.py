from __future__ import annotations

import dataclasses
import json
import math
import random
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmgame.client import Call, Failure, FailureKind, Timing, Usage
from lmgame.errors import ConfigError
from lmgame.slo import (
    ServingSummary,
    Share,
    Slo,
    Spread,
    Verdict,
    busy_seconds,
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
    last = times[-1] if times else None
    return Call(
        model="m",
        prompt_digest="0" * 16,
        reply="x",
        timing=Timing(
            at=at,
            end=end if end is not None else (last or 0.0),
            first_token=ttft if times else None,
            last_token=last,
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
slos = st.builds(Slo, *[st.one_of(st.none(), seconds)] * 3)


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
        "time_to_action_s": False,
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


@pytest.mark.parametrize("name", ["ttft_s", "tpot_s", "time_to_action_s"])
@pytest.mark.parametrize("value", [0, -1, math.nan, math.inf, True, "0.1"])
def test_limits_that_are_none(name: str, value: float) -> None:
    with pytest.raises(ConfigError, match=name):
        Slo(**{name: value})


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
    limited = slo != Slo()
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
    calls = [call(at=float(at), end=float(length)) for at, length in spans]
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
    some = [call(at=n / served, end=1 / served) for n in range(300)]
    found = summarise([(0.5, [c]) for c in some], Slo(ttft_s=0.4, tpot_s=0.04))
    assert found.goodput_rps is not None
    assert found.goodput_rps / 3 == pytest.approx(3.33, abs=0.01)


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
