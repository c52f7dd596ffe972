"""A match as JSON and back, refusing whatever no match can have saved."""

from __future__ import annotations

import base64
import binascii
import zlib
from dataclasses import asdict, dataclass, field, fields
from typing import cast

from lmgame.errors import StateError
from lmgame.game import Json, State, digest

from .console import Console, emulator
from .notation import BUTTONS, LONGEST_HOLD

_KEYS = {"game", "arguments", "rom", "cynes", "console", "digest", "standing"}
_HUGE = 1 << 62
_OVER = ("", "game over", "completed", "levels played")


@dataclass(slots=True)
class Standing:
    """What is known of a match beyond the console's state.

    Attributes:
        tick: Frames since the reset.
        held: The controller's bits; ``left``: frames for which they are still held.
        over: Why the match is over, or "".
        deaths: Lives lost.
        cleared: Levels completed.
        level: The level being played, 0 for 1-1 to 31 for 8-4; -1 before the start.
        best: The farthest scroll by level, in pixels.
    """

    tick: int = 0
    held: int = 0
    left: int = 0
    over: str = ""
    deaths: int = 0
    cleared: int = 0
    level: int = -1
    best: dict[int, int] = field(default_factory=dict)


_BOUNDS = {
    "tick": (0, _HUGE),
    "left": (0, LONGEST_HOLD),
    "deaths": (0, _HUGE),
    "cleared": (0, _HUGE),
    "level": (0, 1023),
}


def save(game: str, arguments: list[Json], console: Console, standing: Standing) -> State:
    """The match as JSON; the console's state is packed (zlib, base64)."""
    state = console.state()
    saved = asdict(standing)
    saved["best"] = [[level, far] for level, far in sorted(standing.best.items())]
    return {
        "game": game,
        "arguments": arguments,
        "rom": console.cartridge.sha1,
        "cynes": emulator().__version__,
        "console": base64.b64encode(zlib.compress(state, 1)).decode(),
        "digest": digest(state),
        "standing": cast("State", saved),
    }


def load(state: State, game: str, arguments: list[Json], console: Console) -> Standing:
    """Bring the console to a saved state.

    Args:
        state: What the game's save gave, possibly damaged.
        game: The game's id.
        arguments: Its stage, levels and lives.
        console: Changed only if the state is taken.

    Raises:
        StateError: No match of this game can have saved this.
    """
    if not isinstance(state, dict) or state.get("game") != game:
        other = state.get("game") if isinstance(state, dict) else state
        raise StateError(f"this is {game}, but the state was saved by {other!r:.60}")
    for key, mine, what in (
        ("arguments", arguments, "stage, levels, lives"),
        ("rom", console.cartridge.sha1, "a game with SHA-1"),
        ("cynes", emulator().__version__, "cynes"),
    ):
        if state.get(key) != mine:
            raise StateError(
                f"the state was saved with {what} {state.get(key)!r:.60}; here it is {mine!r}"
            )
    if state.keys() != _KEYS:
        raise StateError("the saved state has the wrong keys")
    standing = _standing(state["standing"])
    console.load(_unpacked(state, console.size))
    return standing


def _unpacked(state: State, size: int) -> bytes:
    """The console's bytes, which the emulator would not check."""
    packed = state["console"]
    try:
        if not isinstance(packed, str):
            raise ValueError("not text")
        bytes_ = zlib.decompressobj().decompress(base64.b64decode(packed, validate=True), size + 1)
    except (ValueError, binascii.Error, zlib.error):
        raise StateError("the saved console cannot be unpacked: the state is damaged") from None
    if len(bytes_) != size or digest(bytes_) != state["digest"]:
        raise StateError("the saved console does not match its digest: the state is damaged")
    return bytes_


def _standing(saved: Json) -> Standing:
    if not isinstance(saved, dict) or saved.keys() != {one.name for one in fields(Standing)}:
        raise StateError("the saved standing has the wrong keys")
    if saved["held"] not in BUTTONS.values() or saved["over"] not in _OVER:
        raise StateError("saved held or over is nothing that a match can have")
    best = saved["best"]
    if not isinstance(best, list) or not all(
        isinstance(one, list) and len(one) == 2 for one in best
    ):
        raise StateError("saved best is not a list of levels, each with how far it was played")
    standing = Standing(held=_integer(saved["held"], "held", 0, 255), over=str(saved["over"]))
    for name, bounds in _BOUNDS.items():
        setattr(standing, name, _integer(saved[name], name, *bounds))
    for level, far in cast("list[list[Json]]", best):
        standing.best[_integer(level, "best", 0, 1023)] = _integer(far, "best", 0, 0xFFFF)
    return standing


def _integer(value: Json, name: str, least: int, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise StateError(f"saved {name} is {value!r:.40}, not an integer from {least} to {most}")
    return value
