"""`lmgame play` as a user meets it, against a scripted server on loopback."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from lmgame import config
from lmgame.cli import main
from lmgame.record import essence
from lmgame.run import Run
from lmgame.scripted_reply import Received
from lmgame.testing import Reply, ScriptedServer
from tests.scripted import picks
from tests.waiting import wait_for

IGNORED = signal.SIG_IGN
KEY = "sk-very-secret-0123456789"
Play = Callable[..., int]


@pytest.fixture
def folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LMGAME_TEST_KEY", KEY)
    return folder


def overrides(server: ScriptedServer, *more: str) -> list[str]:
    return [
        "backend=openai",
        f"backend.base_url={server.base_url}",
        "backend.model=scripted",
        "backend.key_env=LMGAME_TEST_KEY",
        "backend.structured=choice",
        "policy.backoff_s=0",
        "max_decisions=5",
        "run=run",
        *more,
    ]


def test_a_run_leaves_what_the_readme_says(
    folder: Path, server: ScriptedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["play", *overrides(server, "episodes=2", "concurrency=2")]) == 0
    out = capsys.readouterr().out
    for word in ("llm", "random (anchor)", "greedy (anchor)", "TTFT", "TPOT", "goodput", "tokens"):
        assert word in out
    run = folder / "run"
    assert (run / "config.yaml").exists()
    assert json.loads((run / "environment.json").read_text())["packages"]["lmgame"]
    assert len(list((run / "matches").glob("*.jsonl"))) == 6  # 2 seeds: llm and two anchors
    assert len(list((run / "replay").glob("*.gif"))) == 2


def test_the_summary_has_the_promised_shape(
    folder: Path, server: ScriptedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["play", "--json", *overrides(server, "episodes=3")]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found == json.loads((folder / "run" / "summary.json").read_text())
    seat = found["seats"][0]
    assert (seat["agent"], seat["model"]) == ("llm", "scripted")
    assert seat["score"]["n"] == 3
    low, high = seat["score"]["ci95"]
    assert low <= seat["score"]["mean"] <= high
    serving = found["serving"]
    assert (serving["calls"], serving["failed"]) == (15, 0)
    for name in ("ttft_s", "tpot_s", "time_to_action_s"):
        assert {"p50", "p90", "p99"} <= set(serving[name])
        assert {"value", "n", "ci95"} <= set(serving["attainment"][name])
    assert {"value", "n", "ci95"} <= set(serving["attainment"]["joint"])
    assert serving["attainment"]["joint"]["n"] == 15
    assert serving["goodput_rps"] > 0
    assert {"prompt", "completion", "reasoning", "cached"} <= set(serving["tokens"])
    assert "stages_s" in serving


def test_the_same_command_keeps_what_is_finished(folder: Path, server: ScriptedServer) -> None:
    command = ["play", *overrides(server, "episodes=2")]
    assert main(command) == 0
    before = {path: path.read_bytes() for path in (folder / "run" / "matches").iterdir()}
    calls = len(server.requests)
    assert main(command) == 0
    assert len(server.requests) == calls
    assert {path: path.read_bytes() for path in (folder / "run" / "matches").iterdir()} == before


def test_more_episodes_add_matches_to_a_run(folder: Path, server: ScriptedServer) -> None:
    assert main(["play", *overrides(server, "anchors=[]")]) == 0
    assert main(["play", *overrides(server, "anchors=[]", "episodes=3")]) == 0
    assert len(list((folder / "run" / "matches").iterdir())) == 3


def test_a_run_killed_half_way_goes_on_to_the_same_log(
    folder: Path, server: ScriptedServer
) -> None:
    command = ["play", *overrides(server, "anchors=[]")]
    assert main(command) == 0
    path = next((folder / "run" / "matches").iterdir())
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert main(command) == 0
    assert essence(path.read_bytes().splitlines()) == essence(whole.splitlines())


def test_other_settings_need_another_run_folder(
    folder: Path, server: ScriptedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["play", *overrides(server)]) == 0
    assert main(["play", *overrides(server, "agent.temperature=1")]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert "agent.temperature=0.0, now it is 1" in error
    assert "run=DIR" in error


def test_a_run_that_is_being_played_is_refused(
    folder: Path, server: ScriptedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    import fcntl

    (folder / "run").mkdir()
    with (folder / "run" / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert main(["play", *overrides(server)]) == 2
    assert "played by another process" in capsys.readouterr().err


def test_the_key_is_used_and_appears_nowhere(
    folder: Path, server: ScriptedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["play", *overrides(server)]) == 0
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"
    captured = capsys.readouterr()
    assert KEY not in captured.out + captured.err
    for path in folder.rglob("*"):
        if path.is_file():
            assert KEY.encode() not in path.read_bytes(), path


def test_a_missing_key_is_told_before_anything_is_played(
    folder: Path,
    server: ScriptedServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv("LMGAME_TEST_KEY")
    assert main(["play", *overrides(server)]) == 2
    assert "LMGAME_TEST_KEY is not set" in capsys.readouterr().err


TROUBLES = {
    "401": (Reply("bad key", status=401), "LMGAME_TEST_KEY"),
    "404": (Reply("no such model", status=404), "scripted"),
    "429": (Reply("slow down", status=429, headers={"Retry-After": "0"}), "429"),
    "500": (Reply("oops", status=500), "500"),
    "half a stream": (Reply("place 0 0", break_after=1, ending="close"), ""),
    "invalid JSON": (Reply(events=["{nonsense"]), "JSON"),
    "not HTTP": (Reply(raw=b"SSH-2.0-OpenSSH_9.2\r\n"), "HTTP"),
    "10 MB of text": (Reply(chunks=["x" * 100_000] * 100), ""),
    "never ends": (Reply(chunks=["place "], ending="endless", break_after=2), ""),
    "silence": (Reply("place", break_after=0, ending="silence"), "0.5"),
}


@pytest.mark.parametrize("name", TROUBLES)
def test_a_server_in_trouble_suspends_the_match_with_one_message(
    name: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reply, word = TROUBLES[name]
    played = 2

    def answer(received: Received) -> Reply:
        nonlocal played
        played -= 1
        return picks(received) if played >= 0 else reply

    more = ("anchors=[]", "backend.total_s=0.5", "policy.attempts=2")
    with ScriptedServer(answer) as server:
        assert main(["play", *overrides(server, *more)]) == 3
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    assert KEY not in captured.err
    message = next(line for line in captured.err.splitlines() if line.startswith("the backend"))
    assert word in message
    assert len(message) < 1000
    assert "To go on: lmgame play" in captured.err
    found = json.loads((folder / "run" / "summary.json").read_text())
    assert found["serving"]["failed"] == (1 if name in ("401", "404") else 2)
    assert found["serving"]["attainment"]["joint"]["met"] <= 2
    assert found["decisions"]["n"] == 2

    with ScriptedServer(picks) as server:
        again = [one for one in overrides(server, *more) if "base_url" not in one]
        again.append(f"backend.base_url={server.base_url}")
        assert main(["play", *again]) == 0
    assert json.loads((folder / "run" / "summary.json").read_text())["decisions"]["n"] == 5


def test_a_server_that_is_down_says_so(
    folder: Path, server: ScriptedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    down = [one for one in overrides(server) if "base_url" not in one]
    assert main(["play", *down, "backend.base_url=http://127.0.0.1:9/v1"]) == 3
    assert "running" in capsys.readouterr().err


def test_images_for_a_text_only_model_are_refused(
    folder: Path, server: ScriptedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = overrides(server, "agent.observation=image", "backend.images=false")
    assert main(["play", *settings]) == 2
    assert "reads text only" in capsys.readouterr().err


def test_images_are_sent_as_png_to_a_model_that_sees(folder: Path, server: ScriptedServer) -> None:
    assert main(["play", *overrides(server, "agent.observation=image", "anchors=[]")]) == 0
    assert "data:image/png;base64," in json.dumps(server.requests[0].body)


def test_the_wrong_number_of_agents_says_how(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["play", "game=tetris_versus", "agent=greedy"]) == 2
    assert "write agents=[llm,greedy]" in capsys.readouterr().err
    assert main(["play", "game=tetris", "agents=[random,greedy]"]) == 2
    assert "write agent=random" in capsys.readouterr().err


def test_two_seats_play_head_to_head(
    folder: Path, server: ScriptedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = overrides(server, "game=tetris_versus", "agents=[llm,greedy]", "clock=simulated")
    assert main(["play", "--json", *settings]) == 0
    seats = json.loads(capsys.readouterr().out)["seats"]
    assert [seat["agent"] for seat in seats] == ["llm", "greedy"]
    assert main(["replay", "run", "--verify"]) == 0


def test_hostile_replies_reach_no_terminal(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hostile = "\x1b[2J\x1b]0;owned\x07[bold red]place 0 0[/] \u202e\x9b31m"
    with ScriptedServer(Reply(hostile)) as server:
        main(["play", *overrides(server, "anchors=[]", "backend.structured=off")])
        main(["replay", "run", "--text"])
    captured = capsys.readouterr()
    for bad in ("\x1b", "\x07", "\x9b", "\u202e"):
        assert bad not in captured.out + captured.err


def test_a_start_that_fails_leaves_no_folder_and_may_be_corrected(
    folder: Path, server: ScriptedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    for mistake in ("game.level=0", "agent.max_tokens=0", "agent.structured=maybe"):
        assert main(["play", *overrides(server, mistake)]) == 2
        assert not (folder / "run").exists()
    assert main(["play", *overrides(server)]) == 0
    plain = [one for one in overrides(server, "game.level=0") if one != "run=run"]
    assert main(["play", *plain]) == 2
    assert not (folder / "runs").exists() or not list((folder / "runs").iterdir())


def test_until_a_decision_is_taken_the_settings_are_free(folder: Path) -> None:
    down = [
        "backend=openai", "backend.base_url=http://127.0.0.1:9/v1", "backend.model=m",
        "backend.key_env=''", "policy.backoff_s=0", "anchors=[]", "max_decisions=3", "run=run",
    ]  # fmt: skip
    assert main(["play", *down, "agent.max_tokens=7"]) == 3
    assert main(["play", *down, "agent.max_tokens=8"]) == 3


def test_a_folder_with_other_files_is_no_run(
    folder: Path, server: ScriptedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "thesis.txt").write_text("mine")
    assert main(["play", *overrides(server, "run=.")]) == 2
    assert "holds other files" in capsys.readouterr().err
    assert [one.name for one in folder.iterdir()] == ["thesis.txt"]


def test_a_run_may_have_any_name(folder: Path, server: ScriptedServer) -> None:
    for name in ("ünïcödé/レ", "with space", "it's", "7"):
        assert main(["play", *overrides(server, f"run={name}", "anchors=[]")]) == 0
        assert (folder / name / "summary.json").exists()


@pytest.mark.parametrize("ctrl_c", ["default", "ignored"])
def test_ending_a_run_by_a_signal_tells_how_to_go_on(folder: Path, ctrl_c: str) -> None:
    settings = ["agent=random", "anchors=[]", "episodes=2000", "run=run"]
    matches = folder / "run" / "matches"
    playing = subprocess.Popen(
        [sys.executable, "-m", "lmgame.cli", "play", *settings],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # As a script's shell begins what it puts into the background.
        preexec_fn=partial(signal.signal, signal.SIGINT, IGNORED) if ctrl_c == "ignored" else None,
    )
    wait_for(lambda: len(list(matches.glob("*"))) > 1, "matches")
    playing.send_signal(signal.SIGTERM)  # Ctrl-C is tested with a whole backend
    out, err = playing.communicate(timeout=30)
    assert playing.returncode == 130
    assert "Traceback" not in err
    assert "To go on: lmgame play" in err
    assert "Tetris-v1" in out  # what there is so far


def test_a_full_disk_is_one_message(
    folder: Path, server: ScriptedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    if Path("/dev/full").exists():
        with Path("/dev/full").open("w") as full:
            done = subprocess.run(
                [sys.executable, "-m", "lmgame.cli", "games", "tetris"],
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
            )
        assert "Traceback" not in done.stderr
    (folder / "file").write_text("not a folder")
    assert main(["play", *overrides(server, "run=file/run")]) == 2
    assert "cannot make" in capsys.readouterr().err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_one_message(
    folder: Path, server: ScriptedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    folder.chmod(0o500)
    assert main(["play", *overrides(server)]) == 2
    assert "cannot make" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "bound"),
    [
        (["game=tetris"], 200),
        (["game=tetris_lmgame"], 2000),
        (["game=twenty_forty_eight"], 1000),
        (["game=race", "game.of=sokoban", "agents=[random,random]"], 1200),
        (["max_decisions=7"], 7),
        (["max_decisions=null"], None),
    ],
)
def test_a_match_is_bounded_as_its_game_usually_is(words: list[str], bound: int | None) -> None:
    settings = config.load(["agent=random", "anchors=[]", *words])
    assert [one.header.max_decisions for one in Run(settings).plan()] == [bound]


def test_nobody_cannot_play(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["play", "agents=[]"]) == 2
    assert "0 agent(s) given: write agent=llm" in capsys.readouterr().err
