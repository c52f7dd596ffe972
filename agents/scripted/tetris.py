"""Tetris: the placement that Dellacherie's evaluation likes best."""

from __future__ import annotations

from lmgame.game import Turn
from lmgame.games import tetris

HEAVY = True


def best(turn: Turn) -> str:
    """Six features of the board after a placement, weighted by hand.

    By Pierre Dellacherie, published in Fahey, "Tetris AI" (2003); the features and
    weights are in lmgame.games.tetris. Looks one piece ahead and never holds.
    """
    view = tetris.parse_text(turn.observation.text)
    ranked = tetris.rank_placements(view, turn.actions.choices)
    if not ranked:
        ranked = tetris.rank_inputs(view)
    return max(ranked, key=lambda one: one[1])[0]
