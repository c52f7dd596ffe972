"""Whole matches on the embedded backend, in processes of their own, with kills."""

from __future__ import annotations

import json
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
from tests.waiting import wait_for

pytestmark = pytest.mark.engine

SETTINGS = [
    "game=tetris",
    "anchors=[]",
    "film=none",
    "run=run",
    "backend.context=1024",
    # Beside other tests a polite prefill would hardly run.
    "backend.prefill_nice=0",
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
        self.out = ""

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


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Playing:
    """A match of four decisions that nothing disturbed."""
    one = Playing(tmp_path_factory.mktemp("whole"), "--json", "max_decisions=4")
    one.wait_for_decisions(1)
    status, one.out, err = one.end()
    assert status == 0, err
    return one


def test_a_match_is_played_and_leaves_nothing_running(whole: Playing) -> None:
    found = json.loads(whole.out)
    serving = found["serving"]
    assert (serving["calls"], serving["failed"]) == (4, 0)
    assert {"prefill_queue_s", "prefill_s", "transfer_s", "decode_queue_s", "decode_s"} <= set(
        serving["stages_s"]
    )
    assert serving["tokens"]["prompt"] > 1000
    assert found["decisions"]["outcomes"] == {"ok": 4}
    replay.verify(whole.log())
    assert whole.family
    whole.wait_gone()


@pytest.mark.slow
def test_killed_workers_do_not_stop_the_match(tmp_path: Path, playing: list[Playing]) -> None:
    one = Playing(tmp_path, "max_decisions=5", "agent.structured=off", "agent.max_tokens=8")
    playing.append(one)
    for count, role in ((1, "decode"), (2, "prefill")):
        one.wait_for_decisions(count)
        victims = one.workers(role)
        assert len(victims) == 1
        victims[0].kill()
        wait_for(lambda r=role, v=victims: one.workers(r) not in ([], v), "a new worker", 30)  # type: ignore[misc] # bound early
    status, _, err = one.end()
    assert status == 0, err
    log = one.log()
    assert log.result is not None
    assert len(log.played) == 5
    replay.verify(log)
    one.wait_gone()


def test_interrupted_and_killed_a_match_goes_on_to_the_same_log(
    whole: Playing, tmp_path: Path, playing: list[Playing]
) -> None:
    first, second, third = (signal.SIGINT, signal.SIGKILL, None)
    for count, stop in ((1, first), (2, second), (4, third)):
        one = Playing(tmp_path, "max_decisions=4")
        playing.append(one)
        one.wait_for_decisions(count)
        if stop is not None:
            one.process.send_signal(stop)
        status, _, err = one.end()
        one.wait_gone()
        assert "Traceback" not in err
        if stop == signal.SIGINT:
            assert status == 130
            assert "To go on: lmgame play" in err
            assert one.log().result is None
    assert status == 0, err
    # The backend is greedy, so nothing but what was measured may differ.
    ours, theirs = (
        next((each.folder / "run" / "matches").glob("*.jsonl")).read_bytes().splitlines()
        for each in (one, whole)
    )
    assert essence(ours) == essence(theirs)
