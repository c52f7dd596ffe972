"""A person at the keyboard, played by a robot: real events in, real windows out."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pygame
import pytest

from lmgame import record
from lmgame.agents.human.scene import Scene
from lmgame.agents.human.window import Window
from lmgame.cli import main
from lmgame.record import Log

Robot = Callable[[Scene], Iterator[None]]


def press(key: int, text: str = "") -> None:
    pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=key, unicode=text, mod=0, scancode=0))


def release(key: int) -> None:
    pygame.event.post(pygame.event.Event(pygame.KEYUP, key=key, unicode="", mod=0, scancode=0))


def tap(key: int, text: str = "") -> None:
    press(key, text)
    release(key)


def write(text: str) -> None:
    for letter in text:
        tap(ord(letter.lower()), letter)


class Screen:
    """What the window shows, and a robot that acts on it; each step sees a newer scene."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.scenes: list[Scene] = []
        self.steps: Iterator[None] = iter(())
        self.sizes: list[tuple[int, int]] = []
        drawn, happened = Window.draw, Window.events

        def draw(window: Window, scene: Scene) -> None:
            drawn(window, scene)
            self.scenes.append(scene)
            surface = pygame.display.get_surface()
            assert surface is not None
            self.sizes.append(surface.get_size())

        def events(window: Window) -> list[pygame.event.Event]:
            if self.scenes:
                next(self.steps, None)
            return happened(window)

        monkeypatch.setattr(Window, "draw", draw)
        monkeypatch.setattr(Window, "events", events)

    @property
    def scene(self) -> Scene:
        return self.scenes[-1]

    def until(self, wanted: Callable[[Scene], object]) -> Iterator[None]:
        while not wanted(self.scene):
            yield


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Screen:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    monkeypatch.chdir(tmp_path)
    return Screen(monkeypatch)


def play(screen: Screen, steps: Iterator[None], *words: str) -> int:
    screen.steps = steps
    return main(["play", "film=none", "run=run", *words])


def log() -> Log:
    (path,) = Path("run/matches").iterdir()
    return record.read(path)


def close() -> Iterator[None]:
    """Press keys until the match that is over is closed."""
    while True:
        tap(pygame.K_SPACE)  # the game's keys do not close it
        tap(pygame.K_RETURN)
        yield


def over(scene: Scene) -> bool:
    return "close the window" in scene.prompt


def test_a_game_against_an_agent_with_its_own_keys(screen: Screen) -> None:
    def robot() -> Iterator[None]:
        while not over(screen.scene):
            for cell in "123456789":
                yield from screen.until(lambda one: one.status[0] == "your turn" or over(one))
                write(cell)
                yield
        yield from close()

    assert play(screen, robot(), "game=tic_tac_toe", "agents=[human,greedy]", "seed=3") == 0
    played = log()
    assert played.result is not None
    assert played.result.end == "over"
    assert [seat.agent for seat in played.header.seats] == ["human", "greedy"]
    assert {one.outcome for one in played.played} == {"ok"}
    last = screen.scenes[-1]
    assert last.status[0].startswith(("you lose", "a draw"))
    assert last.hints[0] == ("1", "mark 1")
    # Each turn shows another board, and so does the end, which is no turn.
    boards = {scene.picture.pixels.tobytes() for scene in screen.scenes if scene.picture}
    assert len(boards) > sum(one.seat == 0 for one in played.played)


def test_what_the_rules_refuse_is_told_and_is_no_decision(screen: Screen) -> None:
    def robot() -> Iterator[None]:
        yield from screen.until(lambda one: one.status[0] == "your turn")
        write("Ke5")
        tap(pygame.K_RETURN)
        yield from screen.until(lambda one: one.trouble)
        assert "e5" in screen.scene.trouble
        assert screen.scene.line == "Ke5"
        for _ in "Ke5":
            tap(pygame.K_BACKSPACE)
        write("d2d")
        tap(pygame.K_RETURN)
        yield from screen.until(lambda one: "d2d" in one.trouble)
        tap(pygame.K_DOWN)
        yield from screen.until(lambda one: one.chosen == 0)
        assert screen.scene.choices[0] == "d2d3"
        tap(pygame.K_RETURN)

    words = ("game=chess", "agents=[human,greedy]", "max_decisions=1", "game.opening=0")
    assert play(screen, robot(), *words) == 0
    first = log().played[0]
    assert (first.action, first.outcome, len(first.tries)) == ("d2d3", "ok", 1)


def test_an_action_that_is_not_offered_can_be_typed(screen: Screen) -> None:
    def robot() -> Iterator[None]:
        yield from screen.until(lambda one: one.status[0] == "your turn")
        assert "raise to 40" not in screen.scene.choices
        write("rai")
        tap(pygame.K_TAB)
        yield from screen.until(lambda one: one.line == "raise to ")
        write("40")
        tap(pygame.K_RETURN)

    words = ("game=holdem", "agents=[human,greedy]", "max_decisions=1")
    assert play(screen, robot(), *words) == 0
    assert log().played[0].action == "raise to 40"


def test_tetris_runs_in_real_time_and_keys_are_its_inputs(screen: Screen) -> None:
    def robot() -> Iterator[None]:
        yield from screen.until(lambda one: one.banner)
        tap(pygame.K_SPACE)  # begins, and drops nothing
        yield from screen.until(lambda one: not one.banner)
        tap(pygame.K_LEFT)
        tap(pygame.K_UP)
        while not over(screen.scene):
            tap(pygame.K_SPACE)
            yield
        yield from close()

    assert play(screen, robot(), "game=tetris", "agent=human") == 0
    played = log()
    assert played.result is not None
    assert played.result.end == "over"
    assert played.header.clock["kind"] == "realtime"
    assert played.header.max_decisions is None
    actions = [one.action for one in played.played]
    assert actions[:2] == ["press left", "press cw"]
    assert set(actions[2:]) == {"press drop"}
    assert len({scene.picture.pixels.tobytes() for scene in screen.scenes if scene.picture}) >= 10
    assert main(["replay", "run", "--verify"]) == 0


def test_held_keys_are_held_and_a_closed_window_can_be_gone_on_with(
    screen: Screen, capsys: pytest.CaptureFixture[str]
) -> None:
    def robot(tiles: float) -> Iterator[None]:
        yield from screen.until(lambda one: one.banner)
        tap(pygame.K_SPACE)
        press(pygame.K_RIGHT)
        yield from screen.until(lambda one: one.scores[0][1] >= tiles)
        release(pygame.K_RIGHT)
        yield from screen.until(lambda one: one.last[0] == "last: wait 1")
        pygame.event.post(pygame.event.Event(pygame.QUIT))

    command = ("game=platformer", "agent=human")
    assert play(screen, robot(1), *command) == 130
    told = capsys.readouterr().err
    assert "To go on: lmgame play film=none game=platformer agent=human run=run" in told
    first = log()
    assert first.result is None
    assert [one.action for one in first.played][-1] == "wait 1"
    held = [one for one in first.played if one.action == "right 8"]
    # Renewed before the eight frames are over, so that nothing jerks; a loaded machine may
    # be late now and then.
    gaps = sorted(later.tick - one.tick for one, later in pairwise(held))
    assert gaps[len(gaps) // 2] <= 8
    screen.scenes.clear()
    assert play(screen, robot(2), *command) == 130
    assert log().played[: len(first.played)] == first.played
    assert len(log().played) > len(first.played)
    assert main(["replay", "run", "--verify"]) == 0


def test_under_a_paused_clock_the_world_waits_for_the_keys(screen: Screen) -> None:
    def robot() -> Iterator[None]:
        yield from screen.until(lambda one: one.banner)
        tap(pygame.K_SPACE)
        for _ in range(20):
            yield
        press(pygame.K_RIGHT)

    words = ("game=platformer", "agent=human", "clock=paused", "max_decisions=3")
    assert play(screen, robot(), *words) == 0
    played = log()
    assert [(one.action, one.tick) for one in played.played] == [
        ("right 8", 0), ("right 8", 8), ("right 8", 16),
    ]  # fmt: skip


def test_a_race_has_the_keys_of_what_is_raced(screen: Screen) -> None:
    def robot() -> Iterator[None]:
        yield from screen.until(lambda one: one.banner)
        tap(pygame.K_SPACE)
        tap(pygame.K_SPACE)
        yield from screen.until(lambda one: one.scores[1][1] > 100)
        while not over(screen.scene):
            tap(pygame.K_SPACE)
            yield
        yield from close()

    words = ("game=race", "game.of=tetris", "game.by=time", "agents=[human,greedy]")
    assert play(screen, robot(), *words) == 0
    played = log()
    assert played.header.arguments["arguments"] == {"actions": "all"}
    mine, theirs = ([one for one in played.played if one.seat == seat] for seat in (0, 1))
    assert {one.action for one in mine} == {"press drop"}
    # The person's hand is as fast as it is; the other's takes the game's pace.
    assert min(b.tick - a.tick for a, b in pairwise(mine)) < 12
    assert min(b.tick - a.tick for a, b in pairwise(theirs)) >= 12


def test_escape_leaves_before_anything_was_played(
    screen: Screen, capsys: pytest.CaptureFixture[str]
) -> None:
    def robot() -> Iterator[None]:
        yield from screen.until(lambda one: one.banner)
        tap(pygame.K_ESCAPE)

    assert play(screen, robot(), "game=pong", "agents=[human,greedy]") == 130
    assert "Nothing was played yet" in capsys.readouterr().err


def test_rules_can_be_read_and_the_window_resized(screen: Screen) -> None:
    def robot() -> Iterator[None]:
        yield from screen.until(lambda one: one.status[0] == "your turn")
        tap(pygame.K_F1)
        yield from screen.until(lambda one: one.rules)
        assert "Example: drop 4" in (screen.scene.rules or "")
        tap(pygame.K_SPACE)
        yield from screen.until(lambda one: one.rules is None)
        for size in ((300, 200), (1600, 1200)):
            pygame.display.set_mode(size, pygame.RESIZABLE)
            tap(pygame.K_LSHIFT)
            yield from screen.until(lambda _: screen.sizes[-1] == size)  # noqa: B023 - used up in this step
        write("9")
        yield from screen.until(lambda one: one.hints)
        write("4")

    words = ("game=connect_four", "agents=[human,greedy]", "max_decisions=1")
    assert play(screen, robot(), *words) == 0
    assert log().played[0].action == "drop 4"


def test_a_window_that_breaks_suspends_the_match(
    screen: Screen, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(window: Window, scene: Scene) -> None:
        raise pygame.error("the display went away")

    monkeypatch.setattr(Window, "draw", broken)
    words = ("game=tic_tac_toe", "agents=[human,greedy]", "policy.backoff_s=0")
    assert play(screen, iter(()), *words) == 3
    assert "the display went away" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["game=tetris", "agent=human", "concurrency=2"], "write concurrency=1"),
        (["game=pong", "agents=[human,human]"], "write agents=[human,greedy]"),
        (["game=tetris", "agent=human", "agent.scale=9"], "agent.scale=9"),
        (["game=tetris", "agent=human", "agent.keys=nowhere.yaml"], "agent.keys=nowhere.yaml"),
    ],
)
def test_what_a_person_cannot_do_is_told_before_the_match(
    screen: Screen, words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert play(screen, iter(()), *words) == 2
    assert told in capsys.readouterr().err
    assert not Path("run").exists()


@pytest.mark.parametrize(
    ("surroundings", "told"),
    [
        ({}, "neither DISPLAY nor WAYLAND_DISPLAY is set"),
        ({"SDL_VIDEODRIVER": "x11"}, "x11 not available"),
        ({"DISPLAY": ":7777"}, "nothing answers at DISPLAY=:7777"),
    ],
)
def test_without_a_screen_one_line_says_what_to_do(
    tmp_path: Path, surroundings: dict[str, str], told: str
) -> None:
    hidden = ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER", "SDL_VIDEO_DRIVER")
    kept = {key: value for key, value in os.environ.items() if key not in hidden}
    kept["XDG_RUNTIME_DIR"] = str(tmp_path)  # without it libwayland writes a line of its own
    done = subprocess.run(
        [sys.executable, "-m", "lmgame.cli", "play", "game=tetris", "agent=human", "run=run"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=kept | surroundings,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert told in done.stderr
    assert "ssh -X" in done.stderr
    assert not (tmp_path / "run").exists()


def test_nothing_but_results_on_standard_output(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import lmgame.agents.human"], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
