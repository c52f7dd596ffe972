"""Console games on stable-retro's emulators; skipped where the extra is not installed."""

from __future__ import annotations

import asyncio
import gc
import importlib
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from lmgame import registry
from lmgame.agent import Agent, Seating
from lmgame.cli import main
from lmgame.errors import ConfigError, EmulatorError, MissingExtra, RomError, StateError
from lmgame.game import State
from lmgame.games.retro import Retro, emulator, integration
from lmgame.rng import Rng
from lmgame.testing import check_game
from lmgame.world import World
from tests.installed import make_or_skip
from tests.waiting import wait_for

from . import tiny_rom

DEFAULT = "Airstriker-Genesis-v0"


def made(**arguments: object) -> Retro:
    return cast(Retro, make_or_skip("Retro-v1", arguments))


def process(game: Retro) -> emulator.Emulator:
    """The emulator of a game that was begun."""
    assert game._emulator is not None
    return game._emulator


def play(game: Retro, seed: int, decisions: int) -> None:
    rng = Rng(seed)
    for _ in range(decisions):
        if game.acting():
            game.apply({0: rng.choice(game.actions(0).choices)})
            game.advance(game.pace())


@pytest.fixture
def counter(tmp_path: Path) -> Path:
    """The folder of a cartridge of our own; see tiny_rom.py."""
    made()
    return tiny_rom.write(tmp_path / "Counter")


def test_without_the_extra_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(integration, "find_spec", lambda name: None)
    integration._stable_retro.cache_clear()
    hint = "Retro-v1 needs stable-retro: pip install 'lmgame[retro]'"
    with pytest.raises(MissingExtra) as caught:
        registry.games.make("Retro-v1", {})
    assert str(caught.value) == hint
    assert main(["games", "retro"]) == 0
    page = capsys.readouterr().out
    assert "Observation (image)" in page
    assert hint in page
    assert main(["play", "game=retro", "agent=random"]) != 0
    assert hint in capsys.readouterr().err
    integration._stable_retro.cache_clear()


def test_it_plays_as_stable_retros_own_environment_does() -> None:
    """Frame by frame: screen, variables, reward and end, with the buttons by name."""
    game = made()
    game.reset(11)
    retro = importlib.import_module("stable_retro")
    environment: Any = retro.make(DEFAULT, render_mode=None)
    try:
        environment.reset()
        for _ in range(Rng(11).below(30)):
            environment.step(np.zeros(12, np.int8))
        rng, total, screens = Rng(4), 0.0, 0
        while not game.outcome():
            text = rng.choice(game.actions(0).choices)
            pressed = [name.upper() for name in text.split()[0].split("+")]
            keys = np.array([name in pressed for name in environment.buttons], np.int8)
            game.apply({0: text})
            for _ in range(int(text.split()[1])):
                screen, reward, done, _, info = environment.step(keys)
                total += reward
                if done:
                    break
            game.advance(game.pace())
            told = dict(line.split(": ") for line in game.text(0).split("\n")[:-1])
            assert {name: int(value) for name, value in told.items()} == info
            assert (total, done) == (game.scores()[0], game.outcome() is not None)
            assert np.array_equal(game.observe(0).picture.pixels, screen)
            screens += 1
        assert total > 0
        assert screens > 50
    finally:
        environment.close()


def test_text_and_image_are_of_the_same_moment() -> None:
    """The image is the screen and the text the memory, both as they were when they were taken."""
    game = made()
    for seed in range(3):
        game.reset(seed)
        seen = []
        for _ in range(70):
            seen.append((game.save(), game.observe(0)))
            play(game, len(seen), 1)
        for saved, then in seen:
            game.restore(saved)
            now = game.observe(0)
            assert now.text == then.text
            assert np.array_equal(now.picture.pixels, then.picture.pixels)


def test_rules_name_the_buttons_and_the_game() -> None:
    rules = made().rules
    assert DEFAULT in rules
    assert "`score`" in rules
    for name in ("up", "down", "left", "right", "A", "B", "C", "X", "Y", "Z"):
        assert f"`{name}`" in rules
    assert "catch the {fish}" in made(goal="catch the {fish}").rules
    assert "after 5 seconds" in made(seconds=5).rules


def test_held_buttons_are_let_go() -> None:
    """Whatever the frames are asked for in, the console sees the same."""
    whole, parts = made(), made()
    for game in (whole, parts):
        game.reset(0)
    rng = Rng(1)
    for _ in range(30):
        text = rng.choice(whole.actions(0).choices)
        whole.apply({0: text})
        parts.apply({0: text})
        assert whole.pace() == int(text.split()[1])
        whole.advance(25)
        for ticks in (0, 3, 1, 21):
            parts.advance(ticks)
    assert whole.fingerprint() == parts.fingerprint()


def test_a_saved_match_goes_on_in_another_process() -> None:
    one = made()
    one.reset(2)
    play(one, 0, 25)
    state = json.loads(json.dumps(one.save()))
    screen = one.observe(0).picture.pixels
    other = made()
    other.restore(state)
    assert process(one).pid != process(other).pid
    assert np.array_equal(other.observe(0).picture.pixels, screen)
    for number in range(60):
        assert one.fingerprint() == other.fingerprint()
        assert (one.scores(), one.statistics(0)) == (other.scores(), other.statistics(0))
        play(one, number, 1)
        play(other, number, 1)
    assert one.scores()[0] > 0


def test_what_a_score_was_at_its_saving_is_not_counted_again() -> None:
    game = made()
    game.reset(2)
    play(game, 0, 60)
    state, score = game.save(), game.scores()
    assert score[0] > 0
    for _ in range(2):
        game.reset(0)
        game.restore(state)
        game.advance(1)
        assert game.scores() == score


@pytest.mark.parametrize("damage", ["swapped", "empty"])
def test_a_damaged_machine_is_refused_and_nothing_changes(damage: str) -> None:
    game = made()
    game.reset(2)
    play(game, 0, 5)
    before, state = game.fingerprint(), game.save()
    counted = {"swapped": emulator_state(b"nothing that a console was in"), "empty": ""}
    with pytest.raises(StateError):
        game.restore({**state, "machine": counted[damage]})
    assert game.fingerprint() == before
    late: State = {**state, "tick": 10**9}
    with pytest.raises(StateError, match="later than the end"):
        game.restore(late)


def emulator_state(content: bytes) -> str:
    state = importlib.import_module("lmgame.games.retro.state")
    written = state.write("", {}, state.Course(), content)
    return str(written["machine"])


def test_two_consoles_race_side_by_side() -> None:
    made()
    race = registry.games.make("Race-v1", {"of": "retro", "by": "time"})
    race.reset(0)
    assert race.spec.needs_image
    assert race.spec.title == DEFAULT
    race.apply({0: "left 60", 1: "right 60"})
    race.advance(race.pace())
    one, other = (race.observe(seat).picture.pixels for seat in (0, 1))
    assert not np.array_equal(one, other)


def test_a_crash_is_one_error_and_the_next_match_begins_anew() -> None:
    game = made()
    game.reset(0)
    first = process(game).pid
    os.kill(first, signal.SIGSEGV)
    with pytest.raises(EmulatorError, match=f"emulator of {DEFAULT} ended .signal 11"):
        game.advance(10)
    game.reset(0)
    game.advance(10)
    assert process(game).pid != first


def test_an_emulator_that_hangs_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    game = made()
    game.reset(0)
    monkeypatch.setattr(emulator, "PATIENCE_S", 0.2)
    os.kill(process(game).pid, signal.SIGSTOP)
    with pytest.raises(EmulatorError, match=r"did not answer for 0 s; it was stopped"):
        game.advance(10)
    assert not process(game).alive
    with pytest.raises(EmulatorError, match="ended"):
        game.fingerprint()


def test_an_interrupted_emulator_is_not_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    game = made()
    game.reset(0)

    def interrupted(connection: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(emulator, "receive", interrupted)
        with pytest.raises(KeyboardInterrupt):
            game.advance(10)
    assert not process(game).alive
    game.reset(0)
    assert game.tick == 0


def test_few_emulators_outlive_their_games() -> None:
    games = [made() for _ in range(4)]
    for game in games:
        game.reset(0)
    emulators = [process(game) for game in games]
    assert len({one.pid for one in emulators}) == 4
    del game
    games.clear()
    gc.collect()
    assert sum(one.alive for one in emulators) <= emulator.MOST_IDLE


@pytest.mark.parametrize("end", ["exit", "kill"])
def test_emulators_end_with_the_process_that_started_them(end: str) -> None:
    made()
    code = (
        "import sys; from lmgame import registry; game = registry.games.make('Retro-v1', {})\n"
        "game.reset(0); print(game._emulator.pid, flush=True); sys.stdin.readline()"
    )
    owner = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout is not None
    pid = int(owner.stdout.readline())
    if end == "kill":
        owner.kill()
    owner.communicate("\n" if end == "exit" else None)
    wait_for(lambda: not runs(pid), "the emulator's end")


def runs(pid: int) -> bool:
    """Whether a process is there and has not ended (one that nobody waited for has)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    return not (status.exists() and status.read_text().rpartition(")")[2].split()[0] == "Z")


def test_another_console_with_a_cartridge_of_ones_own(counter: Path) -> None:
    """Game Boy Advance: an integration of one's own is all that a game needs."""
    game = made(integration=str(counter))
    game.reset(0)
    assert game.text(0) == "count: 0\nscreen: 240 by 160 pixels"
    for text, count in (("A 5", 5), ("wait 5", 5), ("A+L 20", 25), ("SELECT 9", 25)):
        game.apply({0: text})
        game.advance(game.pace())
        assert game.statistics(0) == {"count": count}
        dot = game.observe(0).picture.pixels[0, 0]
        assert dot[0] == (count % 32) * 8, "red has the five lower bits of fifteen"
    game.apply({0: "A 60"})
    game.advance(60)
    outcome = game.outcome()
    assert outcome is not None
    assert outcome.reason == "the game is over"
    assert game.tick == 39 + 25, "the match ends at the frame that ends the game"
    assert outcome.scores == pytest.approx((5.0,))


@pytest.mark.slow
def test_an_integration_of_ones_own_keeps_the_contract(counter: Path) -> None:
    check_game(lambda: made(integration=str(counter), seconds=60), seeds=(3, 4))


def test_a_match_ends_when_time_is_out(counter: Path) -> None:
    game = made(integration=str(counter), seconds=1)
    game.reset(0)
    game.advance(59)
    assert game.outcome() is None
    game.advance(59)
    outcome = game.outcome()
    assert outcome is not None
    assert (outcome.reason, game.tick) == ("out of time", 60)


SCRIPT = """
local most = 0
function reward()
    local gained = math.max(data.count - most, 0)
    most = math.max(data.count, most)
    return gained * gained
end
"""


def test_a_script_with_a_memory_is_restored_by_playing_again(tmp_path: Path) -> None:
    made()
    folder = tiny_rom.write(
        tmp_path / "Scripted", reward={"script": "lua:reward"}, scripts=["reward.lua"]
    )
    (folder / "reward.lua").write_text(SCRIPT)
    game, other = (made(integration=str(folder)) for _ in range(2))
    assert "a script" in game.rules
    game.reset(5)
    for text in ("A 10", "wait 3", "A 5"):
        game.apply({0: text})
        game.advance(4)
        game.advance(game.pace())
    state = json.loads(json.dumps(game.save()))
    assert state["machine"] == ""
    assert game.scores() == (15.0,)
    other.restore(state)
    for each in (game, other):
        each.apply({0: "A 7"})
        each.advance(9)
    assert game.fingerprint() == other.fingerprint()
    before = game.fingerprint()
    with pytest.raises(StateError, match="do not lead to"):
        game.restore({**state, "score": 900.0})
    assert game.fingerprint() == before


def test_a_rom_is_found_by_its_hash(
    counter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    roms = tmp_path / "roms" / "gba"
    roms.mkdir(parents=True)
    (roms / "a.gba").write_bytes(b"another game")
    shutil.move(counter / "rom.gba", roms / "the right one.gba")
    with pytest.raises(RomError, match=r"no ROM of Counter \(SHA-1 .*LMGAME_ROMS"):
        made_here(integration=str(counter))
    for place in (tmp_path / "roms", roms / "the right one.gba"):
        monkeypatch.setenv("LMGAME_ROMS", str(place))
        game = made_here(integration=str(counter))
        assert game._made.cartridge.rom.endswith("the right one.gba")
    monkeypatch.setenv("LMGAME_ROMS", str(tmp_path / "missing"))
    with pytest.raises(RomError, match="no ROM of Counter"):
        made_here(integration=str(counter))
    with pytest.raises(RomError, match="is not the ROM of Counter: its SHA-1 is"):
        made_here(integration=str(counter), rom=str(roms / "a.gba"))
    (counter / "rom.sha").unlink()
    with pytest.raises(RomError, match="no ROM of Counter: name it"):
        made_here(integration=str(counter))


def made_here(**arguments: object) -> Retro:
    """A game whose missing ROM is an error here, not a reason to skip."""
    return cast(Retro, registry.games.make("Retro-v1", arguments))


@pytest.mark.parametrize(
    ("arguments", "error", "reason"),
    [
        ({"game": "Airstriker-Genesys"}, ConfigError, "no such game; did you mean Airstriker-"),
        ({"game": "Qx"}, ConfigError, "no such game"),
        ({"game": "SonicTheHedgehog-Genesis"}, RomError, "no ROM of SonicTheHedgehog-Genesis-v"),
        ({"state": "Level9"}, ConfigError, "no state 'Level9'; there are Level1"),
        ({"state": "../Level1"}, ConfigError, "no state"),
        ({"scenario": "contest"}, ConfigError, "no scenario 'contest'; there are scenario"),
        ({"rom": "/no/such.md"}, RomError, "cannot be read"),
        ({"rom": "game.exe"}, RomError, "no console has '.exe' files"),
        ({"integration": "/no/such"}, ConfigError, "no data.json"),
        ({"goal": ""}, ConfigError, "goal=''"),
        ({"game": 7}, ConfigError, "game=7"),
        ({"seconds": 0}, ConfigError, "seconds=0"),
        ({"seconds": True}, ConfigError, "seconds=True"),
    ],
)
def test_mistakes_say_what_to_do(
    arguments: dict[str, object], error: type[Exception], reason: str
) -> None:
    made()
    with pytest.raises(error, match=reason):
        made_here(**arguments)


@pytest.mark.parametrize("name", ["data.json", "scenario.json"])
def test_a_broken_integration_is_named(counter: Path, name: str) -> None:
    (counter / name).write_text("{")
    with pytest.raises((ConfigError, EmulatorError), match=rf"cannot read .*{name}|cannot be read"):
        made_here(integration=str(counter)).reset(0)


def test_a_start_state_and_power_on() -> None:
    usual, on = made(game="Airstriker-Genesis"), made(state="power-on")
    for game in (usual, on):
        game.reset(0)
    assert usual.spec.title == DEFAULT
    assert not np.array_equal(usual.observe(0).picture.pixels, on.observe(0).picture.pixels)
    with pytest.raises(StateError, match="saved with files"):
        on.restore(usual.save())


def test_the_anchor_shoots_better_than_chance() -> None:
    """Ten seconds: chance has hit one or two, the anchor more."""
    for seed in (0, 1):
        scores: dict[str, float] = {}
        for name in ("random", "greedy"):
            game = made(seconds=10)
            agent = registry.agents.make(name, {"seating": Seating(game.spec, 0, seed)})
            scores[name] = finished(game, agent, seed)
        assert scores["greedy"] >= scores["random"] + 60, scores


def finished(game: Retro, agent: Agent, seed: int) -> float:
    world = World(game, seed)
    while not world.over:
        world.offer(lambda seat: None)
        decision = asyncio.run(agent.decide(world.turns[0]))
        world.land({0: decision.action})
        world.advance(game.pace())
    return game.scores()[0]


def test_the_anchor_says_what_it_cannot_play(counter: Path) -> None:
    game = made(integration=str(counter))
    with pytest.raises(ConfigError, match="only with Airstriker-Genesis-v0, not with Counter"):
        registry.agents.make("greedy", {"seating": Seating(game.spec, 0, 0)})
