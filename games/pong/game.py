"""Pong for two seats.

Everything is a whole number, and between two meetings of ball and paddle the
ball's place is a formula of the tick, so time passes in jumps and exactly.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar, NamedTuple

from lmgame.errors import ConfigError, IllegalAction, StateError
from lmgame.game import Actions, Game, GameSpec, Json, Outcome, State
from lmgame.picture import Picture
from lmgame.rng import Rng

from .render import draw
from .text import MEMORY, SIDES, Point, View, write

HZ, PACE = 60, 6
WIDTH, HEIGHT = 360, 240
HALF = 4
"""Half the ball's side."""
GOAL = (20, WIDTH - 20)
"""The x of the ball's centre when it meets the left and the right paddle."""
LENGTH, SHRINK = 48, 4
PADDLE_SPEED = 3
SPEED, STEEPEST_SERVE = 3, 2
REST = 30
"""Ticks that the ball rests before it is served."""
RALLY = LENGTH // SHRINK
"""Returns after which the paddles are gone: no rally, so no match, lasts for ever."""
MOST_POINTS = 99

STAY = -1
GOALS = {"up": 0, "down": HEIGHT, "stay": STAY} | {f"go {y}": y for y in range(0, HEIGHT + 1, 10)}
"""Every action, with the height that the paddle's middle then moves to."""
_CHOICES = Actions(tuple(GOALS), "stay")
_FLAGS = re.IGNORECASE | re.ASCII
_GO = r"go[\s:=(]{1,3}(?:to[\s:=]{1,3})?(?:y[\s:=]{1,3})?(-?[0-9]{1,4})(?![0-9])\)?"
_ACTION = re.compile(rf"(?<![\w-])(?:(?:up|down|stay)(?![\w-])|{_GO})", _FLAGS)
_RULES = Path(__file__).with_name("rules.md").read_text(encoding="utf-8")
_SPAN = HEIGHT - 2 * HALF


class Flight(NamedTuple):
    """The ball from one meeting to the next: where, how fast, and since which tick."""

    start: int
    x: int
    y: int
    dx: int
    dy: int

    def at(self, tick: int) -> Point:
        """Where the ball is at a tick; before the start it rests."""
        past = max(0, tick - self.start)
        way = (self.y - HALF + self.dy * past) % (2 * _SPAN)
        return self.x + self.dx * past, HALF + (way if way <= _SPAN else 2 * _SPAN - way)

    def arrival(self) -> int:
        """The first tick at which it has reached a paddle's line."""
        distance = self.x - GOAL[0] if self.dx < 0 else GOAL[1] - self.x
        return self.start - (-distance // abs(self.dx))


class Pong(Game):
    """Pong: two paddles, one ball, in real time.

    Description:
        The left and the right seat each move a paddle up and down. A ball that
        passes a paddle's line without touching the paddle gives the other seat a
        point. Where the ball touches decides the angle at which it is returned.
        With each return the ball gets faster and the paddles get shorter.

    Observation (text):
        Four lines: ``you: left``; ``ball: x 180, y 120 (6 ticks ago: x 162, y
        108)``, centres; ``left paddle: y 96 to 144`` and ``right paddle: ...``,
        or ``gone`` when there is nothing left of them. x counts from the left, y
        from the top, in a field 360 wide and 240 high. While the ball rests, and
        for the first ticks after, its earlier place is the middle. Both seats
        see the same field. ``parse_text`` reads it.

    Observation (image):
        The same facts, 384 by 264 pixels, a pixel a unit: one's own paddle blue,
        the other orange, the ball white, and grey where it was 6 ticks ago.

    Actions:
        ``up``, ``down``: move until a wall; ``stay``: stop; ``go Y``, Y = 0, 10,
        ... 240: move until the paddle's middle is at Y, or a wall. Held until
        the seat's next action. The default is ``stay``. Any subset of the seats
        may act at a moment.

    Score:
        Points won. The first to ``points`` of them wins.

    Starting state:
        Paddles in the middle, 48 long; the ball rests in the middle for 30
        ticks. It then moves 3 units across and -2 to 2 down a tick; which way
        comes from the seed, as at every later serve.

    End:
        When a seat has ``points`` points. A rally ends at the latest after 12
        returns, when the paddles are gone, so every match ends.

    Illegal actions:
        Refused with a reason, the state unchanged: any other text, or another Y.

    Time:
        60 ticks a second; actions take none. Paddles move 3 units a tick. The
        ball's speed across is 3 units a tick plus 1 for every return of the
        rally; the walls turn it. It meets a paddle at the first tick at which
        its centre has reached x 20 or 340, is put on that line, and is returned
        if its square of 8 overlaps the paddle there, going up or down by speed *
        offset / (half the paddle + 4), rounded towards 0. Each return makes
        both paddles 4 shorter. The pace is 6 ticks.

    Arguments:
        points (int): How many points win, 1 to 99; default 5.

    Version history:
        v1: First version.
    """

    spec: ClassVar[GameSpec] = GameSpec(
        id="Pong-v1",
        seats=SIDES,
        hz=HZ,
        pace=PACE,
        simultaneous=True,
        score="points",
        menu=tuple(GOALS),
        decisions=3000,  # five minutes; two good players need minutes a point
    )

    def __init__(self, points: int = 5) -> None:
        if not _is_count(points) or not 1 <= points <= MOST_POINTS:
            raise ConfigError(f"points={points!r} is not a whole number from 1 to {MOST_POINTS}")
        self.points = points
        self.rules = _RULES.replace("POINTS points", f"{points} point{'s' * (points > 1)}")
        self.reset(0)

    def reset(self, seed: int) -> None:
        """Begin a new match; the seed decides every serve."""
        self._rng = Rng(seed)
        self._tick = 0
        self._middles = [HEIGHT // 2, HEIGHT // 2]
        self._goals = [HEIGHT // 2, HEIGHT // 2]
        self._won = [0, 0]
        self._returned = [0, 0]
        self._longest = 0
        self._over = False
        self._serve()

    def _serve(self) -> None:
        """Put the ball into the middle and the paddles back to full length."""
        self._hits = 0
        self._before: Flight | None = None
        dx = SPEED if self._rng.below(2) else -SPEED
        dy = self._rng.below(2 * STEEPEST_SERVE + 1) - STEEPEST_SERVE
        self._fly(Flight(self._tick + REST, WIDTH // 2, HEIGHT // 2, dx, dy))
        self._glide(0)

    def _fly(self, flight: Flight) -> None:
        self._flight = flight
        self._arrival = flight.arrival()

    def acting(self) -> tuple[int, ...]:
        """Both seats, until the match is over."""
        return () if self._over else (0, 1)

    def actions(self, seat: int) -> Actions:
        """Always the same."""
        self._check_seat(seat)
        return _CHOICES

    def canonical(self, seat: int, text: str) -> str:
        """``up``, ``down``, ``stay`` or ``go Y``."""
        self._check_seat(seat)
        if text in GOALS:
            return text
        text = text.strip().lower() if len(text) <= 40 else text[:40]
        match = _ACTION.fullmatch(text)
        if match is None:
            raise IllegalAction(f"{text!r} is not an action: write 'up', 'down', 'stay' or 'go Y'")
        action = text if match[1] is None else f"go {int(match[1])}"
        if action not in GOALS:
            raise IllegalAction(f"{action!r}: the height must be 0, 10, 20, ... or {HEIGHT}")
        return action

    def find(self, reply: str) -> list[str]:
        """Passages like "up", "go 120" or "Go to y=120", in order."""
        return [match.group() for match in _ACTION.finditer(reply)]

    def apply(self, actions: Mapping[int, str]) -> None:
        """Change what each given seat holds; takes no time."""
        if not actions:
            raise IllegalAction("no action was given")
        goals = {seat: GOALS[self.canonical(seat, text)] for seat, text in actions.items()}
        for seat, goal in goals.items():
            self._goals[seat] = self._middles[seat] if goal == STAY else goal

    def advance(self, ticks: int) -> None:
        """Let paddles and ball move for ``ticks`` ticks, or until the end."""
        if ticks < 0:
            raise ValueError(f"ticks must not be negative, but is {ticks}")
        while ticks and not self._over:
            span = min(ticks, self._arrival - self._tick)
            self._glide(span)
            self._tick += span
            ticks -= span
            if self._tick == self._arrival:
                self._meet()

    def _glide(self, ticks: int) -> None:
        """Move the paddles, as far as the walls let them."""
        half = LENGTH // 2 - self._hits * SHRINK // 2
        way = PADDLE_SPEED * ticks
        middles, goals = self._middles, self._goals
        for seat in (0, 1):
            middle = middles[seat]
            middle += min(max(goals[seat] - middle, -way), way)
            middles[seat] = min(max(middle, half), HEIGHT - half)

    def _meet(self) -> None:
        """The ball is at a paddle's line: a return or a point."""
        flight = self._flight
        seat = int(flight.dx > 0)
        y = flight.at(self._tick)[1]
        offset = y - self._middles[seat]
        reach = LENGTH // 2 - self._hits * SHRINK // 2 + HALF
        if abs(offset) >= reach or self._hits == RALLY:
            self._score(1 - seat)
            return
        self._hits += 1
        self._returned[seat] += 1
        self._longest = max(self._longest, self._hits)
        speed = SPEED + self._hits
        steep = abs(offset) * speed // reach
        self._before = flight
        dx, dy = speed if seat == 0 else -speed, steep if offset > 0 else -steep
        self._fly(Flight(self._tick, GOAL[seat], y, dx, dy))

    def _score(self, seat: int) -> None:
        self._won[seat] += 1
        if self._won[seat] == self.points:
            self._over = True
        else:
            self._serve()

    def _check_seat(self, seat: int) -> None:
        if self._over:
            raise IllegalAction("the match is over")
        if seat not in (0, 1):
            raise IllegalAction(f"there is no seat {seat}")

    def view(self, seat: int) -> View:
        """What a seat sees."""
        then = self._tick - MEMORY
        earlier = self._flight
        if then < earlier.start and self._before is not None:
            earlier = self._before
        half = LENGTH // 2 - self._hits * SHRINK // 2
        left, right = self._middles
        paddles = ((left - half, left + half), (right - half, right + half)) if half else None
        return View(seat, self._flight.at(self._tick), earlier.at(then), paddles)

    def text(self, seat: int) -> str:
        """See the class, "Observation (text)"."""
        return write(self.view(seat))

    def drawing(self, seat: int) -> Callable[[], Picture]:
        """See the class, "Observation (image)"."""
        view = self.view(seat)
        return lambda: draw(view)

    @property
    def tick(self) -> int:
        """Ticks of 1/60 s since the reset."""
        return self._tick

    def scores(self) -> tuple[float, ...]:
        """Points won."""
        return float(self._won[0]), float(self._won[1])

    def outcome(self) -> Outcome | None:
        """Who was first to the points that win."""
        if not self._over:
            return None
        left, right = self._won
        return Outcome(self.scores(), int(right > left), f"{left} to {right}")

    def statistics(self, seat: int) -> dict[str, float]:
        """Balls returned by the seat, and the returns of the longest rally of both."""
        return {"returns": self._returned[seat], "longest_rally": self._longest}

    def save(self) -> State:
        """The whole state; it also names the argument it belongs to."""
        return {
            "game": self.spec.id,
            "points": self.points,
            "rng": self._rng.state,
            "tick": self._tick,
            "middles": [*self._middles],
            "goals": [*self._goals],
            "won": [*self._won],
            "returned": [*self._returned],
            "longest": self._longest,
            "hits": self._hits,
            "flight": [*self._flight],
            "before": None if self._before is None else [*self._before],
        }

    def restore(self, state: State) -> None:
        """Return to a saved state; nothing changes if it is refused."""
        if not isinstance(state, dict) or state.get("game") != self.spec.id:
            other = state.get("game") if isinstance(state, dict) else state
            raise StateError(f"this is {self.spec.id}, but the state was saved by {other!r:.60}")
        if state.get("points") != self.points:
            raise StateError(
                f"the state was saved with points={state.get('points')!r:.60}; "
                f"this game has points={self.points}"
            )
        if state.keys() != self.save().keys():
            raise StateError("the saved state has the wrong keys")
        fresh = Pong(self.points)
        fresh._load(state)
        self.__dict__.update(fresh.__dict__)

    def _load(self, state: State) -> None:
        count, most = _count, self.points
        self._tick = count(state, "tick", 0, _HUGE)
        self._rng.state = count(state, "rng", 0, (1 << 64) - 1)
        self._hits = count(state, "hits", 0, RALLY)
        self._longest = count(state, "longest", self._hits, RALLY)
        half = LENGTH // 2 - self._hits * SHRINK // 2
        self._middles = _counts(state, "middles", [(half, HEIGHT - half)] * 2)
        self._goals = _counts(state, "goals", [(0, HEIGHT)] * 2)
        self._won = _counts(state, "won", [(0, most)] * 2)
        self._returned = _counts(state, "returned", [(0, _HUGE)] * 2)
        if self._won == [most, most]:
            raise StateError(f"saved won is {self._won}: only one seat can have won")
        self._over = most in self._won
        self._fly(self._load_flight(state, "flight"))
        self._before = None
        if state["before"] is not None:
            self._before = self._load_flight(state, "before")
        if (self._before is None) != (self._hits == 0):
            raise StateError("a saved ball has flown before if and only if it was returned")
        late = self._tick > self._arrival if self._over else self._tick >= self._arrival
        if late or self._flight.start > self._tick + REST:
            raise StateError("the saved ball is not on its way at the saved tick")

    def _load_flight(self, state: State, key: str) -> Flight:
        fastest = SPEED + RALLY
        limits = [
            (0, _HUGE), (GOAL[0], GOAL[1]), (HALF, HEIGHT - HALF),
            (-fastest, fastest), (-fastest, fastest),
        ]  # fmt: skip
        flight = Flight(*_counts(state, key, limits))
        if not flight.dx:
            raise StateError(f"saved {key} has no speed across")
        return flight


_HUGE = 1 << 62


def _is_count(value: Json) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _count(state: State, key: str, least: int, most: int) -> int:
    return _counts({key: [state[key]]}, key, [(least, most)])[0]


def _counts(state: State, key: str, limits: list[tuple[int, int]]) -> list[int]:
    """A list of integers within limits, from a saved state."""
    values = state[key]
    if not isinstance(values, list) or len(values) != len(limits):
        raise StateError(f"saved {key} is {values!r:.60}, not {len(limits)} numbers")
    found = []
    for value, (least, most) in zip(values, limits, strict=True):
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise StateError(f"saved {key}: {value!r:.40} is not an integer from {least} to {most}")
        found.append(value)
    return found
