"""The scripted anchor for tic-tac-toe: perfect play from the board it reads."""

from __future__ import annotations

from functools import cache

from lmgame.game import Turn
from lmgame.games.tic_tac_toe import CELLS, parse_text, three

_ALL = (1 << CELLS) - 1
_ORDER = (4, 0, 2, 6, 8, 1, 3, 5, 7)
"""Among equals the middle, then a corner: fewer replies hold against these."""


def best(turn: Turn) -> str:
    """A move that perfect play allows; the quickest win, or the longest defence."""
    view = parse_text(turn.observation.text)
    own, other = (
        sum(1 << cell for cell, letter in enumerate(view.cells) if letter == mark)
        for mark in (view.you, "XO".replace(view.you, ""))
    )
    free = [cell for cell in _ORDER if f"mark {cell + 1}" in turn.actions.choices]
    cell = max(free, key=lambda cell: -value(other, own | 1 << cell))
    return f"mark {cell + 1}"


@cache
def value(own: int, other: int) -> int:
    """What a position is worth to ``own``, who is to move, with perfect play.

    Returns:
        0 for a draw; else positive for a win and the larger the sooner it comes
        (one more than the cells it leaves free), negative for a loss.
    """
    free = _ALL & ~(own | other)
    if three(other):
        return -1 - free.bit_count()
    if not free:
        return 0
    return max(-value(other, own | 1 << cell) for cell in range(CELLS) if free >> cell & 1)
