"""What the player sees: the facts, as text and back.

The picture is drawn from the same View, so neither can tell more.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

COLUMNS, ROWS, PIXELS = 20, 12, 16
TILES = ".#B|o+F"
POSES = ("standing", "walking", "running", "rising", "falling", "dead")
FORMS = ("small", "strong", "safe")
WAYS = ("left", "right")


@dataclass(frozen=True, slots=True)
class Walker:
    """A walker wholly inside the window: its upper left corner, in pixels of the window."""

    x: int
    y: int
    way: str


@dataclass(frozen=True, slots=True)
class View:
    """The window.

    Attributes:
        x, y: The player's upper left corner, in pixels of the window.
        pose, way, form: One each of ``POSES``, ``WAYS`` and ``FORMS``.
        walkers: From left to right.
        tiles: ``COLUMNS`` by ``ROWS`` letters of ``TILES``, row by row from the top.
    """

    x: int
    y: int
    pose: str
    way: str
    form: str
    walkers: tuple[Walker, ...]
    tiles: str


_YOU = re.compile(
    rf"you: x (\d+) y (\d+), ({'|'.join(POSES)}), facing (left|right), ({'|'.join(FORMS)})",
    re.ASCII,
)
_WALKER = re.compile(r"x (\d+) y (\d+) (left|right)", re.ASCII)


def write(view: View) -> str:
    """The text observation."""
    walkers = "; ".join(f"x {one.x} y {one.y} {one.way}" for one in view.walkers) or "none"
    tiles = view.tiles
    rows = [tiles[start : start + COLUMNS] for start in range(0, COLUMNS * ROWS, COLUMNS)]
    return (
        f"you: x {view.x} y {view.y}, {view.pose}, facing {view.way}, {view.form}\n"
        f"walkers: {walkers}\n" + "\n".join(rows)
    )


def parse_text(text: str) -> View:
    """Read what :func:`write` wrote.

    Raises:
        ValueError: It is not a Platformer observation.
    """
    lines = text.split("\n")
    you = _YOU.fullmatch(lines[0])
    rows = lines[2:]
    if (
        you is None
        or len(rows) != ROWS
        or not lines[1].startswith("walkers: ")
        or any(len(row) != COLUMNS or not set(row) <= set(TILES) for row in rows)
    ):
        raise ValueError(f"not a Platformer observation: {text[:80]!r}")
    walkers = []
    listed = lines[1].removeprefix("walkers: ")
    for part in listed.split("; ") if listed != "none" else ():
        found = _WALKER.fullmatch(part)
        if found is None:
            raise ValueError(f"not a walker of a Platformer observation: {part[:80]!r}")
        walkers.append(Walker(int(found[1]), int(found[2]), found[3]))
    return View(int(you[1]), int(you[2]), you[3], you[4], you[5], tuple(walkers), "".join(rows))
