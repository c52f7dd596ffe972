"""The rules of 2048."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from math import log2
from pathlib import Path
from typing import ClassVar

from lmgame.errors import IllegalAction, StateError
from lmgame.game import Actions, Game, GameSpec, Json, Outcome, State
from lmgame.picture import Picture
from lmgame.rng import Rng

from .board import CELLS, EMPTY, HIGHEST, SLIDES, Board, fours, merged_sum, stuck
from .render import draw
from .text import write

MOVES = tuple(SLIDES)
FOUR_IN = 10
"""One new tile in ten is a four (G. Cirulli's 2048, ``addRandomTile``)."""

_SHOWN = 40  # characters of a refused text that its refusal quotes
_FLAGS = re.IGNORECASE | re.ASCII
# "the left column" and "top-right" tell a place; they are no moves.
_PLACE = r"(?!-|[ ]{1,3}(?:hand|corner|column|col|side|edge|half|most|part)s?(?![a-z]))"
_ACTION = re.compile(
    rf"(?<![\w-])(?:(?:move|swipe|slide|press|go)[\s:]{{1,3}})?({'|'.join(MOVES)})(?!\w){_PLACE}",
    _FLAGS,
)


class TwentyFortyEight(Game):
    """2048 for one seat, by the rules of the original.

    Description:
        Tiles on a board of 4 by 4 carry powers of two. A move slides all tiles
        as far as they go; two equal tiles that meet become one of twice the
        value, each at most once a move and the pair nearest the wall first.
        After every move a 2 (nine times in ten) or a 4 appears in an empty cell,
        all cells being equally likely.

    Observation (text):
        Four lines, the top row first, of four tiles each: their values, aligned
        to the right in the width of the highest, ``.`` for an empty cell.
        ``parse_text`` reads it.

    Observation (image):
        The same facts, 400 by 400 pixels, palette colours: each tile with its
        value as a number and a colour of its own for each value.

    Actions:
        ``up``, ``down``, ``left``, ``right``: where the tiles slide. Legal when
        the board changes. ``choices`` are all that are legal, in this order; the
        default is the first of them.

    Score:
        10 * log2 of the sum of the values of all tiles made by merging, as
        Lmgame-Bench's paper reports it; 0 while nothing was merged. The sum
        itself, which is the original's score, is the statistic ``merged``.

    Starting state:
        Two tiles, which appear like those after a move. The seed decides all
        tiles that appear.

    End:
        ``no move is left``: the board is full and no two neighbours are equal.
        Nothing ends at 2048: the game goes on to higher tiles.

    Illegal actions:
        Refused with a reason, the state unchanged: text that is no move, and a
        move that would change nothing.

    Time:
        None; a move is a tick.

    Arguments:
        None: there is nothing to set.

    Version history:
        v1: First version.
    """

    spec: ClassVar[GameSpec] = GameSpec(
        id="TwentyFortyEight-v1",
        seats=("player",),
        score="10 log2 of the merged sum",
        menu=MOVES,
        decisions=1000,  # Lmgame-Bench's bound
    )
    rules = Path(__file__).with_name("rules.md").read_text(encoding="utf-8")

    def __init__(self) -> None:
        self.reset(0)

    def reset(self, seed: int) -> None:
        """Begin with two tiles."""
        self._rng = Rng(seed)
        self._moves = 0
        self._over = False
        self._board = self._appear(self._appear(bytes(CELLS)))

    def _appear(self, board: Board) -> Board:
        """Put a new tile into one of the empty cells; one draw decides both."""
        draw = self._rng.below(FOUR_IN * board.count(EMPTY))
        cell = -1
        for _ in range(draw // FOUR_IN + 1):
            cell = board.find(EMPTY, cell + 1)
        return board[:cell] + (b"\1" if draw % FOUR_IN else b"\2") + board[cell + 1 :]

    def acting(self) -> tuple[int, ...]:
        """The player, until no move is left."""
        return () if self._over else (0,)

    def actions(self, seat: int) -> Actions:
        """The moves that change the board."""
        self._check_acting(seat)
        board = self._board
        legal = tuple([name for name, slide in SLIDES.items() if slide(board) != board])
        return Actions(legal, legal[0])

    def canonical(self, seat: int, text: str) -> str:
        """The bare direction in lower case."""
        self._check_acting(seat)
        match = _ACTION.fullmatch(text.strip()) if len(text) < 100 else None
        if match is None:
            shown = text if len(text) <= _SHOWN else text[:_SHOWN] + "..."
            raise IllegalAction(f"{shown!r} is not a move: write up, down, left or right")
        move = match[1].lower()
        if SLIDES[move](self._board) == self._board:
            legal = " or ".join(self.actions(seat).choices)
            raise IllegalAction(f"{move} changes nothing on this board: write {legal}")
        return move

    def find(self, reply: str) -> list[str]:
        """Passages like "left" or "move up"; not "the left column" or "top-right"."""
        return [match.group() for match in _ACTION.finditer(reply)]

    def apply(self, actions: Mapping[int, str]) -> None:
        """Slide the tiles; a new one appears."""
        if len(actions) != 1 or 0 not in actions:
            for seat in actions:
                self._check_acting(seat)
            raise IllegalAction("no action was given")
        slide = SLIDES.get(actions[0])
        board = self._board
        after = board if slide is None else slide(board)
        if after == board:
            after = SLIDES[self.canonical(0, actions[0])](board)
        self._moves += 1
        self._board = board = self._appear(after)
        if EMPTY not in board:
            self._over = stuck(board)

    def _check_acting(self, seat: int) -> None:
        if self._over:
            raise IllegalAction("the match is over")
        if seat != 0:
            raise IllegalAction(f"there is no seat {seat}")

    def text(self, seat: int) -> str:
        """See the class, "Observation (text)"."""
        return write(self._board)

    def drawing(self, seat: int) -> Callable[[], Picture]:
        """See the class, "Observation (image)"."""
        board = self._board
        return lambda: draw(board)

    @property
    def tick(self) -> int:
        """Moves since the reset."""
        return self._moves

    def scores(self) -> tuple[float, ...]:
        """10 * log2 of the merged sum."""
        merged = merged_sum(self._board, self._moves)
        return (10 * log2(merged) if merged else 0.0,)

    def outcome(self) -> Outcome | None:
        """The score, when no move is left."""
        return Outcome(self.scores(), None, "no move is left") if self._over else None

    def statistics(self, seat: int) -> dict[str, float]:
        """``merged``: the original's score; ``highest``: the highest tile's value."""
        return {
            "merged": merged_sum(self._board, self._moves),
            "highest": 1 << max(self._board),
            "moves": self._moves,
        }

    def save(self) -> State:
        """The board row by row as exponents, the moves, the generator's state."""
        return {
            "game": self.spec.id,
            "board": [*self._board],
            "moves": self._moves,
            "rng": self._rng.state,
        }

    def restore(self, state: State) -> None:
        """Return to a saved state; nothing changes if it is refused."""
        if not isinstance(state, dict) or state.get("game") != self.spec.id:
            other = state.get("game") if isinstance(state, dict) else state
            raise StateError(f"this is {self.spec.id}, but the state was saved by {other!r:.60}")
        if state.keys() != {"game", "board", "moves", "rng"}:
            raise StateError(f"the saved state has the wrong keys: {', '.join(state)!r:.100}")
        moves = _integer(state["moves"], "moves", 1 << 62)
        rng = _integer(state["rng"], "rng", (1 << 64) - 1)
        cells = state["board"]
        if not isinstance(cells, list) or len(cells) != CELLS:
            raise StateError(f"the saved board is not a list of {CELLS} exponents")
        board = bytes([_integer(tile, "tile", HIGHEST) for tile in cells])
        if not 0 <= fours(board, moves) <= moves + 2:
            raise StateError(f"{moves} moves cannot have made the saved board")
        self._board, self._moves = board, moves
        self._rng.state = rng
        self._over = stuck(board)


def _integer(value: Json, name: str, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise StateError(f"saved {name} is {value!r:.40}, not an integer from 0 to {most}")
    return value
