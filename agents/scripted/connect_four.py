"""The scripted anchor for Connect Four: alpha-beta search on the board it reads.

Deepens until a fixed number of positions has been looked at, so that it always
takes about the same time and the same position always gives the same move.
"""

from __future__ import annotations

from lmgame.game import Turn
from lmgame.games.connect_four import BOARD, COLUMNS, columns, discs, open_fours, parse_text

HEAVY = True

BUDGET = 5000  # positions a decision; about 13 ms
WIN = 1000
"""A win, less one for each disc on the board before the winning one."""

_BOTTOM = BOARD & ~(BOARD << 1)
_COLUMN = tuple((BOARD & ((1 << 7) - 1)) << 7 * column for column in range(COLUMNS))
_MIDDLE_FIRST = tuple(sorted(range(COLUMNS), key=lambda column: abs(column - COLUMNS // 2)))
_CENTRE, _BESIDE = _COLUMN[3], _COLUMN[2] | _COLUMN[4]
# Whoever began fills the odd rows when a column is played out in turn, so an open
# four there is worth more to that side ("zugzwang", Allis 1988).
_ODD = _BOTTOM << 2 | _BOTTOM << 4
_EVEN = _BOTTOM << 1 | _BOTTOM << 3 | _BOTTOM << 5


def best(turn: Turn) -> str:
    """The move that a search of ``BUDGET`` positions likes best."""
    view = parse_text(turn.observation.text)
    own, other = discs(view.cells, view.you), discs(view.cells, "RY".replace(view.you, ""))
    column = Search(own, other, BUDGET).best()
    text = f"drop {column + 1}"
    return text if text in turn.actions.choices else turn.actions.default


class _Enough(Exception):
    """The budget is used up."""


class Search:
    """A search from one position.

    Args:
        own: Discs of whoever is to move, as bits; see games/connect_four/board.py.
        other: The opponent's.
        budget: How many positions to look at.
    """

    def __init__(self, own: int, other: int, budget: int) -> None:
        self.own, self.other, self.left = own, other, budget
        playable = columns(((own | other) + _BOTTOM) & BOARD)
        self.order = [column for column in _MIDDLE_FIRST if column in playable]
        self.value = 0

    def best(self) -> int:
        """The best column found, 0 to 6; ``value`` is then what it is thought worth."""
        empty = COLUMNS * 6 - (self.own | self.other).bit_count()
        for depth in range(1, empty + 1):
            try:
                self._deepen(depth)
            except _Enough:
                break
            if abs(self.value) > WIN // 2:
                break
        return self.order[0]

    def _deepen(self, depth: int) -> None:
        """Look ``depth`` moves ahead; the best column then stands first in ``order``."""
        own, other = self.own, self.other
        mine, theirs = open_fours(own, other), open_fours(other, own)
        free = ((own | other) + _BOTTOM) & BOARD
        best, alpha = self.order[0], -WIN
        for column in self.order:
            bit = free & _COLUMN[column]
            if bit & mine:
                value = WIN - (own | other).bit_count()
            else:
                now = own | bit
                value = -self._look(
                    other, now, theirs & ~bit, open_fours(now, other), depth - 1, -WIN, -alpha
                )
            if value > alpha:
                best, alpha = column, value
        self.order.remove(best)
        self.order.insert(0, best)
        self.value = alpha

    def _look(
        self, own: int, other: int, mine: int, theirs: int, depth: int, alpha: int, beta: int
    ) -> int:
        """What a position is worth to ``own``, who is to move.

        ``mine`` and ``theirs`` are the cells that would complete a four. A reply
        that is forced is followed without counting as depth.
        """
        self.left -= 1
        if self.left < 0:
            raise _Enough
        free = ((own | other) + _BOTTOM) & BOARD
        if not free:
            return 0
        if mine & free:
            return WIN - (own | other).bit_count()
        forced = theirs & free
        # Whatever is played below a four of theirs, they complete it at once.
        safe = (forced or free) & ~(theirs >> 1)
        if not safe or forced & (forced - 1):
            return (own | other).bit_count() + 1 - WIN
        if depth <= 0 and not forced:
            return evaluate(own, other, mine, theirs)
        for column in _MIDDLE_FIRST:
            bit = safe & _COLUMN[column]
            if bit:
                now = own | bit
                value = -self._look(
                    other, now, theirs & ~bit, open_fours(now, other),
                    depth - (not forced), -beta, -alpha,
                )  # fmt: skip
                if value >= beta:
                    return value
                alpha = max(alpha, value)
        return alpha


def evaluate(own: int, other: int, mine: int, theirs: int) -> int:
    """A guess at what a quiet position is worth to ``own``, who is to move."""
    began = (own | other).bit_count() % 2 == 0
    good, bad = (_ODD, _EVEN) if began else (_EVEN, _ODD)
    fours = 8 * (mine.bit_count() - theirs.bit_count())
    rows = 12 * ((mine & good).bit_count() - (theirs & bad).bit_count())
    centre = 3 * ((own & _CENTRE).bit_count() - (other & _CENTRE).bit_count())
    return fours + rows + centre + (own & _BESIDE).bit_count() - (other & _BESIDE).bit_count()
