"""`load=matches` as a user meets it, against a scripted server on loopback."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest

from lmgame import record
from lmgame.bench import matches, settings
from lmgame.bench.drive import Outcome
from lmgame.cli import main
from lmgame.client import Client, Endpoint
from lmgame.scripted_reply import Received
from lmgame.testing import Reply, ScriptedServer
from tests.bench.loads import bench
from tests.scripted import picks


@pytest.fixture(autouse=True)
def own_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "140")
    monkeypatch.chdir(tmp_path)


def model(received: Received) -> Reply:
    """One of the choices; a warm-up call has none."""
    return picks(received) if received.choices else Reply("ok")


def words(server: ScriptedServer, *more: str) -> list[str]:
    return [
        "bench",
        "load=matches",
        "game=tetris",
        "agents=[llm]",
        "max_decisions=3",
        "backend=any",
        f"backend.base_url={server.base_url}",
        "backend.model=scripted",
        "backend.structured=choice",
        "load.warmup=2",
        "load.streams=2",
        "load.matches=4",
        "policy.backoff_s=0",
        "run=out",
        *more,
    ]


def found() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(Path("out/bench.json").read_text())
    return content


def lines() -> list[dict[str, Any]]:
    return [json.loads(one) for one in Path("out/calls.jsonl").read_text().splitlines()]


def test_matches_are_played_and_their_calls_recorded(capsys: pytest.CaptureFixture[str]) -> None:
    with ScriptedServer(model) as server:
        assert main(words(server, "slo.time_to_action_s=30")) == 0
        assert len(server.requests) == 12 + 2
    told = capsys.readouterr().out
    tree, calls = found(), lines()
    assert tree["serving"]["calls"] == len(calls) == 12
    played = tree["matches"]
    assert (played["matches"], played["finished"], played["decisions"]) == (4, 4, 12)
    assert played["outcomes"] == {"ok": 12}
    assert played["in_time_and_legal"] == 12
    assert played["goodput_decisions_s"] > 0
    assert played["scores"]["llm"]["n"] == 4
    for word in (
        "4 matches, 4 finished; 12 decisions (12 ok)",
        "in time and legal: 12 (time to action 30 s)",
    ):
        assert word in told
    logs = {path.stem: record.read(path) for path in Path("out/play/matches").glob("*.jsonl")}
    assert {one["session"] for one in calls} == set(logs)
    for one in calls:
        log = logs[one["session"]]
        (call,) = log.played[one["step"]].tries[0].calls
        assert call.timing.end == pytest.approx(one["end"], abs=1e-5)
    assert {log.header.seed for log in logs.values()} == {0, 1, 2, 3}


def test_two_processes_play_the_same_matches() -> None:
    with ScriptedServer(model) as server:
        assert main(words(server, "load.processes=2", "load.seed=7", "--json")) == 0
    calls = lines()
    assert {one["process"] for one in calls} == {0, 1}
    assert len(calls) == 12
    seeds = {record.read(path).header.seed for path in Path("out/play/matches").glob("*.jsonl")}
    assert seeds == {7, 8, 9, 10}


def test_no_call_begins_after_the_last() -> None:
    with ScriptedServer(model) as server:
        assert main(words(server, "load.calls=7")) == 0
        assert len(server.requests) == 7 + 2
    tree = found()
    assert tree["serving"]["calls"] == 7
    assert tree["matches"]["finished"] < 4
    assert tree["failures"] == []


def test_what_is_late_or_illegal_is_not_good() -> None:
    with ScriptedServer(lambda received: replace(model(received), ttft_s=0.06)) as server:
        assert main(words(server, "slo.time_to_action_s=0.05", "load.matches=2")) == 0
    played = found()["matches"]
    assert played["decisions"] == 6
    assert (played["in_time_and_legal"], played["goodput_decisions_s"]) == (0, 0)


def test_combinations_of_loads_of_matches_are_measured_once() -> None:
    with ScriptedServer(model) as server:
        named = {"run", "max_decisions"}
        asked = [one for one in words(server) if one.partition("=")[0] not in named]
        many = [*asked, "-m", "max_decisions=1,2", "run=sweep"]
        assert main(many) == 0
        count = len(server.requests)
        logs = {path: path.read_bytes() for path in Path("sweep").rglob("matches/*.jsonl")}
        assert main(many) == 0
        assert len(server.requests) == count
    ends = json.loads(Path("sweep/sweep.json").read_text())
    assert [(one["chosen"], one["calls"]) for one in ends] == [
        (["max_decisions=1"], 4),
        (["max_decisions=2"], 8),
    ]
    assert len(logs) == 8
    assert {path: path.read_bytes() for path in Path("sweep").rglob("matches/*.jsonl")} == logs


def test_decisions_are_judged_by_the_games_own_deadline(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with ScriptedServer(model) as server:
        late = words(server, "clock=simulated", "clock.latency=0.25", "load.matches=2")
        assert main(late) == 0
        first = found()["matches"]
        assert main([*late, "slo.deadline_s=0.3", "slo.time_to_action_s=9", "run=other"]) == 0
    other = json.loads(Path("other/bench.json").read_text())
    assert first["slo"]["deadline_s"] == 0.2
    assert "the game's own limit, 12 ticks at 60 a second" in capsys.readouterr().out
    assert (first["in_time_and_legal"], other["matches"]["in_time_and_legal"]) == (0, 6)
    assert other["matches"]["slo"]["deadline_s"] == 0.3
    assert "deadline_s" not in other["serving"]["slo"]


def test_a_load_that_is_stopped_keeps_the_calls_under_way() -> None:
    with ScriptedServer(Reply("left", ttft_s=600.0)) as server:
        chosen = matches.kept_in(settings.load(words(server)[1:]), Path("out"))
        driver = matches.MatchDriver(chosen.load)

        async def stopped() -> Outcome:
            endpoint = Endpoint(server.base_url, "scripted")
            async with Client(endpoint, on_call=driver.seen) as client:
                running = asyncio.create_task(driver.run(client, perf_counter()))
                assert await asyncio.to_thread(server.wait, lambda one: len(one.requests) == 2)
                driver.stop()
                return await running

        outcome = asyncio.run(stopped())
    assert outcome.stopped
    kinds = [one.call.failure and one.call.failure.kind for one in outcome.records]
    assert kinds == ["cancelled", "cancelled"]
    assert len({one.session for one in outcome.records}) == 2


def test_a_failing_server_does_not_end_the_load() -> None:
    count = 0

    def flaky(received: Received) -> Reply:
        nonlocal count
        count += bool(received.choices)
        return Reply("broken", status=500) if count and count % 3 == 0 else model(received)

    with ScriptedServer(flaky) as server:
        assert main(words(server, "policy.attempts=1")) == 0
    tree = found()
    assert tree["serving"]["failed"] == 4
    assert tree["matches"]["finished"] == 4
    assert tree["matches"]["outcomes"] == {"failed": 4, "ok": 8}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("agents=[random]", "these agents ask no model"),
        ("seed=3", "of a load write load.seed=..."),
        ("concurrency=3", "of a load write load.streams=..."),
        ("game=tetriss", "unknown game 'tetriss'"),
        ("game.linez=3", "linez"),
        ("slo.deadline_s=1", "nothing in the game is late"),
        ("load.processes=4", "load.processes=4 share load.streams=2"),
    ],
)
def test_loads_of_matches_that_make_no_sense_are_refused(
    capsys: pytest.CaptureFixture[str], given: str, message: str
) -> None:
    key = given.partition("=")[0]
    with ScriptedServer(model) as server:
        asked = [one for one in words(server) if one.partition("=")[0] != key]
        assert main([*asked, given]) == 2
    assert message in capsys.readouterr().err
    assert not Path("out").exists()


def test_a_game_must_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "load=matches"]) == 2
    assert "load=matches plays a game: write game=NAME" in capsys.readouterr().err


def test_other_loads_know_no_games(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "game=tetris"]) == 2
    assert "game" in capsys.readouterr().err
    assert bench().load.play == ()
