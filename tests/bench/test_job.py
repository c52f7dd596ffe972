"""`lmgame bench -m`: every combination measured once, in a folder of its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lmgame.bench import command
from lmgame.bench.job import Benches
from lmgame.cli import main
from lmgame.sweep import plan
from lmgame.testing import ScriptedServer
from tests.bench.test_command import QUICK, words

QUICKLY = ("load.calls=4", "run=sweep")


@pytest.fixture(autouse=True)
def own_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LMGAME_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.chdir(tmp_path)


def many(server: ScriptedServer, *more: str) -> list[str]:
    bench, *rest = words(server, *QUICKLY, *more)
    return [bench, "-m", *rest]


def outcomes() -> list[dict[str, Any]]:
    return list(json.loads(Path("sweep/sweep.json").read_text()))


def test_every_combination_is_measured_and_told(capsys: pytest.CaptureFixture[str]) -> None:
    with ScriptedServer(QUICK) as server:
        assert main(many(server, "load.max_tokens=2,3", "slo.ttft_s=5,0.001")) == 0
    told = capsys.readouterr()
    assert "(4 of 4) load.max_tokens=3 slo.ttft_s=0.001" in told.err
    assert "4 combinations" in told.out
    assert "goodput/s" in told.out
    found = outcomes()
    assert [one["attainment"] for one in found] == [1.0, 0.0, 1.0, 0.0]
    for one in found:
        bench = json.loads((Path("sweep") / one["run"] / "bench.json").read_text())
        assert (one["status"], one["calls"]) == ("done", 4)
        assert one["goodput_rps"] == bench["serving"]["goodput_rps"]
        assert one["verdict"] == bench["verdict"]["said"]


def test_what_was_measured_is_not_measured_again(capsys: pytest.CaptureFixture[str]) -> None:
    with ScriptedServer(QUICK) as server:
        assert main(many(server, "load.seed=0,1")) == 0
        calls = {path: path.read_bytes() for path in Path("sweep").rglob("calls.jsonl")}
        capsys.readouterr()
        assert main([*many(server, "load.seed=1,2"), "--json"]) == 0
    after = {path: path.read_bytes() for path in Path("sweep").rglob("calls.jsonl")}
    assert len(after) == 3
    assert calls.items() <= after.items()
    assert json.loads(capsys.readouterr().out) == outcomes()


def test_what_was_stopped_is_measured_anew() -> None:
    with ScriptedServer(QUICK) as server:
        assert main(many(server, "load.seed=0,1")) == 0
        (first, _) = outcomes()
        file = Path("sweep") / first["run"] / "bench.json"
        found = json.loads(file.read_text())
        file.write_text(json.dumps({**found, "stopped": True}))
        assert main(many(server, "load.seed=0,1")) == 0
    assert json.loads(file.read_text())["stopped"] is False


def test_a_failure_is_not_the_sweeps(capsys: pytest.CaptureFixture[str]) -> None:
    with ScriptedServer(QUICK) as server:
        place = server.base_url
        asked = many(server, f"backend.base_url={place},http://127.0.0.1:1/v1")
        assert main([one for one in asked if one != f"backend.base_url={place}"]) == 1
    good, bad = outcomes()
    assert (good["status"], bad["status"]) == ("done", "failed")
    assert "no call succeeded" in bad["error"]


def test_a_capacity_for_each(monkeypatch: pytest.MonkeyPatch) -> None:
    def search(overrides: list[str], as_json: bool, plots: bool, quiet: bool) -> int:
        assert quiet
        path = Path(next(one for one in overrides if one.startswith("run=")).removeprefix("run="))
        path.mkdir(parents=True)
        blocks = [
            {
                "load": load,
                "attainment": {"joint": {"met": met, "n": 10}},
                "goodput_rps": load,
                "throughput_rps": 2 * load,
            }
            for load, met in ((4.0, 10), (8.0, 2), (4.0, 9))
        ]
        tree = {"load": 4.0, "stopped": False, "blocks": blocks}
        (path / "capacity.json").write_text(json.dumps(tree))
        return 0

    monkeypatch.setattr(command, "find_capacity", search)
    with ScriptedServer(QUICK) as server:
        assert main([*many(server, "load.max_tokens=2,3"), "--capacity"]) == 0
    for one in outcomes():
        assert (one["capacity"], one["attainment"], one["calls"]) == (4.0, 0.95, 20)
        assert (one["goodput_rps"], one["throughput_rps"], one["verdict"]) == (4.0, 8.0, "")


def test_a_search_and_a_bench_have_folders_of_their_own() -> None:
    with ScriptedServer(QUICK) as server:
        asked = many(server, "load.seed=0,1")[2:]
    once = {job.path for job in plan("bench", asked, Benches())[1]}
    searched = {job.path for job in plan("bench --capacity", asked, Benches(capacity=True))[1]}
    assert len(once | searched) == 4


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["load.sed=0,1"], "unknown setting 'load.sed'"),
        (["compare=[load.seed=1,load.seed=2]", "slo.ttft_s=1,2"], "-m one after the other"),
        (["load=ramp,poisson", "--capacity"], "load=ramp has no single rate to search over"),
        (["--calibrate"], "--calibrate has nothing to vary"),
    ],
)
def test_what_cannot_be_measured_is_refused_before_anything_is(
    capsys: pytest.CaptureFixture[str], more: list[str], message: str
) -> None:
    with ScriptedServer(QUICK) as server:
        assert main(many(server, *more)) == 2
    assert message in capsys.readouterr().err
    assert not Path("sweep").exists()
