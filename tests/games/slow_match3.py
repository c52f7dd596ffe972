"""Match three the slow way: a list of rows of letters, looked through cell by cell."""

from __future__ import annotations

from collections.abc import Callable

Grid = list[list[str]]
Cell = tuple[int, int]
ALL = [(row, column) for row in range(8) for column in range(8)]
SWAPS: list[tuple[Cell, Cell]] = [
    (one, other)
    for one in ALL
    for other in ((one[0], one[1] + 1), (one[0] + 1, one[1]))
    if other in ALL
]


def run(grid: Grid, cell: Cell, dy: int, dx: int) -> list[Cell]:
    """The cells of one colour from ``cell`` on, both ways along one direction."""
    found = [cell]
    for way in (1, -1):
        y, x = cell[0] + way * dy, cell[1] + way * dx
        while 0 <= y < 8 and 0 <= x < 8 and grid[y][x] == grid[cell[0]][cell[1]]:
            found.append((y, x))
            y, x = y + way * dy, x + way * dx
    return found


def in_line(grid: Grid, cell: Cell) -> bool:
    """Whether a tile stands in a line of three or more."""
    if grid[cell[0]][cell[1]] == ".":
        return False
    return len(run(grid, cell, 0, 1)) >= 3 or len(run(grid, cell, 1, 0)) >= 3


def lines(grid: Grid) -> set[Cell]:
    """The tiles that stand in a line of three or more."""
    return {cell for cell in ALL if in_line(grid, cell)}


def swap(grid: Grid, one: Cell, other: Cell) -> Grid:
    grid = [[*row] for row in grid]
    (y, x), (v, u) = one, other
    grid[y][x], grid[v][u] = grid[v][u], grid[y][x]
    return grid


def matching(grid: Grid) -> list[tuple[Cell, Cell]]:
    """The swaps that make a line on a grid at rest: through one of the two tiles."""
    found = []
    for one, other in SWAPS:
        after = swap(grid, one, other)
        if in_line(after, one) or in_line(after, other):
            found.append((one, other))
    return found


def rest(grid: Grid, fresh: Callable[[int], str]) -> tuple[Grid, int, int]:
    """Clear and refill until no line is left; ``fresh`` gives a column's next letter."""
    grid = [[*row] for row in grid]
    cleared = steps = 0
    while gone := lines(grid):
        cleared += len(gone)
        steps += 1
        for y, x in gone:
            grid[y][x] = "."
        for column in range(8):
            kept = [grid[y][column] for y in range(8) if grid[y][column] != "."]
            while len(kept) < 8:
                kept.insert(0, fresh(column))
            for y in range(8):
                grid[y][column] = kept[y]
    return grid, cleared, steps


def spelled(one: Cell, other: Cell) -> str:
    return f"swap {one[0]} {one[1]} {'right' if one[0] == other[0] else 'down'}"
