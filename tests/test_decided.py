"""What a log tells serving of its decisions, and what a match writes down of its limits."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from lmgame import record
from lmgame.agent import Decision
from lmgame.cli import main
from lmgame.client.call import Call
from lmgame.clock import Simulated
from lmgame.decided import check_clock, decided
from lmgame.errors import MixedClocks
from lmgame.game import Turn
from lmgame.games.pong import Pong
from lmgame.record import Log
from lmgame.slo import Slo
from lmgame.summary import summary
from lmgame.testing import ScriptedServer
from tests.nim import Nim
from tests.table import Table, call, spread


def asking(server: ScriptedServer, *more: str) -> list[str]:
    return [
        *("backend=any", f"backend.base_url={server.base_url}", "backend.model=scripted"),
        *("backend.structured=choice", "max_decisions=3", "anchors=[]", "run=run", *more),
    ]


def at(moments: list[float], purpose: str = "act") -> Log:
    """A match of Nim whose first seat made one call a decision, begun at these times."""
    due = iter(moments)

    def asks(turn: Turn) -> Decision:
        made = call("take 1")
        moment = next(due, None)
        if moment is None:
            return Decision("take 1")
        timed = replace(made, timing=replace(made.timing, at=moment), purpose=purpose)
        return Decision("take 1", calls=(timed,))

    Path("log").unlink(missing_ok=True)
    table = Table(Nim, [asks, lambda turn: Decision("take 1")], Path("log"))
    table.play()
    return table.log()


@pytest.fixture(autouse=True)
def own_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")


def test_every_decision_comes_with_what_the_clock_charged_and_how_it_counted(
    tmp_path: Path,
) -> None:
    def slowly(game: object) -> Simulated:
        return Simulated(lambda thought: 0.25)

    table = Table(Pong, [spread, spread], tmp_path / "pong", slowly, changes={"max_decisions": 4})
    table.play()
    log = table.log()
    found = [*decided(log)]
    assert [(one.seconds, list(one.calls)) for one in found] == [*log.calls()]
    for one, line in zip(found, log.played, strict=False):
        assert (one.charged_s, one.outcome) == (0.25, line.outcome)
    for one in found[len(log.played) :]:  # still on their way at the end
        assert (one.seconds, one.charged_s, one.outcome) == (None, None, None)
    for seat in (0, 1):
        alone = [list(one.calls) for one in decided(log, seat)]
        assert alone == [calls for _, calls in log.calls(seat)]


def test_decisions_that_follow_each_other_stand_on_one_clock() -> None:
    check_clock(at([100.0, 101.0, 102.0]))
    check_clock(at([100.0, 99.5, 102.0]))  # a time server's correction


def test_decisions_whose_clock_goes_back_are_refused() -> None:
    log = at([100.0, 40.0, 102.0])
    told = r"log: decision 2 of seat 0 was begun 60.0 s before decision 0, which came first"
    with pytest.raises(MixedClocks, match=told):
        check_clock(log)
    with pytest.raises(MixedClocks, match="take apart what each machine played"):
        summary([log], [], Slo())


def test_planning_ahead_may_be_older_than_what_was_decided_since() -> None:
    check_clock(at([100.0, 40.0, 102.0], purpose="plan"))


def one_log() -> Log:
    (path,) = Path("run/matches").glob("*.jsonl")
    return record.read(path)


def test_where_the_world_runs_on_the_games_deadline_is_judged(
    server: ScriptedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    words = asking(server, "game=pong", "agents=[llm,random]", "film=none")
    assert main(["play", *words, "clock=simulated", "clock.latency=0.25"]) == 0
    log = one_log()
    assert log.header.slo == {
        "ttft_s": 0.1,
        "tpot_s": 0.1,
        "time_to_action_s": 0.1,
        "deadline_s": 0.1,
    }
    (first, *_) = [one for one in log.played if one.verdicts]
    assert set(first.verdicts[0]) == set(log.header.slo)
    assert first.verdicts[0]["deadline_s"] is False  # 0.25 s were charged
    found = json.loads(Path("run/summary.json").read_text())
    assert found["serving"]["attainment"]["deadline_s"]["met"] == 0
    assert found["goodput"]["decisions_s"] == 0
    assert found["slo_source"]["deadline_s"] == "6 ticks at 60 a second (Pong-v1)"
    told = capsys.readouterr().out
    assert "deadline" in told
    assert "the game's own limit, 6 ticks at 60 a second (Pong-v1)" in told
    assert "legal decisions/s in time" in told


def test_where_the_world_waits_logs_hold_what_they_always_held(server: ScriptedServer) -> None:
    assert main(["play", *asking(server, "game=tic_tac_toe", "agents=[llm,random]")]) == 0
    log = one_log()
    assert log.header.slo == {"ttft_s": 5.0, "tpot_s": 0.1, "time_to_action_s": 6.0}
    (first, *_) = [one for one in log.played if one.verdicts]
    assert list(first.verdicts[0]) == ["ttft_s", "tpot_s", "time_to_action_s"]
    found = json.loads(Path("run/summary.json").read_text())
    assert "deadline_s" not in found["serving"]["attainment"]
    assert found["goodput"]["decisions"] == len([one for one in log.played if one.verdicts])


def test_a_tournaments_games_are_judged_each_by_its_own_limits(server: ScriptedServer) -> None:
    words = asking(server, "agents=[llm]", "seeds=1", "schedule=single")
    games = "games=[sokoban slo.ttft_s=1e-6 slo.itl_s=1,twenty_forty_eight]"
    assert main(["tournament", *words, games]) == 0
    verdicts: dict[str, Call | object] = {}
    for path in Path("run/matches").glob("*.jsonl"):
        log = record.read(path)
        verdicts[log.header.game] = (log.played[0].verdicts[0]["ttft_s"], log.header.slo["ttft_s"])
    assert verdicts == {"Sokoban-v1": (False, 1e-6), "TwentyFortyEight-v1": (True, 5.0)}
