"""What a board must not be made from is refused by name."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from lmgame import record
from lmgame.board import source
from lmgame.errors import LmgameError, LogCorrupt, LogError, LogVersionError, UsageError
from lmgame.record import Played, Result, decode, encode
from lmgame.schema import Header
from tests.board.forge import ALONE, forge, header, seat


@pytest.fixture
def run(anchors: Path, tmp_path: Path) -> Path:
    """A copy of a run, to spoil."""
    return Path(shutil.copytree(anchors, tmp_path / "spoilt"))


def a_log(run: Path, pattern: str = "twenty*greedy*") -> Path:
    return sorted((run / "matches").glob(pattern))[0]


def refused(run: Path, kind: type[LmgameError] = LogError) -> str:
    with pytest.raises(kind) as error:
        source.read([run], verify=True)
    return str(error.value)


def test_a_whole_run_is_read(anchors: Path) -> None:
    seen: list[tuple[int, int]] = []
    (run,) = source.read([anchors], verify=True, tell=lambda *done: seen.append(done))
    assert (run.name, len(run.logs)) == ("anchors", 12)
    assert seen[0] == (0, 12)
    assert seen[-1] == (12, 12)
    assert run.config is not None
    assert "run" not in run.config
    assert run.environment is not None
    assert "cpu" in run.environment


def test_a_cut_log_is_named(run: Path) -> None:
    log = a_log(run)
    log.write_bytes(log.read_bytes()[:-30])
    told = refused(run, LogCorrupt)
    assert str(log) in told
    assert "cut off" in told


def test_a_changed_byte_is_named_with_its_line(run: Path) -> None:
    log = a_log(run)
    data = bytearray(log.read_bytes())
    second = data.index(b"\n") + 60
    data[second] ^= 1
    log.write_bytes(bytes(data))
    assert f"{log}:2" in refused(run, LogCorrupt)


def test_a_doctored_log_with_good_checksums_is_named(run: Path) -> None:
    log = a_log(run)
    lines = log.read_bytes().splitlines()
    last = decode(lines[-1], "last")
    assert isinstance(last, Result)
    better = encode(replace(last, scores=(last.scores[0] + 1,)))
    log.write_bytes(b"\n".join([*lines[:-1], better]))
    told = refused(run)
    assert str(log) in told
    assert "scores" in told
    assert source.read([run], verify=False)


def test_a_missing_result_is_named(run: Path) -> None:
    log = a_log(run)
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join(lines[:-1]))
    told = refused(run)
    assert str(log) in told
    assert "result is missing" in told


def test_an_unfinished_match_is_none_of_these(run: Path) -> None:
    log = a_log(run)
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join(lines[:4]))
    (read,) = source.read([run], verify=True)
    assert sum(one.result is None for one in read.logs) == 1


def test_a_match_that_never_began_is_left_out(run: Path) -> None:
    (run / "matches" / "empty.jsonl").touch()
    (read,) = source.read([run], verify=False)
    assert len(read.logs) == 12


@pytest.mark.parametrize("version", [0, 2])
def test_another_version_is_named(run: Path, version: int) -> None:
    log = a_log(run)
    lines = log.read_bytes().splitlines(keepends=True)
    top = decode(lines[0].rstrip(b"\n"), "first")
    assert isinstance(top, Header)
    log.write_bytes(encode(replace(top, schema_version=version)) + b"".join(lines[1:]))
    told = refused(run, LogVersionError)
    assert f"{log}:1" in told
    assert f"schema {version}" in told


def test_a_scripted_match_may_be_there_twice(anchors: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    shutil.copytree(anchors, again)
    logs = sorted((again / "matches").glob("*.jsonl"))
    # Another day: the same decisions, other times.
    retimed = [replace(one, seconds=one.seconds + 1) for one in record.read(logs[0]).played]
    log = record.read(logs[0])
    assert log.result is not None
    lines: list[Header | Played | Result] = [log.header, *retimed, log.result]
    logs[0].write_bytes(b"".join(encode(line) for line in lines))
    both = [source.read(paths, verify=True) for paths in ([anchors, again], [again, anchors])]
    assert both[0] == both[1]
    assert sum(len(run.logs) for run in both[0]) == len(logs)


def test_a_models_match_twice_is_named_with_both_files(asked: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    shutil.copytree(asked, again)
    with pytest.raises(LogError, match="are the same match") as error:
        source.read([asked, again], verify=False)
    assert str(asked) in str(error.value)
    assert str(again) in str(error.value)


def test_a_sweeps_folder_is_all_its_runs(anchors: Path, asked: Path, tmp_path: Path) -> None:
    sweep = tmp_path / "sweep"
    for run in (anchors, asked):
        shutil.copytree(run, sweep / run.name)
    (sweep / "sweep.json").write_text("[]")
    assert [run.name for run in source.read([sweep], verify=False)] == ["anchors", "asked"]


def test_what_is_no_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(LogError, match="no match logs"):
        source.read([tmp_path], verify=False)
    with pytest.raises(UsageError, match="there is no"):
        source.read([tmp_path / "nowhere"], verify=False)
    with pytest.raises(UsageError, match="name run folders"):
        source.read([], verify=False)


@pytest.mark.parametrize("content", ["[1]", "{", "\x00"])
def test_a_spoilt_file_beside_the_logs_is_named(run: Path, content: str) -> None:
    (run / "environment.json").write_text(content)
    assert str(run / "environment.json") in refused(run)


def test_runs_of_one_name_are_told_apart(tmp_path: Path) -> None:
    for number in (1, 2):
        forge(tmp_path / str(number) / "same", header(ALONE, [seat("x")], number), [1.0])
    folders = [tmp_path / "1" / "same", tmp_path / "2" / "same"]
    one, other = (source.read(order, verify=False) for order in (folders, folders[::-1]))
    assert [run.name for run in one] == ["same", "same-2"]
    assert [run.sum for run in one] == [run.sum for run in other]


def test_paths_and_addresses_in_logs_are_told(tmp_path: Path) -> None:
    """What goes public with the logs; a server on this machine tells nothing."""
    backend = {"kind": "openai", "base_url": "http://gpu7.internal/v1", "model": "m"}
    near = {"kind": "openai", "base_url": "http://127.0.0.1:8000/v1", "model": "m"}
    players = [seat("llm", "m", prompts="/data/mine")]
    forge(tmp_path, header(ALONE, players, 1, backend=backend), [1.0])
    forge(tmp_path, header(ALONE, [seat("llm", "m")], 2, backend=near), [1.0])
    found = source.exposed(source.read([tmp_path], verify=False))
    assert found == ["/data/mine", "http://gpu7.internal/v1"]


def test_many_logs_are_played_again_by_several_processes(
    anchors: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(source, "_FEW", 2)
    seen: list[tuple[int, int]] = []
    source.read([anchors], verify=True, tell=lambda *done: seen.append(done))
    assert seen[-1] == (12, 12)


def test_a_log_alone_is_a_source(anchors: Path) -> None:
    log = a_log(anchors)
    (run,) = source.read([log], verify=True)
    assert (run.name, len(run.logs), run.config) == (log.stem, 1, None)
    assert json.loads(log.read_bytes().splitlines()[0])["match"] == run.logs[0].header.match


@pytest.mark.parametrize(
    ("said", "public"),
    [
        ("/data/roms/mario.nes", "mario.nes"),
        ("~/mine", "mine"),
        ("C:\\Users\\me\\rom.gba", "rom.gba"),
        ("retro rom=/data/x/a.bin state=null", "retro rom=a.bin state=null"),
        ("[/data/x/a.txt,/b]", "[a.txt,b]"),
        ("http://127.0.0.1:8000/v1", "http://127.0.0.1:8000/v1"),
        ("org/model-7b", "org/model-7b"),
        ("llm as=mem", "llm as=mem"),
    ],
)
def test_folders_of_the_machine_do_not_go_public(run: Path, said: str, public: str) -> None:
    """A ROM's place is in no log, but in the settings."""
    (run / "config.yaml").write_text(yaml.safe_dump({"game": {"rom": said}, "games": [said]}))
    for _ in range(2):
        (read,) = source.read([run], verify=False)
        assert read.config == {"game": {"rom": public}, "games": [public]}
        (run / "config.yaml").write_text(yaml.safe_dump(read.config))
