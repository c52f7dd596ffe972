"""Super Mario Bros. on an emulated console, for one seat."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar

from lmgame.errors import ConfigError, IllegalAction
from lmgame.game import Actions, Game, GameSpec, Json, Outcome, State, digest
from lmgame.picture import Picture

from . import cartridge, notation
from .console import Console, Start, emulator, over
from .memory import camera, look, number, playing
from .state import Standing, load, save
from .text import View, write

HZ, PACE = 60, 20
STARTS = 30
"""How many different starts the seeds choose from."""
LEVELS_DONE = "levels played"
_ACTIONS = Actions(notation.OFFERED, notation.DEFAULT, False, notation.GRAMMAR)


class SuperMarioBros(Game):
    """The game itself, on an emulated console.

    Description:
        One player runs, jumps and swims through the levels of Super Mario Bros.
        (Nintendo, 1985) in the game's own order, from the stage that is chosen,
        with three lives. The game is not shipped: it is found in the file
        ``rom``, in the file or folder that ``LMGAME_ROMS`` names, or in an
        installed package gym-super-mario-bros. Two editions are known by their
        SHA-1: World, and Europe (the one in that package), which was made for
        50 frames a second and here runs a fifth faster; results differ.

    Observation (text):
        Read from the console's memory, at most what the screen shows. ``world
        1-1, time 397, coins 0, points 0, lives 3``; ``you 40,144: small,
        standing, facing right, speed 0,0``; ``seen: walker 211,160 left; ...``
        or ``nothing``; ``pipes to worlds 4, 3, 2`` where that is written; then
        13 rows of 16 or 17 tiles, the columns that are on the screen wholly or
        in part: ``.`` free, ``#`` solid, ``B`` brick, ``?`` question block, ``|``
        pipe, ``C`` cannon, ``o`` coin, ``F`` flagpole, ``H`` vine, ``A`` axe.
        Scenery and lava are free, hidden blocks too. Positions are upper left
        corners in pixels of the grid, 16 a tile. ``parse_text`` reads it.

    Observation (image):
        The console's picture of the same moment, 256 by 240 pixels. The grid
        begins 32 pixels below its top and 0 to 15 left of its edge. Its status
        bar can be a frame or two behind. It shows scenery, animation and
        short-lived numbers too, so pictures differ where texts do not.

    Actions:
        ``BUTTONS FRAMES``: BUTTONS is ``wait``, or one of ``right left up down``
        or none, with ``run`` or ``jump`` or both (``right+run+jump``), held for
        FRAMES = 1 to 60 frames and then let go, unless the next action replaces
        them before. ``choices`` are 13 combinations for 5, 10, 20 and 30 frames.
        The default is ``wait 20``.

    Score:
        How far the screen has scrolled, in pixels: the farthest in each level,
        summed over the levels. Lmgame-Bench's number, but it counted 255 pixels
        for every 256 (a third of a percent less) and did not add levels up.

    Starting state:
        The first moment of ``stage`` in which the player can act, small, then 0
        to 29 frames without a button: the remainder of the seed by 30. The
        emulator has no chance of its own. What these frames change is the phase
        of the game's timers and random numbers: when enemies move, turn or
        throw. Levels are always the same. An agent that always decides alike
        plays at most 30 different matches, and in 1-1 about two: there little
        depends on those phases.

    End:
        ``game over``: the last life is lost; ``completed``: 8-4 is cleared;
        ``levels played``: as many as ``levels`` says are left behind.

    Illegal actions:
        Refused with a reason, the state unchanged: text that is no action,
        two directions at once, frames outside 1 to 60.

    Time:
        60 frames a second; actions take none: they set what is held in the
        frames that follow. Under a paused clock the buttons are held to the end;
        under the others the next decision may come after 20 frames. Scenes in
        which nothing can be done (dying, growing, pipes, the end of a level, the
        card with the lives) take no time and no decisions, under every clock:
        frames count only while the player can do something. When a life or an
        area begins, the buttons are let go.

    Arguments:
        stage (str): Where to begin, ``1-1`` to ``8-4``; default ``1-1``.
        levels (int): After how many levels to end, 1 to 32; 0, the default, plays
            on to the end of the game. A warp leaves a level behind as a flag does.
        lives (int): 1 to 99; default 3.
        rom (str): The file with the game; by default it is looked for. Not
            written into logs.

    Version history:
        v1: First version.
    """

    spec: ClassVar[GameSpec] = GameSpec(
        id="SuperMarioBros-v1", seats=("player",), hz=HZ, pace=PACE, score="pixels",
        menu=tuple(notation.MENU), decisions=1000, scenery=True, local=("rom",),
        heavy=True,
    )  # fmt: skip
    rules = Path(__file__).with_name("rules.md").read_text(encoding="utf-8")

    def __init__(
        self, stage: str = "1-1", levels: int = 0, lives: int = 3, rom: str | None = None
    ) -> None:
        found = re.fullmatch(r"([1-8])-([1-4])", stage) if isinstance(stage, str) else None
        if found is None:
            raise ConfigError(f"stage={stage!r} is not one of 1-1 to 8-4")
        _require("levels", levels, 0, 32)
        _require("lives", lives, 1, 99)
        if rom is not None and not isinstance(rom, str):
            raise ConfigError(f"rom={rom!r} is not the path of a file")
        emulator()
        self._arguments: list[Json] = [stage, levels, lives]
        self._levels, self._start = levels, Start(int(found[1]), int(found[2]), lives)
        self._console = Console(cartridge.find(rom))
        self.reset(0)

    def reset(self, seed: int) -> None:
        """Begin a new match; see the class, "Starting state"."""
        self._console.begin(self._start, seed % STARTS)
        self._standing = Standing()
        self._count(self._console.memory)

    def acting(self) -> tuple[int, ...]:
        """The player, until the match is over."""
        return () if self._standing.over else (0,)

    def actions(self, seat: int) -> Actions:
        """Always the same; see the class."""
        self._check_seat(seat)
        return _ACTIONS

    def canonical(self, seat: int, text: str) -> str:
        """``BUTTONS FRAMES``, e.g. ``right+run+jump 24``."""
        self._check_seat(seat)
        return notation.read(text)

    def find(self, reply: str) -> list[str]:
        """Passages like "right 20", "Jump + right: 12" or "wait (5)", in order."""
        return notation.find(reply)

    def apply(self, actions: Mapping[int, str]) -> None:
        """Take hold of the buttons; takes no time."""
        if not actions:
            raise IllegalAction("no action was given")
        for seat, text in actions.items():
            action = self.canonical(seat, text)
        self._standing.held, self._standing.left = notation.MENU[action]

    def pace(self) -> int:
        """As long as the buttons are held."""
        return self._standing.left or self.spec.pace

    def advance(self, ticks: int) -> None:
        """Run the game for ``ticks`` frames, or until the end."""
        if ticks < 0:
            raise ValueError(f"ticks must not be negative, but is {ticks}")
        now = self._standing
        for _ in range(ticks):
            if now.over:
                return
            buttons = now.held if now.left else 0
            now.left = max(0, now.left - 1)
            now.tick += 1
            self._console.frame(buttons)
            memory = self._console.memory
            self._count(memory)
            if not playing(memory) and not now.over:
                self._scene(buttons)

    def _scene(self, buttons: int) -> None:
        """Let a scene pass, and count what it changed."""
        lives = self._console.memory[0x75A]
        if self._console.skip_scene(buttons):
            self._standing.left = 0
        memory = self._console.memory
        self._standing.deaths += memory[0x75A] == (lives - 1) % 256
        self._count(memory)

    def _count(self, memory: bytes) -> None:
        """Take down how far the match has come."""
        now, level = self._standing, 4 * memory[0x75F] + memory[0x75C]
        now.over = over(memory)
        if now.over == "completed":
            now.cleared += 1
        if now.over:
            return
        if now.level != level:
            now.cleared += now.level >= 0 and level == now.level + 1
            now.level = level
            if now.best and self._levels == len(now.best):
                now.over = LEVELS_DONE
                return
        now.best[level] = max(now.best.get(level, 0), camera(memory))

    def _check_seat(self, seat: int) -> None:
        if self._standing.over:
            raise IllegalAction("the match is over")
        if seat != 0:
            raise IllegalAction(f"there is no seat {seat}")

    def view(self) -> View:
        """What is on the screen."""
        return look(self._console.memory)

    def text(self, seat: int) -> str:
        """See the class, "Observation (text)"."""
        return write(self.view())

    def drawing(self, seat: int) -> Callable[[], Picture]:
        """See the class, "Observation (image)"."""
        console, state = self._console, self._console.state()
        return lambda: Picture(console.picture(state))

    @property
    def tick(self) -> int:
        """Frames of 1/60 s since the reset in which the player could act."""
        return self._standing.tick

    def scores(self) -> tuple[float, ...]:
        """Pixels that the screen has scrolled, over all levels."""
        return (float(sum(self._standing.best.values())),)

    def outcome(self) -> Outcome | None:
        """The pixels, and what ended the match."""
        over = self._standing.over
        return Outcome(self.scores(), None, over) if over else None

    def statistics(self, seat: int) -> dict[str, float]:
        """What the status bar shows, and counts since the reset.

        ``cleared`` counts levels completed, ``europe`` is 1 for that edition.
        """
        memory, now = self._console.memory, self._standing
        return {
            "world": memory[0x75F] + 1,
            "stage": memory[0x75C] + 1,
            "cleared": now.cleared,
            "deaths": now.deaths,
            "lives": (memory[0x75A] + 1) % 256,
            "time": number(memory, 0x7F8, 3),
            "coins": number(memory, 0x7ED, 2),
            "points": 10 * number(memory, 0x7DD, 6),
            "europe": float(self._console.cartridge.edition.startswith("Europe")),
        }

    def save(self) -> State:
        """The whole state; it also names the game and the arguments it belongs to."""
        return save(self.spec.id, self._arguments, self._console, self._standing)

    def restore(self, state: State) -> None:
        """Return to a saved state; nothing changes if it is refused."""
        self._standing = load(state, self.spec.id, self._arguments, self._console)

    def fingerprint(self) -> str:
        """Of the console's state and the counts, without packing them."""
        return digest(self._console.state() + repr(self._standing).encode())


def _require(name: str, value: int, least: int, most: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise ConfigError(f"{name}={value!r} is not a whole number from {least} to {most}")
