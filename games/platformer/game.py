"""A side-scroller for one seat: what is told, what is done, what is saved."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar

from lmgame.errors import ConfigError, IllegalAction
from lmgame.game import Actions, Game, GameSpec, Outcome, State
from lmgame.picture import Picture

from .body import DEAD, DONE, JUMP, LEFT, RIGHT, WALKER_WIDE, Body
from .level import HARDEST, START, TILE, level
from .render import draw
from .state import load_body, save_body
from .text import COLUMNS, PIXELS, ROWS, View, Walker, write

HZ, PACE = 60, 20
LONGEST_HOLD = 60
RUN = 28
"""The speed, in units a tick, from which on the player is seen to run."""
BEHIND = 5
"""Columns that are shown behind the player."""
BUTTONS = {
    "right": RIGHT, "left": LEFT, "jump": JUMP, "right+jump": RIGHT | JUMP,
    "left+jump": LEFT | JUMP, "wait": 0,
}  # fmt: skip
MENU = {
    f"{name} {frames}": (code, frames)
    for name, code in BUTTONS.items()
    for frames in range(1, LONGEST_HOLD + 1)
}
DEFAULT = "wait 20"
_ACTIONS = Actions(
    tuple(f"{name} {frames}" for name in BUTTONS for frames in (5, 10, 20, 30)),
    DEFAULT,
    False,
    'root ::= buttons " " frames\n'
    f"buttons ::= {' | '.join(f'{chr(34)}{name}{chr(34)}' for name in BUTTONS)}\n"
    'frames ::= [1-9] | [1-5] [0-9] | "60"\n',
)
_JOIN = r"[ \t]{0,2}[+&,][ \t]{0,2}"
_FLAGS = re.IGNORECASE | re.ASCII
_BUTTON = r"(?:right|left|jump|wait)"
_ACTION = re.compile(
    rf"(?<![\w+-])({_BUTTON}(?:{_JOIN}{_BUTTON}){{0,2}})[\s:=(x*]{{1,3}}([0-9]{{1,4}})(?!\w|\.[0-9])\)?",
    _FLAGS,
)
_RULES = Path(__file__).with_name("rules.md").read_text(encoding="utf-8")
_HELP = "write buttons and frames, e.g. 'right 20', 'right+jump 24', 'wait 10'"


class Platformer(Game):
    """A side-scroller: run and jump to the flag.

    Description:
        One player runs through a level that scrolls to the right: holes, pipes,
        stairs, platforms, walkers to stomp on or to avoid, coins, hearts, and a
        flag at the end. Every level comes from the seed and can be completed.

    Observation (text):
        ``you: x 80 y 146, standing, facing right, small``; then ``walkers: x 120
        y 146 left; ...`` or ``none``; then 12 rows of 20 tiles: ``.`` air, ``#``
        ground, ``B`` block, ``|`` pipe, ``o`` coin, ``+`` heart, ``F`` flag.
        Positions are upper left corners in pixels of the window, 16 a tile. The
        window begins five columns behind the player's. Walkers are listed when
        they are wholly inside it. Poses: ``standing walking running rising
        falling dead``, running from 1.75 pixels a tick on; forms: ``small``;
        ``strong`` with a heart; ``safe`` for 1.5 seconds after a hit.
        ``parse_text`` reads it.

    Observation (image):
        The same facts, 320 by 192 pixels: the window, a pixel a pixel. The shirt
        is blue when small, red when strong, white when safe.

    Actions:
        ``BUTTONS FRAMES``: BUTTONS one of ``right left jump right+jump left+jump
        wait``, held for FRAMES = 1 to 60 ticks and then let go, unless the next
        action replaces them before. ``choices`` are 5, 10, 20 and 30 frames of
        each. The default is ``wait 20``.

    Score:
        The tiles between the start and the farthest point reached, in whole
        tiles; ``length`` at the flag.

    Starting state:
        Standing on the ground at the left end, small. The seed decides the
        level; ``difficulty`` how wide holes and how high pipes are, how many
        walkers there are, and how little ground lies between.

    End:
        ``flag``; ``died``: fell into a hole, or was hit while small; ``out of
        time``. A hit while strong costs the heart instead.

    Illegal actions:
        Refused with a reason, the state unchanged: text that is no action,
        opposite buttons, frames outside 1 to 60.

    Time:
        60 ticks a second; actions take none: they set what is held in the ticks
        that follow. Running speeds up by 1/8 pixel a tick to 2.5. A jump begins
        whenever ``jump`` is held on the ground, at 4.5 pixels a tick; gravity is
        3/16 pixel a tick while rising with ``jump`` held, else 6/16, to 4 pixels
        a tick. Walkers go to and fro at half a pixel a tick. Under a paused clock
        the buttons are held to the end; under the others the next decision may
        come after 20 ticks, and replaces them.

    Arguments:
        length (int): Tiles from the start to the flag, 20 to 1000; default 120.
        difficulty (int): 1 to 5; default 2.
        seconds (int): Game time for the level, 1 to 3600; default 60.

    Version history:
        v1: First version.
    """

    spec: ClassVar[GameSpec] = GameSpec(
        id="Platformer-v1", seats=("player",), hz=HZ, pace=PACE, score="tiles", menu=tuple(MENU)
    )

    def __init__(self, length: int = 120, difficulty: int = 2, seconds: int = 60) -> None:
        _require("length", length, 20, 1000)
        _require("difficulty", difficulty, 1, HARDEST)
        _require("seconds", seconds, 1, 3600)
        self.length, self.difficulty, self.seconds = length, difficulty, seconds
        self.rules = _RULES.replace("LENGTH", str(length)).replace("SECONDS", str(seconds))
        self.reset(0)

    def reset(self, seed: int) -> None:
        """Begin a new match; the seed decides the level."""
        self._seed = seed & ((1 << 64) - 1)
        self._body = Body(level(self._seed, self.difficulty, self.length))

    def acting(self) -> tuple[int, ...]:
        """The player, until the match is over."""
        return () if self._body.over else (0,)

    def actions(self, seat: int) -> Actions:
        """Always the same; see the class."""
        self._check_seat(seat)
        return _ACTIONS

    def canonical(self, seat: int, text: str) -> str:
        """``BUTTONS FRAMES``, e.g. ``right+jump 24``."""
        self._check_seat(seat)
        return text if text in MENU else _read(text)

    def find(self, reply: str) -> list[str]:
        """Passages like "right 20", "Jump + right: 12" or "wait (5)", in order."""
        return [match.group() for match in _ACTION.finditer(reply)]

    def apply(self, actions: Mapping[int, str]) -> None:
        """Take hold of the buttons; takes no time."""
        if not actions:
            raise IllegalAction("no action was given")
        for seat, text in actions.items():
            action = self.canonical(seat, text)
        self._body.held, self._body.left = MENU[action]

    def pace(self) -> int:
        """As long as the buttons are held."""
        return self._body.left or self.spec.pace

    def advance(self, ticks: int) -> None:
        """Run the world for ``ticks`` ticks, or until the end."""
        if ticks < 0:
            raise ValueError(f"ticks must not be negative, but is {ticks}")
        if not self._body.over:
            self._body.run(ticks, self.seconds * HZ)

    def _check_seat(self, seat: int) -> None:
        if self._body.over:
            raise IllegalAction("the match is over")
        if seat != 0:
            raise IllegalAction(f"there is no seat {seat}")

    def view(self) -> View:
        """What the player sees."""
        body = self._body
        width = body.level.width
        camera = min(max((body.x >> 8) - BEHIND, 0), width - COLUMNS)
        tiles = b"".join(
            [body.tiles[row * width + camera :][:COLUMNS] for row in range(ROWS)]
        ).decode()
        walkers = []
        for number, beat in enumerate(body.level.patrols):
            x, right = beat.at(body.tick)
            if (
                number not in body.squashed
                and 0 <= x - camera * TILE <= COLUMNS * TILE - WALKER_WIDE
            ):
                x = (x >> 4) - camera * PIXELS
                walkers.append(Walker(x, beat.top >> 4, "right" if right else "left"))
        return View(
            (body.x >> 4) - camera * PIXELS,
            body.y >> 4,
            _pose(body),
            "right" if body.right else "left",
            "safe" if body.safe else "strong" if body.strong else "small",
            tuple(walkers),
            tiles,
        )

    def text(self, seat: int) -> str:
        """See the class, "Observation (text)"."""
        return write(self.view())

    def drawing(self, seat: int) -> Callable[[], Picture]:
        """See the class, "Observation (image)"."""
        view = self.view()
        return lambda: draw(view)

    @property
    def tick(self) -> int:
        """Ticks of 1/60 s since the reset."""
        return self._body.tick

    def scores(self) -> tuple[float, ...]:
        """Tiles of progress."""
        body = self._body
        if body.over == DONE:
            return (float(self.length),)
        return (float(body.farthest - START * TILE >> 8),)

    def outcome(self) -> Outcome | None:
        """The tiles, and what ended the run."""
        over = self._body.over
        return Outcome(self.scores(), None, over) if over else None

    def statistics(self, seat: int) -> dict[str, float]:
        """Counts since the reset; ``finished`` is 1 at the flag, ``seconds`` game time."""
        body = self._body
        return {
            "finished": float(body.over == DONE),
            "coins": body.coins,
            "stomps": len(body.squashed),
            "hits": body.hits,
            "seconds": body.tick / HZ,
        }

    def save(self) -> State:
        """The whole state; it also names the arguments it belongs to."""
        return {
            "game": self.spec.id,
            "arguments": [self.length, self.difficulty, self.seconds],
            "seed": self._seed,
            "body": save_body(self._body),
        }

    def restore(self, state: State) -> None:
        """Return to a saved state; nothing changes if it is refused."""
        mine = [self.length, self.difficulty, self.seconds]
        self._seed, self._body = load_body(state, self.spec.id, mine, HZ)


def _read(text: str) -> str:
    """The canonical spelling of what :meth:`Platformer.find` finds."""
    match = _ACTION.fullmatch(text.strip()) if len(text) <= 80 else None
    if match is None:
        shown = text if len(text) <= 40 else text[:40] + "..."
        raise IllegalAction(f"{shown!r} is not an action: {_HELP}")
    names = set(re.findall(_BUTTON, match[1].lower()))
    if {"left", "right"} <= names:
        raise IllegalAction("left and right together lead nowhere: hold one of them")
    if "wait" in names and len(names) > 1:
        raise IllegalAction("'wait' holds no buttons: leave it or the others out")
    buttons = "+".join(name for name in ("right", "left", "jump", "wait") if name in names)
    frames = int(match[2])
    if not 1 <= frames <= LONGEST_HOLD:
        raise IllegalAction(f"{frames} frames: buttons are held for 1 to {LONGEST_HOLD} frames")
    return f"{buttons} {frames}"


def _pose(body: Body) -> str:
    if body.over == DEAD:
        return "dead"
    if body.stands:
        return "running" if abs(body.vx) >= RUN else "walking" if body.vx else "standing"
    return "rising" if body.vy < 0 else "falling"


def _require(name: str, value: int, least: int, most: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise ConfigError(f"{name}={value!r} is not a whole number from {least} to {most}")
