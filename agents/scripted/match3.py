"""The scripted anchor for match three: the swap that is sure to clear most."""

from __future__ import annotations

from lmgame.game import Turn
from lmgame.games.match3 import SHIFTS, cascade, nothing_fresh, parse_text, swapped


def best(turn: Turn) -> str:
    """The swap that clears most tiles of the board that is seen.

    What follows is played out with nothing new coming from above, since that
    cannot be known. Of equal swaps it takes the last listed, hence the lowest:
    more tiles fall, and more can come of it.
    """
    board = parse_text(turn.observation.text).board
    best_text, most = turn.actions.default, 0
    for text in turn.actions.choices:
        cleared = cascade(swapped(board, *SHIFTS[text]), nothing_fresh)[1]
        if cleared and cleared >= most:
            best_text, most = text, cleared
    return best_text
