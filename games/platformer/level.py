"""Levels from a seed: pieces that can be passed one by one, one after the other.

Each piece begins and ends on ground, long enough to land and to run up again.
The tests' planner solves levels of every difficulty with the game's own physics.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from lmgame.rng import Rng

ROWS = 12
START = 3
"""The column in which the player begins."""
BEYOND = 16
"""Columns behind the flag."""
HARDEST = 5
TILE = 256
"""Units a tile: 16 pixels of 16 units."""

EMPTY, GROUND, BLOCK, PIPE, COIN, HEART, FLAG = b".#B|o+F"
SOLID = (GROUND, BLOCK, PIPE)
LOW, HIGH = 2, 5  # how many tiles of ground there are
WALKER_STEP = 8  # units a tick
_GAPS = ((2, 2), (2, 3), (2, 4), (3, 4), (3, 5))
"""The narrowest and the widest gap, by difficulty; a jump carries over six tiles."""


@dataclass(frozen=True, slots=True)
class Patrol:
    """A walker's beat: its left edge goes to and fro between ``low`` and ``high``."""

    low: int
    high: int
    top: int
    phase: int

    def at(self, tick: int) -> tuple[int, bool]:
        """Its left edge at a tick, and whether it walks to the right."""
        span = self.high - self.low
        way = (self.phase + WALKER_STEP * tick) % (2 * span)
        return self.low + min(way, 2 * span - way), way < span


@dataclass(frozen=True, slots=True)
class Level:
    """What does not change during a match.

    Attributes:
        width: Columns.
        tiles: Row by row from the top, with two empty rows below the lowest.
        patrols: Every walker's beat.
        near: By column, the walkers that a player there might touch.
        ground: The row of the ground where the player begins.
        flag: The flag's column.
    """

    width: int
    tiles: bytes
    patrols: tuple[Patrol, ...]
    near: tuple[tuple[int, ...], ...]
    ground: int
    flag: int


@lru_cache(maxsize=64)
def level(seed: int, difficulty: int, length: int) -> Level:
    """The level of a seed.

    Args:
        seed: The match seed.
        difficulty: 1 to ``HARDEST``.
        length: Tiles from the start to the flag.
    """
    builder = _Builder(Rng(seed), difficulty)
    builder.flat(START + 6)
    ground = ROWS - builder.height
    end = START + length
    pieces = (
        _Builder.gap, _Builder.pipe, _Builder.patrol, _Builder.gap, _Builder.hill,
        _Builder.islands, _Builder.patrol, _Builder.climb, _Builder.treat,
    )  # fmt: skip
    while len(builder.columns) < end - 4:
        builder.rng.choice(pieces)(builder)
        builder.flat(builder.between(3, 8 - difficulty))
    del builder.columns[end - 4 :]
    builder.flat(4)
    builder.columns.append(builder.column([FLAG] * 5))
    builder.flat(BEYOND)
    patrols = tuple(one for one in builder.patrols if one.high < (end - 5) * TILE)
    width = len(builder.columns)
    rows = [bytes(column[row] for column in builder.columns) for row in range(ROWS)]
    near: list[tuple[int, ...]] = [
        tuple(
            number
            for number, one in enumerate(patrols)
            if one.low - 2 * TILE < column * TILE < one.high + 2 * TILE
        )
        for column in range(width)
    ]
    tiles = b"".join(rows) + bytes([EMPTY]) * (2 * width)
    return Level(width, tiles, patrols, tuple(near), ground, end)


class _Builder:
    def __init__(self, rng: Rng, difficulty: int) -> None:
        self.rng, self.difficulty = rng, difficulty
        self.height = 2
        self.columns: list[list[int]] = []
        self.patrols: list[Patrol] = []

    def between(self, least: int, most: int) -> int:
        return least + self.rng.below(most - least + 1)

    def column(self, above: list[int], height: int | None = None) -> list[int]:
        """A column of ground with tiles on top of it, lowest first."""
        height = self.height if height is None else height
        tiles = [GROUND] * height + above
        return [EMPTY] * (ROWS - len(tiles)) + tiles[::-1]

    def flat(self, wide: int) -> None:
        self.columns += [self.column([]) for _ in range(wide)]

    def hole(self, wide: int) -> None:
        self.columns += [[EMPTY] * ROWS for _ in range(wide)]

    def gap(self) -> None:
        """A hole, sometimes with coins above it."""
        wide = self.between(*_GAPS[self.difficulty - 1])
        self.hole(wide)
        if self.rng.below(2):
            for column in self.columns[-wide:]:
                column[ROWS - self.height - 3] = COIN
        self.flat(3)

    def pipe(self) -> None:
        """Something two wide and two or three high in the way."""
        tall = 2 if self.difficulty == 1 else self.between(2, 3)
        self.flat(2)
        self.columns += [self.column([PIPE] * tall) for _ in range(2)]
        self.flat(3)

    def patrol(self) -> None:
        """A walker, or two on the harder levels, each on its own beat."""
        for _ in range(1 + self.rng.below(1 + self.difficulty // 3)):
            left = len(self.columns)
            self.flat(6)
            low, high = left * TILE, (left + 5) * TILE
            phase = self.rng.below(2 * (high - low) // WALKER_STEP) * WALKER_STEP
            self.patrols.append(Patrol(low, high, (ROWS - self.height) * TILE - 14 * 16, phase))

    def hill(self) -> None:
        """Stairs of blocks up, with a hole or ground behind."""
        steps = self.between(2, 3)
        self.columns += [self.column([BLOCK] * (step + 1)) for step in range(steps)]
        if self.difficulty > 1 and self.rng.below(2):
            self.hole(2)
        self.flat(4)

    def islands(self) -> None:
        """A wide hole with a platform in it."""
        low, high = _GAPS[self.difficulty - 1]
        self.hole(self.between(low, min(high, 4)))
        for number in range(3):
            self.columns.append([EMPTY] * ROWS)
            self.columns[-1][ROWS - self.height] = BLOCK
            if number == 1:
                self.columns[-1][ROWS - self.height - 1] = COIN
        self.hole(self.between(low, min(high, 4)))
        self.flat(3)

    def climb(self) -> None:
        """Ground that goes up or down by one or two tiles."""
        change = self.between(1, 2) * (1 if self.rng.below(2) else -1)
        if not LOW <= self.height + change <= HIGH:
            change = -change
        self.height += change
        self.flat(3)

    def treat(self) -> None:
        """Blocks overhead; on top of them a heart or a coin, below them coins."""
        best = HEART if self.rng.below(2) else COIN
        self.flat(2)
        for tile in (COIN, best, COIN):
            self.columns.append(self.column([COIN, EMPTY, BLOCK, tile]))
        self.flat(3)
