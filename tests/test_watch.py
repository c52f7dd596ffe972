"""What a run looks like while it is played, on a terminal and in a pipe."""

from __future__ import annotations

import asyncio
import io
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from lmgame import config
from lmgame.clock import Paused
from lmgame.game import Game
from lmgame.games.tetris import Tetris, TetrisVersus
from lmgame.match import Match
from lmgame.plan import Planned
from lmgame.record import Played, Result, Suspended
from lmgame.scene import MORE, shorten
from lmgame.watch import EVERY_S, FEW, HEARTBEAT_S, TICK_S, Watch
from lmgame.world import World
from tests.nim import Nim
from tests.table import Answer, Told, header, spread
from tests.waiting import wait_for

SIZES = [(60, 20), (80, 24), (120, 40)]
SETTINGS = config.load([])
GAMES: list[Callable[[], Game]] = [Tetris, TetrisVersus, Nim]


class Stage:
    """A watch with a clock that stands still, and what it shows."""

    def __init__(
        self, width: int = 80, height: int = 24, terminal: bool = True, total: int = 4
    ) -> None:
        self.now = 0.0
        self.file = io.StringIO()
        self.console = Console(
            width=width,
            height=height,
            force_terminal=terminal,
            color_system=None,
            file=self.file,
            _environ={},
        )
        self.watch = Watch(self.console, total, lambda: self.now)

    def frame(self) -> list[str]:
        """The lines that the screen shows now."""
        with self.console.capture() as capture:
            self.console.print(self.watch)
        return capture.get().removesuffix("\n").split("\n")

    @property
    def picture(self) -> str:
        return "\n".join(self.frame())

    @property
    def written(self) -> str:
        return self.file.getvalue()


def plan(seed: int, anchor: bool = False, asks: bool = True, make: type[Game] = Tetris) -> Planned:
    head = header(make(), seed=seed, max_decisions=40, backend={"model": "m"} if asks else {})
    return Planned(head, Path(f"match-{seed}.jsonl"), SETTINGS, f"seed {seed}", anchor)


def play(
    stage: Stage, make: Callable[[], Game], each: Callable[[], None], answer: Answer = spread
) -> None:
    """Play a match under the watch and look after every landing."""
    game = make()
    head = header(game, seed=3, max_decisions=12)
    planned = Planned(head, Path("match.jsonl"), SETTINGS, "seed 3")
    stage.watch.follow(planned)

    class Looking:
        def played(self, world: World, lines: Sequence[Played]) -> None:
            stage.watch.played(planned, world, lines)
            each()

    agents = [Told(answer) for _ in game.spec.seats]
    clock = Paused()
    asyncio.run(Match(planned.header, game, agents, clock, observer=Looking()).play())


def land(stage: Stage, planned: Planned) -> None:
    """Tell a watch of the first decision of a match."""
    lines: list[Played] = []
    worlds: list[World] = []

    class Keeping:
        def played(self, world: World, landed: Sequence[Played]) -> None:
            worlds.append(world)
            lines.extend(landed)

    game = Tetris()
    head = replace(planned.header, max_decisions=1)
    asyncio.run(Match(head, game, [Told(spread)], Paused(pace=1), observer=Keeping()).play())
    stage.watch.played(planned, worlds[0], lines)


def ended(decisions: int = 3, end: Literal["over", "max_decisions"] = "over") -> Result:
    return Result(end, (7.0,), None, "topped out", (decisions,), 3, ({},), "")


# The picture


@pytest.mark.parametrize("make", GAMES)
@pytest.mark.parametrize(("width", "height"), [*SIZES, (40, 20), (80, 6), (20, 3), (200, 60)])
def test_the_picture_never_exceeds_the_screen(
    make: Callable[[], Game], width: int, height: int
) -> None:
    stage = Stage(width, height)

    def fits() -> None:
        frame = stage.frame()
        assert len(frame) < height
        assert max(len(line.rstrip()) for line in frame) <= width - len("^C")  # room for its echo
        assert "0/4" in frame[0]

    fits()
    play(stage, make, fits)


@pytest.mark.parametrize("make", [Tetris, TetrisVersus])
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_what_matters_is_in_the_picture(make: Callable[[], Game], width: int, height: int) -> None:
    stage = Stage(width, height)

    def shows() -> None:
        for word in ("0/4 matches", " of 12", "waiting 0 s", "score ", "(ok)"):
            assert word in stage.picture
        for word in ("time to action", "TTFT 100 ms", "0123456789", "seed 3", "piece "):
            assert word in stage.picture

    play(stage, make, shows)


def test_facts_stand_beside_the_board_and_the_stack_is_whole() -> None:
    stage = Stage(80, 24)
    play(stage, Tetris, lambda: None)
    frame = stage.frame()
    beside = next(line for line in frame if "decision 12 of 12" in line)
    assert beside.startswith("│ ..........  decision")
    assert frame[-1].startswith("╰")
    assert frame[-2].startswith("│ 0123456789")
    assert not any("…" in line for line in frame)


def test_each_seat_is_named_and_keeps_its_facts() -> None:
    stage = Stage(120, 40)
    play(stage, Nim, lambda: None)
    assert "first (told): take" in stage.picture
    assert "second (told): take" in stage.picture


def test_a_refused_answer_shows() -> None:
    stage = Stage()
    play(stage, Nim, lambda: None, lambda turn: replace(spread(turn), action="take 9"))
    assert "(illegal)" in stage.picture


# Shortening a text


def test_runs_give_way_first_and_only_as_far_as_they_must() -> None:
    rows = ["head", *["...."] * 6, "..x.", *["####"] * 4, "foot"]
    assert shorten(rows, 13) == rows
    assert shorten(rows, 12) == ["head", *["...."] * 4, MORE, "..x.", *["####"] * 4, "foot"]
    assert shorten(rows, 7) == ["head", "....", MORE, "..x.", "####", MORE, "foot"]


def test_without_runs_the_middle_goes() -> None:
    rows = [str(number) for number in range(10)]
    assert shorten(rows, 6) == ["0", MORE, "6", "7", "8", "9"]
    assert shorten(rows, 2) == ["8", "9"]
    assert shorten(rows, 0) == []


def test_cuts_do_not_pile_up() -> None:
    rows = ["a", "b", *["."] * 9, *"cdefghijk"]
    for room in range(3, 12):
        found = shorten(rows, room)
        assert [MORE, MORE] not in [found[n : n + 2] for n in range(len(found))]


@given(st.lists(st.sampled_from("abc")), st.integers(0, 30))
def test_a_shortened_text_fits_and_ends_as_the_whole_one(rows: list[str], room: int) -> None:
    found = shorten(rows, room)
    assert len(found) <= room
    assert len(rows) > room or found == rows
    last = [row for row in found[-1:] if row != MORE]
    assert not last or last == rows[-1:]


# Places


def seeds(stage: Stage) -> list[str]:
    """The seeds in the order of their places."""
    line = next((line for line in stage.frame() if "seed" in line), "")
    return line.replace("─", " ").replace("╭", " ").replace("╮", " ").split()[1::2]


def test_a_match_keeps_its_place_until_it_ends() -> None:
    stage = Stage(160, 24)
    plans = [plan(seed) for seed in range(5)]
    for one in plans[:4]:
        stage.watch.follow(one)
    assert seeds(stage) == ["0", "1", "2", "3"]
    for number in (2, 0, 3, 1, 1, 2):
        land(stage, plans[number])
        assert seeds(stage) == ["0", "1", "2", "3"]
    stage.watch.finished(plans[1], ended())
    assert seeds(stage) == ["0", "2", "3"]
    stage.watch.follow(plans[4])
    assert seeds(stage) == ["0", "4", "2", "3"]


def test_matches_out_of_sight_are_counted_and_move_up() -> None:
    stage = Stage(80, 24)
    plans = [plan(seed) for seed in range(4)]
    for one in plans:
        stage.watch.follow(one)
    assert seeds(stage) == ["0", "1"]
    assert "and 2 more" in stage.picture
    stage.watch.finished(plans[0], ended())
    assert seeds(stage) == ["2", "1"]
    assert "and 1 more" in stage.picture
    stage.watch.finished(plans[3], ended())
    assert "more" not in stage.picture


def test_a_wider_screen_shows_more() -> None:
    stage = Stage(80, 24)
    for seed in range(4):
        stage.watch.follow(plan(seed))
    stage.frame()
    stage.console.width = 120
    assert seeds(stage) == ["0", "1", "2"]


# Signs of life


def test_the_picture_counts_the_wait() -> None:
    stage = Stage()
    planned = plan(0)
    stage.watch.follow(planned)
    assert "no decision yet" in stage.picture
    land(stage, planned)
    stage.now = 23.4
    assert "waiting for the backend: 23 s since the last decision" in stage.picture
    assert "waiting 23 s" in stage.picture
    assert "0:23" in stage.frame()[0]


def test_scripted_players_are_not_called_a_backend() -> None:
    stage = Stage()
    stage.watch.follow(plan(0, asks=False))
    assert "waiting for the players" in stage.picture


def test_what_is_said_and_anchors_show_with_their_time() -> None:
    stage = Stage()
    stage.watch.say("loading the model")
    stage.now = 4
    assert "loading the model: 4 s so far" in stage.picture
    assert stage.watch.follow(plan(0, anchor=True)) is None
    stage.now = 6
    stage.watch.follow(plan(1, anchor=True))
    assert "playing the anchors: 2 s so far" in stage.picture


def test_a_pipe_gets_a_heartbeat_though_nothing_lands() -> None:
    stage = Stage(40, terminal=False)
    planned = plan(0)
    stage.watch.follow(planned)
    land(stage, planned)
    stage.watch.tick()
    assert stage.written == ""
    stage.now = HEARTBEAT_S
    stage.watch.tick()
    stage.watch.tick()
    assert stage.written == "  0/4 matches, 0:09, ? left, 0.11 calls/s\n"
    stage.now = 23
    stage.watch.tick()
    last = stage.written.splitlines()[-1]
    assert last == "  waiting for the backend: 23 s since the last decision"
    assert HEARTBEAT_S + TICK_S < 10


def test_lines_that_tell_something_put_the_heartbeat_off() -> None:
    stage = Stage(terminal=False)
    stage.watch.follow(plan(0))
    stage.now = 8
    stage.watch.finished(plan(1), ended())
    stage.now = 12
    stage.watch.tick()
    assert len(stage.written.splitlines()) == 1


def test_a_pipe_is_told_how_matches_ended() -> None:
    stage = Stage(40, terminal=False, total=3)
    stage.watch.say("starting")
    stage.watch.finished(plan(0), ended(1))
    stage.watch.finished(plan(1), ended(40, "max_decisions"))
    stage.watch.finished(plan(2), Suspended(0, 4, "refused", (), 1.0))
    stage.watch.finished(plan(0, anchor=True), ended())
    assert stage.written.splitlines() == [
        "starting",
        "[1/3] seed 0: score 7 after 1 decision (topped out)",
        "[2/3] seed 1: score 7 after 40 decisions (the most there may be)",
        "[3/3] seed 2: suspended: refused",
    ]


@pytest.mark.parametrize("seconds", [3.0, 60.0, 3600.0])
def test_a_thousand_matches_take_about_a_hundred_lines(seconds: float) -> None:
    stage = Stage(terminal=False, total=1000)
    one = plan(0)
    stage.watch.follow(one)
    land(stage, one)
    for number in range(1000):
        stage.now = seconds * (number + 1) / 1000
        stopped = number in (300, 301)
        end = Suspended(0, 4, "refused", (), 1.0) if stopped else ended()
        stage.watch.finished(replace(one, title=f"seed {number}"), end)
        stage.watch.tick()
    lines = stage.written.splitlines()
    assert len(lines) <= 100
    assert lines[0].startswith("[1/1000] seed 0: score 7")
    assert lines[-1].startswith("[1000/1000] seed 999: score 7")
    assert sum("suspended: refused" in line for line in lines) == 2
    if seconds > EVERY_S:
        told = [line for line in lines if "/1,000 matches, " in line]
        assert len(told) > 10
        assert all(" left, " in line and " calls/s" in line for line in told)


def test_what_was_not_told_is_told_at_the_end() -> None:
    stage = Stage(terminal=False, total=FEW + 1)
    with stage.watch:
        for number in range(20):
            stage.watch.finished(plan(number), ended())
    first, last = stage.written.splitlines()
    assert first.startswith(f"[1/{FEW + 1}] ")
    assert last == f"  20/{FEW + 1} matches, 0:00, 0 decisions"


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        (22, "1/200 matches, 0:02"),
        (36, "1/200 matches, 0:02, 6:38 left"),
        (60, "1/200 matches, 0:02, 6:38 left, 0.50 calls/s"),
    ],
)
def test_the_first_line_tells_what_fits(width: int, expected: str) -> None:
    stage = Stage(width, total=200)
    planned = plan(0)
    stage.watch.follow(planned)
    stage.now = 2.0
    land(stage, planned)
    stage.watch.finished(planned, ended())
    assert stage.frame()[0].rstrip().endswith(expected)


@pytest.mark.parametrize("terminal", [True, False])
def test_time_shows_by_itself_and_nothing_after_the_end(terminal: bool) -> None:
    stage = Stage(terminal=terminal)
    with stage.watch:
        stage.watch.follow(plan(0))
        stage.now = 23
        wait_for(lambda: "backend: 23 s since" in stage.written, "a sign of life")
    after = stage.written
    assert not [one for one in threading.enumerate() if one.name == "watch"]
    stage.now = 99
    assert stage.written == after


def test_the_end_leaves_a_clean_screen_also_after_an_error() -> None:
    stage = Stage()

    def interrupted() -> None:
        with stage.watch:
            stage.watch.tick()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert stage.written.endswith("\x1b[2K")
    assert "\x1b[?25h" in stage.written  # the cursor is back


def test_a_resized_screen_is_cleared_once() -> None:
    stage = Stage(80, 24)
    clear = "\x1b[H\x1b[2J"
    with stage.watch:
        stage.watch.follow(plan(0))
        stage.watch.tick()
        assert clear not in stage.written
        stage.console.width = 60
        stage.watch.tick()
        stage.watch.tick()
        assert stage.written.count(clear) == 1
