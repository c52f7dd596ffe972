from __future__ import annotations

from pathlib import Path

import pytest

import lmgame
from lmgame.agent import Decision
from lmgame.errors import LogError
from lmgame.game import Turn
from lmgame.games.tetris import Tetris, TetrisVersus
from tests.table import Table, call, first, spread


def test_a_run_as_frames(tmp_path: Path) -> None:
    folder = tmp_path / "run" / "matches"
    folder.mkdir(parents=True)
    one = Table(Tetris, [spread], folder / "one.jsonl", changes={"max_decisions": 6})
    two = Table(TetrisVersus, [spread, first], folder / "two.jsonl", changes={"max_decisions": 4})
    one.play()
    two.play()
    frames = lmgame.load(tmp_path / "run")
    logs = [one.log(), two.log()]
    assert list(frames.matches["match"]) == [log.header.match for log in logs]
    assert list(frames.matches["score_0"]) == [log.result.scores[0] for log in logs if log.result]
    assert frames.matches["agent_1"].isna().tolist() == [True, False]
    assert len(frames.decisions) == 6 + 8
    joined = frames.decisions.merge(frames.matches, on="match")
    assert len(joined) == 14
    assert len(frames.calls) == 6 + 4
    assert frames.calls["completion"].sum() == sum(
        each.usage.completion or 0 for log in logs for _, calls in log.calls() for each in calls
    )
    last = frames.decisions.groupby("match").last()
    for log in logs:
        assert last.loc[log.header.match, "score"] == log.played[-1].scores[log.played[-1].seat]


def test_an_unfinished_match_has_no_end(tmp_path: Path) -> None:
    def failing(turn: Turn) -> Decision:
        if turn.number < 2:
            return first(turn)
        return Decision(None, "failed", "down", (call(),))

    table = Table(Tetris, [failing], tmp_path / "log.jsonl")
    table.play()
    frames = lmgame.load(tmp_path / "log.jsonl")
    assert frames.matches["end"].isna().all()
    assert len(frames.decisions) == 2
    assert frames.calls["number"].isna().all()
    assert len(frames.calls) == len(list(table.log().suspended[0].tries))


def test_no_log_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LogError, match="no match logs"):
        lmgame.load(tmp_path)
