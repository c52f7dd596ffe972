"""A board's folder: what is in it, and that no changed byte goes unnoticed."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from lmgame.board import archive, source
from lmgame.cli import main
from lmgame.errors import LogCorrupt

FILES = {
    "SHA256SUMS",
    "board.json",
    "board.md",
    *(
        f"{name}.{kind}"
        for name in ("overall", "results", "matches", "comparisons", "meetings")
        for kind in ("csv", "parquet")
    ),
    "logs/anchors.tar.xz",
    "logs/asked.tar.xz",
}


@pytest.fixture(scope="session")
def published(anchors: Path, asked: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("boards") / "small"
    words = [str(asked), str(anchors), "--out", str(out), "--note", "Played by a <test>."]
    assert main(["board", *words]) == 0
    return out


@pytest.fixture
def copy(published: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(published, tmp_path / "small"))


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_the_same_runs_give_the_same_bytes(
    published: Path, anchors: Path, asked: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    again = tmp_path / "small"
    note = ["--note", "Played by a <test>."]
    command = ["board", str(anchors), str(asked), "--out", str(again), *note, "--no-verify"]
    assert main([*command, "--json"]) == 0
    told = capsys.readouterr().out
    assert told.encode() == (again / "board.json").read_bytes()
    assert contents(again) == contents(published)
    assert set(contents(again)) >= FILES


def test_tables_hold_what_the_board_holds(published: Path) -> None:
    board = json.loads((published / "board.json").read_bytes())
    for name in ("overall", "results", "matches", "comparisons", "meetings"):
        csv = pd.read_csv(published / f"{name}.csv")
        parquet = pd.read_parquet(published / f"{name}.parquet")
        assert list(csv.columns) == list(parquet.columns)
        assert len(csv) == len(parquet)
        for column in csv.columns:
            ours, theirs = csv[column], parquet[column]
            if ours.isna().all():
                assert theirs.isna().all() or (theirs == "").all()
            elif pd.api.types.is_numeric_dtype(ours):
                assert ours.tolist() == pytest.approx(theirs.tolist(), nan_ok=True)
            else:
                assert ours.fillna("").astype(str).tolist() == theirs.astype(str).tolist()
    overall = pd.read_csv(published / "overall.csv")
    assert overall["unit"].tolist() == [one["unit"] for one in board["overall"]]
    matches = pd.read_csv(published / "matches.csv")
    assert len(matches) == sum(len(game["matches"]) for game in board["games"])


def test_the_page_takes_foreign_words_as_text(published: Path) -> None:
    page = (published / "board.md").read_text()
    assert "\\<test\\>" in page
    assert "<test>" not in page


def test_the_sums_are_those_of_sha256sum(published: Path) -> None:
    if shutil.which("sha256sum") is None:
        pytest.skip("there is no sha256sum here")
    subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=published, check=True)


def test_a_board_gives_itself(published: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["board", "--check", str(published)]) == 0
    assert capsys.readouterr().out.startswith("ok ")


def test_nothing_of_the_machine_is_in_the_archives(
    published: Path, anchors: Path, tmp_path: Path
) -> None:
    archive.unpack(published / "logs" / "anchors.tar.xz", tmp_path / "anchors")
    (run,) = source.read([tmp_path / "anchors"], verify=True)
    (before,) = source.read([anchors], verify=False)
    assert run.sum == before.sum
    for path in (tmp_path / "anchors").rglob("*"):
        assert path.is_dir() or str(anchors.parent).encode() not in path.read_bytes()


def test_one_changed_byte_in_any_file_is_found(
    copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in sorted(contents(copy)):
        path = copy / name
        before = path.read_bytes()
        spoilt = bytearray(before)
        spoilt[len(spoilt) // 2] ^= 1
        path.write_bytes(bytes(spoilt))
        status = main(["board", "--check", str(copy), "--no-verify"])
        told = capsys.readouterr()
        assert status != 0, name
        assert name in told.out + told.err, (name, told)
        path.write_bytes(before)
    assert main(["board", "--check", str(copy), "--no-verify", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["ok"], found["finding"]) == (True, None)


@pytest.mark.parametrize("name", ["board.md", "results.csv", "SHA256SUMS", "overall.parquet"])
def test_a_missing_file_is_found(copy: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    (copy / name).unlink()
    assert main(["board", "--check", str(copy), "--no-verify"]) == 1
    assert f"{name} is missing" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["more.csv", "logs/readme.txt"])
def test_an_extra_file_is_found(copy: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    (copy / name).write_text("x")
    assert main(["board", "--check", str(copy), "--no-verify", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["finding"]["file"] == name


def test_a_missing_archive_is_found(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (copy / "logs" / "asked.tar.xz").unlink()
    assert main(["board", "--check", str(copy), "--no-verify"]) == 1
    assert "BAD" in capsys.readouterr().out


def test_a_doctored_log_in_an_archive_is_named(
    copy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Even where every hash and every table was made to fit."""
    from dataclasses import replace

    from lmgame.record import Result, decode, encode

    run = tmp_path / "anchors"
    archive.unpack(copy / "logs" / "anchors.tar.xz", run)
    log = sorted((run / "matches").glob("twenty*greedy*"))[0]
    lines = log.read_bytes().splitlines()
    last = decode(lines[-1], "last")
    assert isinstance(last, Result)
    log.write_bytes(b"\n".join([*lines[:-1], encode(replace(last, scores=(last.scores[0] + 1,)))]))
    assert main(["board", str(run), "--out", str(tmp_path / "bad"), "--no-verify"]) == 0
    assert main(["board", "--check", str(tmp_path / "bad"), "--no-verify"]) == 0
    capsys.readouterr()
    assert main(["board", "--check", str(tmp_path / "bad")]) == 1
    told = capsys.readouterr().out
    assert "logs/anchors.tar.xz is unreadable" in told
    assert log.name in told


def test_a_strange_archive_is_refused(tmp_path: Path) -> None:
    import io
    import lzma
    import tarfile

    for name in ("../evil.jsonl", "/matches/x.jsonl", "matches/../../x.jsonl", "run.sh"):
        plain = io.BytesIO()
        with tarfile.open(fileobj=plain, mode="w") as tar:
            tar.addfile(tarfile.TarInfo(name))
        path = tmp_path / "strange.tar.xz"
        path.write_bytes(lzma.compress(plain.getvalue()))
        with pytest.raises(LogCorrupt, match="no part of a run"):
            archive.unpack(path, tmp_path / "there")
    assert [path.name for path in tmp_path.iterdir()] == ["strange.tar.xz"]


def test_a_board_is_replaced_and_nothing_else_is(
    copy: Path, anchors: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (copy / "old.txt").write_text("from the board before")
    assert main(["board", str(anchors), "--out", str(copy), "--no-verify"]) == 0
    assert not (copy / "old.txt").exists()
    assert not (copy / "logs" / "asked.tar.xz").exists()
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.tex").write_text("x")
    assert main(["board", str(anchors), "--out", str(other)]) == 2
    assert "choose another folder" in capsys.readouterr().err
    assert [path.name for path in other.iterdir()] == ["thesis.tex"]
    assert {path.name for path in tmp_path.iterdir()} == {"small", "other"}


def test_a_board_that_cannot_be_made_leaves_the_old_one(
    copy: Path, anchors: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(copy)
    run = Path(shutil.copytree(anchors, tmp_path / "cut"))
    log = sorted((run / "matches").iterdir())[0]
    log.write_bytes(log.read_bytes()[:-1])
    assert main(["board", str(run), "--out", str(copy)]) == 1
    assert str(log) in capsys.readouterr().err
    assert contents(copy) == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "--out is missing"),
        (["--out", "b"], "name run folders"),
        (["nowhere", "--out", "b"], "there is no nowhere"),
        (["--check", "nowhere"], "is no board"),
        (["--check", "b", "--out", "b"], "--check DIR goes alone"),
        (["run", "--out", "file"], "is a file"),
    ],
)
def test_what_cannot_be_done_is_one_message(
    words: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    assert main(["board", *words]) == 2
    told = capsys.readouterr()
    assert message in told.err
    assert told.err.count("\n") == 1
    assert told.out == ""


def test_a_board_of_another_format_is_told(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = json.loads((copy / "board.json").read_bytes())
    (copy / "board.json").write_text(json.dumps({**content, "format": 99}))
    assert main(["board", "--check", str(copy)]) == 2
    assert "has format 99" in capsys.readouterr().err


def test_without_pyarrow_it_says_what_to_install(
    anchors: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert main(["board", str(anchors), "--out", str(tmp_path / "b")]) == 2
    assert "pip install 'lmgame[board]'" in capsys.readouterr().err


def test_the_site_is_part_of_the_board(anchors: Path, tmp_path: Path) -> None:
    """It is written into the same folder, from the board and its logs by match."""
    out = tmp_path / "b"
    assert main(["board", str(anchors), "--out", str(out), "--title", "T", "--no-verify"]) == 0
    assert "<h1>T</h1>" in (out / "index.html").read_text()
    drawn = {path.stem for path in (out / "matches").iterdir()}
    assert drawn <= {json.loads(one.read_text().splitlines()[0])["match"]
                     for one in anchors.rglob("*.jsonl")}  # fmt: skip
    assert drawn
    assert main(["board", "--check", str(out), "--no-verify"]) == 0
    page = out / "games" / next((out / "games").iterdir()).name
    page.write_text(page.read_text().replace("95 %", "99 %", 1))
    assert main(["board", "--check", str(out), "--no-verify"]) == 1
