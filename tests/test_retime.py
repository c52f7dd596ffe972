"""The same replies under another latency."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from lmgame.agent import Decision
from lmgame.agents.scripted import platformer, pong, tetris
from lmgame.cli import main
from lmgame.clock import Simulated
from lmgame.errors import LogError, UsageError
from lmgame.game import Game, Turn
from lmgame.games.platformer import Platformer
from lmgame.games.pong import Pong
from lmgame.games.tetris import Tetris
from lmgame.record import Log, Result
from lmgame.replay import verify
from lmgame.retime import retime
from tests.table import Table, first

GAMES: dict[str, Callable[[], Game]] = {
    "tetris": lambda: Tetris(level=12, actions="placements"),
    "platformer": Platformer,
    "pong": Pong,
}
BEST = {"Tetris-v1": tetris.best, "Platformer-v1": platformer.best, "Pong-v1": pong.best}
FAST_S = 0.05


def answer(turn: Turn) -> Decision:
    return Decision(BEST[turn.game](turn))


def logged(name: str, path: Path, latency_s: float = FAST_S, seed: int = 2) -> Log:
    """A match of the anchor, played under a latency."""
    make = GAMES[name]
    game = make()
    table = Table(
        make,
        [answer] * len(game.spec.seats),
        path,
        clock=lambda game: Simulated(lambda thought: latency_s, hand=game.spec.pace),
        changes={"arguments": {"level": 12, "actions": "placements"} if name == "tetris" else {}}
        | {"seed": seed, "max_decisions": 60},
    )
    assert isinstance(table.play(), Result)
    return table.log()


@pytest.mark.parametrize("name", GAMES)
def test_a_log_replays_exactly_under_its_own_latency_and_surely_under_another(
    name: str, tmp_path: Path
) -> None:
    log = logged(name, tmp_path / "log")
    verify(log, GAMES[name]())
    assert log.result is not None
    same = retime(log, str(FAST_S))
    assert same.result.state == log.result.state
    assert same.result.scores == same.before == log.result.scores
    slow = retime(log, "1.5")
    assert slow == retime(log, "1.5")
    assert slow.result.state != log.result.state


@pytest.mark.parametrize("name", ["tetris", "platformer"])
def test_the_same_replies_are_worth_less_when_they_come_late(name: str, tmp_path: Path) -> None:
    before = after = 0.0
    for seed in range(16):
        slow = retime(logged(name, tmp_path / f"log{seed}", seed=seed), "1.5")
        before, after = before + slow.before[0], after + slow.result.scores[0]
    assert before > 1.2 * after


def test_measured_and_multiples_of_it(tmp_path: Path) -> None:
    table = Table(GAMES["tetris"], [first], tmp_path / "log", thinks_s=0.02)
    table.changes = {"max_decisions": 5}
    table.play()
    log = table.log()
    measured = retime(log, "measured")
    assert measured == retime(log, "x1")
    assert retime(log, "x0").result.ticks < measured.result.ticks + 1
    assert retime(log, "x50").result.ticks > measured.result.ticks


def test_replies_that_the_log_does_not_hold_are_defaults(tmp_path: Path) -> None:
    log = logged("pong", tmp_path / "log", latency_s=3.0)
    hurried = retime(log, "0")
    counts = {seat: sum(one.seat == seat for one in log.played) for seat in (0, 1)}
    assert min(hurried.result.decisions) >= max(counts.values())
    assert hurried.beyond == sum(hurried.result.decisions) - sum(counts.values())


@pytest.mark.parametrize("latency", ["", "soon", "-1", "nan", "inf", "x", "x-2", "0.5x"])
def test_what_is_no_latency(latency: str, tmp_path: Path) -> None:
    log = logged("tetris", tmp_path / "log")
    with pytest.raises(UsageError, match="write seconds"):
        retime(log, latency)


def test_games_without_ticks_and_empty_logs_are_refused(tmp_path: Path) -> None:
    table = Table(lambda: Tetris(rules="lmgame"), [first], tmp_path / "log")
    table.changes = {"arguments": {"rules": "lmgame"}, "max_decisions": 2}
    table.play()
    with pytest.raises(UsageError, match="no ticks"):
        retime(table.log(), "1")
    log = logged("tetris", tmp_path / "other")
    begun = tmp_path / "begun"
    begun.write_bytes(log.path.read_bytes().splitlines(keepends=True)[0])
    from lmgame import record

    with pytest.raises(LogError, match="no decision"):
        retime(record.read(begun), "1")


def test_the_command_prints_both_scores(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = logged("platformer", tmp_path / "one.jsonl")
    assert main(["replay", str(log.path), "--latency", "1.5", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert log.result is not None
    assert found["before"] == list(log.result.scores)
    assert found["after"] == list(retime(log, "1.5").result.scores)
    assert main(["replay", str(log.path), "--latency", "1.5"]) == 0
    assert "at latency 1.5" in capsys.readouterr().out
