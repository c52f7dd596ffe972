"""What the player is told: the facts of one moment, as text and back."""

from __future__ import annotations

import re
from dataclasses import dataclass

ROWS, TILE = 13, 16
TILES = ".#B?|CoFHA"
FORMS = ("small", "big", "fire")
POSES = (
    "standing", "walking", "running", "crouching", "rising", "falling", "swimming", "climbing",
)  # fmt: skip
EXTRAS = ("", "unbeatable", "blinking")
KINDS = (
    "walker", "turtle", "red turtle", "winged turtle", "winged red turtle", "beetle", "shell",
    "spiked", "spiked egg", "hammer thrower", "hammer", "cloud rider", "plant", "fish",
    "flying fish", "squid", "bullet", "lava ball", "boss", "flame", "mushroom", "flower", "star",
    "life mushroom", "fireball", "lift", "spring", "firebar",
)  # fmt: skip
WAYS = ("", "left", "right", "clockwise", "counterclockwise")


@dataclass(frozen=True, slots=True)
class Thing:
    """Something that moves, or can.

    Attributes:
        kind: One of ``KINDS``.
        x, y: The upper left corner of what is seen of it, in pixels of the grid;
            of a firebar the centre of the ball it turns about.
        way: One of ``WAYS``; empty where it does not say much.
        wide: The width of a lift, in pixels; else 0.
        tip: The centre of a firebar's last ball; else None.
    """

    kind: str
    x: int
    y: int
    way: str = ""
    wide: int = 0
    tip: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class View:
    """What is on the screen.

    Attributes:
        world, stage, time, coins, points: As the status bar shows them.
        lives: Left, with the one being played.
        x, y: The player's upper left corner, in pixels of the grid.
        form, pose, way, extra: One each of ``FORMS``, ``POSES``, left or right,
            and ``EXTRAS``.
        speed: Pixels a frame to the right, in sixteenths, and downward, whole.
        things: In the order of the console's slots.
        warps: The worlds that are written above the pipes of a warp zone.
        rows: ``ROWS`` rows of letters of ``TILES``, 16 or 17 each.
    """

    world: int
    stage: int
    time: int
    coins: int
    points: int
    lives: int
    x: int
    y: int
    form: str
    pose: str
    way: str
    extra: str
    speed: tuple[int, int]
    things: tuple[Thing, ...]
    warps: tuple[int, ...]
    rows: tuple[str, ...]


def write(view: View) -> str:
    """The text observation."""
    across, down = view.speed
    state = ", ".join(one for one in (view.form, view.extra, view.pose) if one)
    lines = [
        f"world {view.world}-{view.stage}, time {view.time}, coins {view.coins}, "
        f"points {view.points}, lives {view.lives}",
        f"you {view.x},{view.y}: {state}, facing {view.way}, speed {across / 16:g},{down}",
        "seen: " + ("; ".join(_thing(one) for one in view.things) or "nothing"),
    ]
    if view.warps:
        lines.append("pipes to worlds " + ", ".join(map(str, view.warps)))
    return "\n".join([*lines, *view.rows])


def _thing(one: Thing) -> str:
    words = [f"{one.kind} {one.x},{one.y}"]
    if one.tip is not None:
        words.append(f"to {one.tip[0]},{one.tip[1]}")
    if one.wide:
        words.append(f"wide {one.wide}")
    if one.way:
        words.append(one.way)
    return " ".join(words)


_STATUS = re.compile(
    r"world ([1-9])-([1-9]), time (\d+), coins (\d+), points (\d+), lives (\d+)", re.ASCII
)
_YOU = re.compile(
    rf"you (-?\d+),(-?\d+): ({'|'.join(FORMS)})(?:, ({'|'.join(EXTRAS[1:])}))?, "
    rf"({'|'.join(POSES)}), facing (left|right), speed (-?[\d.]+),(-?\d+)",
    re.ASCII,
)
_THING = re.compile(
    rf"({'|'.join(KINDS)}) (-?\d+),(-?\d+)(?: to (-?\d+),(-?\d+))?(?: wide (\d+))?"
    rf"(?: ({'|'.join(WAYS[1:])}))?",
    re.ASCII,
)


def parse_text(text: str) -> View:
    """Read what :func:`write` wrote.

    Raises:
        ValueError: It is not a SuperMarioBros observation.
    """
    lines = text.split("\n")
    status, you = _STATUS.fullmatch(lines[0]), _YOU.fullmatch(lines[1] if lines[1:] else "")
    warps = lines.pop(3) if len(lines) > 3 and lines[3].startswith("pipes to worlds ") else ""
    rows = tuple(lines[3:])
    if (
        status is None
        or you is None
        or not lines[2:]
        or not lines[2].startswith("seen: ")
        or len(rows) != ROWS
        or len(rows[0]) not in (16, 17)
        or any(len(row) != len(rows[0]) or not set(row) <= set(TILES) for row in rows)
    ):
        raise ValueError(f"not a SuperMarioBros observation: {text[:80]!r}")
    seen = lines[2].removeprefix("seen: ")
    world, stage, time, coins, points, lives = map(int, status.groups())
    return View(
        world, stage, time, coins, points, lives, int(you[1]), int(you[2]), you[3], you[5], you[6],
        you[4] or "", (round(16 * float(you[7])), int(you[8])),
        tuple(map(_read_thing, seen.split("; "))) if seen != "nothing" else (),
        tuple(map(int, warps.removeprefix("pipes to worlds ").split(", "))) if warps else (),
        rows,
    )  # fmt: skip


def _read_thing(text: str) -> Thing:
    found = _THING.fullmatch(text)
    if found is None:
        raise ValueError(f"nothing that a SuperMarioBros observation shows: {text[:80]!r}")
    tip = (int(found[4]), int(found[5])) if found[4] else None
    return Thing(found[1], int(found[2]), int(found[3]), found[7] or "", int(found[6] or 0), tip)
