"""The Pong anchor: goes where the ball will arrive."""

from __future__ import annotations

from lmgame.game import Turn
from lmgame.games.pong import View, parse_text

MIDDLE = 120
LOWEST, HIGHEST = 4, 236  # of the ball's centre
GOAL = (20, 340)


def best(turn: Turn) -> str:
    """Track the ball: its way, bounces included, as far as two places tell it."""
    view = parse_text(turn.observation.text)
    return f"go {(target(view) + 5) // 10 * 10}"


def target(view: View) -> int:
    """The height to be at: where the ball will arrive, or the middle."""
    (x, y), (old_x, old_y) = view.ball, view.before
    across = x - old_x
    goal = GOAL[view.seat]
    if across * (goal - x) <= 0:
        return MIDDLE
    return bounced(y + down(y, old_y) * abs(goal - x) // abs(across))


def down(y: int, old_y: int) -> int:
    """How far the ball went down, had it gone on; a wall may have turned it since.

    Speeds are whole numbers a tick, so a difference that six ticks cannot give
    is a bounce.
    """
    ways = (y - old_y, y + old_y - 2 * LOWEST, y + old_y - 2 * HIGHEST)
    return next((way for way in ways if way % 6 == 0), ways[0])


def bounced(y: int) -> int:
    """A height beyond the walls, folded back between them."""
    span = HIGHEST - LOWEST
    way = (y - LOWEST) % (2 * span)
    return LOWEST + min(way, 2 * span - way)
