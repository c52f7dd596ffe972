"""Tetris for one seat, and what it shares with the game for two."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import ClassVar

from lmgame.errors import ConfigError, IllegalAction, StateError
from lmgame.game import Actions, Game, GameSpec, Json, Outcome, State
from lmgame.picture import Picture

from .field import HOLD, Field
from .notation import MENU, MODES, SINGLE, check, find, offer, parse, run, spell
from .render import draw
from .scoring import HZ, TOP_LEVEL
from .state import load_field, save_field
from .stepped import SteppedField
from .text import snapshot, write
from .told import told

RULES = ("guideline", "lmgame")
MOST_SHOWN = 6
"""The longest next queue that the guideline has."""
PACE = 12  # 0.2 s a decision: five a second, an unhurried hand


class TetrisGame(Game):
    """One or more playfields on one clock; the subclasses document themselves."""

    _rules_file: str
    _field: type[Field] = Field

    def __init__(self, level: int = 1, queue: int = 5, actions: str = "all") -> None:
        _require("level", level, 1, TOP_LEVEL)
        _require("queue", queue, 0, MOST_SHOWN)
        if actions not in MODES:
            raise ConfigError(f"actions={actions!r} is not one of {', '.join(MODES)}")
        self.level, self.queue, self.mode = level, queue, actions
        self.rules = told(self._rules_file, actions)
        self._seats = tuple(range(len(self.spec.seats)))
        self.reset(0)

    def reset(self, seed: int) -> None:
        """Begin a new match; every seat gets the same pieces and the same garbage."""
        duel = len(self.spec.seats) > 1
        self._fields = [self._field(seed, self.level, duel) for _ in self.spec.seats]
        self._tick = 0
        self._over = False

    def acting(self) -> tuple[int, ...]:
        """Every seat, until the match is over."""
        return () if self._over else self._seats

    def actions(self, seat: int) -> Actions:
        """Distinct placements by turns and column, then single inputs; see the class."""
        return offer(self._acting_field(seat), self.mode)

    def canonical(self, seat: int, text: str) -> str:
        """``place C R`` or ``press INPUT ...``, words apart by one space."""
        action = parse(text)
        check(self._acting_field(seat), action, self.mode)
        return spell(action)

    def find(self, reply: str) -> list[str]:
        """Passages like "place 3 1", "Place(3, 1)" or "press left, left, drop"."""
        return find(reply)

    def apply(self, actions: Mapping[int, str]) -> None:
        """Apply one action for each given seat; takes no time."""
        if not actions:
            raise IllegalAction("no action was given")
        todo = []
        for seat, text in actions.items():
            field = self._acting_field(seat)
            action = parse(text)
            check(field, action, self.mode)
            todo.append((field, action))
        for field, action in todo:
            run(field, action)
        self._settle()

    def advance(self, ticks: int) -> None:
        """Let gravity and the lock delay work for ``ticks`` ticks, or until the end."""
        if self.spec.hz is None:
            super().advance(ticks)
        if ticks < 0:
            raise ValueError(f"ticks must not be negative, but is {ticks}")
        fields = self._fields
        while ticks and not self._over:
            span = min(ticks, *[field.until_lock() for field in fields], ticks)
            for field in fields:
                field.glide(span)
            self._tick += span
            ticks -= span
            self._settle()

    def _settle(self) -> None:
        """After every moment: whether somebody lost in it."""
        self._over = any(field.over for field in self._fields)

    def _acting_field(self, seat: int) -> Field:
        if self._over:
            raise IllegalAction("the match is over")
        if not 0 <= seat < len(self._fields):
            raise IllegalAction(f"there is no seat {seat}")
        return self._fields[seat]

    @property
    def tick(self) -> int:
        """Ticks of 1/60 s since the reset; by the rules ``lmgame`` actions."""
        return self._tick

    def statistics(self, seat: int) -> dict[str, float]:
        """Counts since the reset; ``attack`` is rows of garbage made, ``sent`` not cancelled."""
        field = self._fields[seat]
        names = (
            "lines", "level", "pieces", "tspins", "tetrises", "perfect", "max_combo", "attack",
            "sent", "garbage",
        )  # fmt: skip
        return {"points": field.score} | {name: getattr(field, name) for name in names}

    def _arguments(self) -> list[Json]:
        """What a saved state belongs to."""
        return [self.level, self.queue, self.mode]

    def save(self) -> State:
        """The whole state; it also names the arguments it belongs to."""
        return {
            "game": self.spec.id,
            "arguments": self._arguments(),
            "tick": self._tick,
            "seats": [save_field(field) for field in self._fields],
        }

    def restore(self, state: State) -> None:
        """Return to a saved state; nothing changes if it is refused."""
        if not isinstance(state, dict) or state.get("game") != self.spec.id:
            other = state.get("game") if isinstance(state, dict) else state
            raise StateError(f"this is {self.spec.id}, but the state was saved by {other!r:.60}")
        mine = self._arguments()
        if state.get("arguments") != mine:
            raise StateError(
                f"the state was saved with other arguments: {state.get('arguments')!r:.60}; "
                f"this game has {mine!r}"
            )
        tick, seats = state.get("tick"), state.get("seats")
        if not isinstance(tick, int) or isinstance(tick, bool) or tick < 0 or len(state) != 4:
            raise StateError(f"saved tick is {tick!r}, not a count, or there are unknown keys")
        if not isinstance(seats, list) or len(seats) != len(self._fields):
            raise StateError(f"the state does not have {len(self._fields)} seat(s)")
        duel = len(seats) > 1
        self._fields = [load_field(seat, self.level, duel, self._field) for seat in seats]
        self._tick = tick
        self._settle()


def _require(name: str, value: int, least: int, most: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise ConfigError(f"{name}={value!r} is not a whole number from {least} to {most}")


class Tetris(TetrisGame):
    """Tetris for one seat, by the rules of the modern games or of Lmgame-Bench.

    Description:
        Seven kinds of pieces fall into a field of 10 columns and 20 visible rows
        with 20 hidden rows above. Pieces come from shuffled bags of seven, turn
        by the Super Rotation System with wall kicks, can be held once each, and
        full rows are cleared. The rules are the Tetris Guideline's; tables and
        their sources are in srs.py and scoring.py. ``rules=lmgame`` is the
        variant of Lmgame-Bench (https://arxiv.org/abs/2505.15146): the field's
        20 rows and nothing above, no wall kicks, no hold, and with every input
        the piece falls a row, or locks where it cannot.

    Observation (text):
        A line ``piece T, hold I (free), next O S Z J L, level 1``; then the two
        rows where pieces appear, a line of dashes, the 20 rows of the field from
        the top, and the column numbers. ``.`` is empty, ``@`` the active piece,
        ``+`` where it would land, ``IJLOSTZ`` a locked piece. ``hold -`` is
        nothing held, ``(used)`` that hold must wait for the next piece. By the
        rules ``lmgame`` without hold, the rows above and the dashes.
        ``parse_text`` reads it.

    Observation (image):
        The same facts, 252 by 390 pixels, palette colours: the field with its
        two rows above, the active piece in white frames, where it would land as
        outlines, column numbers, the held piece (grey while hold is used up),
        the next pieces from the top, the level as a number.

    Actions:
        ``place C R``: turn R quarter turns clockwise (0-3; three are done as one
        counterclockwise), go in single steps until the leftmost column is C
        (0-9), hard drop. Legal when all of that succeeds from where the piece
        is. ``press INPUT ...``: 1 to 32 of ``left right down cw ccw hold drop
        wait`` in order; ``left*3`` is read as three. An input that finds no room
        does nothing. ``choices`` are the placements that end in different cells,
        by R and then C, then the single inputs. The default is ``press wait``.
        By the rules ``lmgame`` there is no ``hold``.

    Score:
        The guideline's points: 1, 2, 3, 4 lines give 100, 300, 500, 800;
        T-spins 400, 800, 1200, 1600 for 0 to 3 lines, minis 100, 200, 400;
        half as much again for back-to-back Tetrises and T-spins; 50 times the
        combo; a perfect clear 800, 1200, 1800, 2000 (3200 back-to-back); all
        times the level. Soft drop 1 a cell, hard drop 2 a cell. By the rules
        ``lmgame``: 1 a piece and 10 a cleared row.

    Starting state:
        An empty field at the chosen level, the first piece in rows 20 and 21, so
        half of it already visible. The seed decides the order of the pieces.

    End:
        ``block out``: a new piece overlaps a block; ``lock out``: a piece locks
        wholly above the visible field (not by the rules ``lmgame``, where a new
        piece begins in the top rows). There is no other end: who plays well
        plays on, and the match's limit on decisions decides.

    Illegal actions:
        Refused with a reason, the state unchanged: text that is no action, an
        unknown input, more than 32 inputs, a placement that is blocked or out of
        the field, hold while it is used up, a kind of action that the argument
        ``actions`` excludes.

    Time:
        60 ticks a second; actions take none. Rows fall in (0.8 - (level-1) *
        0.007)^(level-1) seconds. A piece that rests locks after 30 ticks; a move
        or turn starts these again, at most 15 times until it reaches a new
        lowest row. The level rises every 10 lines, to 20. The pace is 12 ticks.
        By the rules ``lmgame`` there is no time: a time bank limits thinking.

    Arguments:
        level (int): The level to start at, 1 to 20; default 1.
        queue (int): How many coming pieces are shown, 0 to 6; default 5.
        actions (str): ``all``; ``placements``: whole placements, ``press hold``
            and ``press wait`` only; ``inputs``: ``press`` only. Default ``all``.
        rules (str): ``guideline`` or ``lmgame``, whose level must be 1; default
            ``guideline``.

    Version history:
        v1: First version.
    """

    spec: ClassVar[GameSpec] = GameSpec(
        id="Tetris-v1", seats=("player",), hz=HZ, pace=PACE, score="points", menu=MENU
    )
    _rules_file = "rules.md"

    def __init__(
        self, level: int = 1, queue: int = 5, actions: str = "all", rules: str = "guideline"
    ) -> None:
        if rules not in RULES:
            raise ConfigError(f"rules={rules!r} is not one of {', '.join(RULES)}")
        self.variant = rules
        if rules == "lmgame":
            if level != 1:
                raise ConfigError(f"level={level!r}: by the rules lmgame the level is 1")
            # Time and menu depend on the rules, so this game's spec is the instance's.
            menu = tuple(text for text in MENU if text != "press hold")
            self.spec = replace(Tetris.spec, hz=None, pace=0, menu=menu, decisions=2000)  # type: ignore[misc]  # see above
            self._field, self._rules_file = SteppedField, "rules_lmgame.md"
        super().__init__(level, queue, actions)

    def _arguments(self) -> list[Json]:
        mine = super()._arguments()
        return mine if self.variant == "guideline" else [*mine, self.variant]

    def apply(self, actions: Mapping[int, str]) -> None:
        """Apply the player's action; takes no time."""
        code = SINGLE.get(actions[0]) if len(actions) == 1 and 0 in actions else None
        field = self._fields[0]
        if code is None or self._over or self.mode == "placements" or (code == HOLD and field.held):
            super().apply(actions)
        else:
            field.inputs[code](field)
            self._over = field.over != ""
        if self.spec.hz is None:
            self._tick += 1

    def text(self, seat: int) -> str:
        """See the class, "Observation (text)"."""
        return write(snapshot(self._fields[seat], self.queue))

    def drawing(self, seat: int) -> Callable[[], Picture]:
        """See the class, "Observation (image)"."""
        own = snapshot(self._fields[seat], self.queue)
        return lambda: draw(own)

    def scores(self) -> tuple[float, ...]:
        """The guideline's points."""
        return (float(self._fields[0].score),)

    def outcome(self) -> Outcome | None:
        """The points, and in which way the player topped out."""
        over = self._fields[0].over
        return Outcome(self.scores(), None, over) if over else None
