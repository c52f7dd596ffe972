from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from lmgame import reader
from lmgame.agent import Decision
from lmgame.cli import main
from lmgame.game import Turn
from lmgame.games.tetris import Tetris
from lmgame.reader import Reading, read
from lmgame.reread import Tally, reread
from tests.table import Table, call

REPLIES = ("place 3 1", "I think place 4 0 is best", "no idea", "place 1 0 or place 2 0", "")


def wrote(turn: Turn) -> Decision:
    """Says a reply, read as the match would read it."""
    reply = REPLIES[turn.number % len(REPLIES)]
    found = read(reply, turn, "stop")
    made = replace(call(reply), finish="stop")
    return Decision(found.action, found.outcome, found.reason, (made,))


@pytest.fixture
def table(tmp_path: Path) -> Table:
    table = Table(Tetris, [wrote], tmp_path / "log.jsonl", changes={"max_decisions": 10})
    table.play()
    return table


def test_the_same_reader_reads_the_same(table: Table) -> None:
    tally = Tally()
    tally.add(table.log())
    assert set(tally.counts) == {"same"}
    assert tally.counts["same"] == sum(len(one.tries) for one in table.log().played)


def test_recoveries_regressions_and_changes_are_told(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    def other(reply: str, turn: Turn, finish: str | None = None) -> Reading:
        if "think" in reply:
            return Reading("unparsable", None, "no")
        if "no idea" in reply:
            return Reading("ok", turn.actions.choices[0])
        if reply == "place 3 1":
            return Reading("ok", "press wait")
        if not reply:
            return Reading("unparsable", None, "no")
        return reader.read(reply, turn, finish)

    monkeypatch.setattr("lmgame.reread.read", other)
    found = {one.reply: one.change for one in reread(table.log())}
    assert found == {
        "place 3 1": "changed",
        "I think place 4 0 is best": "regressed",
        "no idea": "recovered",
        "place 1 0 or place 2 0": "same",
        "": "other",
    }
    lines = {one.line for one in reread(table.log())}
    assert lines == set(range(2, 12))


def test_replies_that_no_reader_saw_are_left_out(tmp_path: Path) -> None:
    def silent(turn: Turn) -> Decision:
        return Decision(turn.actions.choices[0])

    table = Table(Tetris, [silent], tmp_path / "log", changes={"max_decisions": 3})
    table.play()
    assert list(reread(table.log())) == []


def test_the_command_tells_what_changed(
    table: Table, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(table.path)
    assert main(["replay", path, "--reread"]) == 0
    assert capsys.readouterr().out == "16 replies: 16 same\n"
    monkeypatch.setattr("lmgame.reread.read", lambda *given: Reading("ok", "press wait"))
    assert main(["replay", path, "--reread"]) == 1
    out = capsys.readouterr().out
    assert "recovered: unparsable -> ok press wait: 'no idea'" in out
    assert "changed: ok place 3 1 -> ok press wait" in out
    assert main(["replay", path, "--reread", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["counts"]["changed"] == 4
