"""The Super Mario Bros. anchor: runs right and jumps at what it sees coming."""

from __future__ import annotations

from lmgame.game import Turn
from lmgame.games.super_mario_bros import Thing, View, parse_text

ROWS, TILE = 13, 16
SOLID = "#B?|C"
HARMLESS = {"mushroom", "flower", "star", "life mushroom", "fireball", "lift", "spring", "firebar"}
FAR = 999


def best(turn: Turn) -> str:
    """Jump at holes, walls and enemies within reach; otherwise run."""
    view = parse_text(turn.observation.text)
    if view.pose == "climbing":
        return "up 20"
    if view.pose == "swimming":
        return swim(view)
    if view.pose == "rising":
        return rise(view)
    if view.pose == "falling":
        return "left+run 4" if overshoots(view) else "right+run 4"
    return walk(view)


def walk(view: View) -> str:
    """On the ground."""
    speed = view.speed[0] / TILE
    reach = 20 + 12 * max(0.0, speed)
    enemy, wall, hole = enemy_ahead(view), wall_ahead(view), hole_ahead(view)
    if plant_ahead(view):
        return "wait 10" if speed < 1 else "left 6"
    if enemy < reach + 16 and low(view):
        return "left+run 8"
    if enemy < 20 and speed < 1 and enemy < wall:
        return "left+jump 24"
    if enemy < reach:
        return "right+run+jump 16"
    if wall < 16 + 8 * max(0.0, speed):
        return "right+run+jump 28"
    if hole < 6 + 4 * max(0.0, speed):
        return "right+run+jump 28"
    near = min(enemy - reach, wall - 40, hole - 24)
    return f"right+run {max(2, min(20, int(near / 3)))}"


def rise(view: View) -> str:
    """On the way up: higher only as long as something ahead asks for it."""
    if wall_ahead(view) < 64 or hole_ahead(view) < 64 or enemy_ahead(view) < 32:
        return "right+run+jump 6"
    return "right+run 4"


def swim(view: View) -> str:
    """A stroke whenever it has sunk below the middle or something is below."""
    if view.y > 90 or enemy_ahead(view) < 40 or wall_ahead(view) < 24:
        return "right+jump 4" if view.y > 24 else "right 8"
    return "right 6"


def solid(view: View, column: int, row: int) -> bool:
    """Whether there is something to stand on or to run into; outside there is not."""
    inside = 0 <= column < len(view.rows[0]) and 0 <= row < ROWS
    return inside and view.rows[row][column] in SOLID


def feet(view: View) -> int:
    """The row that the player's feet are in."""
    tall = TILE if view.form == "small" or view.pose == "crouching" else 2 * TILE
    return (view.y + tall - 1) // TILE


def wall_ahead(view: View) -> int:
    """Pixels to the next wall in front, many if there is none."""
    front, row = view.x + 14, feet(view)
    for column in range(front // TILE, len(view.rows[0])):
        if solid(view, column, row) or (view.form != "small" and solid(view, column, row - 1)):
            return max(0, column * TILE - front)
    return FAR


def hole_ahead(view: View) -> int:
    """Pixels to the next hole in front, many if there is none."""
    front, row = view.x + 8, feet(view)
    for column in range(front // TILE, len(view.rows[0])):
        if not any(solid(view, column, down) for down in range(row + 1, ROWS)):
            return max(0, column * TILE - front)
    return FAR


def overshoots(view: View) -> bool:
    """Whether it falls towards a hole with ground below it now."""
    column, row = (view.x + 8) // TILE, feet(view)
    below = any(solid(view, column, down) for down in range(row + 1, ROWS))
    return below and hole_ahead(view) < 20 and view.speed[0] > 24


def foes(view: View) -> list[Thing]:
    """What may hurt."""
    return [one for one in view.things if one.kind not in HARMLESS]


def enemy_ahead(view: View) -> int:
    """Pixels to the next enemy in front at about the player's height."""
    gaps = [
        one.x - view.x - 12
        for one in foes(view)
        if one.kind != "plant" and one.x + 12 > view.x and abs(one.y - view.y) < 3 * TILE
    ]
    return min(gaps, default=FAR)


def low(view: View) -> bool:
    """Whether there is no room to jump here."""
    top = view.y // TILE
    columns = range(view.x // TILE, (view.x + 40) // TILE + 1)
    return any(solid(view, column, row) for column in columns for row in (top - 1, top - 2))


def plant_ahead(view: View) -> bool:
    """Whether a plant is out of its pipe, near in front."""
    return any(one.kind == "plant" and 0 < one.x - view.x < 5 * TILE for one in foes(view))
