"""A playfield as JSON and back, refusing whatever no match can have saved."""

from __future__ import annotations

from lmgame.errors import StateError
from lmgame.game import Json, State

from .field import BLOCK_OUT, GARBAGE, LOCK_OUT, NOTHING, TOP_OUT, Field
from .scoring import GRAVITY, LINES_PER_LEVEL, LOCK_RESETS, LOCK_TICKS, ROW, TOP_LEVEL
from .srs import FLOOR, HEIGHT, KINDS, MASKS, PAD, WIDTH

_HUGE = 1 << 62
# Attributes that are saved as they are, with the values they can have.
_NUMBERS = {
    "fall": (0, ROW - 1),
    "timer": (0, LOCK_TICKS - 1),
    "resets": (0, LOCK_RESETS),
    "lowest": (0, HEIGHT + PAD),
    "spun": (0, 2),
    "hold": (NOTHING, len(KINDS) - 1),
    "combo": (-1, _HUGE),
    "score": (0, _HUGE),
    "lines": (0, _HUGE),
    "pieces": (0, _HUGE),
    "tspins": (0, _HUGE),
    "tetrises": (0, _HUGE),
    "perfect": (0, _HUGE),
    "max_combo": (0, _HUGE),
    "attack": (0, _HUGE),
    "sent": (0, _HUGE),
    "garbage": (0, _HUGE),
}
_OTHERS = ("cells", "piece", "held", "b2b", "next", "bag", "holes", "pending", "over")
_KEYS = {*_NUMBERS, *_OTHERS}


def save_field(field: Field) -> State:
    """The whole state of a seat."""
    return {
        "cells": field.cells.rstrip(b".").decode(),
        "piece": [field.shape, field.x, field.y],
        "fall": field.fall,
        "timer": field.timer,
        "resets": field.resets,
        "lowest": field.lowest,
        "spun": field.spun,
        "hold": field.hold,
        "held": field.held,
        "next": "".join([KINDS[kind] for kind in field.upcoming]),
        "bag": field.bag.state,
        "holes": field.holes.state,
        "pending": [*field.pending],
        "combo": field.combo,
        "b2b": field.b2b,
        "score": field.score,
        "lines": field.lines,
        "pieces": field.pieces,
        "tspins": field.tspins,
        "tetrises": field.tetrises,
        "perfect": field.perfect,
        "max_combo": field.max_combo,
        "attack": field.attack,
        "sent": field.sent,
        "garbage": field.garbage,
        "over": field.over,
    }


def load_field(state: Json, start: int, duel: bool, make: type[Field] = Field) -> Field:
    """A seat from its saved state.

    Args:
        state: What :func:`save_field` gave, possibly damaged.
        start: The level that the match started at.
        duel: Whether it has an opponent.
        make: The playfield's rules.

    Raises:
        StateError: No match can have saved this.
    """
    if not isinstance(state, dict) or state.keys() != _KEYS:
        raise StateError("a seat's saved state has the wrong keys")
    field = make(0, start, duel)
    for name, (least, most) in _NUMBERS.items():
        setattr(field, name, _integer(state[name], name, least, most))
    for name in ("held", "b2b"):
        if not isinstance(state[name], bool):
            raise StateError(f"saved {name} is {state[name]!r}, not true or false")
        setattr(field, name, state[name])
    field.bag.state = _integer(state["bag"], "bag", 0, (1 << 64) - 1)
    field.holes.state = _integer(state["holes"], "holes", 0, (1 << 64) - 1)
    field.upcoming = [KINDS.index(letter) for letter in _letters(state["next"], "next", KINDS)]
    if not 6 <= len(field.upcoming) <= 13:
        raise StateError("saved next pieces are too few or too many")
    pending = state["pending"]
    if not isinstance(pending, list):
        raise StateError("saved pending garbage is not a list")
    field.pending = [_integer(rows, "pending", 1, _HUGE) for rows in pending]
    field.level = min(TOP_LEVEL, start + field.lines // LINES_PER_LEVEL)
    field.speed = GRAVITY[field.level - 1]
    _load_cells(field, state["cells"])
    _load_piece(field, state["piece"], state["over"])
    return field


def _load_cells(field: Field, cells: Json) -> None:
    letters = _letters(cells, "cells", KINDS + GARBAGE + ".")
    if len(letters) > WIDTH * HEIGHT:
        raise StateError("saved cells are more than the field has")
    letters = letters.ljust(WIDTH * HEIGHT, ".")
    field.cells = bytearray(letters.encode())
    bits = int("".join("0" if letter == "." else "1" for letter in reversed(letters)), 2)
    field.board = bits << (WIDTH * PAD) | FLOOR


def _load_piece(field: Field, piece: Json, over: Json) -> None:
    if over not in ("", LOCK_OUT, BLOCK_OUT, TOP_OUT) or not isinstance(over, str):
        raise StateError(f"saved over is {over!r}, not a way to lose")
    if not isinstance(piece, list) or len(piece) != 3:
        raise StateError("saved piece is not [shape, x, y]")
    field.over = over
    field.shape = _integer(piece[0], "shape", NOTHING, len(MASKS) - 1)
    field.x = _integer(piece[1], "x", 0, len(MASKS[0]) - 1)
    field.y = _integer(piece[2], "y", 0, HEIGHT + PAD)
    if (field.shape == NOTHING) != bool(over):
        raise StateError("a saved seat has a piece if and only if it is not out")
    field.mask = 0 if over else MASKS[field.shape][field.x] << (WIDTH * field.y)
    if not over and (not field.mask or field.board & field.mask):
        raise StateError("the saved piece overlaps a wall or a block")


def _integer(value: Json, name: str, least: int, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise StateError(f"saved {name} is {value!r}, not an integer from {least} to {most}")
    return value


def _letters(value: Json, name: str, known: str) -> str:
    if not isinstance(value, str) or not set(value) <= set(known):
        raise StateError(f"saved {name} is not a string of {known}")
    return value
