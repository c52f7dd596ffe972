"""`lmgame tournament` as a user meets it, against a scripted server on loopback."""

from __future__ import annotations

import fcntl
import json
import math
import random
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from lmgame.cli import main
from lmgame.record import read
from lmgame.scripted_reply import Received
from lmgame.testing import Reply, ScriptedServer
from lmgame.tournament import Tournament
from tests.scripted import picks
from tests.waiting import wait_for

SCRIPTED = ["games=[tic_tac_toe,twenty_forty_eight]", "agents=[random,greedy]", "max_decisions=6"]


def asking(server: ScriptedServer, *more: str) -> list[str]:
    return [
        "backend=any",
        f"backend.base_url={server.base_url}",
        "backend.model=scripted",
        "backend.structured=choice",
        "policy.backoff_s=0",
        "games=[tic_tac_toe]",
        "agents=llm",
        "max_decisions=4",
        *more,
    ]


def games(folder: Path) -> list[dict[str, Any]]:
    """What tournament.json tells of each game."""
    content = json.loads((folder / "run" / "tournament.json").read_text())
    return list(content["games"])


def test_a_tournament_ends_in_tables(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["tournament", *SCRIPTED, "seeds=3", "run=run"]
    assert main(command) == 0
    told = capsys.readouterr()
    assert "[12/12]" in told.err
    for word in ("tic_tac_toe: 6 finished matches", "Elo", "W-D-L", "twenty_forty_eight", "delta"):
        assert word in told.out
    before = (folder / "run" / "tournament.json").read_bytes()
    logs = {path: path.read_bytes() for path in (folder / "run" / "matches").iterdir()}
    assert main([*command, "--json"]) == 0
    told = capsys.readouterr()
    assert told.out.encode() == before
    assert "finished already" in told.err
    assert {path: path.read_bytes() for path in (folder / "run" / "matches").iterdir()} == logs
    assert main(["tournament", *SCRIPTED, "seeds=3", "run=other", "concurrency=1"]) == 0
    assert (folder / "other" / "tournament.json").read_bytes() == before


def test_the_figures_are_those_of_the_logs(folder: Path) -> None:
    assert main(["tournament", *SCRIPTED, "seeds=4", "repeats=2", "run=run"]) == 0
    two, one = games(folder)
    assert (two["seats"], one["seats"]) == (2, 1)
    assert two["matches"]["finished"] == 8
    assert one["matches"]["finished"] == 16
    greedy, chance = two["agents"]
    assert greedy["wins"] + greedy["draws"] + greedy["losses"] == 8
    assert (greedy["wins"], greedy["draws"]) == (chance["losses"], chance["draws"])
    assert [row["agent"] for row in two["ratings"]["agents"]] == ["greedy", "random"]
    greedy, chance = one["agents"]
    ahead = greedy["score"]["mean"] - chance["score"]["mean"]
    assert greedy["glass_delta"] == pytest.approx(ahead / chance["score"]["sd"])
    assert chance["glass_delta"] == 0


def test_more_seeds_and_agents_add_matches(folder: Path) -> None:
    words = ["tournament", "games=[tic_tac_toe]", "agents=[greedy]", "run=run"]
    assert main([*words, "seeds=1"]) == 0
    assert len(list((folder / "run" / "matches").iterdir())) == 2
    assert main([*words, "seeds=3"]) == 0
    assert len(list((folder / "run" / "matches").iterdir())) == 6


def test_a_swiss_tournament_plays_its_rounds(folder: Path, server: ScriptedServer) -> None:
    words = asking(server, "schedule=swiss", "rounds=3", "seeds=1", "run=run")
    assert main(["tournament", *words]) == 0
    (game,) = games(folder)
    assert game["matches"] == {"finished": 6, "unfinished": 0, "ends": game["matches"]["ends"]}
    # Three agents and three rounds: everybody sat out once, so all have met.
    assert {row["agent"]: row["matches"] for row in game["ratings"]["agents"]} == {
        "greedy": 4,
        "llm": 4,
        "random": 4,
    }


def test_a_ladder_goes_on_as_it_began(folder: Path, server: ScriptedServer) -> None:
    words = asking(server, "schedule=ladder", "seeds=1")
    assert main(["tournament", *words, "rounds=4", "run=whole"]) == 0
    for rounds in (1, 2, 4):
        assert main(["tournament", *words, f"rounds={rounds}", "run=run"]) == 0
    matches = [{one.name for one in (folder / n / "matches").iterdir()} for n in ("whole", "run")]
    assert matches[0] == matches[1]
    assert len(matches[0]) == 8  # four rounds with one meeting of three agents each
    whole, parts = (folder / name / "tournament.json" for name in ("whole", "run"))
    assert parts.read_bytes() == whole.read_bytes()


def test_what_asks_nobody_goes_on_without_a_server(folder: Path) -> None:
    with ScriptedServer(picks) as server:
        words = ["tournament", *asking(server, "seeds=1", "run=run")]
        assert main(words) == 0
    before = (folder / "run" / "tournament.json").read_bytes()
    for path in (folder / "run" / "matches").glob("*greedy-vs-random*"):
        path.unlink()
    assert main(words) == 0
    assert (folder / "run" / "tournament.json").read_bytes() == before


def test_a_gauntlet_leaves_the_rest_unmet(folder: Path, server: ScriptedServer) -> None:
    words = asking(server, "agents=[llm,greedy]", "anchors=[random]", "seeds=2", "run=run")
    assert main(["tournament", *words, "schedule=gauntlet"]) == 0
    (game,) = games(folder)
    assert game["matches"]["finished"] == 8
    met = {row["agent"]: row["matches"] for row in game["ratings"]["agents"]}
    assert met == {"random": 8, "llm": 4, "greedy": 4}


def test_a_failing_backend_is_no_loss(
    folder: Path, server: ScriptedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ("seeds=1", "run=run", "concurrency=1", "policy.attempts=1")
    with ScriptedServer(lambda received: Reply("overloaded", status=503)) as failing:
        assert main(["tournament", *asking(failing, *more)]) == 3
    told = capsys.readouterr()
    assert "To go on: lmgame tournament" in told.err or "To try again: lmgame tour" in told.err
    (game,) = games(folder)
    rows = {row["agent"]: row for row in game["agents"]}
    assert rows["llm"]["unfinished"] == 1
    assert (rows["llm"]["losses"], rows["llm"]["score"]["n"]) == (0, 0)
    assert main(["tournament", *asking(server, *more)]) == 0
    (game,) = games(folder)
    assert game["matches"]["unfinished"] == 0


def test_a_forfeit_is_a_loss_and_counted(folder: Path) -> None:
    words = ["seeds=1", "run=run", "policy.then=forfeit", "policy.retries=0", "anchors=random"]
    with ScriptedServer(lambda received: Reply("I would rather not.")) as unwilling:
        assert main(["tournament", *asking(unwilling, *words, "agent.structured=off")]) == 0
    (game,) = games(folder)
    rows = {row["agent"]: row for row in game["agents"]}
    assert (rows["llm"]["forfeits"], rows["llm"]["losses"], rows["random"]["wins"]) == (2, 2, 2)


def test_one_agent_plays_as_several(folder: Path) -> None:
    """Two models on two servers, and one of them with a memory as well."""
    with ScriptedServer(picks) as one, ScriptedServer(picks, models=["second"]) as other:
        words = asking(one, "seeds=1", "run=run", "anchors=random", "anchor_seeds=2")
        second = f"llm as=other backend.base_url={other.base_url} backend.model=second"
        words += [f"agents=[llm,llm harness=lmgame,{second}]"]
        assert main(["tournament", *words]) == 0
        (game,) = games(folder)
        rows = {row["agent"]: row["model"] for row in game["agents"]}
        assert rows == {
            "llm": "scripted",
            "llm harness=lmgame": "scripted",
            "other": "second",
            "random": "",
        }
        # Whoever meets the second server is asked there, and the log says so.
        urls = {"": None, "scripted": one.base_url, "second": other.base_url}
        logs = [read(path) for path in (folder / "run" / "matches").iterdir()]
        for log in logs:
            for number, seat in enumerate(log.header.seats):
                assert log.header.backend_of(number).get("base_url") == urls[seat.model]
        assert {received.body["model"] for received in other.requests} == {"second"}
        assert {received.body["model"] for received in one.requests} == {"scripted"}
        assert main(["tournament", *words]) == 0


def test_a_missing_key_is_told_before_the_first_match(
    folder: Path, server: ScriptedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    other = "llm as=other backend.key_env=LMGAME_NO_SUCH_KEY"
    words = asking(server, "seeds=2", "run=run", f"agents=[llm,{other}]")
    assert main(["tournament", *words]) == 2
    assert "LMGAME_NO_SUCH_KEY" in capsys.readouterr().err
    assert not server.requests
    assert not list(folder.glob("run/matches/*"))


def test_what_is_said_of_one_game_is_for_it_alone(folder: Path) -> None:
    games_ = "games=[tic_tac_toe,sokoban game.difficulty=3,sokoban max_decisions=2]"
    words = [games_, "agents=[random,greedy]", "seeds=1", "anchor_seeds=3", "max_decisions=5"]
    assert main(["tournament", *words, "run=run"]) == 0
    found = {game["name"]: game for game in games(folder)}
    assert found["sokoban game.difficulty=3"]["arguments"]["difficulty"] == 3
    assert found["sokoban game.difficulty=3"]["max_decisions"] == 5
    assert found["sokoban max_decisions=2"]["max_decisions"] == 2
    assert found["tic_tac_toe"]["matches"]["finished"] == 6
    assert found["sokoban max_decisions=2"]["matches"]["finished"] == 6


class Rationed:
    """Answers so many requests as it may, and leaves the others waiting."""

    def __init__(self) -> None:
        self.goal: float = math.inf
        self.asked = 0

    def __call__(self, received: Received) -> Reply:
        self.asked += 1
        return (
            picks(received) if self.asked <= self.goal else Reply(break_after=0, ending="silence")
        )


def _spent(rationed: Rationed, process: subprocess.Popen[bytes]) -> bool:
    return rationed.asked >= rationed.goal or process.poll() is not None


def kill_and_resume(words: list[str], rationed: Rationed, kills: int, calls: int) -> int:
    """Kill a tournament again and again after some calls, then let it end; how many kills."""
    chance = random.Random(5)
    for number in range(kills):
        # However long the signal takes, no more than these are answered before it.
        rationed.goal = rationed.asked + chance.randint(1, calls)
        process = subprocess.Popen(
            [sys.executable, "-m", "lmgame.cli", "tournament", *words],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_for(partial(_spent, rationed, process), "calls", 60)
        process.kill()
        if process.wait() == 0:
            return number
    rationed.goal = math.inf
    assert main(["tournament", *words]) == 0
    return kills


@pytest.mark.parametrize(
    ("seeds", "kills", "calls"),
    [(4, 3, 12), pytest.param(40, 100, 7, marks=[pytest.mark.slow, pytest.mark.timeout(900)])],
)
def test_killed_at_any_moment_it_ends_with_the_same_bytes(
    folder: Path, seeds: int, kills: int, calls: int
) -> None:
    rationed = Rationed()
    with ScriptedServer(rationed) as server:
        words = asking(server, f"seeds={seeds}")
        assert main(["tournament", *words, "run=whole"]) == 0
        asked = rationed.asked
        assert kill_and_resume([*words, "run=killed"], rationed, kills, calls) == kills
    again = rationed.asked - asked
    assert again <= asked + kills * 9  # at most what was in flight is asked again
    whole, killed = (folder / name / "tournament.json" for name in ("whole", "killed"))
    assert killed.read_bytes() == whole.read_bytes()
    matches = [
        {one.name for one in (folder / n / "matches").iterdir()} for n in ("whole", "killed")
    ]
    assert matches[0] == matches[1]


def test_a_second_process_refuses(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "run").mkdir()
    with (folder / "run" / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert main(["tournament", *SCRIPTED, "run=run"]) == 2
    assert "played by another process" in capsys.readouterr().err


def test_a_run_is_no_tournament(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["game=tic_tac_toe", "agents=[random,greedy]", "film=none", "run=run"]
    assert main(["play", *words]) == 0
    assert main(["tournament", *SCRIPTED, "run=run"]) == 2
    assert "choose another run=DIR" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["agents=[]", "anchors=[]"], "nobody takes part"),
        (["agents=[random,greedy,random]"], "random is named twice"),
        (["agents=[random]", "anchors=[]"], "nobody to play against random"),
        (["agents=[gredy]"], "did you mean 'greedy'?"),
        (["games=[]"], "there is no game"),
        (["games=[conect_four]"], "did you mean 'connect_four'?"),
        (["games=[tic_tac_toe,TicTacToe-v1]"], "named twice, also as tic_tac_toe"),
        (["schedule=single"], "tic_tac_toe has 2 seats; schedule=single"),
        (["schedule=knockout"], "schedule='knockout'"),
        (["agents=[random,greedy]", "anchors=[]", "schedule=gauntlet"], "write anchors=[random"),
        (["seeds=0"], "seeds=0"),
        (["game=tetris"], "unknown setting 'game'; did you mean 'games'?"),
        (["agents=human"], "lmgame play agent=human"),
        (["game.difficulty=3"], "'games=[tetris,sokoban game.difficulty=3]'"),
        (["games=[tic_tac_toe seed=3]"], "'seed=3' cannot be said of one game alone"),
        (["agents=[llm clock=realtime]"], "'clock=realtime' cannot be said of one agent alone"),
        (["agents=['']"], "agents: '' names nothing"),
        (["agents=[llm agent=greedy]"], "'agent=greedy' cannot be said of one agent alone"),
        (["agents=[llm as=]"], "write as=NAME"),
        (["agents=[llm harness=of]"], "did you mean 'off'?"),
        (["agents=[llm agent.temprature=1]"], "did you mean 'agent.temperature'"),
        (["agents=[greedy backend.mode=colocated]"], "greedy asks no model"),
        (["agents=[llm,llm harness=off]"], "llm harness=off is named twice, also as llm"),
        (["games=[tic_tac_toe,tic_tac_toe]"], "tic_tac_toe is named twice"),
        (["agents=[llm as=x,greedy as=x]"], "x is named twice"),
        (["anchor_seeds=3"], "write at least 10"),
    ],
)
def test_what_cannot_be_played_is_one_message(
    folder: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    assert main(["tournament", "games=[tic_tac_toe]", *words, "run=run"]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (folder / "run").exists()


def test_a_tournament_without_a_name_gets_one(folder: Path) -> None:
    assert Tournament(["games=tetris"], folder).path == folder / "tournament-001"
