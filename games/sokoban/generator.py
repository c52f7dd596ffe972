"""Makes levels that can be solved, by playing backwards from the solved position.

A room is carved from small rectangles; the boxes stand on their goals; then ways of
pulling them apart are followed layer by layer, one pull a layer. Positions of the
last layers are given to the solver: what it solves in enough pushes is a level, and
its solution the proof. Work is bounded by counts, never by time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from lmgame.rng import Rng

from .room import BOX, FLOOR, GOAL, MOVES, PLAYER, PLAYER_ON_GOAL, WALL, Room, members
from .solver import search

HARDEST = 5
MOST_MOVES = 150
"""No proof has more moves, so the usual limit of 200 leaves some to waste."""


@dataclass(frozen=True, slots=True)
class Grade:
    """What a difficulty means.

    Attributes:
        width: Columns, walls included.
        height: Rows, walls included.
        floor: Cells of floor at which the carving stops.
        boxes: How many boxes.
        pushes: The fewest pushes that solve a level are at least these, unless
            no room of a seed gives as many.
        pulls: Layers that are followed.
        beam: Positions of a layer that are followed.
    """

    width: int
    height: int
    floor: int
    boxes: int
    pushes: int
    pulls: int
    beam: int


GRADES = {
    1: Grade(7, 7, 15, 1, 4, 6, 100),
    2: Grade(7, 7, 17, 2, 8, 12, 100),
    3: Grade(8, 7, 20, 2, 10, 20, 100),
    4: Grade(8, 8, 23, 3, 14, 28, 60),
    5: Grade(9, 8, 26, 4, 16, 36, 40),
}
_ROOMS = 6  # tried at most; then the level that needs the most pushes is taken
_CANDIDATES = 4  # positions of a room that are solved
_BOUND = 3000  # states that the solver may look at for each
_LAST_RESORT = "#####\n##.##\n##$##\n##@##\n#####"
_State = tuple[int, int]  # the boxes, the first cell that the player can reach


@dataclass(frozen=True, slots=True)
class Level:
    """A level and the proof that it can be solved.

    Attributes:
        board: Its rows, joined by newlines.
        pushes: The fewest pushes that solve it.
        proof: Moves that solve it, with so many pushes.
    """

    board: str
    pushes: int
    proof: tuple[str, ...]


@lru_cache(maxsize=256)
def generate(seed: int, difficulty: int) -> Level:
    """The level of a seed: the same on every machine.

    Args:
        seed: Any integer.
        difficulty: 1 to ``HARDEST``.
    """
    rng = Rng(seed)
    grade = GRADES[difficulty]
    best = Level(_LAST_RESORT, 1, ("up",))
    for _ in range(_ROOMS):
        for level in _levels(rng, grade):
            if level.pushes > best.pushes:
                best = level
            if best.pushes >= grade.pushes:
                return best
    return best


def _levels(rng: Rng, grade: Grade) -> Iterator[Level]:
    """Some levels in one room; none when the boxes stay together."""
    rows = _carve(rng, grade)
    spots = [cell for cell, letter in enumerate(rows) if letter == FLOOR]
    rng.shuffle(spots)
    for cell in spots[: grade.boxes]:
        rows[cell] = GOAL
    room = Room("".join(rows))
    for boxes, region in _apart(rng, room, grade):
        player = rng.choice(members(region))
        found = search(room, boxes, player, _BOUND)
        if not found.solved:
            continue  # too much work for the bound: it was made by pulls, so it can be solved
        moves = room.route(player, boxes, found.pushes)
        if len(moves) <= MOST_MOVES:
            board = _drawn(rows, boxes, player)
            yield Level(board, len(found.pushes), tuple(MOVES[move] for move in moves))


def _drawn(rows: list[str], boxes: int, player: int) -> str:
    rows = rows.copy()
    for cell in members(boxes):
        rows[cell] = BOX
    rows[player] = PLAYER_ON_GOAL if rows[player] == GOAL else PLAYER
    return "".join(rows)


def _carve(rng: Rng, grade: Grade) -> list[str]:
    """A connected room of small rectangles: rows and newlines."""
    width, height = grade.width, grade.height
    stride = width + 1
    rows = list("\n".join([WALL * width] * height))
    taken: set[int] = set()
    edge: set[int] = set()
    while len(taken) < grade.floor:
        wide, high = 1 + rng.below(3), 1 + rng.below(3)
        left, top = 1 + rng.below(width - 1 - wide), 1 + rng.below(height - 1 - high)
        first = top * stride + left
        fresh = {first + y * stride + x for y in range(high) for x in range(wide)}
        if (taken and not fresh & edge) or wide * high == 1:
            continue  # would stand apart
        taken |= fresh
        edge |= {cell + step for cell in fresh for step in (-stride, -1, 1, stride)}
    for cell in taken:
        rows[cell] = FLOOR
    return rows


def _apart(rng: Rng, room: Room, grade: Grade) -> list[tuple[int, int]]:
    """Pull the boxes off their goals.

    Returns:
        Positions with no box on a goal, from the last layers: the boxes, and
        where the player may stand.
    """
    goals = room.goals
    seen: set[_State] = set()
    layer: list[tuple[int, int]] = []
    outside = room.floor & ~goals
    while outside:
        region = room.reach((outside & -outside).bit_length() - 1, goals)
        outside &= ~region
        layer.append((goals, region))
    last: list[tuple[int, int]] = []
    for _ in range(grade.pulls):
        layer = _pulled(room, layer, seen)
        rng.shuffle(layer)
        del layer[grade.beam :]
        last = [one for one in layer if not one[0] & goals][:_CANDIDATES] or last
    return last


def _pulled(room: Room, layer: list[tuple[int, int]], seen: set[_State]) -> list[tuple[int, int]]:
    """The positions one pull away that were not seen before."""
    found = []
    for boxes, region in layer:
        for shift in room.shifts:
            # Whoever pulls a box by this shift stands beside it and steps back.
            if shift > 0:
                able = boxes & region >> shift & region >> 2 * shift
            else:
                able = boxes & region << -shift & region << -2 * shift
            for box in members(able):
                pulled = boxes ^ 1 << box ^ 1 << (box + shift)
                around = room.reach(box + 2 * shift, pulled)
                state = (pulled, around & -around)
                if state not in seen:
                    seen.add(state)
                    found.append((pulled, around))
    return found
