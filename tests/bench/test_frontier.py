"""`lmgame bench --frontier` as a user meets it, against scripted servers on loopback."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from lmgame import record
from lmgame.bench import variant
from lmgame.bench.frontier import Frontier
from lmgame.cli import main
from lmgame.testing import Reply, ScriptedServer
from tests.scripted import picks

SMALL = ["game=tetris", "max_decisions=6", "seeds=2"]
LATE = [*SMALL, "agents=[random]", "frontier.latency_s=[0,2]"]


@pytest.fixture(autouse=True)
def own_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.chdir(tmp_path)


def played(*words: str) -> int:
    return main(["bench", "--frontier", *words])


def found(run: str = "run") -> dict[str, Any]:
    content: dict[str, Any] = json.loads((Path(run) / "frontier.json").read_text())
    return content


def series(*words: str) -> Frontier:
    return Frontier(variant.read([*words, "run=run"]))


def asking(near: ScriptedServer, far: ScriptedServer, *more: str) -> list[str]:
    place = "backend.base_url"
    return [
        *SMALL,
        "backend=any",
        "backend.model=scripted",
        "backend.base_url=http://127.0.0.1:1/v1",
        "backend.structured=choice",
        "policy.backoff_s=0",
        "agents=llm",
        f"frontier=[{place}={near.base_url} as=near,{place}={far.base_url} as=far]",
        *more,
    ]


def test_latencies_play_the_same_seeds_and_are_charged(capsys: pytest.CaptureFixture[str]) -> None:
    assert played(*LATE, "run=run", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told == found()
    soon, late = told["points"]
    assert (soon["latency_s"], late["latency_s"]) == (0, 2)
    assert set(soon["by_seed"]) == set(late["by_seed"]) == {"0", "1"}
    assert (soon["action_s"]["p50"], late["action_s"]["p50"]) == (0, 2)
    assert soon["against_first"] is None
    assert late["against_first"]["n"] == 2
    charged = {
        one.charged_s
        for path in Path("run").glob("02-*/matches/*.jsonl")
        for one in record.read(path).played
    }
    assert charged == {2.0}


def test_the_same_command_gives_the_same_scores_and_plays_nothing_again(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert played(*LATE, "run=run") == 0
    first = (Path("run") / "frontier.json").read_bytes()
    logs = {path: path.read_bytes() for path in Path("run").rglob("*.jsonl")}
    assert len(logs) == 4
    assert played(*LATE, "run=run") == 0
    assert "finished already" in capsys.readouterr().err
    assert (Path("run") / "frontier.json").read_bytes() == first
    assert {path: path.read_bytes() for path in Path("run").rglob("*.jsonl")} == logs


def test_more_seeds_go_on_in_the_same_folder() -> None:
    assert played(*LATE, "run=run") == 0
    before = found()["points"][0]["by_seed"]
    more = [one for one in LATE if one != "seeds=2"]
    assert played(*more, "seeds=3", "run=run") == 0
    after = found()["points"][0]["by_seed"]
    assert {seed: after[seed] for seed in before} == before
    assert len(after) == 3


def test_serving_configurations_are_told_by_what_they_cost_in_time(
    capsys: pytest.CaptureFixture[str],
) -> None:
    quick, slow = picks, lambda received: Reply(received.pick(received.choices), ttft_s=0.05)
    with ScriptedServer(quick) as near, ScriptedServer(slow) as far:
        asked = asking(near, far, "run=run", "slo.time_to_action_s=0.04", "frontier.turns=2")
        assert played(*asked) == 0
        assert near.requests
        assert len(near.requests) == len(far.requests)
    told = capsys.readouterr()
    one, other = found()["points"]
    assert (one["configuration"], other["configuration"]) == ("near", "far")
    assert other["action_s"]["p50"] >= 0.05 > one["action_s"]["p50"]
    assert other["attainment"] == 0
    assert other["goodput_rps"] == 0
    assert one["goodput_rps"] > 0
    assert one["goodput_decisions_s"] > 0
    assert other["goodput_decisions_s"] == 0
    for word in ("near", "far", "against first", "goodput", "frontier: run"):
        assert word in told.out
    rows = list(csv.DictReader(Path("run/frontier.csv").read_text().splitlines()))
    assert [row["configuration"] for row in rows] == ["near", "far"]
    assert float(rows[1]["action_p50_s"]) == other["action_s"]["p50"]
    assert found()["configurations"][0]["serving"]["calls"] == one["calls"]


def test_a_frontier_that_ran_out_of_budget_goes_on_where_it_stopped(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with ScriptedServer(picks) as near, ScriptedServer(picks) as far:
        asked = asking(near, far, "run=run", "clock.latency=0.1")
        assert played(*asked, "budget.tokens=300") == 3
        told = capsys.readouterr().err
        assert "lmgame bench --frontier" in told
        assert "run=run" in told
        assert played(*asked) == 0
        rest = len(near.requests) + len(far.requests)
        assert played(*asking(near, far, "run=whole", "clock.latency=0.1")) == 0
        assert rest <= len(near.requests) + len(far.requests) - rest + 1
    scores = [[one["by_seed"] for one in found(run)["points"]] for run in ("run", "whole")]
    assert scores[0] == scores[1]


def test_in_each_turn_every_configuration_plays_its_part() -> None:
    made = series("game=tetris", "agents=[random]", "seeds=12", "frontier.turns=6",
                  "frontier.latency_s=[0,0.5,2]")  # fmt: skip
    stages = list(made.stages())
    assert len(stages) == 18
    assert sum(map(len, stages)) == made.total == 36
    orders = set()
    for turn in range(6):
        block = stages[3 * turn : 3 * turn + 3]
        seeds = [[one.header.seed for one in stage] for stage in block]
        assert seeds == [[2 * turn, 2 * turn + 1]] * 3
        latencies = tuple(stage[0].header.clock["latency"] for stage in block)
        assert set(latencies) == {0, 0.5, 2}
        orders.add(latencies)
    assert len(orders) > 1


def test_two_seats_meet_under_every_latency() -> None:
    assert played("game=pong", "agents=[random,greedy]", "seeds=1", "max_decisions=4",
                  "frontier.latency_s=[0,0.2]", "run=run") == 0  # fmt: skip
    points = found()["points"]
    assert [(one["configuration"], one["agent"]) for one in points] == [
        ("0 s", "greedy"),
        ("0 s", "random"),
        ("0.2 s", "greedy"),
        ("0.2 s", "random"),
    ]
    assert points[0]["outcomes"]


def test_a_run_is_replayed_later_and_later(capsys: pytest.CaptureFixture[str]) -> None:
    short = ["game=tetris", "episodes=2", "max_decisions=8", "agent=random", "anchors=[]"]
    assert main(["play", *short, "film=none", "run=was"]) == 0
    asked = ["frontier.replay=was", "frontier.latency_s=[0,4]"]
    assert played(*asked, "run=run") == 0
    first, late = found()["points"]
    assert (first["agent"], first["seeds"], late["latency_s"]) == ("random", 2, 4)
    assert late["action_s"]["p90"] == 4
    assert played(*asked, "run=again") == 0
    assert found("again")["points"] == found()["points"]
    assert played(*asked, "run=run") == 2
    assert "run is not empty" in capsys.readouterr().err


def test_figures_are_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    with ScriptedServer(picks) as near, ScriptedServer(picks) as far:
        assert played(*asking(near, far, "run=run")) == 0
    names = {one.name for one in Path("run/plots").iterdir()}
    assert names == {f"score-{x}.{kind}" for x in ("latency", "goodput") for kind in ("png", "svg")}
    assert "near" in Path("run/plots/score-latency.svg").read_text()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["game=tetris"], "write either frontier=[A,B]"),
        (
            ["game=tetris", "frontier=[backend.slots=4]"],
            "two configurations or more, and this has 1",
        ),
        (["game=tetris", "frontier.latency_s=0.5"], "two configurations or more, and this has 1"),
        (["game=tetris", "frontier.latency_s=[0,-1]"], "frontier.latency_s"),
        (["game=tetris", "frontier.latency_s=[0,0]"], "'0 s' is there twice"),
        (["game=tetris", "frontier.latency=[0,1]"], "did you mean 'frontier.latency_s'"),
        (["game=tetris", "frontier=[seed=1,seed=2]"], "'seed=1' cannot differ between"),
        (
            ["game=tetris", "frontier=[backend.slots=4 as=a,backend.slots=4 as=b]"],
            "the same as 'a'",
        ),
        (["game=tetris", "clock=paused", "frontier.latency_s=[0,1]"], "leave it out, or write"),
        (["game=tetris", "clock.latency=1", "frontier.latency_s=[0,1]"], "say the same"),
        (["game=tetris", "schedule=swiss", "frontier.latency_s=[0,1]"], "schedule=swiss"),
        (["frontier.latency_s=[0,1]"], "a frontier is of one game: write game=NAME"),
        (["games=[tetris]", "frontier.latency_s=[0,1]"], "a frontier is of one game"),
        (["game=twenty_forty_eight", "frontier.latency_s=[0,1]"], "goes turn by turn"),
        (["frontier.latency_s=[0,1]", "frontier.replay=nothing"], "no finished match"),
    ],
)
def test_frontiers_that_make_no_sense_are_refused(
    capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    assert played(*words, "agents=[random]") == 2
    assert message in capsys.readouterr().err
    assert not Path("runs").exists()


def test_a_game_without_ticks_may_have_a_time_bank() -> None:
    made = series("game=twenty_forty_eight", "agents=[random]", "clock.bank_s=3", "seeds=1",
                  "frontier.latency_s=[0,1]")  # fmt: skip
    banks = {one.header.clock["bank_s"] for one in made.plan()}
    assert banks == {3.0}


def test_a_run_of_another_kind_is_not_mixed_with(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tournament", "games=[tetris]", "agents=[random]", "anchors=[]", "seeds=1",
                 "max_decisions=2", "run=run"]) == 0  # fmt: skip
    assert played(*LATE, "run=run") == 2
    assert "run holds a run of its own" in capsys.readouterr().err


def test_a_frontier_killed_before_its_first_match_goes_on() -> None:
    with series(*LATE).folder.held():  # a killed process takes nothing away again
        shutil.copytree("run", "left")
    assert not Path("left/config.yaml").exists()
    assert {one.name for one in Path("left").iterdir()} == {".lock", "01-0-s", "02-2-s"}
    assert played(*LATE, "run=left") == 0
    assert found("left")["points"]


def test_a_folder_of_runs_is_no_frontier_that_was_killed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("tetris-llm-001", "01-0-s"):
        Path("run", name).mkdir(parents=True)
        Path("run", name, ".lock").touch()
    assert played(*LATE, "run=run") == 2
    assert "run holds other files" in capsys.readouterr().err


def test_each_configuration_is_judged_by_the_deadline_of_its_clock(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with ScriptedServer(picks) as near, ScriptedServer(picks) as far:
        asked = asking(near, far, "run=run")[:-2]
        clocks = "frontier=[clock=paused as=waits,clock.latency=0.3 as=runs]"
        words = [one for one in asked if "base_url=http://127" not in one]
        place = f"backend.base_url={near.base_url}"
        assert played(*words, place, clocks, "run=run") == 0
    own = "runs: time to action and deadline: the game's own limit, 12 ticks at 60 a second"
    told = capsys.readouterr().out
    assert own in told
    assert "waits: " not in told
    waits, runs = found()["configurations"]
    assert "deadline_s" not in waits["slo"]
    assert runs["slo"]["deadline_s"] == 0.2
    assert runs["slo_source"]["deadline_s"] == "12 ticks at 60 a second (Tetris-v1)"
    assert runs["serving"]["attainment"]["deadline_s"]["value"] == 0
    late, soon = found()["points"][1], found()["points"][0]
    assert soon["goodput_decisions_s"] > 0
    assert late["goodput_decisions_s"] == 0
    assert late["attainment"] == 0


def test_one_way_at_a_time(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "--frontier", "--capacity"]) == 2
    assert "--capacity and --frontier cannot be had together" in capsys.readouterr().err
    assert main(["bench", "-m", "--frontier", *LATE]) == 2
    assert "leave out -m, and write what differs" in capsys.readouterr().err
