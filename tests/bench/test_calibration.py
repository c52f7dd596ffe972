from __future__ import annotations

import pytest

from lmgame.bench import calibrate, calibration
from lmgame.bench.calibration import Calibration, Level
from lmgame.client import Failure
from lmgame.errors import LmgameError
from lmgame.slo import Share, Spread
from tests.bench.loads import call, outcome


def level(streams: int, processes: int = 1, error_s: float = 0.001) -> Level:
    wrong = Spread(error_s, error_s, error_s, 20)
    return Level(streams, processes, 20, wrong, wrong, error_s, Share.of([True] * 20), 0.0)


def test_what_is_measured_is_kept_by_machine_and_level() -> None:
    assert calibration.load() is None
    calibration.save([level(1), level(64)], "2026-01-01")
    kept = calibration.save([level(64, error_s=0.5), level(64, 4)], "2026-01-02")
    assert kept == calibration.load()
    assert [(one.streams, one.processes) for one in kept.levels] == [(1, 1), (64, 1), (64, 4)]
    assert kept.levels[1].ttft_bias_s == 0.5
    assert kept.when == "2026-01-02"


def test_another_machine_has_another_file(monkeypatch: pytest.MonkeyPatch) -> None:
    calibration.save([level(1)], "2026-01-01")
    monkeypatch.setattr(calibration, "environment", lambda: {"cpu": "another"})
    assert calibration.load() is None


def test_a_damaged_file_is_as_none() -> None:
    calibration.save([level(1)], "2026-01-01")
    calibration.place().write_text("{")
    assert calibration.load() is None


def test_the_level_that_covers_the_streams_counts() -> None:
    known = Calibration("", {}, (level(1), level(16), level(64), level(64, 4)))
    for streams, processes, expected in ((1, 1, 1), (2, 1, 16), (64, 1, 64), (3, 4, 64)):
        found = known.level(streams, processes)
        assert found is not None
        assert (found.streams, found.processes) == (expected, processes)
    assert known.level(65, 1) is None
    assert known.level(1, 2) is None


def test_errors_are_distances_from_the_truth() -> None:
    calls = [call(ttft=0.1 + 0.0011 * n, itl=0.021) for n in range(101)]
    found = calibrate.found([outcome(calls)], 16, 1, 0.002)
    assert found.ttft_error_s.p50 == pytest.approx(0.055)
    assert found.ttft_bias_s == pytest.approx(0.055)
    assert found.tpot_error_s.p99 == pytest.approx(0.001)
    assert (found.attained.met, found.attained.n) == (46, 101)
    early = calibrate.found([outcome([call(ttft=0.09)] * 3)], 1, 1, 0.0)
    assert early.ttft_error_s.p50 == pytest.approx(0.01)
    assert early.ttft_bias_s == pytest.approx(-0.01)


def test_a_call_that_fails_ends_a_calibration() -> None:
    gone = call(failure=Failure("connect", "no connection"))
    with pytest.raises(LmgameError, match=r"no connection.*ulimit -n 64"):
        calibrate.found([outcome([gone])], 16, 1, 0.0)


@pytest.mark.parametrize("processes", [1, 2])
def test_a_known_server_is_measured(processes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibrate, "TTFT_S", 0.03)
    monkeypatch.setattr(calibrate, "TOKENS", 3)
    monkeypatch.setattr(calibrate, "FEWEST", 8)
    said: list[str] = []
    (found,) = calibrate.levels(processes, said.append, streams=(1, 2)[processes - 1 : processes])
    assert (found.streams, found.processes, found.calls) == (processes, processes, 8)
    assert found.ttft_bias_s > 0  # never early
    assert len(said) == 1
