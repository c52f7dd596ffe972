"""Sokoban again, slowly: sets of coordinates, and a plain breadth-first search.

Shares nothing with ``lmgame.games.sokoban``.
"""

from __future__ import annotations

from collections import deque

Cell = tuple[int, int]
STEPS: dict[str, Cell] = {"up": (-1, 0), "down": (1, 0), "left": (0, -1), "right": (0, 1)}


class SlowSokoban:
    """One level."""

    def __init__(self, board: str) -> None:
        letters = {
            (y, x): letter
            for y, row in enumerate(board.split("\n"))
            for x, letter in enumerate(row)
        }
        self.walls = {cell for cell, letter in letters.items() if letter == "#"}
        self.goals = {cell for cell, letter in letters.items() if letter in ".+*"}
        self.boxes = {cell for cell, letter in letters.items() if letter in "$*"}
        (self.player,) = (cell for cell, letter in letters.items() if letter in "@+")
        self.high, self.wide = (1 + max(cell[axis] for cell in letters) for axis in (0, 1))

    def can(self, move: str) -> bool:
        there = plus(self.player, STEPS[move])
        if there in self.walls:
            return False
        if there in self.boxes:
            beyond = plus(there, STEPS[move])
            return beyond not in self.walls and beyond not in self.boxes
        return True

    def go(self, move: str) -> None:
        assert self.can(move)
        self.player = plus(self.player, STEPS[move])
        if self.player in self.boxes:
            self.boxes.remove(self.player)
            self.boxes.add(plus(self.player, STEPS[move]))

    @property
    def placed(self) -> int:
        return len(self.boxes & self.goals)

    @property
    def solved(self) -> bool:
        return self.boxes == self.goals

    def board(self) -> str:
        return "\n".join(
            "".join(self.letter((y, x)) for x in range(self.wide)) for y in range(self.high)
        )

    def letter(self, cell: Cell) -> str:
        if cell in self.walls:
            return "#"
        here = 2 if cell == self.player else 1 if cell in self.boxes else 0
        return ".*+"[here] if cell in self.goals else "-$@"[here]


def plus(one: Cell, other: Cell) -> Cell:
    return one[0] + other[0], one[1] + other[1]


def fewest_pushes(board: str) -> int | None:
    """By breadth-first search over pushes, without any pruning; None: unsolvable."""
    level = SlowSokoban(board)
    start = frozenset(level.boxes)
    walls, goals = level.walls, frozenset(level.goals)
    seen = {(start, min(walk(level.player, start, walls)))}
    queue = deque([(start, level.player, 0)])
    while queue:
        boxes, player, pushes = queue.popleft()
        if boxes == goals:
            return pushes
        reach = walk(player, boxes, walls)
        for y, x in boxes:
            for dy, dx in STEPS.values():
                beyond = (y + dy, x + dx)
                if (y - dy, x - dx) not in reach or beyond in walls or beyond in boxes:
                    continue
                after = boxes - {(y, x)} | {beyond}
                state = (after, min(walk((y, x), after, walls)))
                if state not in seen:
                    seen.add(state)
                    queue.append((after, (y, x), pushes + 1))
    return None


def walk(start: Cell, boxes: frozenset[Cell], walls: set[Cell]) -> set[Cell]:
    seen = {start}
    todo = [start]
    while todo:
        y, x = todo.pop()
        for cell in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
            if cell not in seen and cell not in boxes and cell not in walls:
                seen.add(cell)
                todo.append(cell)
    return seen
