from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from lmgame.bench import command, show
from lmgame.bench.fleet import Sofar
from lmgame.bench.settings import BenchSettings
from lmgame.bench.show import Progress
from lmgame.cli import main
from lmgame.testing import Reply, ScriptedServer

QUICK = Reply("left right up", ttft_s=0.01, itl_s=0.002, server={"stages": {"prefill_s": 0.01}})


pytestmark = pytest.mark.usefixtures("folder")


def words(server: ScriptedServer, *more: str) -> list[str]:
    place = f"backend.base_url={server.base_url}"
    return ["bench", "backend=any", place, "backend.model=scripted", "load.warmup=1", *more]


def test_a_bench_leaves_every_call_and_prints_json_alone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with ScriptedServer(QUICK) as server:
        asked = words(server, "load.calls=12", "load.streams=3", "slo.ttft_s=5", "--json")
        assert main(asked) == 0
    found = json.loads(capsys.readouterr().out)
    path = Path("runs/bench-closed-001")
    assert found == json.loads((path / "bench.json").read_text())
    lines = [json.loads(one) for one in (path / "calls.jsonl").read_text().splitlines()]
    table = list(csv.DictReader(io.StringIO((path / "calls.csv").read_text())))
    assert len(lines) == len(table) == 12
    assert [one["intended_s"] for one in lines] == sorted(one["intended_s"] for one in lines)
    for line, row in zip(lines, table, strict=True):
        assert float(row["ttft_s"]) == line["ttft_s"] == line["first_token"]
        assert row["met_joint"] == str(line["met"]["joint"])
        assert int(row["chunks"]) == len(line["chunks"]) == 3
        assert float(row["prefill_s"]) == 0.01
    assert {"config.yaml", "environment.json"} <= {one.name for one in path.iterdir()}


def test_tables_tell_limits_goodput_client_and_verdict(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    with ScriptedServer(QUICK) as server:
        assert main(words(server, "load.calls=60", "slo.ttft_s=50", "run=out")) == 0
    said = capsys.readouterr()
    for wanted in (
        "60 calls, 0 failed, at most 16 at a time",
        "TTFT",
        "60 of 60",
        "goodput (met all limits)",
        "prefill",
        "client: 1 process, event loop late",
        "the client's error on this machine is not known: lmgame bench --calibrate",
        "bench: out",
    ):
        assert wanted in said.out
    assert "closed, 16 streams" in said.err


def test_a_folder_with_something_in_it_is_not_written_to(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "diary.txt").write_text("dear")
    with ScriptedServer(QUICK) as server:
        assert main(words(server, "run=full")) == 2
    assert "full is not empty: a bench is measured anew" in capsys.readouterr().err


def test_a_dead_server_leaves_no_folder_behind(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with ScriptedServer(QUICK) as server:
        asked = words(server, "run=out")
    assert main(asked) == 1
    assert "no call succeeded, so there is nothing to measure" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("reply", "note"),
    [
        (Reply("left right", usage=None), "replies came without token counts"),
        (Reply("left right", stream=False), "the server does not stream"),
    ],
)
def test_a_server_without_streams_or_counts_is_told(
    capsys: pytest.CaptureFixture[str], reply: Reply, note: str
) -> None:
    with ScriptedServer(reply) as server:
        assert main(words(server, "load.calls=4", "--json")) == 0
    found = json.loads(capsys.readouterr().out)
    assert any(note in one for one in found["notes"])
    assert found["serving"]["ttft_s"]["p50"] > 0
    assert found["serving"]["tpot_s"]["n"] == 0


def test_a_capacity_is_searched_and_every_block_kept(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def one(
        made: command._Bench,
        endpoint: object,
        chosen: BenchSettings,
        what: str,
        folder: Path,
    ) -> dict[str, object]:
        streams = chosen.load.streams
        seen.append((streams, chosen.load.calls, chosen.load.seed))
        share = {"met": 100 * (streams <= 6), "n": 100, "ci95": (0, 1)}
        attainment = {"joint": share, "ttft_s": share, "tpot_s": {"met": 0, "n": 0}}
        serving = {"attainment": attainment, "goodput_rps": 1.0, "throughput_rps": 1.0}
        return {"serving": serving | {"stages_s": {}}, "stopped": False,
                "verdict": {"said": "met"}, "notes": []}  # fmt: skip

    seen: list[tuple[int, int | None, int]] = []
    monkeypatch.setattr(command._Bench, "one", one)
    with ScriptedServer(QUICK) as server:
        asked = words(server, "load.calls=10", "search.tolerance=0.01", "per=2", "run=out")
        assert main([*asked, "--capacity", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["load"], found["over"], found["load_per_worker"]) == (6, 7, 3)
    assert [streams for streams, _, _ in seen] == [1, 2, 4, 8, 6, 7]
    assert seen[3] == (8, 16, 3)  # two calls a stream at least, and other calls each time
    assert json.loads(Path("out/capacity.json").read_text()) == found
    written = io.StringIO()
    console = Console(width=120, file=written)
    show.show_capacity(found, console)
    assert "capacity: load.streams=6, 3 for each of 2" in written.getvalue()


def test_a_ramp_has_no_capacity(capsys: pytest.CaptureFixture[str]) -> None:
    with ScriptedServer(QUICK) as server:
        assert main(words(server, "load=ramp", "--capacity")) == 2
    assert "load=ramp has no single rate to search over" in capsys.readouterr().err


def test_configurations_are_measured_in_turn(capsys: pytest.CaptureFixture[str]) -> None:
    with ScriptedServer(QUICK) as server:
        asked = words(server, "load.calls=4", "blocks=2", "run=out")
        compared = "compare=[load.streams=1,load.streams=4]"
        assert main([*asked, compared, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["blocks"] == 2
    one, four = found["configurations"]
    assert (one["label"], four["label"]) == ("load.streams=1", "load.streams=4")
    assert one["against"] is None
    assert four["against"]["n"] == 2
    folders = sorted(one.name for one in Path("out").iterdir() if one.is_dir())
    assert folders == ["001-1", "001-2", "002-1", "002-2"]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("compare=[load.streams=1]", "compare needs two configurations"),
        ("compare=[load.seed=1,load.seed=1]", "'load.seed=1' is there twice"),
        ("compare=[run=x,load.seed=1]", "run, compare and blocks are for all together"),
        ("compare=[load.sed=1,load.seed=1]", "unknown setting 'load.sed'"),
    ],
)
def test_comparisons_that_make_no_sense_are_refused(
    capsys: pytest.CaptureFixture[str], value: str, message: str
) -> None:
    with ScriptedServer(QUICK) as server:
        assert main(words(server, value)) == 2
    assert message in capsys.readouterr().err


def test_progress_speaks_now_and_then_where_there_is_no_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    now = [0.0]
    with Progress(Console(), lambda: now[0]) as progress:
        progress.begin("poisson", 100)
        for now[0] in (1.0, 5.0, 10.0, 11.0, 20.0):
            progress.tell(Sofar(done=int(5 * now[0]), failed=1, under_way=3))
    assert capsys.readouterr().out.splitlines() == [
        "poisson",
        "poisson: 50 of 100 calls, 1 failed, 3 under way, 5.0 calls/s, 10 s",
        "poisson: 100 of 100 calls, 1 failed, 3 under way, 5.0 calls/s, 20 s",
    ]
