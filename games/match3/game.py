"""The rules of match three."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar

from lmgame.errors import ConfigError, IllegalAction, StateError
from lmgame.game import Actions, Game, GameSpec, Json, Outcome, State
from lmgame.picture import Picture
from lmgame.rng import Rng

from .board import (
    CELLS,
    DIGITS,
    LETTERS,
    SIDE,
    cascade,
    deal,
    matched,
    movable,
    pack,
    swapped,
    unpack,
)
from .notation import CHOICES, MENU, NOTHING, SHIFTS, find, spell
from .render import draw
from .text import write

MOST_MOVES = 10_000
_HUGE = 1 << 62
_COUNTED = ("cleared", "matches", "steps", "longest", "deals")
_ACTIONS = Actions(CHOICES, NOTHING)


class Match3(Game):
    """Match three for one seat: swap neighbours, clear lines, for a number of moves.

    Description:
        A board of 8 by 8 tiles in four colours. A move swaps two neighbours. If
        that brings three or more of a colour into a line, across or down, all
        tiles that stand in such lines are cleared together, those above fall,
        new ones come from the top, and lines that this makes are cleared in the
        same way until the board rests. A swap that makes no line is taken back;
        the move is spent all the same, as in Lmgame-Bench. There are no special
        tiles. When no swap would make a line, a new board is dealt.

    Observation (text):
        A line ``moves left 47``; a line with the numbers of the columns; eight
        rows, the top one first, each its number and its tiles: ``R`` red, ``G``
        green, ``B`` blue, ``Y`` yellow. ``parse_text`` reads it.

    Observation (image):
        The same facts, 400 by 432 pixels, palette colours: the board with its
        rows and columns numbered, the moves left as a number above it. Each
        colour has a shape of its own: red octagons, green squares, blue
        diamonds, yellow triangles.

    Actions:
        ``swap R C right``, ``swap R C down``: swap the tile in row R and column
        C (0-7 from the top left) with its right or lower neighbour. ``left`` and
        ``up`` and two coordinates, ``swap (2,5) (2,6)``, are read as the same.
        All 112 are legal at any time, so ``choices`` never tell which of them
        make a line: finding these is the game, and choosing among ``choices``
        at random is the paper's random play. The default is ``swap nothing``,
        which spends the move.

    Score:
        One for every tile cleared, by the swap itself or in what follows from it.

    Starting state:
        A board without a line, on which at least one swap makes one. The seed
        decides it, and for each column the order of the tiles that fall into it;
        so the same tiles come to every player of a seed, whatever they clear.

    End:
        ``no moves left``, after ``moves`` moves.

    Illegal actions:
        Refused with a reason, the state unchanged: text that is no action, a
        cell off the board, two cells that are not neighbours.

    Time:
        None; a move is a tick.

    Arguments:
        moves (int): How many moves a match has, 1 to 10000; default 50.

    Version history:
        v1: First version.
    """

    spec: ClassVar[GameSpec] = GameSpec(
        id="Match3-v1", seats=("player",), score="tiles cleared", menu=MENU
    )
    rules = Path(__file__).with_name("rules.md").read_text(encoding="utf-8")

    def __init__(self, moves: int = 50) -> None:
        if not isinstance(moves, int) or isinstance(moves, bool) or not 1 <= moves <= MOST_MOVES:
            raise ConfigError(f"moves={moves!r} is not a whole number from 1 to {MOST_MOVES}")
        self.moves = moves
        self.reset(0)

    def reset(self, seed: int) -> None:
        """Deal a board."""
        rng = Rng(seed)
        self._falls = [rng.split(column) for column in range(SIDE)]
        self._dealer = rng.split(SIDE)
        self._board = deal(self._dealer)
        self._left = self.moves
        self._cleared = self._matches = self._steps = self._longest = self._deals = 0

    def _fresh(self, column: int, count: int) -> str:
        """New tiles for a column, from its own generator; the last one drawn is on top."""
        rng = self._falls[column]
        tiles = ""
        for _ in range(count):
            tiles = DIGITS[rng.next() >> 62] + tiles
        return tiles

    def acting(self) -> tuple[int, ...]:
        """The player, while moves are left."""
        return (0,) if self._left else ()

    def actions(self, seat: int) -> Actions:
        """Every swap of neighbours; see the class."""
        self._check_acting(seat)
        return _ACTIONS

    def canonical(self, seat: int, text: str) -> str:
        """``swap R C right`` or ``swap R C down`` or ``swap nothing``."""
        self._check_acting(seat)
        return spell(text)

    def find(self, reply: str) -> list[str]:
        """Passages like "swap 2 5 right", "swap (2,5) with (2,6)" or "((2,5),(2,6))"."""
        return find(reply)

    def apply(self, actions: Mapping[int, str]) -> None:
        """Swap two tiles if that makes a line; it costs a move in any case."""
        for seat in actions:
            self._check_acting(seat)
        if not actions:
            raise IllegalAction("no action was given")
        cells = SHIFTS.get(actions[0])
        one, other = SHIFTS[spell(actions[0])] if cells is None else cells
        self._left -= 1
        after = swapped(self._board, one, other)
        if matched(after):
            self._clear(after)

    def _clear(self, board: int) -> None:
        board, cleared, steps = cascade(board, self._fresh)
        self._cleared += cleared
        self._matches += 1
        self._steps += steps
        self._longest = max(self._longest, steps)
        if not movable(board):
            board = deal(self._dealer)
            self._deals += 1
        self._board = board

    def _check_acting(self, seat: int) -> None:
        if not self._left:
            raise IllegalAction("the match is over")
        if seat != 0:
            raise IllegalAction(f"there is no seat {seat}")

    def text(self, seat: int) -> str:
        """See the class, "Observation (text)"."""
        return write(self._board, self._left)

    def drawing(self, seat: int) -> Callable[[], Picture]:
        """See the class, "Observation (image)"."""
        board, left = self._board, self._left
        return lambda: draw(unpack(board), left)

    @property
    def tick(self) -> int:
        """Moves since the reset."""
        return self.moves - self._left

    def scores(self) -> tuple[float, ...]:
        """The tiles cleared."""
        return (float(self._cleared),)

    def outcome(self) -> Outcome | None:
        """The tiles cleared, when no moves are left."""
        return None if self._left else Outcome(self.scores(), None, "no moves left")

    def statistics(self, seat: int) -> dict[str, float]:
        """Swaps that made a line, their steps and most steps of one, boards dealt anew."""
        return {name: getattr(self, "_" + name) for name in _COUNTED}

    def save(self) -> State:
        """The whole state; it also names the argument it belongs to."""
        return {
            "game": self.spec.id,
            "moves": self.moves,
            "left": self._left,
            "board": unpack(self._board),
            "falls": [rng.state for rng in self._falls],
            "dealer": self._dealer.state,
            "counted": [getattr(self, "_" + name) for name in _COUNTED],
        }

    def restore(self, state: State) -> None:
        """Return to a saved state; nothing changes if it is refused."""
        if not isinstance(state, dict) or state.get("game") != self.spec.id:
            other = state.get("game") if isinstance(state, dict) else state
            raise StateError(f"this is {self.spec.id}, but the state was saved by {other!r:.60}")
        if state.keys() != self.save().keys():
            raise StateError(f"the saved state has the wrong keys: {', '.join(state)!r:.100}")
        if state["moves"] != self.moves:
            raise StateError(
                f"the state was saved with moves={state['moves']!r:.60}; this game has {self.moves}"
            )
        left = _integer(state["left"], "left", self.moves)
        board = _board(state["board"])
        falls = _integers(state["falls"], "falls", SIDE, (1 << 64) - 1)
        dealer = _integer(state["dealer"], "dealer", (1 << 64) - 1)
        counted = _integers(state["counted"], "counted", len(_COUNTED), _HUGE)
        self._board, self._left = board, left
        self._dealer.state = dealer
        for rng, value in zip(self._falls, falls, strict=True):
            rng.state = value
        for name, value in zip(_COUNTED, counted, strict=True):
            setattr(self, "_" + name, value)


def _integer(value: Json, name: str, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise StateError(f"saved {name} is {value!r:.40}, not an integer from 0 to {most}")
    return value


def _integers(value: Json, name: str, count: int, most: int) -> list[int]:
    if not isinstance(value, list) or len(value) != count:
        raise StateError(f"saved {name} is not a list of {count} integers")
    return [_integer(one, name, most) for one in value]


def _board(value: Json) -> int:
    if not isinstance(value, str) or len(value) != CELLS or set(value) - set(LETTERS):
        raise StateError(f"the saved board is not {CELLS} letters of {LETTERS}")
    board = pack(value)
    if matched(board) or not movable(board):
        raise StateError("the saved board is not at rest, or no swap makes a line on it")
    return board
