"""`executor=ray` on local clusters; nothing here without ray (lmgame[ray])."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from lmgame.backend import endpoint_of, key
from lmgame.cli import main
from lmgame.plan import Planned
from lmgame.ray_player import Failed, Played, Player
from lmgame.record import Result, read
from lmgame.scripted_reply import Received
from lmgame.testing import Reply, ScriptedServer
from lmgame.tournament import Tournament
from tests.waiting import wait_for

RAY = pytest.mark.skipif(find_spec("ray") is None, reason="ray is not installed: lmgame[ray]")


def words(server: ScriptedServer, *more: str) -> list[str]:
    return [
        "backend=any",
        f"backend.base_url={server.base_url}",
        "backend.model=scripted",
        "backend.structured=choice",
        "games=[tic_tac_toe,connect_four,twenty_forty_eight]",
        "agents=llm",
        "max_decisions=40",
        "seeds=3",
        "concurrency=4",
        *more,
    ]


def endpoints(planned: Planned) -> dict[str, Any]:
    return {key(one): endpoint_of(one) for one in planned.backends if one.kind == "openai"}


@asynccontextmanager
async def player() -> AsyncIterator[Player]:
    one = Player(0)
    try:
        yield one
    finally:
        await one.close()


def asked(plan: list[Planned]) -> Planned:
    return next(one for one in plan if one.backends)


def test_a_player_plays_and_tells_on_the_way(folder: Path, server: ScriptedServer) -> None:
    planned = asked(Tournament(words(server), folder).plan())

    async def play() -> tuple[Played | Failed, dict[int, bytes]]:
        async with player() as one:
            playing = asyncio.create_task(one.play(7, planned, b"", endpoints(planned)))
            news: dict[int, bytes] = {}
            while not playing.done():
                await asyncio.sleep(0)
                news |= await one.news({7: 10, 8: 0})
            return await playing, news

    played, news = asyncio.run(play())
    assert isinstance(played, Played)
    assert isinstance(played.result, Result)
    assert list(news) == [7]
    assert played.log[10:].startswith(news[7])
    assert not planned.path.exists()  # it lies where it was played
    planned.path.parent.mkdir(parents=True)
    planned.path.write_bytes(played.log)
    assert read(planned.path).result == played.result


def test_a_player_goes_on_from_what_there_is(folder: Path, server: ScriptedServer) -> None:
    planned = asked(Tournament(words(server), folder).plan())

    async def play(begun: bytes) -> Played | Failed:
        async with player() as one:
            return await one.play(0, planned, begun, endpoints(planned))

    whole = asyncio.run(play(b""))
    assert isinstance(whole, Played)
    before = len(server.requests)
    part = b"".join(whole.log.splitlines(keepends=True)[:3])  # the header and two decisions
    again = asyncio.run(play(part))
    assert isinstance(again, Played)
    assert again.log.startswith(part)
    assert again.result == whole.result
    assert 0 < len(server.requests) - before < before


def test_a_key_is_read_where_it_is_used(
    folder: Path, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned = asked(Tournament(words(server, "backend.key_env=LMGAME_FAR_KEY"), folder).plan())
    monkeypatch.delenv("LMGAME_FAR_KEY", raising=False)

    async def play() -> Played | Failed:
        async with player() as one:
            return await one.play(0, planned, b"", endpoints(planned))

    found = asyncio.run(play())
    assert isinstance(found, Failed)
    assert "LMGAME_FAR_KEY" in found.reason


@RAY
def test_a_budget_is_refused(
    folder: Path, server: ScriptedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    given = words(server, "executor=ray", "budget.tokens=5", "run=run")
    assert main(["tournament", *given]) == 2
    assert "budget.tokens=5: with executor=ray" in capsys.readouterr().err


def test_without_ray_it_says_how_to_get_it(
    folder: Path,
    server: ScriptedServer,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("lmgame.ray_executor.find_spec", lambda name: None)
    assert main(["tournament", *words(server, "executor=ray", "run=run")]) == 2
    assert "pip install 'lmgame[ray]'" in capsys.readouterr().err
    assert not (folder / "run").exists()


class Lead:
    """A tournament in a process of its own."""

    def __init__(self, folder: Path, given: list[str]) -> None:
        self.folder, self.err = folder, folder / "err"
        with self.err.open("ab") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "lmgame.cli", "tournament", *given],
                cwd=folder,
                stdout=subprocess.DEVNULL,
                stderr=err,
                start_new_session=True,
            )

    def wait_for(self, condition: Callable[[], object], what: str) -> None:
        def reached() -> bool:
            return bool(condition()) or self.process.poll() is not None

        wait_for(reached, what, 120)
        assert self.process.poll() is None, self.err.read_text()

    def landings(self) -> int:
        """Decisions whose log lines have come."""
        logs = (self.folder / "run" / "matches").glob("*.jsonl")
        return sum(one.read_bytes().count(b'"type":"decision"') for one in logs)

    def end(self, how: signal.Signals) -> int:
        self.process.send_signal(how)
        return self.process.wait(60)


def slowly(received: object) -> Reply:
    """As a model does: a decision takes a while."""
    assert isinstance(received, Received)
    return Reply(received.pick(received.choices), ttft_s=0.05)


def table(folder: Path, run: str) -> bytes:
    return (folder / run / "tournament.json").read_bytes()


@RAY
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_node_that_is_killed_costs_nothing(folder: Path) -> None:
    from ray.cluster_utils import Cluster

    with ScriptedServer(slowly) as server:
        given = [*words(server), "max_decisions=100", "seeds=5"]
        assert main(["tournament", *given, "run=whole"]) == 0
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
        lost = cluster.add_node(num_cpus=1)
        lead = Lead(folder, [*given, "executor=ray", f"ray.address={cluster.address}", "run=run"])
        try:
            lead.wait_for(lambda: lead.err.read_text().count(" plays, on ") == 2, "both nodes")
            before = lead.landings()
            lead.wait_for(lambda: lead.landings() > before + 100, "decisions")
            cluster.remove_node(lost, allow_graceful=False)
            assert lead.process.wait(300) == 0, lead.err.read_text()
        finally:
            lead.end(signal.SIGKILL)
            cluster.shutdown()
    assert table(folder, "run") == table(folder, "whole")
    assert "was lost; its matches go on elsewhere" in lead.err.read_text()


@RAY
@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_lead_that_ends_early_goes_on(folder: Path, how: signal.Signals) -> None:
    """Its own cluster ends with it, and the same command ends with the same bytes."""
    before = ours()
    with ScriptedServer(slowly) as server:
        given = words(server)
        assert main(["tournament", *given, "run=whole"]) == 0
        calls = len(server.requests)
        lead = Lead(folder, [*given, "executor=ray", "run=run"])
        lead.wait_for(lambda: lead.landings() > 30, "decisions")
        assert lead.end(how) == (130 if how is signal.SIGINT else -9)
        wait_for(lambda: ours() <= before, "the end of the cluster", 60)
        assert lead.landings() > 30
        kept = made(folder / "run")
        before_again = len(server.requests)
        assert main(["tournament", *given, "run=run"]) == 0  # also elsewhere than it was begun
        assert len(server.requests) - before_again == calls - kept
    assert table(folder, "run") == table(folder, "whole")
    assert "Traceback" not in lead.err.read_text()


def made(run: Path) -> int:
    """Calls that are in a run's logs."""
    logs = [read(path) for path in (run / "matches").glob("*.jsonl") if path.stat().st_size]
    return sum(len(calls) for log in logs for _, calls in log.calls())


def ours() -> set[str]:
    """The processes on this machine that are a Ray cluster's or play on one."""
    found = subprocess.run(["ps", "-eo", "pid=,stat=,args="], capture_output=True, text=True)
    rows = [line.split(None, 2) for line in found.stdout.splitlines()]
    return {
        pid
        for pid, stat, text in rows
        if "Z" not in stat and ("/raylet/" in text or "ray::Player" in text)
    }


@RAY
def test_no_cluster_is_one_message(
    folder: Path, server: ScriptedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    given = words(server, "executor=ray", "ray.address=127.0.0.1:1", "run=run")
    assert main(["tournament", *given]) == 2
    assert "ray.address=127.0.0.1:1" in capsys.readouterr().err
