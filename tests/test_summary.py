from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from lmgame.games.tetris import Tetris
from lmgame.slo import Slo
from lmgame.summary import Score, summary
from tests.nim import Nim
from tests.table import Table, call, first, spread


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=30))
def test_the_interval_is_students(scores: list[float]) -> None:
    found = Score.of(scores)
    assert found.mean == pytest.approx(np.mean(scores))
    assert found.ci95 is not None
    if math.isclose(float(np.std(scores)), 0, abs_tol=1e-9):
        return
    low, high = stats.t.interval(0.95, len(scores) - 1, np.mean(scores), stats.sem(scores))
    assert list(found.ci95) == pytest.approx([low, high])


def test_one_score_has_no_spread_and_none_no_mean() -> None:
    assert Score.of([3.0]) == Score(3.0, None, 1, None)
    assert Score.of([]) == Score(None, None, 0, None)


def test_two_seats_count_wins(tmp_path: Path) -> None:
    tables = [
        Table(Nim, [spread, first], tmp_path / str(seed), changes={"seed": seed})
        for seed in range(6)
    ]
    for table in tables:
        table.play()
    found = summary([table.log() for table in tables], [], Slo())
    seats = found["seats"]
    assert isinstance(seats, list)
    assert sum(seat["wins"] for seat in seats) == 6
    assert {seat["score"]["n"] for seat in seats} == {6}


def test_calls_are_counted_with_their_decisions_time(tmp_path: Path) -> None:
    table = Table(Tetris, [spread], tmp_path / "log")
    table.play()
    found = summary([table.log()], [], Slo(ttft_s=call().timing.end))
    serving = found["serving"]
    assert isinstance(serving, dict)
    assert serving["calls"] == len(table.log().played)
    assert serving["attainment"]["ttft_s"]["value"] == 1.0
    assert serving["tokens"]["prompt"] == 10 * serving["calls"]


def test_an_unfinished_match_is_counted_but_not_scored(tmp_path: Path) -> None:
    table = Table(Tetris, [spread], tmp_path / "log")
    table.play()
    (tmp_path / "log").write_bytes(b"\n".join(table.lines()[:5]) + b"\n")
    found = summary([table.log()], [], Slo())
    assert found["matches"] == {"finished": 0, "unfinished": 1, "ends": {}}
    assert found["seats"][0]["score"]["n"] == 0  # type: ignore[index] # a list of mappings
