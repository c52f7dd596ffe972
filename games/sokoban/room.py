"""The geometry of a level as bit boards: where a player and boxes can go.

A level is its rows joined by newlines; bit ``i`` of a board stands for character
``i`` of that text, so a step up or down shifts by the length of a row plus one.
Walls all around and the newlines keep shifts from running over the edge.
"""

from __future__ import annotations

WALL, FLOOR, GOAL, PLAYER, PLAYER_ON_GOAL, BOX, BOX_ON_GOAL = "#-.@+$*"
MOVES = ("up", "down", "left", "right")

Push = tuple[int, int]
"""Where a box is, and in which of ``MOVES`` it is pushed."""


class Room:
    """What does not change in a level.

    Args:
        board: Rows of equal length joined by newlines, walls all around.

    Attributes:
        shifts: How far a cell's number changes with each of ``MOVES``.
        floor: The cells that are no walls.
        goals: The goals.
        far: For each cell from which a lonely box can be pushed to a goal, the
            fewest pushes that takes (to the nearest goal, the player anywhere).
        live: The cells in ``far``; a box on any other cell is lost.
    """

    __slots__ = ("far", "floor", "goals", "live", "shifts")

    def __init__(self, board: str) -> None:
        stride = board.find("\n") + 1 or len(board) + 1
        self.shifts = (-stride, stride, -1, 1)
        self.floor = cells(board, "-.@+$*")
        self.goals = cells(board, ".+*")
        self.far = self._distances()
        self.live = sum(1 << cell for cell in self.far)

    def _distances(self) -> dict[int, int]:
        floor = self.floor
        far = dict.fromkeys(members(self.goals), 0)
        queue = [*far]
        for cell in queue:
            for shift in self.shifts:
                origin, stand = cell - shift, cell - 2 * shift
                if stand >= 0 and origin not in far and floor >> origin & floor >> stand & 1:
                    far[origin] = far[cell] + 1
                    queue.append(origin)
        return far

    def reach(self, player: int, boxes: int) -> int:
        """The cells that a player at ``player`` can walk to."""
        free = self.floor & ~boxes
        stride = self.shifts[1]
        seen, grown = 0, 1 << player
        while grown != seen:
            seen = grown
            grown = (seen | seen << 1 | seen >> 1 | seen << stride | seen >> stride) & free
        return seen

    def path(self, start: int, end: int, boxes: int) -> list[int]:
        """A shortest walk between two cells, as numbers of ``MOVES``.

        Raises:
            ValueError: There is none.
        """
        free = self.floor & ~boxes
        came = {end: -1}
        queue = [end]
        for cell in queue:
            if cell == start:
                break
            for move, shift in enumerate(self.shifts):
                other = cell - shift
                if other not in came and free >> other & 1:
                    came[other] = move
                    queue.append(other)
        else:
            raise ValueError(f"no way from {start} to {end}")
        walk = []
        while start != end:
            walk.append(came[start])
            start += self.shifts[came[start]]
        return walk

    def route(self, player: int, boxes: int, pushes: list[Push]) -> list[int]:
        """The moves of a player who does ``pushes`` with shortest walks between."""
        moves = []
        for cell, move in pushes:
            shift = self.shifts[move]
            moves += [*self.path(player, cell - shift, boxes), move]
            boxes ^= 1 << cell | 1 << (cell + shift)
            player = cell
        return moves


def cells(board: str, letters: str) -> int:
    """The cells that hold one of ``letters``."""
    return sum(1 << cell for cell, letter in enumerate(board) if letter in letters)


def members(board: int) -> list[int]:
    """The numbers of the cells, ascending."""
    found = []
    while board:
        low = board & -board
        found.append(low.bit_length() - 1)
        board ^= low
    return found
