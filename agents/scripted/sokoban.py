"""The Sokoban anchor: solves the level anew at every turn, with little work."""

from __future__ import annotations

from lmgame.game import Turn
from lmgame.games import sokoban

HEAVY = True

BOUND = 1500
"""States that it looks at for one decision: 30 ms of work, and far less for most."""
WEIGHT = 4
"""How much it prefers positions that look nearly solved; see sokoban.search."""


def best(turn: Turn) -> str:
    """The first step of a short plan.

    The plan is made from the boxes and the part of the floor that the player can
    reach, so it stays the same while the player walks to the box. When no
    solution is found within the bound, the plan brings boxes nearer to goals;
    when nothing does that, the first step that is offered is taken.
    """
    board = sokoban.parse_text(turn.observation.text).board
    room = sokoban.Room(board)
    boxes = sokoban.cells(board, "$*")
    player = sokoban.cells(board, "@+").bit_length() - 1
    found = sokoban.search(room, boxes, player, BOUND, WEIGHT)
    if not found.pushes:
        return turn.actions.choices[0]
    return sokoban.MOVES[room.route(player, boxes, found.pushes[:1])[0]]
