"""Worker processes: what they answer, how they end, and what becomes of their matches."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import ParamSpec, TypeVar

import pytest

from lmgame import registry
from lmgame.agent import Decision, Seating
from lmgame.cli import main
from lmgame.errors import ConfigError, LmgameError, LogCorrupt, NameNotFound, WorkerLost
from lmgame.executor import is_heavy
from lmgame.game import Turn
from lmgame.record import Writer
from lmgame.testing import ScriptedServer
from lmgame.tournament import Tournament
from lmgame.workers import Workers
from lmgame.world import World
from tests.nim import Nim
from tests.scripted import picks
from tests.table import Table, Told, first
from tests.waiting import wait_for

P = ParamSpec("P")
T = TypeVar("T")

HEAVY = ["games=[connect_four]", "agents=[random,greedy]", "max_decisions=6"]
LONG = ["games=[twenty_forty_eight]", "agents=[greedy]", "anchors=[random]", "seeds=8"]


@pytest.fixture
def workers() -> Iterator[Workers]:
    some = Workers(1)
    yield some
    some.close()


def refuse(error: str) -> None:
    if error == "name":
        raise NameNotFound("game", "tetriss", ["tetris"])
    raise LogCorrupt(error)


def die_once(path: Path) -> str:
    if not path.exists():
        path.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return "alive"


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def processes(group: int) -> set[int]:
    """The living processes of a group."""
    found = subprocess.run(["ps", "-eo", "pid=,pgid=,stat="], capture_output=True, text=True)
    rows = [line.split() for line in found.stdout.splitlines()]
    return {int(pid) for pid, pgid, stat in rows if int(pgid) == group and "Z" not in stat}


def test_a_worker_is_another_process(workers: Workers) -> None:
    pid, lost_s = asyncio.run(workers.run(os.getpid))
    assert pid != os.getpid()
    assert lost_s > 0
    assert asyncio.run(workers.run(os.getcwd))[0] == os.getcwd()


def test_errors_come_back_as_what_they_are(workers: Workers) -> None:
    with pytest.raises(LmgameError, match="broken line"):
        asyncio.run(workers.run(refuse, "broken line"))
    with pytest.raises(LmgameError, match="did you mean 'tetris'"):  # which cannot be pickled
        asyncio.run(workers.run(refuse, "name"))


def test_a_killed_worker_is_replaced(workers: Workers, tmp_path: Path) -> None:
    assert asyncio.run(workers.run(die_once, tmp_path / "died"))[0] == "alive"
    with pytest.raises(WorkerLost, match="workers=0"):
        asyncio.run(workers.run(die))


def test_several_that_die_together_are_all_done_again(tmp_path: Path) -> None:
    some = Workers(2)

    async def both() -> list[str]:
        calls = (some.run(die_once, tmp_path / name) for name in ("one", "two"))
        return [value for value, _ in await asyncio.gather(*calls)]

    try:
        assert asyncio.run(both()) == ["alive", "alive"]
    finally:
        some.close()


class Slow(ProcessPoolExecutor):
    """Starts its second process only when two things are to be done at once."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        task = super().submit(fn, *args, **kwargs)
        if fn is os.getpid:
            task.result()
        return task


def meet(folder: Path, name: str) -> None:
    (folder / name).touch()
    wait_for(lambda: len(list(folder.iterdir())) == 2, "the other worker")


def test_a_worker_may_start_later_than_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lmgame.workers.ProcessPoolExecutor", Slow)
    some = Workers(2)

    async def both() -> None:
        await asyncio.gather(*(some.run(meet, tmp_path, name) for name in ("one", "two")))

    try:
        asyncio.run(both())
    finally:
        some.close()


def test_waiting_for_a_worker_is_not_thinking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decide = Told.decide

    async def far(self: Told, turn: Turn) -> Decision:
        self.waited_s += 3600
        return await decide(self, turn)

    monkeypatch.setattr(Told, "decide", far)
    table = Table(Nim, [first, first], tmp_path / "log")
    table.play()
    for one in table.log().played:
        assert one.seconds == pytest.approx(-3600, abs=60)


@pytest.mark.parametrize("game", ["Chess-v1", "ConnectFour-v1", "Holdem-v1", "Sokoban-v1"])
def test_a_slow_rule_decides_the_same_in_a_worker(workers: Workers, game: str) -> None:
    """So it reads nothing that does not travel."""
    made = registry.games.make(game, {})
    world = World(made, 3)

    async def play() -> None:
        here = registry.agents.make("greedy", {"seating": Seating(made.spec, 0, 3)})
        away = registry.agents.make("greedy", {"seating": Seating(made.spec, 0, 3, None, workers)})
        for _ in range(4):
            world.offer(lambda seat: None)
            decisions = {}
            for seat, turn in world.turns.items():
                decisions[seat] = (await away.decide(turn)).action
                assert decisions[seat] == (await here.decide(turn)).action
            world.land(decisions)
        assert away.waited_s > 0 == here.waited_s

    asyncio.run(play())


def test_what_is_heavy_is_said_by_games_and_agents(tmp_path: Path) -> None:
    words = ["games=[connect_four,tic_tac_toe,sokoban]", "agents=[random,greedy]", "seeds=1"]
    found = {one.title: is_heavy(one) for one in Tournament(words, tmp_path).plan()}
    assert found == {
        "connect_four greedy - random seed 0": True,
        "connect_four random - greedy seed 0": True,
        "tic_tac_toe greedy - random seed 0": False,
        "tic_tac_toe random - greedy seed 0": False,
        "sokoban random seed 0": True,
        "sokoban greedy seed 0": True,
    }
    asking = ["games=[connect_four]", "agents=[llm]", "seeds=1", "backend=any"]
    asking += ["backend.base_url=http://127.0.0.1:1/v1", "backend.model=m"]
    for one in Tournament(asking, tmp_path).plan():
        assert is_heavy(one) == ("llm" not in one.title)


def test_where_a_match_is_played_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with ScriptedServer(picks) as server:
        words = [
            *("games=[connect_four,sokoban]", "agents=[llm]", "max_decisions=5", "seeds=1"),
            *("backend=any", f"backend.base_url={server.base_url}", "backend.model=scripted"),
            *("backend.structured=choice", "concurrency=3"),
        ]
        for name, more in (("here", 0), ("away", 2)):
            assert main(["tournament", *words, f"workers={more}", f"run={name}"]) == 0
    tables = {(tmp_path / name / "tournament.json").read_bytes() for name in ("here", "away")}
    assert len(tables) == 1


def test_a_log_is_written_by_one_process_at_a_time(tmp_path: Path) -> None:
    """A worker that is being killed may still hold the log when its match goes on."""
    code = (
        "import sys; from pathlib import Path; from lmgame.record import Writer\n"
        "Writer(Path(sys.argv[1])); print('holds', flush=True); sys.stdin.read()"
    )
    path = tmp_path / "log.jsonl"
    with subprocess.Popen(
        [sys.executable, "-c", code, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"holds\n"
        other.kill()  # and is not waited for
        Writer(path).close()


@contextmanager
def started(words: list[str], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A tournament in a process group of its own."""
    with (
        (folder / "err").open("ab") as err,
        subprocess.Popen(
            [sys.executable, "-m", "lmgame.cli", "tournament", *words],
            stdout=subprocess.DEVNULL,
            stderr=err,
            cwd=folder,
            start_new_session=True,
        ) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


def logged(folder: Path) -> int:
    """Bytes in the logs of a run that workers write."""
    return sum(one.stat().st_size for one in folder.glob("matches/*greedy*.jsonl"))


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_workers_end_with_their_leader(tmp_path: Path, how: signal.Signals) -> None:
    with started([*LONG, "workers=2", "run=run"], tmp_path) as process:
        wait_for(partial(_reached, tmp_path / "run", process, 20_000), "decisions")
        assert len(processes(process.pid)) >= 4
        process.send_signal(how)
        assert process.wait() == (-9 if how is signal.SIGKILL else 130)
        wait_for(lambda: not processes(process.pid), "the end of the workers")
    assert "Traceback" not in (tmp_path / "err").read_text()


def test_ctrl_c_in_a_terminal_reaches_everybody(tmp_path: Path) -> None:
    with started([*LONG, "workers=2", "run=run"], tmp_path) as process:
        wait_for(partial(_reached, tmp_path / "run", process, 20_000), "decisions")
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait() == 130
        wait_for(lambda: not processes(process.pid), "the end of the workers")
    told = (tmp_path / "err").read_text()
    assert "To go on: lmgame tournament" in told
    assert "Traceback" not in told


def test_killed_leaders_and_workers_change_no_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = [*LONG, "max_decisions=150", "workers=2"]
    assert main(["tournament", *words, "run=whole"]) == 0
    for number in range(1, 4):
        with started([*words, "run=killed"], tmp_path) as process:
            goal = partial(_reached, tmp_path / "killed", process, number * 300_000)
            wait_for(goal, "decisions")
            if number == 2:  # its workers alone, once: it goes on with others
                for pid in processes(process.pid) - {process.pid}:
                    os.kill(pid, signal.SIGKILL)
                assert process.wait() == 0
    assert main(["tournament", *words, "run=killed"]) == 0
    tables = {(tmp_path / name / "tournament.json").read_bytes() for name in ("whole", "killed")}
    assert len(tables) == 1


def _reached(folder: Path, process: subprocess.Popen[bytes], goal: int) -> bool:
    return logged(folder) >= goal or process.poll() is not None


@pytest.mark.parametrize("word", ["workers=-1", "workers=many", "executor=rey"])
def test_what_cannot_be_is_one_message(word: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=word.partition("=")[0]):
        Tournament([*HEAVY, word], tmp_path)
