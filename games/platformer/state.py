"""A match as JSON and back, refusing whatever no match can have saved."""

from __future__ import annotations

from lmgame.errors import StateError
from lmgame.game import Json, State

from .body import (
    DEAD,
    DONE,
    FASTEST_FALL,
    JUMP,
    LATE,
    LEAP,
    LEFT,
    PIT,
    RIGHT,
    SAFE_TICKS,
    TOP_SPEED,
    Body,
)
from .level import COIN, EMPTY, HEART, TILE, level

_KEYS = {"game", "arguments", "seed", "body"}
_HUGE = 1 << 62
_FLAGS = ("stands", "right", "strong")


def _numbers(width: int) -> dict[str, tuple[int, int]]:
    """Attributes that are saved as they are, with the values they can have."""
    return {
        "tick": (0, _HUGE),
        "x": (0, (width - 1) * TILE),
        "y": (0, PIT),
        "vx": (-TOP_SPEED, TOP_SPEED),
        "vy": (LEAP, FASTEST_FALL),
        "safe": (0, SAFE_TICKS),
        "held": (0, RIGHT | JUMP),
        "left": (0, 60),
        "hits": (0, _HUGE),
        "farthest": (0, (width - 1) * TILE),
    }


def save_body(body: Body) -> State:
    """Everything but the level, which the seed gives again."""
    saved: State = {name: getattr(body, name) for name in (*_numbers(0), *_FLAGS, "over")}
    squashed: list[Json] = [*sorted(body.squashed)]
    taken: list[Json] = [*body.taken]
    return saved | {"squashed": squashed, "taken": taken}


def load_body(state: State, game: str, arguments: list[int], hz: int) -> tuple[int, Body]:
    """The seed and the body of a saved state.

    Args:
        state: What the game's save gave, possibly damaged.
        game: The game's id.
        arguments: Its length, difficulty and seconds.
        hz: Ticks a second.

    Raises:
        StateError: No match can have saved this.
    """
    if not isinstance(state, dict) or state.get("game") != game:
        other = state.get("game") if isinstance(state, dict) else state
        raise StateError(f"this is {game}, but the state was saved by {other!r:.60}")
    if state.get("arguments") != arguments:
        raise StateError(
            "the state was saved with length, difficulty, seconds = "
            f"{state.get('arguments')!r:.60}; this game has {arguments!r}"
        )
    saved = state.get("body")
    if state.keys() != _KEYS or not isinstance(saved, dict):
        raise StateError("the saved state has the wrong keys")
    seed = _integer(state["seed"], "seed", 0, (1 << 64) - 1)
    length, difficulty, seconds = arguments
    body = Body(level(seed, difficulty, length))
    if saved.keys() != save_body(body).keys():
        raise StateError("the saved body has the wrong keys")
    for name, (least, most) in _numbers(body.level.width).items():
        setattr(body, name, _integer(saved[name], name, least, most))
    for name in _FLAGS:
        if not isinstance(saved[name], bool):
            raise StateError(f"saved {name} is {saved[name]!r}, not true or false")
        setattr(body, name, saved[name])
    if saved["over"] not in ("", DEAD, DONE, LATE) or body.held == LEFT | RIGHT:
        raise StateError("saved over or held is nothing that a match can have")
    body.over = str(saved["over"])
    if body.farthest < body.x or body.tick > seconds * hz or body.held > RIGHT | JUMP:
        raise StateError("saved tick or farthest does not fit the rest")
    body.squashed = set(_list(saved["squashed"], "squashed", len(body.level.patrols)))
    for cell in _list(saved["taken"], "taken", len(body.tiles)):
        if body.tiles[cell] not in (COIN, HEART):
            raise StateError(f"saved taken: there is nothing to take in cell {cell}")
        body.coins += body.tiles[cell] == COIN
        body.tiles[cell] = EMPTY
        body.taken.append(cell)
    return seed, body


def _list(value: Json, name: str, bound: int) -> list[int]:
    if not isinstance(value, list):
        raise StateError(f"saved {name} is not a list")
    return [_integer(one, name, 0, bound - 1) for one in value]


def _integer(value: Json, name: str, least: int, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise StateError(f"saved {name} is {value!r:.40}, not an integer from {least} to {most}")
    return value
