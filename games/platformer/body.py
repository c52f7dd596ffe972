"""The player and the world it moves in, tick by tick, in whole numbers.

Units: 16 a pixel, 256 a tile; speeds in units a tick.
"""

from __future__ import annotations

from .level import COIN, EMPTY, HEART, ROWS, SOLID, START, TILE, Level

LEFT, RIGHT, JUMP = 1, 2, 4

WIDE, TALL = 12 * 16, 14 * 16
WALKER_WIDE = 14 * 16
TOP_SPEED, PUSH, BRAKE, DRAG = 40, 2, 4, 3
LEAP, BOUNCE = -72, -48
FLOAT, GRAVITY, FASTEST_FALL = 3, 6, 64
"""Gravity while rising with ``jump`` held, and otherwise."""
STOMP = 8 * 16
"""How deep the feet may be in a walker for a stomp."""
SAFE_TICKS = 90
PIT = ROWS * TILE - 4 * 16
"""Whoever falls this deep is lost; the head can still be seen."""

DEAD, DONE, LATE = "died", "flag", "out of time"


class Body:
    """The state of a match.

    Attributes:
        level: What does not change.
        tiles: The level's tiles without what was taken.
        x, y, vx, vy: Upper left corner and speed.
        stands: Whether the player stands on something.
        right: Whether it faces right.
        strong: Whether it has a heart: one hit that does not kill.
        safe: Ticks for which nothing can hit it.
        held, left: Buttons, and for how many more ticks they are held.
        squashed: Walkers that are gone, by number.
        taken: Cells whose coin or heart was taken.
    """

    __slots__ = (
        "coins", "farthest", "held", "hits", "left", "level", "over", "right", "safe", "squashed",
        "stands", "strong", "taken", "tick", "tiles", "vx", "vy", "x", "y",
    )  # fmt: skip

    def __init__(self, level: Level) -> None:
        self.level = level
        self.tiles = bytearray(level.tiles)
        self.x, self.y = START * TILE, level.ground * TILE - TALL
        self.vx = self.vy = self.safe = self.tick = self.held = self.left = 0
        self.stands = self.right = True
        self.strong = False
        self.squashed: set[int] = set()
        self.taken: list[int] = []
        self.coins = self.hits = 0
        self.farthest = self.x
        self.over = ""

    def run(self, ticks: int, limit: int) -> None:
        """Let time pass, until the match is over at the latest.

        Args:
            ticks: How many.
            limit: The tick at which time is out.
        """
        near, width, goal = self.level.near, self.level.width, self.level.flag * TILE - WIDE
        for _ in range(ticks):
            self.tick += 1
            if self.safe:
                self.safe -= 1
            held = 0
            if self.left:
                held = self.held
                self.left -= 1
            if held or self.vx:
                self._walk(held)
            if not self.stands or held & JUMP:
                self._fly(held)
            elif self.vx:
                self._keep_footing()
            x, y = self.x, self.y
            if x > self.farthest:
                self.farthest = x
            cell = ((y + TALL // 2) >> 8) * width + ((x + WIDE // 2) >> 8)
            if self.tiles[cell] == COIN or self.tiles[cell] == HEART:
                self._take(cell)
            beats = near[x >> 8]
            if beats:
                self._meet(beats)
            if y >= PIT:
                self.over, self.y = DEAD, PIT
            elif x >= goal and not self.over:
                self.over = DONE
            elif self.tick >= limit and not self.over:
                self.over = LATE
            if self.over:
                return

    def _walk(self, held: int) -> None:
        """Change speed by the buttons and move sideways, up to the next wall."""
        vx, way = self.vx, held & (LEFT | RIGHT)
        if way == RIGHT:
            vx = min(vx + (BRAKE if vx < 0 else PUSH), TOP_SPEED)
            self.right = True
        elif way == LEFT:
            vx = max(vx - (BRAKE if vx > 0 else PUSH), -TOP_SPEED)
            self.right = False
        elif self.stands:
            vx = max(vx - DRAG, 0) if vx > 0 else min(vx + DRAG, 0)
        x = self.x + vx
        tiles, width = self.tiles, self.level.width
        upper, lower = (self.y >> 8) * width, ((self.y + TALL - 1) >> 8) * width
        column = (x + WIDE - 1 if vx > 0 else x) >> 8
        if x < 0:
            x = vx = 0
        elif tiles[upper + column] in SOLID or tiles[lower + column] in SOLID:
            x = column * TILE - WIDE if vx > 0 else (column + 1) * TILE
            vx = 0
        self.x, self.vx = x, vx

    def _fly(self, held: int) -> None:
        """Leave the ground, rise or fall, up to the next ceiling or floor."""
        vy = LEAP if self.stands else self.vy
        self.stands = False
        vy = min(vy + (FLOAT if vy < 0 and held & JUMP else GRAVITY), FASTEST_FALL)
        y = self.y + vy
        tiles, width = self.tiles, self.level.width
        first, last = self.x >> 8, (self.x + WIDE - 1) >> 8
        if vy >= 0:
            row = (y + TALL) >> 8
            floor = row * width
            # Only a floor that the feet come to from above.
            if self.y + TALL <= row * TILE and (
                tiles[floor + first] in SOLID or tiles[floor + last] in SOLID
            ):
                y, vy, self.stands = row * TILE - TALL, 0, True
        elif y < 0:
            y = vy = 0
        else:
            ceiling = (y >> 8) * width
            if tiles[ceiling + first] in SOLID or tiles[ceiling + last] in SOLID:
                y, vy = ((y >> 8) + 1) * TILE, 0
        self.y, self.vy = y, vy

    def _keep_footing(self) -> None:
        """Whether there is still something below."""
        floor = ((self.y + TALL) >> 8) * self.level.width
        first, last = self.x >> 8, (self.x + WIDE - 1) >> 8
        if self.tiles[floor + first] not in SOLID and self.tiles[floor + last] not in SOLID:
            self.stands = False

    def _take(self, cell: int) -> None:
        if self.tiles[cell] == HEART:
            self.strong = True
        else:
            self.coins += 1
        self.tiles[cell] = EMPTY
        self.taken.append(cell)

    def _meet(self, beats: tuple[int, ...]) -> None:
        """Stomp on a walker from above; anything else is a hit."""
        for number in beats:
            if number in self.squashed:
                continue
            beat = self.level.patrols[number]
            left = beat.at(self.tick)[0]
            feet = self.y + TALL
            if not (
                left - WIDE < self.x < left + WALKER_WIDE and beat.top < feet < beat.top + 2 * TALL
            ):
                continue
            if self.vy > 0 and feet <= beat.top + STOMP:
                self.squashed.add(number)
                self.vy = BOUNCE
            elif not self.safe:
                self.hits += 1
                if not self.strong:
                    self.over = DEAD
                    return
                self.strong, self.safe = False, SAFE_TICKS
