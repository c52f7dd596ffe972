"""Programs that play over JSON lines, well and badly; real processes, real pipes."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import pytest

from lmgame.agent import Decision, Seating
from lmgame.agents.outside import OutsideAgent
from lmgame.clock import Paused
from lmgame.errors import ConfigError
from lmgame.game import Turn
from lmgame.games.tetris import Tetris
from lmgame.match import Match, Policy
from lmgame.record import Result, Suspended, Writer, read
from lmgame.testing import check_agent
from lmgame.world import World
from tests.table import header

EXAMPLE = Path(__file__).parents[1] / "examples" / "outside_agent.py"
LOOP = """
import json, sys
for line in sys.stdin:
    said = json.loads(line)
    number = said.get("number")
    if said["type"] != "turn":
        continue
    {body}
"""


def program(tmp_path: Path, body: str) -> list[str]:
    path = tmp_path / "agent.py"
    path.write_text(LOOP.replace("{body}", body.replace("\n", "\n    ")))
    return [sys.executable, str(path)]


def agent(command: list[str], timeout_s: float = 20.0, image: bool = False) -> OutsideAgent:
    return OutsideAgent(Seating(Tetris.spec, 0, 7), command, timeout_s, image)


def turns(count: int) -> list[Turn]:
    world = World(Tetris(), 0)
    found = []
    for _ in range(count):
        world.offer(lambda seat: None)
        found.append(world.turns[0])
        world.land({0: "press wait"})
    return found


def decide(player: OutsideAgent, count: int = 1) -> list[Decision]:
    async def ask() -> list[Decision]:
        try:
            found = []
            for turn in turns(count):
                found.append(await player.decide(turn))
                player.remember(turn, "press wait", "ok")
            return found
        finally:
            await player.close()

    return asyncio.run(ask())


def test_the_example_plays(tmp_path: Path) -> None:
    player = agent([sys.executable, str(EXAMPLE)])
    writer = Writer(tmp_path / "log")
    match = Match(header(Tetris(), max_decisions=5), Tetris(), [player], Paused(), Policy(), writer)

    async def play() -> Result | Suspended:
        try:
            return await match.play()
        finally:
            await player.close()

    assert isinstance(asyncio.run(play()), Result)
    writer.close()
    played = read(tmp_path / "log").played
    assert [one.outcome for one in played] == ["ok"] * 5
    assert {one.action for one in played} <= {"place 0 0"}


def test_it_keeps_the_contract() -> None:
    check_agent(lambda seating: OutsideAgent(seating, [sys.executable, str(EXAMPLE)]), Tetris)


def test_a_program_is_told_everything_and_may_answer_in_prose(tmp_path: Path) -> None:
    body = (
        "open(sys.argv[0] + '.log', 'a').write(line)\n"
        "print(json.dumps({'number': number, 'action': 'I think **place 3 1** is best'}), "
        "flush=True)"
    )
    found = decide(agent(program(tmp_path, body), image=True), 2)
    assert [one.action for one in found] == ["place 3 1"] * 2
    asked = [json.loads(line) for line in (tmp_path / "agent.py.log").read_text().splitlines()]
    assert [one["number"] for one in asked] == [0, 1]
    assert asked[0]["text"] == turns(1)[0].observation.text
    assert asked[0]["choices"] == list(turns(1)[0].actions.choices)
    assert asked[0]["png"].startswith("iVBOR")


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("sys.exit(3)", "ended with code 3"),
        ("sys.exit('out of ideas')", "ended with code 1: out of ideas"),
        ("print('place 3 1', flush=True)", "not JSON"),
        ("print('[1]', flush=True)", "not a JSON object"),
        ('print(\'{"number": 9, "action": "x"}\', flush=True)', "asked for turn 0"),
        ("print(json.dumps({'number': number}), flush=True)", "asked for turn 0"),
        ("print(json.dumps({'action': 'x'}), flush=True)", "asked for turn 0"),
        ("print('x' * (2 << 20), flush=True)", "a line of more than 1,048,576 bytes"),
        ("while True: print('{\"number\": -1}', flush=True)", "1000 lines that answer no turn"),
        ("import os; os.close(1)\nsys.stdin.read()", "ended with code"),
    ],
)
def test_a_program_that_fails_says_why(body: str, says: str, tmp_path: Path) -> None:
    if "os.close" in body:
        body = "import os\nos.close(1)\nsys.exit(0)"
    (found,) = decide(agent(program(tmp_path, body)))
    assert found.outcome == "failed"
    assert says in found.reason


def test_one_that_died_is_started_anew_and_told_what_landed(tmp_path: Path) -> None:
    body = (
        "open(sys.argv[0] + '.log', 'a').write(str(number) + '\\n')\n"
        "if number == 1 and open(sys.argv[0] + '.log').read().count('1') == 1: sys.exit(5)\n"
        "print(json.dumps({'number': number, 'action': 'press wait'}), flush=True)"
    )
    player = agent(program(tmp_path, body))

    async def ask() -> list[Decision]:
        one, two = turns(2)
        try:
            found = [await player.decide(one)]
            player.remember(one, "press wait", "ok")
            found += [await player.decide(two), await player.decide(two)]
            return found
        finally:
            await player.close()

    assert [one.outcome for one in asyncio.run(ask())] == ["ok", "failed", "ok"]


def test_one_that_is_slow_is_late_and_its_old_answer_is_ignored(tmp_path: Path) -> None:
    go = tmp_path / "go"
    body = (
        "import os\n"
        f"while number == 0 and not os.path.exists({str(go)!r}): pass\n"
        "print(json.dumps({'number': number, 'action': f'place {number} 0'}), flush=True)"
    )
    player = agent(program(tmp_path, body), timeout_s=0.5)

    async def ask() -> tuple[Decision, Decision]:
        one, two = turns(2)
        try:
            late = await player.decide(one)
            go.touch()
            player._timeout_s = 20.0
            return late, await player.decide(two)
        finally:
            await player.close()

    late, after = asyncio.run(ask())
    assert (late.outcome, late.action) == ("late", None)
    assert after.action == "place 1 0"


def test_a_program_that_does_not_end_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lmgame.agents.outside.FAREWELL_S", 0.1)
    body = (
        "print(json.dumps({'number': number, 'action': 'press wait'}), flush=True)\n"
        "while True: pass"
    )
    player = agent(program(tmp_path, body))
    assert decide(player)[0].outcome == "ok"
    assert player._process is None


def test_a_program_that_is_not_there() -> None:
    (found,) = decide(agent(["/no/such/program"]))
    assert found.outcome == "failed"
    assert "/no/such/program" in found.reason


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"command": ""}, "agent.command"),
        ({"command": ["python3", 3]}, "agent.command"),
        ({"command": "x", "timeout_s": 0}, "agent.timeout_s"),
    ],
)
def test_settings_that_cannot_be_used(settings: dict[str, object], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        OutsideAgent(Seating(Tetris.spec, 0, 7), **settings)  # type: ignore[arg-type] # that is the point
