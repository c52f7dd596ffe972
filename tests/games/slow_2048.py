"""2048 the slow way: lists of lists of values, a move tile by tile."""

from __future__ import annotations

Grid = list[list[int]]
TOWARDS = {"up": (-1, 0), "down": (1, 0), "left": (0, -1), "right": (0, 1)}


def slide(grid: Grid, move: str) -> tuple[Grid, int]:
    """The grid after a move and what merging scored; tiles go one step at a time."""
    dy, dx = TOWARDS[move]
    grid = [[*row] for row in grid]
    fresh: set[tuple[int, int]] = set()
    score = 0
    # The tiles nearest the wall go first, so that each finds its way clear.
    order = sorted(
        [(y, x) for y in range(4) for x in range(4)], key=lambda at: -(at[0] * dy + at[1] * dx)
    )
    for y, x in order:
        while grid[y][x]:
            to = y + dy, x + dx
            if not (0 <= to[0] < 4 and 0 <= to[1] < 4):
                break
            if grid[to[0]][to[1]] == 0:
                grid[to[0]][to[1]], grid[y][x] = grid[y][x], 0
                y, x = to
                continue
            if grid[to[0]][to[1]] == grid[y][x] and to not in fresh:
                grid[to[0]][to[1]] *= 2
                grid[y][x] = 0
                score += grid[to[0]][to[1]]
                fresh.add(to)
            break
    return grid, score


def legal(grid: Grid) -> list[str]:
    return [move for move in TOWARDS if slide(grid, move)[0] != grid]
