"""Whole placements: turn, go to a column, hard drop.

``place C R`` is shorthand for inputs from where the piece is now: R quarter
turns clockwise (three are one counterclockwise), single steps until the piece's
leftmost column is C, hard drop. It is legal when every one of them succeeds.
"""

from __future__ import annotations

from collections.abc import Iterator

from lmgame.errors import IllegalAction

from .field import Field
from .srs import KINDS, LEFT, LOW, MASKS, PAD, SPAN, WIDTH, drop_distance

PLACES = tuple(tuple(f"place {column} {turns}" for turns in range(4)) for column in range(WIDTH))
"""The canonical spelling by column and turns."""


def turned(field: Field, turns: int) -> tuple[int, int, int] | None:
    """Shape, x and y of the active piece after some clockwise turns, or None."""
    board, shape, x, y = field.board, field.shape, field.x, field.y
    for _ in range(1 if turns == 3 else turns):
        after = field.turner(board, shape, x, y, turns != 3)
        if after is None:
            return None
        shape, x, y, _ = after
        y -= field.sink
        if field.sink and board & MASKS[shape][x] << (WIDTH * y):
            return None  # it would lock before it is where it should be
    return shape, x, y


def walk(field: Field, shape: int, x: int, y: int, step: int) -> Iterator[tuple[int, int, int]]:
    """Where single steps to one side lead: x, y and mask after each of them."""
    board, masks, sink = field.board, MASKS[shape], field.sink
    while (mask := masks[x + step]) and not board & mask << (WIDTH * y):
        x += step
        y -= sink
        mask <<= WIDTH * y
        if sink and board & mask:
            return  # it would lock before the next step
        yield x, y, mask


def placements(field: Field) -> list[tuple[int, int, int]]:
    """Every legal placement as (column, turns, mask where it locks).

    Ordered by turns, then by column.
    """
    found: list[tuple[int, int, int]] = []
    board = field.board
    for turns in range(4):
        after = turned(field, turns)
        if after is None:
            continue
        shape, x, y = after
        low, edge, start = LOW[shape], LEFT[shape] - PAD, len(found)
        here = (x, y, MASKS[shape][x] << (WIDTH * y))
        for way in ((here,), walk(field, shape, x, y, -1), walk(field, shape, x, y, 1)):
            for x_there, y_there, mask in way:
                mask >>= WIDTH * drop_distance(board, mask, y_there + low)
                found.append((x_there + edge, turns, mask))
        # Leftwards was found from the piece outwards; columns are to ascend.
        found[start:] = sorted(found[start:])
    return found


def distinct(field: Field, legal: list[tuple[int, int, int]] | None = None) -> tuple[str, ...]:
    """The legal placements that end in different cells, the first of each.

    Args:
        field: The seat's playfield.
        legal: What :func:`placements` gave for it, if that is known already.
    """
    seen: set[int] = set()
    texts = []
    for column, turns, mask in legal or placements(field):
        if mask not in seen:
            seen.add(mask)
            texts.append(PLACES[column][turns])
    return tuple(texts)


def steps(field: Field, column: int, turns: int) -> int:
    """How many columns a legal placement goes, to the right if positive.

    Raises:
        IllegalAction: The placement is impossible; the message says why.
    """
    what = f"place {column} {turns} is impossible: "
    kind = KINDS[field.shape >> 2]
    if not 0 <= turns <= 3:
        raise IllegalAction(f"{what}R is the number of clockwise quarter turns, 0-3")
    after = turned(field, turns)
    if after is None:
        raise IllegalAction(f"{what}the {kind} piece cannot turn {turns} times where it is")
    shape, x, y = after
    width = SPAN[shape]
    if not 0 <= column <= WIDTH - width:
        raise IllegalAction(
            f"{what}the {kind} piece is {width} wide after {turns} turns, so C is 0-{WIDTH - width}"
        )
    goal = column - LEFT[shape] + PAD
    way = walk(field, shape, x, y, 1 if goal > x else -1)
    if goal != x and all(column_x != goal for column_x, _, _ in way):
        raise IllegalAction(
            f"{what}other blocks are in the way there; "
            f"with R={turns} C can be {_reachable(field, turns)}"
        )
    return goal - x


def _reachable(field: Field, turns: int) -> str:
    columns = [column for column, other, _ in placements(field) if other == turns]
    first, last = min(columns), max(columns)
    return f"{first}-{last}" if first < last else f"only {first}"


def inputs(field: Field, column: int, turns: int) -> str:
    """The inputs that a legal placement is shorthand for, e.g. ``press cw left drop``."""
    distance = steps(field, column, turns)
    spin = ["ccw"] if turns == 3 else ["cw"] * turns
    move = ["left" if distance < 0 else "right"] * abs(distance)
    return " ".join(["press", *spin, *move, "drop"])


def place(field: Field, column: int, turns: int) -> None:
    """Do it.

    Raises:
        IllegalAction: It is impossible; nothing has changed.
    """
    distance = steps(field, column, turns)
    if turns == 3:
        field.ccw()
    else:
        for _ in range(turns):
            field.cw()
    go = field.left if distance < 0 else field.right
    for _ in range(abs(distance)):
        go()
    field.drop()
