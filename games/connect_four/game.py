"""Connect Four."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import ClassVar

from lmgame.errors import ConfigError, IllegalAction, StateError
from lmgame.game import Actions, Game, GameSpec, Outcome, State
from lmgame.picture import Picture
from lmgame.rng import Rng

from .board import COLUMNS, HIGH, ROWS, four
from .notation import COLUMN_OF, MENU, find, parse
from .render import draw
from .text import LETTERS, NOBODY, View, letters, write

CELLS = COLUMNS * ROWS
LONGEST_OPENING = 6
"""Nobody can have four before the seventh disc, so no opening decides a match."""
FOUR, FULL = "four in a row", "board full"
_NAMES = ("red", "yellow")
_TOPS = tuple(HIGH * column + ROWS for column in range(COLUMNS))


class ConnectFour(Game):
    """Connect Four on the standard board of 7 columns and 6 rows.

    Description:
        Two seats drop discs in turn into the columns of an upright board; a disc
        falls to the lowest empty cell. Four of one's own in a row, in any of the
        four directions, win. The game is solved: from the empty board red wins by
        the middle column, draws by the columns beside it and loses by the others
        (J. D. Allen 1988; V. Allis, "A Knowledge-based Approach of Connect-Four",
        1988).

    Observation (text):
        A line ``you R, turn Y``: the colour of whoever looks and of whoever is to
        move, ``turn -`` when the match is over. Then the six rows from the top,
        cells apart by one space: ``R`` red, ``Y`` yellow, ``.`` empty; then the
        column numbers. ``parse_text`` reads it.

    Observation (image):
        The same facts, 336 by 344 pixels, palette colours: ``YOU`` and ``TURN``
        with a disc of that colour (none when the match is over), the board, the
        column numbers. Yellow discs also have a square in the middle, for eyes
        that do not tell the colours apart.

    Actions:
        ``drop N``: a disc into column N, 1 to 7 from the left, as the literature
        counts. ``Drop(4)``, ``drop in column 4`` and a reply that is nothing but
        ``4`` are read as that. ``choices`` are the columns that are not full, from
        the left, and complete; the default is the first of them.

    Score:
        1 for the winner, 0 for the loser; 0.5 each for a draw and while the match
        goes on, so a match that is cut short is a draw.

    Starting state:
        ``opening`` discs, red first, each in a column that the seed decides
        uniformly. With 2 of them there are 49 openings, so that two agents
        without chance do not play one match over and over; and red is to move, as
        in the game that people know. An opening may favour a side: play the same
        seed with the seats swapped, which gives the same opening.

    End:
        ``four in a row``, or ``board full`` after 42 discs without it.

    Illegal actions:
        Refused with a reason, the state unchanged: text that is no action, two
        numbers, a column that does not exist or is full, a seat that is not to
        move, anything after the end.

    Time:
        None: turns alternate. ``tick`` counts the decisions, without the opening.

    Arguments:
        opening (int): Discs that the seed places before the first decision, 0 to
            6; default 2.

    Version history:
        v1: First version.
    """

    spec: ClassVar[GameSpec] = GameSpec(
        id="ConnectFour-v1", seats=("red", "yellow"), score="wins", menu=MENU
    )

    def __init__(self, opening: int = 2) -> None:
        whole = isinstance(opening, int) and not isinstance(opening, bool)
        if not whole or not 0 <= opening <= LONGEST_OPENING:
            raise ConfigError(
                f"opening={opening!r} is not a whole number from 0 to {LONGEST_OPENING}"
            )
        self.opening = opening
        self.rules = _rules()
        self.reset(0)

    def reset(self, seed: int) -> None:
        """Begin a new match from the opening that the seed decides."""
        self._clear()
        rng = Rng(seed)
        for _ in range(self.opening):
            self._drop(rng.below(COLUMNS))

    def _clear(self) -> None:
        self._discs = [0, 0]
        self._free = [HIGH * column for column in range(COLUMNS)]
        self._moves: list[int] = []
        self._mover = 0
        self._over = ""

    def _drop(self, column: int) -> None:
        """A disc of the mover into a column with room."""
        mover, free = self._mover, self._free
        own = self._discs[mover] = self._discs[mover] | 1 << free[column]
        free[column] += 1
        self._moves.append(column)
        self._mover = 1 - mover
        if four(own):
            self._over = FOUR
        elif len(self._moves) == CELLS:
            self._over = FULL

    def acting(self) -> tuple[int, ...]:
        """The seat to move, until the match is over."""
        return () if self._over else (self._mover,)

    def actions(self, seat: int) -> Actions:
        """The columns that are not full, from the left."""
        self._check_turn(seat)
        free, tops = self._free, _TOPS
        return _offer(tuple([free[column] < tops[column] for column in range(COLUMNS)]))

    def canonical(self, seat: int, text: str) -> str:
        """``drop N``."""
        return MENU[self._column(seat, text)]

    def find(self, reply: str) -> list[str]:
        """Passages like "drop 4", "Drop(4)" or "drop in column 4", or a lone number."""
        return find(reply)

    def apply(self, actions: Mapping[int, str]) -> None:
        """Apply the mover's action."""
        if len(actions) != 1:
            raise IllegalAction(f"one seat moves at a time, but {len(actions)} actions were given")
        for seat, text in actions.items():
            self._drop(self._column(seat, text))

    def _column(self, seat: int, text: str) -> int:
        """The column that a seat may drop into and names."""
        if self._over or seat != self._mover:
            self._check_turn(seat)
        column = COLUMN_OF.get(text)
        if column is None:
            column = parse(text)
        if self._free[column] == _TOPS[column]:
            room = ", ".join(self.actions(seat).choices)
            raise IllegalAction(f"column {column + 1} is full: choose from {room}")
        return column

    def _check_turn(self, seat: int) -> None:
        if self._over:
            raise IllegalAction("the match is over")
        if seat != self._mover:
            raise IllegalAction(f"it is {_NAMES[self._mover]}'s turn, seat {self._mover}")

    def text(self, seat: int) -> str:
        """See the class, "Observation (text)"."""
        return write(self._view(seat))

    def drawing(self, seat: int) -> Callable[[], Picture]:
        """See the class, "Observation (image)"."""
        view = self._view(seat)
        return lambda: draw(view)

    def _view(self, seat: int) -> View:
        turn = NOBODY if self._over else LETTERS[self._mover]
        return View(LETTERS[seat], turn, letters(*self._discs))

    @property
    def tick(self) -> int:
        """Decisions since the reset."""
        return len(self._moves) - self.opening

    def scores(self) -> tuple[float, ...]:
        """1 for the winner, 0 for the loser; 0.5 each in a draw and while it goes on."""
        if self._over != FOUR:
            return 0.5, 0.5
        return float(self._mover), float(1 - self._mover)

    def outcome(self) -> Outcome | None:
        """Who made four, or that the board is full."""
        if not self._over:
            return None
        winner = 1 - self._mover if self._over == FOUR else None
        return Outcome(self.scores(), winner, self._over)

    def statistics(self, seat: int) -> dict[str, float]:
        """``discs``: those of the seat on the board, with the opening's."""
        return {"discs": self._discs[seat].bit_count()}

    def save(self) -> State:
        """The columns played so far, opening first, as digits."""
        moves = "".join([str(column + 1) for column in self._moves])
        return {"game": self.spec.id, "opening": self.opening, "moves": moves}

    def restore(self, state: State) -> None:
        """Return to a saved state by playing its moves; nothing changes if it is refused."""
        moves = self._checked(state)
        before = (self._discs, self._free, self._moves, self._mover, self._over)
        self._clear()
        for number, column in enumerate(moves, 1):
            if self._over or self._free[column] == _TOPS[column]:
                (self._discs, self._free, self._moves, self._mover, self._over) = before
                raise StateError(f"saved move {number}, column {column + 1}, is not possible there")
            self._drop(column)

    def _checked(self, state: State) -> list[int]:
        if not isinstance(state, dict) or state.get("game") != self.spec.id:
            other = state.get("game") if isinstance(state, dict) else state
            raise StateError(f"this is {self.spec.id}, but the state was saved by {other!r:.60}")
        if state.keys() != {"game", "opening", "moves"}:
            raise StateError("the saved state has the wrong keys")
        if state["opening"] != self.opening or isinstance(state["opening"], bool):
            raise StateError(
                f"the state was saved with opening={state['opening']!r:.60}; "
                f"this game has {self.opening}"
            )
        moves = state["moves"]
        if not isinstance(moves, str) or not self.opening <= len(moves) <= CELLS:
            raise StateError(f"saved moves are {moves!r:.60}, not {self.opening} to {CELLS} digits")
        if not set(moves) <= set("1234567"):
            raise StateError(f"saved moves are {moves!r:.60}, not digits from 1 to {COLUMNS}")
        return [int(digit) - 1 for digit in moves]


@cache
def _offer(room: tuple[bool, ...]) -> Actions:
    """The actions, by whether each column has room."""
    choices = tuple(text for text, free in zip(MENU, room, strict=True) if free)
    return Actions(choices, choices[0])


@cache
def _rules() -> str:
    return Path(__file__).with_name("rules.md").read_text(encoding="utf-8")
