"""What a seat sees: the facts, as text and back.

The picture is drawn from the same View, so neither can tell more.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

SIDES = ("left", "right")
MEMORY = 6
"""How many ticks ago the ball's earlier position is: what one picture shows of its motion."""

Point = tuple[int, int]


@dataclass(frozen=True, slots=True)
class View:
    """What a seat sees, in units of the field; x from the left, y from the top.

    Attributes:
        seat: Whose view it is: 0 left, 1 right.
        ball: The ball's centre.
        before: The ball's centre ``MEMORY`` ticks ago, or where it was served from.
        paddles: The upper and lower end of the left and the right paddle; None
            when the paddles are gone.
    """

    seat: int
    ball: Point
    before: Point
    paddles: tuple[Point, Point] | None


_TEXT = re.compile(
    r"you: (left|right)\n"
    rf"ball: x (\d+), y (\d+) \({MEMORY} ticks ago: x (\d+), y (\d+)\)\n"
    r"left paddle: (?:y (\d+) to (\d+)|gone)\n"
    r"right paddle: (?:y (\d+) to (\d+)|gone)",
    re.ASCII,
)


def write(view: View) -> str:
    """The text observation."""
    (x, y), (old_x, old_y) = view.ball, view.before
    if view.paddles is None:
        spans = ["gone", "gone"]
    else:
        spans = [f"y {top} to {bottom}" for top, bottom in view.paddles]
    return (
        f"you: {SIDES[view.seat]}\n"
        f"ball: x {x}, y {y} ({MEMORY} ticks ago: x {old_x}, y {old_y})\n"
        f"left paddle: {spans[0]}\n"
        f"right paddle: {spans[1]}"
    )


def parse_text(text: str) -> View:
    """Read what :func:`write` wrote.

    Raises:
        ValueError: It is not a Pong observation.
    """
    match = _TEXT.fullmatch(text)
    if match is None:
        raise ValueError(f"not a Pong observation: {text[:80]!r}")
    x, y, old_x, old_y = (int(match[group]) for group in range(2, 6))
    ends = [match[group] for group in range(6, 10)]
    paddles = None
    if None not in ends:
        top, bottom, other_top, other_bottom = (int(end) for end in ends)
        paddles = ((top, bottom), (other_top, other_bottom))
    elif set(ends) != {None}:
        raise ValueError(f"not a Pong observation: only one paddle is gone in {text[:200]!r}")
    return View(SIDES.index(match[1]), (x, y), (old_x, old_y), paddles)
