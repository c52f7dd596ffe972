"""Tetris again, slowly: cell by cell and tick by tick, straight from the guideline.

Shares nothing with ``lmgame.games.tetris`` but the seeded generator: pieces are
cells around a centre ("true rotation"), kicks come from the offset tables of
https://tetris.wiki/Super_Rotation_System ("How Guideline SRS Really Works"),
gravity from exact fractions.
"""

from __future__ import annotations

import copy
from fractions import Fraction

from lmgame.rng import Rng

Cell = tuple[int, int]

# Cells around the centre that a piece turns about, spawn state, y upwards.
PIECES: dict[str, list[Cell]] = {
    "I": [(-1, 0), (0, 0), (1, 0), (2, 0)],
    "J": [(-1, 1), (-1, 0), (0, 0), (1, 0)],
    "L": [(1, 1), (-1, 0), (0, 0), (1, 0)],
    "O": [(0, 0), (1, 0), (0, 1), (1, 1)],
    "S": [(0, 1), (1, 1), (-1, 0), (0, 0)],
    "T": [(0, 1), (-1, 0), (0, 0), (1, 0)],
    "Z": [(-1, 1), (0, 1), (0, 0), (1, 0)],
}
ORDER = ["I", "J", "L", "O", "S", "T", "Z"]

_NONE = [(0, 0), (0, 0), (0, 0), (0, 0), (0, 0)]
OFFSETS_JLSTZ = {
    0: _NONE,
    1: [(0, 0), (1, 0), (1, -1), (0, 2), (1, 2)],
    2: _NONE,
    3: [(0, 0), (-1, 0), (-1, -1), (0, 2), (-1, 2)],
}
OFFSETS_I = {
    0: [(0, 0), (-1, 0), (2, 0), (-1, 0), (2, 0)],
    1: [(-1, 0), (0, 0), (0, 0), (0, 1), (0, -2)],
    2: [(-1, 1), (1, 1), (-2, 1), (1, 0), (-2, 0)],
    3: [(0, 1), (0, 1), (0, 1), (0, -1), (0, 2)],
}
OFFSETS_O = {0: [(0, 0)], 1: [(0, -1)], 2: [(-1, -1)], 3: [(-1, 0)]}

UNIT = 2**20


def speed(level: int) -> int:
    """Rows a tick in units of 2**-20."""
    base = Fraction(8, 10) - (level - 1) * Fraction(7, 1000)
    seconds = base ** (level - 1)
    return round(UNIT / (60 * seconds))


def turned(cells: list[Cell], times: int) -> list[Cell]:
    for _ in range(times % 4):
        cells = [(y, -x) for x, y in cells]
    return cells


class SlowSeat:
    """One seat."""

    def __init__(self, seed: int, level: int) -> None:
        self.start = level
        self.blocks: dict[Cell, str] = {}
        self.bag = Rng(seed).split(0)
        self.holes = Rng(seed).split(1)
        self.queue: list[str] = []
        self.held_piece: str | None = None
        self.hold_used = False
        self.score = self.lines = self.pieces = 0
        self.combo = -1
        self.back_to_back = False
        self.pending: list[int] = []
        self.sent_now: list[int] = []
        self.attack = self.sent = self.risen = 0
        self.over = ""
        self.events: list[str] = []
        self.new_piece(self.take())

    @property
    def level(self) -> int:
        return min(20, self.start + self.lines // 10)

    # Pieces

    def take(self) -> str:
        while len(self.queue) < 7:
            seven = list(ORDER)
            self.bag.shuffle(seven)
            self.queue.extend(seven)
        return self.queue.pop(0)

    def cells(self, cx: int, cy: int, state: int) -> list[Cell]:
        return [(cx + x, cy + y) for x, y in turned(PIECES[self.kind], state)]

    def free(self, cells: list[Cell]) -> bool:
        return all(0 <= x < 10 and 0 <= y < 40 and (x, y) not in self.blocks for x, y in cells)

    @property
    def active(self) -> list[Cell]:
        return [] if self.over else self.cells(self.cx, self.cy, self.state)

    def box_row(self) -> int:
        """The row that "lowest reached" is measured by: the bounding box's."""
        below = {"I": [2, 2, 1, 1], "O": [1, 2, 2, 1]}.get(self.kind, [1, 1, 1, 1])
        return self.cy - below[self.state]

    def new_piece(self, kind: str) -> None:
        self.kind, self.state = kind, 0
        self.cx, self.cy = 4, 20  # lower row of the piece: the 21st
        self.fraction = 0
        self.rest = self.resets = 0
        self.last_turn: int | None = None
        if not self.free(self.cells(self.cx, self.cy, 0)):
            self.over = "block out"
            return
        if self.free(self.cells(self.cx, self.cy - 1, 0)):
            self.cy -= 1
        self.lowest = self.box_row()

    # Inputs

    def press(self, name: str) -> bool:
        """Returns whether anything happened."""
        if name in ("left", "right"):
            return self.go(-1 if name == "left" else 1)
        if name == "down":
            if not self.fall():
                return False
            self.fraction = 0
            self.score += 1
            return True
        if name in ("cw", "ccw"):
            return self.turn(1 if name == "cw" else 3)
        if name == "hold":
            assert not self.hold_used
            kind, self.held_piece = self.held_piece, self.kind
            self.new_piece(kind if kind is not None else self.take())
            self.hold_used = True
            return True
        if name == "drop":
            while self.fall():
                self.score += 2
            self.lock()
            return True
        assert name == "wait"
        return False

    def go(self, dx: int) -> bool:
        if not self.free(self.cells(self.cx + dx, self.cy, self.state)):
            return False
        self.cx += dx
        self.last_turn = None
        self.moved()
        return True

    def fall(self) -> bool:
        if not self.free(self.cells(self.cx, self.cy - 1, self.state)):
            return False
        self.cy -= 1
        self.last_turn = None
        self.sank()
        return True

    def turn(self, times: int) -> bool:
        new = (self.state + times) % 4
        table = {"I": OFFSETS_I, "O": OFFSETS_O}.get(self.kind, OFFSETS_JLSTZ)
        for test, (old_offset, new_offset) in enumerate(
            zip(table[self.state], table[new], strict=True)
        ):
            cx = self.cx + old_offset[0] - new_offset[0]
            cy = self.cy + old_offset[1] - new_offset[1]
            if self.free(self.cells(cx, cy, new)):
                self.cx, self.cy, self.state = cx, cy, new
                self.last_turn = test
                self.moved()
                self.sank()
                return True
        return False

    def moved(self) -> None:
        """Extended placement: from the first tick of rest, 15 moves reset the delay."""
        if (self.rest > 0 or self.resets > 0) and self.resets < 15:
            self.resets += 1
            self.rest = 0

    def sank(self) -> None:
        if self.box_row() < self.lowest:
            self.lowest = self.box_row()
            self.rest = self.resets = 0

    # Whole placements

    def place(self, column: int, turns: int, commit: bool = True) -> bool:
        """Whether it is legal; done if so."""
        trial = copy.deepcopy(self)
        for name in {0: [], 1: ["cw"], 2: ["cw", "cw"], 3: ["ccw"]}[turns]:
            if not trial.press(name):
                return False
        while min(x for x, _ in trial.active) > column:
            if not trial.press("left"):
                return False
        while min(x for x, _ in trial.active) < column:
            if not trial.press("right"):
                return False
        trial.press("drop")
        if commit:
            self.__dict__ = trial.__dict__
        return True

    def ghost(self) -> list[Cell]:
        down = 0
        while self.free(self.cells(self.cx, self.cy - down - 1, self.state)):
            down += 1
        return self.cells(self.cx, self.cy - down, self.state)

    # Time

    def one_tick(self) -> None:
        if not self.free(self.cells(self.cx, self.cy - 1, self.state)):
            self.rest += 1
            if self.rest >= 30:
                self.lock()
            return
        self.fraction += speed(self.level)
        while self.fraction >= UNIT:
            self.fraction -= UNIT
            self.fall()
            if not self.free(self.cells(self.cx, self.cy - 1, self.state)):
                self.fraction = 0

    # Locking

    def t_spin(self) -> str:
        if self.kind != "T" or self.last_turn is None:
            return ""

        def filled(dx: int, dy: int) -> bool:
            x, y = self.cx + dx, self.cy + dy
            return x < 0 or x > 9 or y < 0 or (x, y) in self.blocks

        pointing = [(0, 1), (1, 0), (0, -1), (-1, 0)][self.state]
        corners = [(-1, -1), (-1, 1), (1, -1), (1, 1)]
        front = [c for c in corners if c[0] * pointing[0] + c[1] * pointing[1] == 1]
        if sum(filled(*corner) for corner in corners) < 3:
            return ""
        if self.last_turn == 4 or all(filled(*corner) for corner in front):
            return "full"
        return "mini"

    def lock(self) -> None:
        spin = self.t_spin()
        cells = self.active
        for cell in cells:
            self.blocks[cell] = self.kind
        self.pieces += 1
        self.hold_used = False
        if all(y >= 20 for _, y in cells):
            self.over = "lock out"
            return
        count = self.remove_full_rows()
        self.award(count, spin)
        if count == 0 and self.pending:
            self.rise()
            if any(y >= 40 for _, y in self.blocks):
                self.over = "top out"
                self.blocks = {cell: kind for cell, kind in self.blocks.items() if cell[1] < 40}
                return
        self.new_piece(self.take())

    def remove_full_rows(self) -> int:
        full = [y for y in range(40) if all((x, y) in self.blocks for x in range(10))]
        kept: dict[Cell, str] = {}
        for (x, y), letter in self.blocks.items():
            if y not in full:
                kept[x, y - sum(other < y for other in full)] = letter
        self.blocks = kept
        return len(full)

    def award(self, count: int, spin: str) -> None:
        level = self.level
        table = {
            ("", 0): 0, ("", 1): 100, ("", 2): 300, ("", 3): 500, ("", 4): 800,
            ("mini", 0): 100, ("mini", 1): 200, ("mini", 2): 400,
            ("full", 0): 400, ("full", 1): 800, ("full", 2): 1200, ("full", 3): 1600,
        }  # fmt: skip
        base = table[spin, count] * level
        self.events.append(f"{spin}{count}")
        if count == 0:
            self.combo = -1
            self.score += base
            return
        rows = {
            "": {1: 0, 2: 1, 3: 2, 4: 4}, "mini": {1: 0, 2: 1}, "full": {1: 2, 2: 4, 3: 6}
        }[spin][count]  # fmt: skip
        difficult = count == 4 or spin != ""
        chain = difficult and self.back_to_back
        if chain:
            base = base * 3 // 2
            rows += 1
            self.events.append("b2b")
        self.back_to_back = difficult
        self.combo += 1
        base += 50 * self.combo * level
        for threshold in (2, 4, 6, 8, 11):  # one more row from each of these on
            rows += self.combo >= threshold
        if not self.blocks:
            self.events.append("perfect")
            bonus = 3200 if chain and count == 4 else [800, 1200, 1800, 2000][count - 1]
            base += bonus * level
            rows += 10
        self.score += base
        self.lines += count
        self.send(rows)

    # Garbage

    def send(self, rows: int) -> None:
        self.attack += rows
        for _ in range(rows):
            if self.pending:
                self.pending[0] -= 1
                if self.pending[0] == 0:
                    self.pending.pop(0)
                self.events.append("cancel")
                rows -= 1
        if rows:
            self.sent_now.append(rows)
            self.sent += rows

    def rise(self) -> None:
        room = 8
        while room and self.pending:
            hole = self.holes.below(10)
            while room and self.pending[0]:
                self.blocks = {(x, y + 1): letter for (x, y), letter in self.blocks.items()}
                self.blocks.update({(x, 0): "X" for x in range(10) if x != hole})
                self.pending[0] -= 1
                room -= 1
                self.risen += 1
            if self.pending[0] == 0:
                self.pending.pop(0)
        self.events.append("rise")


class SlowMatch:
    """One seat, or two that send each other garbage."""

    def __init__(self, seed: int, level: int, seats: int) -> None:
        self.seats = [SlowSeat(seed, level) for _ in range(seats)]
        self.tick = 0

    @property
    def over(self) -> bool:
        return any(seat.over for seat in self.seats)

    def deliver(self) -> None:
        for index, seat in enumerate(self.seats):
            for other in self.seats[:index] + self.seats[index + 1 :]:
                other.pending.extend(seat.sent_now)
            seat.sent_now = []

    def act(self, actions: dict[int, list[str] | tuple[int, int]]) -> None:
        for seat, action in actions.items():
            if isinstance(action, tuple):
                assert self.seats[seat].place(*action)
            else:
                for name in action:
                    if not self.seats[seat].over:
                        self.seats[seat].press(name)
        self.deliver()

    def advance(self, ticks: int) -> None:
        for _ in range(ticks):
            if self.over:
                return
            for seat in self.seats:
                seat.one_tick()
            self.tick += 1
            self.deliver()
