"""The Platformer anchor: runs right and jumps at what it sees coming."""

from __future__ import annotations

from lmgame.game import Turn
from lmgame.games.platformer import View, parse_text

COLUMNS, ROWS, TILE = 20, 12, 16
SOLID = "#B|"
REACH = {"standing": 26, "walking": 46, "running": 52}
"""Pixels that 20 frames of running cover at most: what is nearer must be answered now."""


def best(turn: Turn) -> str:
    """Jump at holes, walls and walkers within reach; otherwise run."""
    view = parse_text(turn.observation.text)
    if view.pose == "rising":
        return "right 5" if lands_on_walker(view) else "right+jump 20"
    if view.pose == "falling":
        return "wait 20" if lands_before_a_hole(view) else "right 20"
    walker = walker_ahead(view)
    if walker is not None and walker < 18:
        return "left+jump 20"
    if walker is not None and walker < 72:
        return "right+jump 20"
    return "right+jump 20" if obstacle(view) <= REACH.get(view.pose, 0) else "right 20"


def solid(view: View, column: int, row: int) -> bool:
    """Whether there is something to stand on or to run into; outside there is not."""
    inside = 0 <= column < COLUMNS and 0 <= row < ROWS
    return inside and view.tiles[row * COLUMNS + column] in SOLID


def floor(view: View, column: int) -> int:
    """The highest row to land on from the player's height, ``ROWS`` above a hole."""
    feet = (view.y + 13) // TILE + 1
    return next((row for row in range(feet, ROWS) if solid(view, column, row)), ROWS)


def obstacle(view: View) -> int:
    """Pixels to the next hole or wall in front, many if there is none."""
    right = view.x + 12
    body = (view.y + 13) // TILE
    for column in range(right // TILE, min(right // TILE + 6, COLUMNS)):
        if solid(view, column, body) or floor(view, column) == ROWS:
            return column * TILE - right
    return 1000


def lands_before_a_hole(view: View) -> bool:
    """Whether there is something to land on, but not for long."""
    here = view.x // TILE
    rows = [floor(view, column) for column in range(here, here + 4)]
    return rows[0] < ROWS and ROWS in rows[1:]


def walker_ahead(view: View) -> int | None:
    """Pixels to the next walker in front at the player's height."""
    gaps = [
        one.x - view.x - 12
        for one in view.walkers
        if one.x + 14 > view.x and abs(one.y - view.y) < 2 * TILE
    ]
    return min(gaps, default=None)


def lands_on_walker(view: View) -> bool:
    """Whether a walker is just below: let go, so as to come down on it."""
    return any(view.y < one.y and -14 < one.x - view.x < 40 for one in view.walkers)
