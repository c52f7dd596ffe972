"""Tic-tac-toe."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import ClassVar

from lmgame.errors import ConfigError, IllegalAction, StateError
from lmgame.game import Actions, Game, GameSpec, Outcome, State
from lmgame.picture import Picture
from lmgame.rng import Rng

from .board import CELLS, three
from .notation import CELL_OF, MENU, find, parse
from .render import draw
from .text import LETTERS, NOBODY, View, letters, write

LONGEST_OPENING = 4
"""Nobody can have three before the fifth mark, so no opening decides a match."""
THREE, FULL = "three in a row", "board full"
_ALL = (1 << CELLS) - 1


class TicTacToe(Game):
    """Tic-tac-toe on three by three cells.

    Description:
        Two seats mark free cells in turn; X begins. Three of one's own in a row,
        across, down or diagonal, win. Perfect play by both is a draw, so this
        game tells a careless player from a careful one, and no more.

    Observation (text):
        A line ``you X, turn O``: the mark of whoever looks and of whoever is to
        move, ``turn -`` when the match is over. Then three rows, cells apart by
        one space: ``X``, ``O``, or the number of a free cell. ``parse_text``
        reads it.

    Observation (image):
        The same facts, 260 by 296 pixels, palette colours: ``YOU`` and ``TURN``
        with that mark (none when the match is over), the board, a small number in
        each free cell.

    Actions:
        ``mark N``: one's own mark into cell N, 1 to 9 in reading order, as the
        board shows it. ``Mark(5)``, ``mark cell 5`` and a reply that is nothing
        but ``5`` are read as that. ``choices`` are the free cells in order, and
        complete; the default is the first of them.

    Score:
        1 for the winner, 0 for the loser; 0.5 each for a draw and while the match
        goes on, so a match that is cut short is a draw.

    Starting state:
        ``opening`` marks, X first, each in a free cell that the seed decides
        uniformly; with an odd number O is to move. With 1 of them there are nine
        openings, so that two agents without chance do not play one match over and
        over, and each is still a draw with perfect play; after 2 some are lost
        already. Play the same seed with the seats swapped: it has the same
        opening.

    End:
        ``three in a row``, or ``board full`` after nine marks without it.

    Illegal actions:
        Refused with a reason, the state unchanged: text that is no action, two
        numbers, a cell that does not exist or is taken, a seat that is not to
        move, anything after the end.

    Time:
        None: turns alternate. ``tick`` counts the decisions, without the opening.

    Arguments:
        opening (int): Marks that the seed places before the first decision, 0 to
            4; default 1.

    Version history:
        v1: First version.
    """

    spec: ClassVar[GameSpec] = GameSpec(
        id="TicTacToe-v1", seats=("X", "O"), score="wins", menu=MENU
    )

    def __init__(self, opening: int = 1) -> None:
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
            self._mark(rng.choice([cell for cell in range(CELLS) if cell not in self._moves]))

    def _clear(self) -> None:
        self._marks = [0, 0]
        self._moves: list[int] = []
        self._mover = 0
        self._over = ""

    def _mark(self, cell: int) -> None:
        """The mover's mark into a free cell."""
        mover = self._mover
        own = self._marks[mover] = self._marks[mover] | 1 << cell
        self._moves.append(cell)
        self._mover = 1 - mover
        if three(own):
            self._over = THREE
        elif len(self._moves) == CELLS:
            self._over = FULL

    def acting(self) -> tuple[int, ...]:
        """The seat to move, until the match is over."""
        return () if self._over else (self._mover,)

    def actions(self, seat: int) -> Actions:
        """The free cells, in order."""
        self._check_turn(seat)
        return _offer(_ALL ^ self._marks[0] ^ self._marks[1])

    def canonical(self, seat: int, text: str) -> str:
        """``mark N``."""
        return MENU[self._cell(seat, text)]

    def find(self, reply: str) -> list[str]:
        """Passages like "mark 5", "Mark(5)" or "mark cell 5", or a lone number."""
        return find(reply)

    def apply(self, actions: Mapping[int, str]) -> None:
        """Apply the mover's action."""
        if len(actions) != 1:
            raise IllegalAction(f"one seat moves at a time, but {len(actions)} actions were given")
        for seat, text in actions.items():
            self._mark(self._cell(seat, text))

    def _cell(self, seat: int, text: str) -> int:
        """The cell that a seat may mark and names."""
        if self._over or seat != self._mover:
            self._check_turn(seat)
        cell = CELL_OF.get(text)
        if cell is None:
            cell = parse(text)
        for mark, taken in zip(LETTERS, self._marks, strict=True):
            if taken >> cell & 1:
                free = ", ".join(self.actions(seat).choices)
                raise IllegalAction(f"cell {cell + 1} already holds {mark}: choose from {free}")
        return cell

    def _check_turn(self, seat: int) -> None:
        if self._over:
            raise IllegalAction("the match is over")
        if seat != self._mover:
            raise IllegalAction(f"it is {LETTERS[self._mover]}'s turn, seat {self._mover}")

    def text(self, seat: int) -> str:
        """See the class, "Observation (text)"."""
        return write(self._view(seat))

    def drawing(self, seat: int) -> Callable[[], Picture]:
        """See the class, "Observation (image)"."""
        view = self._view(seat)
        return lambda: draw(view)

    def _view(self, seat: int) -> View:
        turn = NOBODY if self._over else LETTERS[self._mover]
        return View(LETTERS[seat], turn, letters(*self._marks))

    @property
    def tick(self) -> int:
        """Decisions since the reset."""
        return len(self._moves) - self.opening

    def scores(self) -> tuple[float, ...]:
        """1 for the winner, 0 for the loser; 0.5 each in a draw and while it goes on."""
        if self._over != THREE:
            return 0.5, 0.5
        return float(self._mover), float(1 - self._mover)

    def outcome(self) -> Outcome | None:
        """Who made three, or that the board is full."""
        if not self._over:
            return None
        winner = 1 - self._mover if self._over == THREE else None
        return Outcome(self.scores(), winner, self._over)

    def statistics(self, seat: int) -> dict[str, float]:
        """``marks``: those of the seat on the board, with the opening's."""
        return {"marks": self._marks[seat].bit_count()}

    def save(self) -> State:
        """The cells marked so far, opening first, as digits."""
        moves = "".join([str(cell + 1) for cell in self._moves])
        return {"game": self.spec.id, "opening": self.opening, "moves": moves}

    def restore(self, state: State) -> None:
        """Return to a saved state by playing its moves; nothing changes if it is refused."""
        moves = self._checked(state)
        before = (self._marks, self._moves, self._mover, self._over)
        self._clear()
        for number, cell in enumerate(moves, 1):
            if self._over or cell in self._moves:
                self._marks, self._moves, self._mover, self._over = before
                raise StateError(f"saved move {number}, cell {cell + 1}, is not possible there")
            self._mark(cell)

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
        if not set(moves) <= set("123456789"):
            raise StateError(f"saved moves are {moves!r:.60}, not digits from 1 to {CELLS}")
        return [int(digit) - 1 for digit in moves]


@cache
def _offer(free: int) -> Actions:
    """The actions, by the bits of the free cells."""
    choices = tuple(text for cell, text in enumerate(MENU) if free >> cell & 1)
    return Actions(choices, choices[0])


@cache
def _rules() -> str:
    return Path(__file__).with_name("rules.md").read_text(encoding="utf-8")
