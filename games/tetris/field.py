"""One seat's playfield: the rules, and nothing else.

Inputs take no time; time passes in :meth:`Field.glide` alone. Every rule that
is not in :mod:`srs` (turning) or :mod:`scoring` (tables) is here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from lmgame.rng import Rng

from .scoring import (
    FULL_SPIN,
    GRAVITY,
    HARD_DROP_POINTS,
    LINES_PER_LEVEL,
    LOCK_RESETS,
    LOCK_TICKS,
    MINI_SPIN,
    NO_SPIN,
    RISE_LIMIT,
    ROW,
    ROW_SHIFT,
    SOFT_DROP_POINTS,
    TOP_LEVEL,
    attack,
    points,
)
from .srs import (
    CEILING,
    FLOOR,
    FULL,
    HEIGHT,
    HIGH,
    KINDS,
    LOW,
    MASKS,
    OFFSETS,
    PAD,
    SPAWN_X,
    SPAWN_Y,
    VISIBLE,
    WIDTH,
    T,
    drop_distance,
    turn,
)

INPUTS = ("left", "right", "down", "cw", "ccw", "hold", "drop", "wait")
LEFT, RIGHT, DOWN, CW, CCW, HOLD, DROP, WAIT = range(8)

EMPTY, GARBAGE = ord("."), "X"
LETTERS = tuple(KINDS.encode())
LOCK_OUT, BLOCK_OUT, TOP_OUT = "lock out", "block out", "top out"
"""How a seat loses, in the guideline's words (https://tetris.wiki/Top_out)."""
NOTHING = -1


class Field:
    """One seat.

    Attributes:
        board: Locked cells as bits, see :mod:`srs`.
        cells: Locked cells as letters, row 0 first, one byte a cell.
        shape, x, y: The active piece; ``shape`` is ``NOTHING`` when it is over.
        mask: The active piece's bits.
        fall: How far into the next row gravity is, in units of ``ROW``.
        timer: Ticks that the piece has rested on something.
        resets: Moves since it first rested at its lowest row, at most 15.
        lowest: The lowest row it has reached.
        spun: 0 unless the last successful move was a turn; 2 if by the fifth
            kick test, else 1.
        hold: The kind held, or ``NOTHING``.
        held: Whether hold is used up until the next lock.
        upcoming: Kinds to come, always more than are shown.
        bag, holes: Generators of pieces and of garbage columns.
        pending: Garbage to rise, in batches, oldest first.
        outgoing: Garbage sent and not yet delivered, in batches.
        over: Why the seat lost, or "".
    """

    __slots__ = (
        "attack", "b2b", "bag", "board", "cells", "combo", "duel", "fall", "garbage", "held",
        "hold", "holes", "level", "lines", "lowest", "mask", "max_combo", "outgoing", "over",
        "pending", "perfect", "pieces", "resets", "score", "sent", "shape", "speed", "spun",
        "start", "tetrises", "timer", "tspins", "upcoming", "x", "y",
    )  # fmt: skip

    sink: ClassVar[int] = 0  # rows that the piece falls with every input
    holds: ClassVar[bool] = True  # whether a piece can be held
    turner = staticmethod(turn)
    inputs: ClassVar[tuple[Callable[[Any], None], ...]]  # what each of ``INPUTS`` does

    def __init__(self, seed: int, level: int, duel: bool) -> None:
        """Begin a match.

        Args:
            seed: The match seed; equal seeds give equal pieces and garbage.
            level: The level to start at, 1 to 20.
            duel: Whether there is somebody to send garbage to.
        """
        self.start, self.duel = level, duel
        self.level, self.speed = level, GRAVITY[level - 1]
        self.board, self.cells = FLOOR, bytearray(b".") * (WIDTH * HEIGHT)
        self.bag, self.holes = Rng(seed).split(0), Rng(seed).split(1)
        self.upcoming: list[int] = []
        self.hold, self.held = NOTHING, False
        self.pending: list[int] = []
        self.outgoing: list[int] = []
        self.score = self.lines = self.pieces = 0
        self.combo, self.b2b = -1, False
        self.tspins = self.tetrises = self.perfect = self.max_combo = 0
        self.attack = self.sent = self.garbage = 0
        self.over = ""
        self.shape = self.x = self.y = self.mask = NOTHING
        self.fall = self.timer = self.resets = self.lowest = self.spun = 0
        self._spawn(self._next())

    # Inputs -----------------------------------------------------------------

    def left(self) -> None:
        """Move one column left if there is room."""
        self._shift(-1)

    def right(self) -> None:
        """Move one column right if there is room."""
        self._shift(1)

    def _shift(self, step: int) -> None:
        mask = MASKS[self.shape][self.x + step]
        if mask:
            mask <<= WIDTH * self.y
            if not self.board & mask:
                self.x += step
                self.mask = mask
                self.spun = 0
                if self.timer or self.resets:
                    self._reset_lock()

    def down(self) -> None:
        """Soft drop: one row down if there is room."""
        if not self.board & (self.mask >> WIDTH):
            self._sink(1)
            self.fall = 0
            self.score += SOFT_DROP_POINTS

    def cw(self) -> None:
        """Turn clockwise, with wall kicks."""
        self._turn(True)

    def ccw(self) -> None:
        """Turn counterclockwise, with wall kicks."""
        self._turn(False)

    def _turn(self, clockwise: bool) -> None:
        turned = self.turner(self.board, self.shape, self.x, self.y, clockwise)
        if turned is None:
            return
        self.shape, self.x, self.y, test = turned
        self.mask = MASKS[self.shape][self.x] << (WIDTH * self.y)
        self.spun = 2 if test == 4 else 1
        if self.timer or self.resets:
            self._reset_lock()
        if self.y < self.lowest:
            self._reach(self.y)

    def swap(self) -> None:
        """Hold: put the piece aside and take the one held, once per piece."""
        kind = self.shape >> 2
        self._spawn(self._next() if self.hold == NOTHING else self.hold)
        self.hold, self.held = kind, True

    def drop(self) -> None:
        """Hard drop: down as far as it goes, and lock."""
        distance = self.ghost()
        if distance:
            self._sink(distance)
            self.score += HARD_DROP_POINTS * distance
        self._lock()

    def wait(self) -> None:
        """Do nothing."""

    def ghost(self) -> int:
        """How many rows the piece would fall."""
        return drop_distance(self.board, self.mask, self.y + LOW[self.shape])

    # Time -------------------------------------------------------------------

    def until_lock(self) -> int:
        """Ticks until the piece locks by itself."""
        distance = self.ghost()
        rest = LOCK_TICKS - self.timer
        if not distance:
            return rest
        ticks = -((self.fall - distance * ROW) // self.speed)
        # Reaching a new lowest row gives the piece its full time again.
        return ticks + (LOCK_TICKS if self.y - distance < self.lowest else rest)

    def glide(self, ticks: int) -> None:
        """Let gravity and the lock delay work, at most until the piece locks.

        Args:
            ticks: At most :meth:`until_lock`.
        """
        distance = self.ghost()
        if distance:
            landing = -((self.fall - distance * ROW) // self.speed)
            if ticks < landing:
                self.fall += ticks * self.speed
                rows = self.fall >> ROW_SHIFT
                if rows:
                    self._sink(rows)
                    self.fall &= ROW - 1
                return
            self._sink(distance)
            self.fall = 0
            ticks -= landing
        self.timer += ticks
        if self.timer >= LOCK_TICKS:
            self._lock()

    def _sink(self, rows: int) -> None:
        self.y -= rows
        self.mask >>= WIDTH * rows
        self.spun = 0
        if self.y < self.lowest:
            self._reach(self.y)

    def _reach(self, row: int) -> None:
        """A new lowest row: the lock delay and its resets start afresh."""
        self.lowest, self.timer, self.resets = row, 0, 0

    def _reset_lock(self) -> None:
        """Extended placement (https://tetris.wiki/Lock_delay): 15 moves reset the timer."""
        if self.resets < LOCK_RESETS:
            self.resets += 1
            self.timer = 0

    # Pieces -----------------------------------------------------------------

    def _next(self) -> int:
        """The next kind; bags of seven (https://tetris.wiki/Random_Generator)."""
        while len(self.upcoming) < len(KINDS):
            bag = list(range(len(KINDS)))
            self.bag.shuffle(bag)
            self.upcoming += bag
        return self.upcoming.pop(0)

    def _spawn(self, kind: int) -> None:
        """Put a new piece above the visible field, one row lower if it is free."""
        self.shape, self.x, self.y = kind << 2, SPAWN_X, SPAWN_Y[kind]
        self.mask = MASKS[self.shape][SPAWN_X] << (WIDTH * self.y)
        self.fall = self.timer = self.resets = self.spun = 0
        if self.board & self.mask:
            self._lose(BLOCK_OUT)
            return
        if not self.board & (self.mask >> WIDTH):
            self.mask >>= WIDTH
            self.y -= 1
        self.lowest = self.y

    def _lose(self, reason: str) -> None:
        self.over, self.shape, self.mask = reason, NOTHING, 0
        self.fall = self.timer = 0

    def _lock(self) -> None:
        shape, spin = self.shape, self._spin()
        self._fix()
        self.held = False
        if self.y + LOW[shape] >= VISIBLE + PAD:
            self._lose(LOCK_OUT)
            return
        lines = self._clear(self.y + LOW[shape], self.y + HIGH[shape])
        self._reward(lines, spin)
        if not lines and self.pending and not self._rise():
            self._lose(TOP_OUT)
            return
        self._spawn(self._next())

    def _fix(self) -> None:
        """The piece becomes part of the stack."""
        self.board |= self.mask
        corner = WIDTH * (self.y - PAD) + self.x - PAD
        for offset in OFFSETS[self.shape]:
            self.cells[corner + offset] = LETTERS[self.shape >> 2]
        self.pieces += 1

    def _spin(self) -> int:
        """The three-corner rule (https://tetris.wiki/T-Spin).

        Three of the four corners around the T's centre are filled and the last
        move was a turn. It is a mini unless both corners that it points at are
        filled, or the turn used the fifth kick test.
        """
        if not self.spun or self.shape >> 2 != T:
            return NO_SPIN
        # Clockwise from the upper left; the T points between corner i and i+1.
        corners = [self._filled(dx, dy) for dx, dy in ((0, 2), (2, 2), (2, 0), (0, 0))]
        if sum(corners) < 3:
            return NO_SPIN
        front = self.shape & 3
        if self.spun == 2 or (corners[front] and corners[(front + 1) & 3]):
            return FULL_SPIN
        return MINI_SPIN

    def _filled(self, dx: int, dy: int) -> bool:
        column, row = self.x + dx - PAD, self.y + dy
        return not 0 <= column < WIDTH or bool(self.board >> (WIDTH * row + column) & 1)

    def _clear(self, low: int, high: int) -> int:
        """Remove the full rows from ``low`` to ``high``; how many there were."""
        lines = 0
        for row in range(high, low - 1, -1):
            shift = WIDTH * row
            if (self.board >> shift) & FULL == FULL:
                above = self.board >> (shift + WIDTH)
                self.board = (above << shift) | (self.board & ((1 << shift) - 1))
                start = WIDTH * (row - PAD)
                del self.cells[start : start + WIDTH]
                self.cells += b"." * WIDTH
                lines += 1
        return lines

    def _reward(self, lines: int, spin: int) -> None:
        """Points, attack, chains and level for a lock."""
        if spin:
            self.tspins += 1
        if not lines:
            self.combo = -1
            self.score += points(0, spin, self.level, False, -1, False)
            return
        difficult = spin != NO_SPIN or lines == 4
        chained = difficult and self.b2b
        self.b2b = difficult
        self.combo += 1
        empty = self.board == FLOOR
        self.score += points(lines, spin, self.level, chained, self.combo, empty)
        self._send(attack(lines, spin, chained, self.combo, empty))
        self.tetrises += lines == 4
        self.perfect += empty
        self.max_combo = max(self.max_combo, self.combo)
        self.lines += lines
        self.level = min(TOP_LEVEL, self.start + self.lines // LINES_PER_LEVEL)
        self.speed = GRAVITY[self.level - 1]

    def _send(self, rows: int) -> None:
        """Cancel garbage of one's own first; send what is left."""
        self.attack += rows
        while rows and self.pending:
            cancelled = min(rows, self.pending[0])
            rows -= cancelled
            self.pending[0] -= cancelled
            if not self.pending[0]:
                del self.pending[0]
        if rows and self.duel:
            self.outgoing.append(rows)
            self.sent += rows

    def _rise(self) -> bool:
        """Push pending garbage in from below, at most ``RISE_LIMIT`` rows.

        Each batch has one hole column; a batch that is cut by the limit gets a
        new one for its rest.

        Returns:
            False when locked cells were pushed out of the field.
        """
        room = RISE_LIMIT
        while room and self.pending:
            rows = min(room, self.pending[0])
            room -= rows
            self.pending[0] -= rows
            if not self.pending[0]:
                del self.pending[0]
            self._push(rows, self.holes.below(WIDTH))
        return self.board < CEILING

    def _push(self, rows: int, hole: int) -> None:
        self.garbage += rows
        line = FULL & ~(1 << hole)
        stack = self.board >> (WIDTH * PAD)
        for _ in range(rows):
            stack = stack << WIDTH | line
        self.board = stack << (WIDTH * PAD) | FLOOR
        letters = bytearray(GARBAGE.encode()) * WIDTH
        letters[hole] = EMPTY
        self.cells[:0] = letters * rows
        del self.cells[WIDTH * HEIGHT :]


Field.inputs = (
    Field.left, Field.right, Field.down, Field.cw, Field.ccw, Field.swap, Field.drop, Field.wait,
)  # fmt: skip
