"""A budget ends a run cleanly, and a larger one goes on with it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from lmgame.agent import Decision
from lmgame.budget import USED_UP, Budget, Purse
from lmgame.cli import main
from lmgame.client import Call, Failure, Usage
from lmgame.game import Turn
from lmgame.match import Policy
from lmgame.price import Price
from lmgame.record import Suspended, read
from lmgame.scripted_reply import Received
from lmgame.testing import Reply, ScriptedServer
from tests.nim import Nim
from tests.scripted import picks
from tests.table import Table, call, first
from tests.test_play import KEY, overrides

PRICE = Price("*", input=1.0, output=10.0)
BROKE = replace(call(), failure=Failure("budget", f"{USED_UP}: 5 of 5"))


def of(prompt: int | None, completion: int | None) -> Call:
    return replace(call(), usage=Usage(prompt, completion))


class Ticking:
    """A clock that the test moves."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_tokens_and_dollars_are_counted() -> None:
    purse = Purse(Budget(tokens=100))
    purse.add(of(90, 9))
    assert purse.spent() == ""
    purse.add(of(0, 1))
    assert purse.spent() == f"{USED_UP}: 100 of 100; raise budget.tokens to go on"
    purse = Purse(Budget(usd=0.002), [PRICE])
    purse.add(of(1000, 99))
    assert purse.spent() == ""
    purse.add(of(10, 0))
    assert purse.spent() == f"{USED_UP}: $0.0020 of $0.002; raise budget.usd to go on"


def test_time_counts_from_the_beginning_of_the_sitting() -> None:
    clock = Ticking()
    purse = Purse(Budget(seconds=60), timer=clock)
    clock.now += 1000
    assert purse.spent() == ""  # not begun
    purse.begin([])
    clock.now += 59.9
    assert purse.spent() == ""
    clock.now += 0.1
    assert "60.0 s of 60 s" in purse.spent()


def test_no_budget_is_never_spent() -> None:
    purse = Purse(Budget())
    purse.begin([])
    purse.add(of(None, None))
    purse.add(of(10**12, 10**12))
    assert purse.spent() == ""


def test_what_cannot_be_counted_cannot_be_watched() -> None:
    blind = Purse(Budget(tokens=100))
    blind.add(of(None, None))
    assert "gives no token counts" in blind.spent()
    blind = Purse(Budget(usd=1), [PRICE])
    blind.add(of(10, None))
    assert "gives no token counts" in blind.spent()
    blind = Purse(Budget(usd=1), tells_cost=True)
    blind.add(of(10, 10))
    assert "gives no cost" in blind.spent()
    lucky = Purse(Budget(tokens=100, usd=1), [PRICE])
    lucky.add(replace(of(None, None), failure=Failure("timeout", "slow")))
    assert lucky.spent() == ""


def told(turn: Turn) -> Decision:
    return Decision(None, "failed", f"{USED_UP}: 5 of 5", (BROKE,))


@pytest.mark.parametrize("failed", ["suspend", "default"])
def test_no_policy_plays_on_without_a_budget(failed: str, tmp_path: Path) -> None:
    policy = Policy(attempts=3, backoff_s=0, failed=failed)  # type: ignore[arg-type]  # one of them
    table = Table(Nim, [first, told], tmp_path / "log", policy=policy)
    stopped = table.play()
    assert isinstance(stopped, Suspended)
    assert stopped.reason.startswith(USED_UP)
    assert [one.calls for one in stopped.tries] == [()]  # asked once, and nothing was sent
    assert isinstance(Table(Nim, [first, told], tmp_path / "log", policy=policy).play(), Suspended)
    log = table.log()
    assert len(log.played) == 1
    assert not [some for _, some in log.calls() if some]


def test_a_call_that_was_made_before_the_budget_ended_is_kept(tmp_path: Path) -> None:
    def half(turn: Turn) -> Decision:
        return Decision(None, "failed", BROKE.failure.message, (call("seen"), BROKE))  # type: ignore[union-attr]  # it has one

    table = Table(Nim, [half, first], tmp_path / "log")
    stopped = table.play()
    assert isinstance(stopped, Suspended)
    assert [one.reply for one in stopped.tries[0].calls] == ["seen"]


# As a user meets it


@pytest.fixture
def folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LMGAME_TEST_KEY", KEY)
    return folder


def summary(run: Path) -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = json.loads((run / "summary.json").read_text())
    return found


PRICED = "backend.prices=[{input: 1, output: 10, date: 2026-11-01}]"


@pytest.mark.parametrize(
    ("settings", "small", "large"),
    [
        ((), "budget.tokens=1", "budget.tokens=1000000"),
        ((PRICED,), "budget.usd=0.000001", "budget.usd=5"),
        ((), "budget.seconds=0.000001", "budget.seconds=1000"),
    ],
    ids=["tokens", "usd", "seconds"],
)
def test_a_run_ends_with_its_budget_and_goes_on_with_a_larger_one(
    settings: tuple[str, ...],
    small: str,
    large: str,
    folder: Path,
    server: ScriptedServer,
    capsys: pytest.CaptureFixture[str],
) -> None:
    command = ["play", *overrides(server, *settings, "anchors=[]", "episodes=2")]
    assert main([*command, small]) == 3
    error = capsys.readouterr().err
    assert re.search(rf"^{USED_UP}: .* of .*; raise budget\.\w+ to go on$", error, re.M)
    assert "To go on: lmgame play" in error or "To try again: lmgame play" in error
    assert f" {small.partition('=')[0]}=MORE run=run" in error
    made = len(server.requests)
    assert made <= 1  # the one that used it up
    assert main([*command, small]) == 3
    assert len(server.requests) == made  # what was used before counts

    assert main([*command, large]) == 0
    assert summary(folder / "run")["decisions"]["n"] == 10
    assert summary(folder / "run")["serving"]["failed"] == 0
    assert len(server.requests) == 10


def test_finished_matches_count_when_a_run_goes_on(
    folder: Path,
    server: ScriptedServer,
) -> None:
    command = ["play", *overrides(server, "anchors=[]")]
    assert main(command) == 0
    tokens = summary(folder / "run")["serving"]["tokens"]
    assert isinstance(tokens, dict)
    used = tokens["prompt"] + tokens["completion"]
    assert main([*command, "episodes=2", f"budget.tokens={used}"]) == 3
    assert len(server.requests) == 5
    assert main([*command, "episodes=2", f"budget.tokens={used + 1}"]) == 3
    assert len(server.requests) == 6


def test_a_budget_in_money_needs_a_price(
    folder: Path,
    server: ScriptedServer,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["play", *overrides(server, "budget.usd=5")]) == 2
    error = capsys.readouterr().err
    assert "no price is known for 'scripted'" in error
    assert "backend.prices=[{input: 1, output: 4}]" in error
    assert not server.requests
    assert not (folder / "run").exists()
    assert main(["play", *overrides(server, "budget.usd=5", "backend.cost_field=cost")]) == 3
    assert "the server gives no cost" in capsys.readouterr().err


@pytest.mark.parametrize("bad", ["usd=0", "tokens=0", "seconds=0", "usd=-1", "seconds=inf"])
def test_a_budget_of_nothing_is_refused(
    bad: str,
    folder: Path,
    server: ScriptedServer,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["play", *overrides(server, f"budget.{bad}")]) == 2
    assert "write a number above 0, or null" in capsys.readouterr().err


TELLING = {"prompt_tokens": 100, "completion_tokens": 10, "cost": 0.25}


@pytest.mark.parametrize(
    ("settings", "line", "usd"),
    [
        ((), "cost: unknown (no price, or no token counts)", None),
        ((PRICED,), "cost: $0.0010 at the prices of 2026-11-01", 0.001),
        (("backend.cost_field=cost",), "cost: $1.2500", 1.25),
    ],
    ids=["unknown", "priced", "told"],
)
def test_the_cost_is_shown(
    settings: tuple[str, ...],
    line: str,
    usd: float | None,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def answer(received: Received) -> Reply:
        return replace(picks(received), usage=TELLING)

    with ScriptedServer(answer) as server:
        assert main(["play", *overrides(server, "anchors=[]", *settings)]) == 0
    assert line in capsys.readouterr().out.splitlines()
    cost = summary(folder / "run")["cost"]
    assert cost["usd"] == (None if usd is None else pytest.approx(usd))
    assert (cost["known"], cost["unknown"]) == ((0, 5) if usd is None else (5, 0))


def test_a_summary_takes_its_prices_from_the_log(
    folder: Path,
    server: ScriptedServer,
) -> None:
    from lmgame.slo import Slo
    from lmgame.summary import summary as summarise

    assert main(["play", *overrides(server, "anchors=[]", PRICED)]) == 0
    logs = [read(path) for path in (folder / "run" / "matches").iterdir()]
    again = summarise(logs, [], Slo())
    assert again["cost"] == summary(folder / "run")["cost"]
