from __future__ import annotations

import json
from typing import Any, cast

import pytest

from lmgame.bench.calibration import Calibration, Level
from lmgame.bench.drive import Outcome
from lmgame.bench.result import result
from lmgame.client import Call, Failure
from lmgame.slo import Share, Spread
from tests.bench.loads import bench, call, outcome

LIMITS = ("slo.ttft_s=0.15", "slo.tpot_s=0.025")


def told(found: list[Outcome], *overrides: str, known: Calibration | None = None) -> Any:  # noqa: ANN401 - a tree of JSON
    made = result(found, bench(*LIMITS, *overrides), known)
    return json.loads(json.dumps(made, allow_nan=False))


def level(streams: int, error_s: float) -> Level:
    wrong = Spread(error_s, error_s, error_s, 100)
    return Level(streams, 1, 100, wrong, wrong, 0.0, Share.of([True] * 9), 0.0)


def calibration(*levels: Level) -> Calibration:
    return Calibration("2026-01-01", {}, levels)


def notes(found: object) -> str:
    return "\n".join(cast("dict[str, list[str]]", found)["notes"])


def test_all_good_calls_meet_the_target() -> None:
    found = told([outcome([call()] * 100)])
    assert found["verdict"]["said"] == "met"
    assert found["serving"]["attainment"]["joint"]["met"] == 100
    assert found["goodput_tokens_s"] == pytest.approx(found["throughput_tokens_s"])
    assert found["chunk_gap_s"]["p50"] == pytest.approx(0.02)


def test_goodput_counts_calls_and_tokens_that_met_all_limits() -> None:
    calls = [call(tokens=10), call(tokens=30, itl=0.05), call(ttft=0.2, tokens=20)]
    found = told([outcome(calls)])
    busy = found["serving"]["busy_s"]
    assert found["throughput_tokens_s"] == pytest.approx(60 / busy)
    assert found["goodput_tokens_s"] == pytest.approx(10 / busy)


def test_failures_miss_and_are_told_by_their_kind() -> None:
    gone = call(failure=Failure("status", "busy", 429))
    found = told([outcome([gone] * 60 + [call()] * 40)])
    assert found["verdict"]["said"] == "missed"
    assert found["failures"] == [{"kind": "status", "status": 429, "calls": 60, "message": "busy"}]


def test_the_interval_decides_and_says_when_it_cannot() -> None:
    calls = [call()] * 92 + [call(ttft=1.0)] * 8
    assert told([outcome(calls)])["verdict"]["said"] == "undecided"
    assert "more calls are needed" in told([outcome(calls)])["verdict"]["why"]


def test_calls_that_settle_are_left_out() -> None:
    made = outcome([call(ttft=9.0)] + [call()] * 50)
    first = made.records[0]
    made.records[0] = type(first)("s", 0, 0, 0.0, 0.0, first.call, settling=True)
    found = told([made])
    assert found["left_out"]["settling"] == 1
    assert found["serving"]["calls"] == 50


@pytest.mark.parametrize(
    ("known", "lag", "said"),
    [
        (None, 0.001, "met"),
        (None, 0.016, "none"),  # a tenth of 150 ms is 15
        (calibration(level(64, 0.001)), 0.001, "met"),
        (calibration(level(64, 0.016)), 0.001, "none"),
        (calibration(level(1, 0.001), level(64, 0.016)), 0.001, "none"),
        (calibration(level(1, 0.016)), 0.001, "met"),  # nothing is known of so many streams
    ],
)
def test_there_is_no_verdict_where_the_client_lags(
    known: Calibration | None, lag: float, said: str
) -> None:
    found = told([outcome([call()] * 100, every=0.5, lag=[lag] * 100)], known=known)
    assert found["streams"] > 1
    assert found["verdict"]["said"] == said
    if said == "none":
        assert "exceeds a tenth of slo.ttft_s=0.15" in found["verdict"]["why"]


def test_the_loops_lag_counts_for_tpot_by_the_tokens_it_is_spread_over() -> None:
    lag = told([outcome([call(tokens=11)] * 50, lag=[0.01] * 100)])["client"]["lag_s"]
    assert lag["ttft_s"] == pytest.approx(0.01)
    assert lag["tpot_s"] == pytest.approx(0.001)


def test_an_open_loop_counts_how_late_it_began() -> None:
    made = outcome([call()] * 50, lag=[0.001] * 9)
    made.records = [
        type(one)(one.session, one.step, 0, one.intended_s, 0.02, one.call) for one in made.records
    ]
    assert told([made])["client"]["lag_s"]["ttft_s"] == pytest.approx(0.001)
    late = told([made], "load=poisson")
    assert late["client"]["lag_s"]["ttft_s"] == pytest.approx(0.021)
    assert late["verdict"]["said"] == "none"
    assert late["offered_rps"] == pytest.approx(10)


@pytest.mark.parametrize(
    ("calls", "note"),
    [
        ([call(tokens=None, chunks=5)], "1 of 1 replies came without token counts: TPOT and"),
        ([call(tokens=20, chunks=1)], "the server does not stream"),
        ([call(), call(tokens=20, chunks=1)], "1 of 2 replies came in one piece"),
        ([call(ttft=0.5)], "slo.ttft_s=0.15 is out of reach at this load: the fastest"),
    ],
)
def test_what_cannot_be_measured_is_said(calls: list[Call], note: str) -> None:
    assert note in notes(told([outcome(calls)]))


def test_replies_of_one_token_are_no_server_that_does_not_stream() -> None:
    assert "piece" not in notes(told([outcome([call(tokens=1)] * 3)]))


def test_a_wall_clock_that_was_set_and_lines_that_were_skipped_are_told() -> None:
    made = outcome([call()])
    made.clock_drift_s, made.skipped = 3600.0, ("line 3: not JSON",)
    assert "the wall clock was set meanwhile" in notes(told([made]))
    assert "left out 1 broken line of the file, first line 3" in notes(told([made]))


def test_a_bench_that_was_stopped_at_once_has_no_verdict() -> None:
    found = told([Outcome(stopped=True)])
    assert found["stopped"] is True
    assert found["verdict"] == {
        "said": "none",
        "why": "no verdict: no limit applied to any call",
        "target": 0.9,
    }
