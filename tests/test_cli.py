from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from lmgame import compose, config
from lmgame.cli import main
from lmgame.testing import ScriptedServer

PLAYED = ["play", "agent=random", "anchors=[]", "max_decisions=8", "film=none", "run=run"]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A played run, from whose parent the test works."""
    monkeypatch.chdir(tmp_path)
    assert main(PLAYED) == 0
    return tmp_path / "run"


def output(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(arguments) == 0
    return capsys.readouterr().out


def test_every_command_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ([], ["play"], ["serve"], ["replay"], ["games"], ["doctor"]):
        with pytest.raises(SystemExit) as stop:
            main([*command, "--help"])
        assert stop.value.code == 0
        assert len(capsys.readouterr().out) > 200


def test_options_may_stand_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    first, *rest = PLAYED[1:]
    assert main(["play", first, "--json", *rest]) == 0
    assert json.loads(capsys.readouterr().out)["max_decisions"] == 8
    with pytest.raises(SystemExit) as stop:
        main(["play", first, "--jsno", *rest])
    assert stop.value.code == 2
    with pytest.raises(SystemExit):
        main(["replay", "run", "other"])


def test_games_are_listed_and_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert "game=tetris_versus" in output(capsys, "games")
    page = output(capsys, "games", "tetris")
    assert "Observation (text)" in page
    assert "What a player is told" in page
    assert {"name": "tetris", "id": "Tetris-v1"} in json.loads(output(capsys, "games", "--json"))
    assert main(["games", "tetros"]) == 2
    assert "did you mean 'tetris'" in capsys.readouterr().err


def test_a_run_verifies_and_a_changed_byte_is_named(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "8 decisions, finished" in output(capsys, "replay", "run", "--verify")
    log = next((run / "matches").iterdir())
    lines = log.read_bytes().split(b"\n")
    lines[3] = lines[3].replace(b'"action":"p', b'"action":"q', 1)
    log.write_bytes(b"\n".join(lines))
    assert main(["replay", "run", "--verify"]) == 1
    captured = capsys.readouterr()
    assert f"{log.name}:4: " in captured.out
    assert "1 of 1 logs" in captured.err


def test_verify_speaks_json(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    found = json.loads(output(capsys, "replay", "run", "--verify", "--json"))
    assert found[0]["ok"] is True
    assert found[0]["decisions"] == 8


def test_replay_draws_a_film_of_every_decision(run: Path) -> None:
    assert main(["replay", "run"]) == 0
    with Image.open(next((run / "replay").iterdir())) as film:
        assert getattr(film, "n_frames", 1) == 9  # the start and eight decisions
        width = film.width
    assert main(["replay", "run", "--out", "other.gif", "--scale", "2"]) == 0
    with Image.open("other.gif") as other:
        assert other.width > width


def test_a_file_to_write_must_be_named_well(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (run.parent / "folder.gif").mkdir()
    for out in ("x.png", "folder.gif", "nowhere/x.gif", "."):
        assert main(["replay", "run", "--out", out]) in (1, 2)
        assert "lmgame: error: " in capsys.readouterr().err
    assert not (run.parent / "nowhere").exists()
    assert main(["replay", "run", "--html", "--out", "x.html"]) == 0


def test_replay_prints_a_match(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    text = output(capsys, "replay", "run", "--text")
    assert text.count("action: ") == 8
    assert "0123456789" in text


def test_replay_says_what_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["replay", "nowhere"]) == 1
    assert "no match logs in nowhere" in capsys.readouterr().err
    assert main(PLAYED) == 0
    assert main(["replay", "run", "--scale", "99"]) == 2
    assert "1 to 8" in capsys.readouterr().err
    newer = tmp_path / "new.jsonl"
    newer.write_text('{"type":"header","schema_version":99}\n')
    assert main(["replay", "new.jsonl", "--verify"]) == 1
    assert "pip install -U lmgame" in capsys.readouterr().out


def test_doctor_looks_at_the_machine(capsys: pytest.CaptureFixture[str]) -> None:
    main(["doctor", "--json"])
    found = {one["name"]: one for one in json.loads(capsys.readouterr().out)}
    assert found["python"]["ok"] is True
    assert "Tetris-v1" in found["games"]["detail"]


def test_doctor_looks_at_the_chosen_server(capsys: pytest.CaptureFixture[str]) -> None:
    down = ["backend=lmgame", "backend.base_url=http://127.0.0.1:9/v1"]
    assert main(["doctor", *down]) == 1
    assert "BAD  server" in capsys.readouterr().out


@pytest.mark.parametrize("name", sorted(set(compose.options("backend")) - {"any", "embedded"}))
def test_doctor_looks_at_every_preset_without_a_key_or_a_model(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    preset = config.load([f"backend={name}", "backend.model=m"]).backend
    key = getattr(preset, "key_env", "")
    monkeypatch.delenv(key or "LMGAME_TEST_KEY", raising=False)
    settings = [f"backend={name}"]
    if not key:
        settings.append("backend.base_url=http://127.0.0.1:9/v1")  # nobody listens there
    assert main(["doctor", "--json", *settings]) == 1
    found = {one["name"]: one for one in json.loads(capsys.readouterr().out)}
    assert (f"{key} is not set" if key else "is the server running") in found["server"]["detail"]
    assert found["model"]["ok"] is (True if name == "lmgame" else None)


def test_doctor_helps_to_choose_a_model(capsys: pytest.CaptureFixture[str]) -> None:
    with ScriptedServer(models=("small", "large")) as server:
        settings = ["backend=vllm", f"backend.base_url={server.base_url}"]
        main(["doctor", "--json", *settings])
        found = {one["name"]: one["detail"] for one in json.loads(capsys.readouterr().out)}
        assert found["server"].endswith("answers: small, large")
        assert found["model"] == "none is chosen yet: write backend.model=NAME"
        chosen = [*settings, "backend.model=small", "backend.prices=[{input: 1, output: 2}]"]
        main(["doctor", "--json", *chosen])
    found = {one["name"]: one["detail"] for one in json.loads(capsys.readouterr().out)}
    assert found["model"] == "small; replies: held by vllm"
    assert found["price"] == "$1 in, $2 out per million tokens (no date)"


def test_serve_serves_the_embedded_backend_only(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "backend=openai", "backend.model=m"]) == 2
    assert "backend=embedded" in capsys.readouterr().err


def test_a_mistake_is_one_line_without_a_traceback() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "lmgame.cli", "play", "game=chess960"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("lmgame: error: unknown game 'chess960'")


def test_json_stands_alone_on_standard_output(run: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "lmgame.cli", "play", "--json", *PLAYED[1:]],
        capture_output=True,
        text=True,
        cwd=run.parent,
    )
    assert json.loads(done.stdout)["seats"][0]["agent"] == "random"


def test_a_reader_that_goes_away_is_no_crash() -> None:
    done = subprocess.run(
        f"{sys.executable} -m lmgame.cli games tetris | head -1",
        shell=True,
        capture_output=True,
        text=True,
    )
    assert "Traceback" not in done.stderr
