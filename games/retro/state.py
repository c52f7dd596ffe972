"""A match as JSON and back, refusing whatever no match can have saved."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from lmgame.errors import StateError
from lmgame.game import Json, State, digest

from .pad import LONGEST_HOLD

_HUGE = 1 << 62
_KEYS = {
    "game",
    "identity",
    "seed",
    "tick",
    "buttons",
    "left",
    "score",
    "over",
    "machine",
    "inputs",
}


@dataclass(slots=True)
class Course:
    """What has come of a match, beside what the console holds.

    Attributes:
        seed: The match seed.
        tick: Frames since the reset.
        buttons, left: What is held, and for how many more frames.
        score: The sum of rewards.
        over: Why it is over, or "".
        inputs: Buttons, frames held and frames run, of every run since the
            reset; kept only where a script has a memory that cannot be saved.
    """

    seed: int = 0
    tick: int = 0
    buttons: int = 0
    left: int = 0
    score: float = 0.0
    over: str = ""
    inputs: list[tuple[int, int, int]] = field(default_factory=list)


def write(game: str, identity: Mapping[str, str], course: Course, machine: bytes) -> State:
    """A saved match.

    Args:
        game: The game's id.
        identity: What the state belongs to.
        course: The match.
        machine: The packed state of the console; empty where ``inputs`` tell it.
    """
    inputs: list[Json] = [[*one] for one in course.inputs]
    return {
        "game": game,
        "identity": {**identity},
        "seed": course.seed,
        "tick": course.tick,
        "buttons": course.buttons,
        "left": course.left,
        "score": course.score,
        "over": course.over,
        "inputs": inputs,
        # The hash comes first, so that a damaged state never reaches a core.
        "machine": digest(machine) + base64.b64encode(machine).decode() if machine else "",
    }


def read(
    state: State,
    game: str,
    identity: Mapping[str, str],
    codes: frozenset[int],
    ends: Iterable[str],
) -> tuple[Course, bytes]:
    """The match and the packed state of the console.

    Args:
        state: What :func:`write` gave, possibly damaged.
        game: The game's id.
        identity: What the state must belong to.
        codes: Every set of buttons that may be held.
        ends: Every reason for which a match ends.

    Raises:
        StateError: No match of this game can have saved this.
    """
    if not isinstance(state, dict) or state.get("game") != game:
        other = state.get("game") if isinstance(state, dict) else state
        raise StateError(f"this is {game}, but the state was saved by {other!r:.60}")
    saved = state.get("identity")
    if state.keys() != _KEYS or not isinstance(saved, dict):
        raise StateError("the saved state has the wrong keys")
    for key, mine in identity.items():
        if saved.get(key) != mine:
            raise StateError(
                f"the state was saved with {key} {saved.get(key)!r:.60}; here it is {mine!r:.60}"
            )
    score, over, inputs = state["score"], state["over"], state["inputs"]
    if not isinstance(score, int | float) or isinstance(score, bool) or not math.isfinite(score):
        raise StateError(f"saved score is {score!r:.40}, not a number")
    if not isinstance(over, str) or over not in ("", *ends):
        raise StateError(f"saved over is {over!r:.40}, nothing that ends a match")
    if not isinstance(inputs, list):
        raise StateError(f"saved inputs is {inputs!r:.40}, not a list")
    course = Course(
        seed=_integer(state["seed"], "seed", (1 << 64) - 1),
        tick=_integer(state["tick"], "tick", _HUGE),
        buttons=_buttons(state["buttons"], codes),
        left=_integer(state["left"], "left", LONGEST_HOLD),
        score=float(score),
        over=over,
        inputs=[_input(one, codes) for one in inputs],
    )
    if course.inputs and sum(ran for _, _, ran in course.inputs) != course.tick:
        raise StateError("saved inputs and tick do not fit together")
    return course, _machine(state["machine"])


def _input(value: Json, codes: frozenset[int]) -> tuple[int, int, int]:
    if not isinstance(value, list) or len(value) != 3:
        raise StateError("saved inputs: not buttons, frames held and frames run")
    buttons, held, ran = value
    return (
        _buttons(buttons, codes),
        _integer(held, "inputs", LONGEST_HOLD),
        _integer(ran, "inputs", _HUGE),
    )


def _buttons(value: Json, codes: frozenset[int]) -> int:
    code = _integer(value, "buttons", _HUGE)
    if code not in codes:
        raise StateError(f"saved buttons {code} cannot be held in this game")
    return code


def _machine(value: Json) -> bytes:
    if value == "":
        return b""
    try:
        machine = base64.b64decode(value[16:], validate=True) if isinstance(value, str) else b""
    except ValueError:
        machine = b""
    if not isinstance(value, str) or not machine or digest(machine) != value[:16]:
        raise StateError("the saved machine is damaged")
    return machine


def _integer(value: Json, name: str, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise StateError(f"saved {name} is {value!r:.40}, not an integer from 0 to {most}")
    return value
