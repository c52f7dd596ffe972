"""Any game that stable-retro integrates: what is told, what is done, what is saved."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import ClassVar

from lmgame.errors import ConfigError, EmulatorError, IllegalAction, StateError
from lmgame.game import Actions, Game, GameSpec, Outcome, State, digest
from lmgame.picture import Picture, Pixels
from lmgame.rng import Rng

from .emulator import Emulator, lend
from .integration import Integration, look_up
from .pad import PACE
from .state import Course, read, write

HZ = 60
IDLE = 30
"""A match begins after fewer idle frames than this, drawn from the seed."""
DONE, LATE = "the game is over", "out of time"
AT_ONCE = 600
"""Frames that the emulator is asked for at a time; a slow core has time for them."""
_RULES = Path(__file__).with_name("rules.md").read_text(encoding="utf-8")
_GOALS = {
    "Airstriker-Genesis-v0": "You fly the ship at the bottom. Shoot what comes down from the top: "
    "each hit is worth points. Do not touch it, nor the green shots: that costs one of your "
    "lives, and after the last one the game is over. Each press of B shoots once.",
}
"""What a player must know of a game that people have without asking for it."""


class Retro(Game):
    """Any console game that stable-retro integrates, on an emulator.

    Description:
        One player plays the cartridge named by ``game``; the default is
        Airstriker, a shooter whose ROM stable-retro brings along. Score and end
        are what the game's integration in stable-retro says. Each emulator runs
        in a process of its own. docs/retro.md tells how to play other games.

    Observation (text):
        The integration's variables, one a line and by name, e.g. ``lives: 3``,
        then ``screen: 320 by 224 pixels``. This is a poor relation: it tells
        almost nothing of what the screen shows, and may tell what it does not.
        A player needs the image; without it, it is blind.

    Observation (image):
        The screen in its native size; for the default 320 by 224 pixels. A
        screen that changes its size in the middle of a game is brought to the
        size it had at the start.

    Actions:
        ``BUTTONS FRAMES``: buttons joined by ``+``, or ``wait`` for none, held
        for FRAMES = 1 to 60 frames and then let go, unless the next action
        replaces them before: ``right+B 20``. Which buttons there are, and which
        can be held together, is what the integration lets a player press.
        ``choices`` are 5 and 20 frames of one direction and one other button at
        most. The default is ``wait 20``.

    Score:
        The sum of the integration's rewards since the start; for the default
        the game's own points.

    Starting state:
        The integration's start state, then 0 to 29 frames without input, drawn
        from the seed. Seeds that draw the same number begin the same match.

    End:
        ``the game is over``: the integration says so; ``out of time``.

    Illegal actions:
        Refused with a reason, the state unchanged: text that is no action,
        buttons that cannot be held together, frames outside 1 to 60.

    Time:
        60 ticks a second, a tick is a frame; consoles differ by less than 1 %
        from that (Genesis 59.9, Game Boy Advance 59.7), European ones show 50 a
        second and run too fast in real time. Actions take no time. Under a
        paused clock the frames of the action pass with each decision.

    Arguments:
        game (str): stable-retro's id, e.g. ``SonicTheHedgehog-Genesis-v0``;
            without ``-vN`` the newest. Default ``Airstriker-Genesis-v0``.
        state (str): A start state of the integration, or ``power-on``. Default
            the integration's own.
        scenario (str): What counts as score and end; default ``scenario``.
        integration (str): A folder with an integration of one's own, in place
            of stable-retro's. Default none.
        rom (str): The ROM file. Default the one that was imported into
            stable-retro, or the file or in the folder that ``LMGAME_ROMS`` names.
        goal (str): What the player is told of the game. Default a text for
            Airstriker, and nothing for others.
        seconds (int): Game time, 1 to 86400; default 600.

    Version history:
        v1: First version.
    """

    spec: ClassVar[GameSpec] = GameSpec(
        id="Retro-v1",
        seats=("player",),
        hz=HZ,
        pace=PACE,
        decisions=1000,
        needs_image=True,
        local=("rom",),
        heavy=True,
    )

    def __init__(
        self,
        game: str = "Airstriker-Genesis-v0",
        state: str | None = None,
        scenario: str = "scenario",
        integration: str | None = None,
        rom: str | None = None,
        goal: str | None = None,
        seconds: int = 600,
    ) -> None:
        given = {"game": game, "state": state, "scenario": scenario, "integration": integration,
                 "rom": rom, "goal": goal}  # fmt: skip
        for key, value in given.items():
            if not isinstance(value, str | None) or value == "":
                raise ConfigError(f"{key}={value!r} is not a text")
        if not isinstance(seconds, int) or isinstance(seconds, bool) or not 1 <= seconds <= 86400:
            raise ConfigError(f"seconds={seconds!r} is not a whole number from 1 to 86400")
        self._made = made = look_up(game, state, scenario, integration, rom)
        self._identity = made.identity | {"seconds": str(seconds)}
        self._last_tick = seconds * HZ
        # Which title is played depends on the arguments, so the spec is the instance's.
        self.spec = replace(Retro.spec, title=made.title)  # type: ignore[misc] # a class variable
        self.rules = _told(goal or _GOALS.get(made.title, ""), seconds, made)
        self._course = Course()
        self._emulator: Emulator | None = None
        self._variables: dict[str, int | float] = {}
        self._screen: Pixels | None = None

    def reset(self, seed: int) -> None:
        """Begin a new match; the seed decides the idle frames."""
        self._start(Course(seed=seed & ((1 << 64) - 1)))

    def _start(self, course: Course) -> None:
        idle = Rng(course.seed).below(IDLE)
        self._variables = self._console().ask("begin", idle=idle)["variables"]
        self._course, self._screen = course, None

    def _console(self) -> Emulator:
        """The emulator, wherever it stands; a new one if there is none or it broke."""
        if self._emulator is None or not self._emulator.alive:
            self._emulator = lend(self, self._made.cartridge, self._made.title)
        return self._emulator

    def _running(self) -> Emulator:
        """The emulator in the state of the match; the first use starts it."""
        if self._emulator is None:
            self.reset(0)
        assert self._emulator is not None
        return self._emulator

    def acting(self) -> tuple[int, ...]:
        """The player, until the match is over."""
        return () if self._course.over else (0,)

    def actions(self, seat: int) -> Actions:
        """Always the same; see the class."""
        self._check_seat(seat)
        return self._made.pad.actions

    def canonical(self, seat: int, text: str) -> str:
        """``BUTTONS FRAMES``, e.g. ``right+B 24``."""
        self._check_seat(seat)
        return self._made.pad.read(text)[0]

    def find(self, reply: str) -> list[str]:
        """Passages like "right 20", "B + Right: 12" or "wait (5)", in order."""
        return self._made.pad.find(reply)

    def apply(self, actions: Mapping[int, str]) -> None:
        """Take hold of the buttons; takes no time."""
        if not actions:
            raise IllegalAction("no action was given")
        for seat, text in actions.items():
            self._check_seat(seat)
            _, buttons, frames = self._made.pad.read(text)
        self._course.buttons, self._course.left = buttons, frames

    def _check_seat(self, seat: int) -> None:
        if self._course.over:
            raise IllegalAction("the match is over")
        if seat != 0:
            raise IllegalAction(f"there is no seat {seat}")

    def advance(self, ticks: int) -> None:
        """Run the console for ``ticks`` frames, or until the end."""
        if ticks < 0:
            raise ValueError(f"ticks must not be negative, but is {ticks}")
        course, console = self._course, self._running()
        while ticks and not course.over:
            wanted = min(ticks, AT_ONCE, self._last_tick - course.tick)
            answer = console.ask(
                "run", ticks=wanted, buttons=course.buttons, held=course.left, score=course.score
            )
            ran: int = answer["ran"]
            if self._made.scripted:
                course.inputs.append((course.buttons, course.left, ran))
            course.tick += ran
            course.left = max(0, course.left - ran)
            course.buttons = course.buttons if course.left else 0
            course.score = float(answer["score"])
            if answer["done"]:
                course.over = DONE
            elif course.tick >= self._last_tick:
                course.over = LATE
            self._variables, self._screen = answer["variables"], None
            ticks -= ran

    def pace(self) -> int:
        """As many ticks as the buttons are still held; ``spec.pace`` once they are let go."""
        return self._course.left or self.spec.pace

    def text(self, seat: int) -> str:
        """See the class, "Observation (text)"."""
        height, width, _ = self._running().shape
        lines = [f"{name}: {value}" for name, value in self._variables.items()]
        return "\n".join([*lines, f"screen: {width} by {height} pixels"])

    def drawing(self, seat: int) -> Callable[[], Picture]:
        """See the class, "Observation (image)"."""
        console = self._running()
        if self._screen is None:
            self._screen = console.screen()
        screen = self._screen
        return lambda: Picture(screen)

    @property
    def tick(self) -> int:
        """Frames since the idle ones at the start."""
        return self._course.tick

    def scores(self) -> tuple[float, ...]:
        """The sum of rewards."""
        return (self._course.score,)

    def outcome(self) -> Outcome | None:
        """The score, and what ended the match."""
        over = self._course.over
        return Outcome(self.scores(), None, over) if over else None

    def statistics(self, seat: int) -> dict[str, float]:
        """The integration's variables."""
        self._running()
        return {name: float(value) for name, value in self._variables.items()}

    def save(self) -> State:
        """The whole state; it also names the ROM and the files it belongs to.

        The emulator's own is taken over as it is. Where a script of the
        integration has a memory, which cannot be saved, all inputs since the
        start are saved instead and played again by :meth:`restore`.
        """
        console = self._running()
        machine = b"" if self._made.scripted else console.save()
        return write(self.spec.id, self._identity, self._course, machine)

    def restore(self, state: State) -> None:
        """Return to a saved state; nothing changes if it is refused."""
        course, machine = read(
            state, self.spec.id, self._identity, self._made.pad.codes, (DONE, LATE)
        )
        if bool(machine) == self._made.scripted:
            raise StateError("the saved state has no machine, or needs none")
        if course.tick > self._last_tick:
            raise StateError(f"saved tick {course.tick} is later than the end of a match")
        if self._made.scripted:
            before = self._course
            if not self._play_again(course):
                self._play_again(before)
                raise StateError("the saved inputs do not lead to the saved tick, score and end")
            return
        try:
            self._variables = self._console().ask("load", machine)["variables"]
        except EmulatorError as error:
            if self._emulator is None or not self._emulator.alive:
                raise
            raise StateError(str(error)) from error
        self._course, self._screen = course, None

    def _play_again(self, course: Course) -> bool:
        """Play a course's inputs from the start; whether they lead to it."""
        self._start(Course(seed=course.seed))
        for buttons, held, ran in course.inputs:
            self._course.buttons, self._course.left = buttons, held
            self.advance(ran)
        self._course.buttons, self._course.left = course.buttons, course.left
        return self._course == course

    def fingerprint(self) -> str:
        """A hash of the course of the match, the console's memory and its screen.

        Not of the saved state, which some cores fill with addresses.
        """
        course = asdict(self._course)
        whole = [self.spec.id, self._identity, course, self._running().ask("digest")["digest"]]
        return digest(json.dumps(whole, sort_keys=True).encode())


def _told(goal: str, seconds: int, made: Integration) -> str:
    """The rules as a player of this game is told them."""
    return _RULES.format(
        title=made.title,
        system=made.system,
        goal=f" {goal}" if goal else "",
        counted=" and ".join(f"`{name}`" for name in made.counted) or "nothing",
        seconds=seconds,
        first=made.pad.names[0],
        names=" ".join(f"`{name}`" for name in made.pad.names),
    )
