"""`-m`: every combination once, in a folder of its own, however often it is asked for."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lmgame import compose, config
from lmgame.cli import main
from lmgame.errors import UsageError
from lmgame.sweep import plan
from lmgame.testing import Reply, ScriptedServer

QUICK = ["agent=random", "anchors=[]", "max_decisions=3", "film=none"]


def outcomes(folder: Path) -> list[dict[str, Any]]:
    return list(json.loads((folder / "sweep.json").read_text()))


def logs(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*.jsonl")}


def test_every_combination_is_a_run(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["play", "-m", *QUICK, "game=sokoban,twenty_forty_eight", "seed=0,1", "run=sweep"]
    assert main(words) == 0
    told = capsys.readouterr()
    assert "(4 of 4) game=twenty_forty_eight seed=1" in told.err
    assert "4 combinations" in told.out
    found = outcomes(folder / "sweep")
    assert [one["chosen"] for one in found] == [
        ["game=sokoban", "seed=0"],
        ["game=sokoban", "seed=1"],
        ["game=twenty_forty_eight", "seed=0"],
        ["game=twenty_forty_eight", "seed=1"],
    ]
    for one in found:
        summary = json.loads((folder / "sweep" / one["run"] / "summary.json").read_text())
        assert (one["status"], one["matches"]) == ("done", 1)
        assert one["score"] == summary["seats"][0]["score"]["mean"]


def test_what_was_played_is_not_played_again(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["play", "-m", *QUICK, "game=sokoban", "seed=0,1", "run=sweep"]) == 0
    before = logs(folder)
    assert main(["play", "-m", *QUICK, "seed=1,2,0", "game=sokoban", "run=sweep", "--json"]) == 0
    after = logs(folder)
    assert len(after) == 3
    assert before.items() <= after.items()
    assert json.loads(capsys.readouterr().out.partition("sweep: sweep\n")[2]) == outcomes(
        folder / "sweep"
    )


def test_the_folder_of_a_sweep_without_a_name_is_found_again() -> None:
    words = [*QUICK, "seed=0,1"]
    folder, jobs = plan("play", words)
    again, same = plan("play", ["seed=1,0", *QUICK])
    assert (again, {job.path for job in same}) == (folder, {job.path for job in jobs})
    assert plan("play", [*words, "concurrency=2"])[0] == folder
    assert plan("play", [*words, "policy.retries=2"])[0] != folder


def test_values_are_listed_ranged_or_globbed() -> None:
    words = [*QUICK, "backend.model=m", "backend=glob(o*)"]
    chosen = [job.chosen for job in plan("play", words)[1]]
    assert chosen == [("backend=ollama",), ("backend=openai",), ("backend=openrouter",)]
    chosen = [job.chosen for job in plan("play", [*QUICK, "seed=range(0,3)"])[1]]
    assert chosen == [("seed=0",), ("seed=1",), ("seed=2",)]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["game=tetris,sokobn"], "did you mean 'sokoban'"),
        (["game=tetris,tetris_versus"], "TetrisVersus-v1 has 2 seat"),
        (["game=glob(chss*)"], "no preset of that name"),
        (["epsiodes=1,2"], "unknown setting 'epsiodes'; did you mean 'episodes'"),
        (["seed=interval(0,1)"], "write the values one by one"),
        (["seed=0,x"], "seed='x'"),
    ],
)
def test_a_mistake_in_any_combination_is_told_before_one_is_played(
    words: list[str], message: str
) -> None:
    with pytest.raises(UsageError, match=message.replace("(", r"\(")):
        plan("play", [*QUICK, *words])


def test_one_failing_combination_leaves_the_others(folder: Path) -> None:
    with ScriptedServer(lambda received: Reply("busy", status=503)) as failing:
        words = ["play", "-m", "agent=llm,random", *QUICK[1:], "game=sokoban", "run=sweep"]
        server = ["backend=any", f"backend.base_url={failing.base_url}", "backend.model=scripted"]
        assert main([*words, *server, "policy.attempts=1", "policy.backoff_s=0"]) == 3
    assert [one["status"] for one in outcomes(folder / "sweep")] == ["suspended", "done"]


def test_a_tournament_is_swept_too(folder: Path) -> None:
    words = ["games=[tic_tac_toe]", "agents=random", "anchors=greedy", "max_decisions=2"]
    assert main(["tournament", "-m", *words, "seeds=1,2", "run=sweep"]) == 0
    assert [one["matches"] for one in outcomes(folder / "sweep")] == [2, 4]


@pytest.mark.parametrize("name", compose.options("experiment"))
def test_a_preset_is_for_one_command(name: str) -> None:
    words = [f"experiment={name}"]
    loads: list[Callable[[list[str]], object]] = [config.load, config.load_tournament]
    refused = [load for load in loads if "is a preset of lmgame" in _refusal(load, words)]
    assert len(refused) == 1


def _refusal(load: Callable[[list[str]], object], words: list[str]) -> str:
    try:
        load(words)
    except UsageError as error:
        return str(error)
    return ""
