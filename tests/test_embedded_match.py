"""Whole matches on the embedded backend, in processes of their own, with kills."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from lmgame import record, replay
from lmgame.errors import LmgameError
from lmgame.record import Log, essence
from lmgame.serving import weights
from lmgame.serving.binding import load_library
from tests.serving.support import wait_for

pytestmark = pytest.mark.engine

SETTINGS = [
    "game=tetris",
    "anchors=[]",
    "film=none",
    "run=run",
    "backend.context=1024",
    "policy.backoff_s=0.1",
]


@pytest.fixture(autouse=True)
def engine() -> None:
    try:
        load_library()
        weights.find("smollm2-135m-instruct")
    except LmgameError as error:
        pytest.skip(f"no embedded engine here: {error}")


class Playing:
    """`lmgame play` in a process of its own."""

    def __init__(self, folder: Path, *more: str) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-m", "lmgame.cli", "play", *SETTINGS, *more],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            process_group=0,
        )
        self.family: set[psutil.Process] = set()

    def look(self) -> list[psutil.Process]:
        """All processes under this one; remembered, to see later that they are gone."""
        try:
            found = psutil.Process(self.process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []
        self.family.update(found)
        return found

    def workers(self, role: str) -> list[psutil.Process]:
        """The embedded server's workers of one kind."""
        return [
            one for one in self.look() if any(f'"role": "{role}"' in word for word in _words(one))
        ]

    def decisions(self) -> int:
        """Decisions in the log so far."""
        self.look()
        logs = list((self.folder / "run" / "matches").glob("*.jsonl"))
        return sum(path.read_bytes().count(b'"type":"decision"') for path in logs)

    def log(self) -> Log:
        return record.read(next((self.folder / "run" / "matches").glob("*.jsonl")))

    def wait_for_decisions(self, count: int) -> None:
        """Wait until so many decisions are logged; a process that ended waits no more."""
        wait_for(
            lambda: self.decisions() >= count or self.process.poll() is not None,
            f"{count} decisions",
            60,
        )
        assert self.decisions() >= count, self.end()

    def end(self, seconds: float = 60) -> tuple[int, str, str]:
        out, err = self.process.communicate(timeout=seconds)
        return self.process.returncode, out, err

    def wait_gone(self) -> None:
        wait_for(lambda: not [one for one in self.family if _alive(one)], "processes to end")


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def _alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture
def playing(tmp_path: Path) -> Iterator[list[Playing]]:
    """Every process a test has started, ended with it whatever happens."""
    started: list[Playing] = []
    yield started
    for one in started:
        one.look()
        for process in [*one.family]:
            if _alive(process):
                process.kill()
        if one.process.poll() is None:
            one.process.kill()
        one.process.communicate()


def test_a_match_is_played_and_leaves_nothing_running(
    tmp_path: Path, playing: list[Playing]
) -> None:
    one = Playing(tmp_path, "--json", "max_decisions=3", "episodes=2", "concurrency=2")
    playing.append(one)
    one.wait_for_decisions(1)
    status, out, err = one.end()
    assert status == 0, err
    found = json.loads(out)
    serving = found["serving"]
    assert (serving["calls"], serving["failed"]) == (6, 0)
    assert {"prefill_queue_s", "prefill_s", "transfer_s", "decode_queue_s", "decode_s"} <= set(
        serving["stages_s"]
    )
    assert serving["tokens"]["prompt"] > 1000
    assert found["decisions"]["outcomes"] == {"ok": 6}
    for path in replay.find_logs(tmp_path / "run"):
        replay.verify(record.read(path))
    assert one.family
    one.wait_gone()


@pytest.mark.parametrize("role", ["decode", "prefill"])
def test_a_killed_worker_does_not_stop_the_match(
    role: str, tmp_path: Path, playing: list[Playing]
) -> None:
    one = Playing(tmp_path, "max_decisions=8", "agent.structured=off", "agent.max_tokens=16")
    playing.append(one)
    one.wait_for_decisions(1)
    victims = one.workers(role)
    assert len(victims) == 1
    victims[0].kill()
    wait_for(lambda: one.workers(role) not in ([], victims), "a new worker", 30)
    status, _, err = one.end()
    assert status == 0, err
    log = one.log()
    assert log.result is not None
    assert len(log.played) == 8
    replay.verify(log)
    one.wait_gone()


def test_ctrl_c_keeps_what_was_played_and_the_same_command_goes_on(
    tmp_path: Path, playing: list[Playing]
) -> None:
    one = Playing(tmp_path, "max_decisions=6")
    playing.append(one)
    one.wait_for_decisions(2)
    one.process.send_signal(signal.SIGINT)
    status, _, err = one.end(20)
    assert status == 130
    assert "Traceback" not in err
    assert "To go on: lmgame play" in err
    one.wait_gone()
    before = one.log()
    assert before.result is None
    again = Playing(tmp_path, "max_decisions=6")
    playing.append(again)
    status, _, err = again.end()
    assert status == 0, err
    assert again.log().played[: len(before.played)] == before.played


def test_a_killed_player_leaves_nothing_and_is_continued_to_the_same_match(
    tmp_path: Path, playing: list[Playing]
) -> None:
    folders = [tmp_path / "killed", tmp_path / "whole"]
    for folder in folders:
        folder.mkdir()
    one = Playing(folders[0], "max_decisions=6")
    playing.append(one)
    one.wait_for_decisions(2)
    os.kill(one.process.pid, signal.SIGKILL)
    one.end(20)
    one.wait_gone()
    for folder in folders:
        each = Playing(folder, "max_decisions=6")
        playing.append(each)
        status, _, err = each.end()
        assert status == 0, err
    logs = [next((folder / "run" / "matches").glob("*.jsonl")) for folder in folders]
    killed, whole = (path.read_bytes().splitlines() for path in logs)
    # The backend is greedy, so nothing but what was measured may differ.
    assert essence(killed) == essence(whole)
