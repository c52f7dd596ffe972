"""Solves levels: best-first search over pushes, with a bound on the work.

A state is where the boxes are and which part of the floor the player can reach.
"""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heappop, heappush

from .room import BOX, BOX_ON_GOAL, PLAYER, PLAYER_ON_GOAL, Push, Room, cells

_State = tuple[int, int]  # the boxes, the first cell that the player can reach


@dataclass(frozen=True, slots=True)
class Search:
    """What a search found.

    Attributes:
        pushes: They solve the level, or, when ``solved`` is false, bring the
            boxes as near to goals as the search came.
        solved: Whether they solve it.
        complete: Whether the search came to an end; not solved and complete is
            a proof that there is no solution.
        states: How many states were looked at.
    """

    pushes: list[Push]
    solved: bool
    complete: bool
    states: int


def solve(board: str, bound: int, weight: int = 1) -> Search:
    """Search for a solution of a level.

    Args:
        board: The level's rows, joined by newlines.
        bound: How many states to look at, at most.
        weight: How much more a push that is still to come counts than one that
            was made: 1 finds the fewest pushes (A*), more finds some solution
            sooner.
    """
    room = Room(board)
    boxes = cells(board, BOX + BOX_ON_GOAL)
    player = cells(board, PLAYER + PLAYER_ON_GOAL).bit_length() - 1
    return search(room, boxes, player, bound, weight)


def search(room: Room, boxes: int, player: int, bound: int, weight: int = 1) -> Search:
    """See :func:`solve`; the level is given as a room, its boxes and its player."""
    goals, live, far, shifts = room.goals, room.live, room.far, room.shifts
    if boxes & ~live:
        return Search([], False, True, 0)
    region = room.reach(player, boxes)
    start: _State = (boxes, region & -region)
    left = _distance(room, boxes)
    came: dict[_State, tuple[_State, Push] | None] = {start: None}
    best = {start: 0}
    heap = [(weight * left, 0, 0, left, start, region)]
    nearest, least = start, left
    count = states = 0
    while heap and states < bound:
        _, _, made, left, state, region = heappop(heap)
        if made > best[state]:
            continue
        boxes = state[0]
        states += 1
        if boxes == goals:
            return Search(_pushes(came, state), True, True, states)
        if left < least:
            nearest, least = state, left
        room_left = live & ~boxes
        made += 1
        for move, shift in enumerate(shifts):
            if shift > 0:
                able = boxes & region << shift & room_left >> shift
            else:
                able = boxes & region >> -shift & room_left << -shift
            while able:
                box = able & -able
                able ^= box
                cell = box.bit_length() - 1
                pushed = boxes ^ box ^ 1 << (cell + shift)
                if stuck(room, pushed, cell + shift):
                    continue
                around = room.reach(cell, pushed)
                after = (pushed, around & -around)
                if best.get(after, made + 1) <= made:
                    continue
                best[after] = made
                came[after] = state, (cell, move)
                count += 1
                rest = left - far[cell] + far[cell + shift]
                heappush(heap, (made + weight * rest, count, made, rest, after, around))
    return Search(_pushes(came, nearest), False, not heap, states)


def _distance(room: Room, boxes: int) -> int:
    return sum(far for cell, far in room.far.items() if boxes >> cell & 1)


def stuck(room: Room, boxes: int, cell: int) -> bool:
    """Whether the box at ``cell`` makes a block of four that nothing can move."""
    stride = room.shifts[1]
    solid = boxes | ~room.floor
    pairs = solid & solid >> 1
    corners = pairs & pairs >> stride
    # Upper left corners of the four blocks that the box may be part of.
    corners &= (1 << cell | 1 << (cell - 1)) * (1 | 1 << stride) >> stride
    block = corners | corners << 1
    return (block | block << stride) & boxes & ~room.goals != 0


def _pushes(came: dict[_State, tuple[_State, Push] | None], state: _State) -> list[Push]:
    pushes = []
    step = came[state]
    while step is not None:
        pushes.append(step[1])
        step = came[step[0]]
    return pushes[::-1]
