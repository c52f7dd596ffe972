"""The playfield of Lmgame-Bench's Tetris: a row down with every input.

The rules are those of https://arxiv.org/abs/2505.15146, appendix G, where its
text leaves something open as its code has them: 20 rows and nothing above, no
wall kicks, no hold, no lock delay, a point a piece and ten a cleared row.
"""

from __future__ import annotations

from .field import BLOCK_OUT, Field
from .scoring import LINES_PER_LEVEL, TOP_LEVEL
from .srs import HIGH, KINDS, LEFT, LOW, MASKS, PAD, VISIBLE, WIDTH, spin

POINTS_PER_LINE = 10

# New pieces touch the top; the leftmost column is 3 for the I, else 4.
_SPAWN_X = tuple(PAD + (3 if kind == "I" else 4) - LEFT[4 * KINDS.index(kind)] for kind in KINDS)
_SPAWN_Y = tuple(PAD + VISIBLE - 1 - HIGH[4 * KINDS.index(kind)] for kind in KINDS)
_I = KINDS.index("I")


class SteppedField(Field):
    """One seat; see the module. ``held`` is never free: there is no hold."""

    __slots__ = ()

    sink = 1
    holds = False
    turner = staticmethod(spin)

    def left(self) -> None:
        """One column left if there is room, then a row down."""
        super().left()
        self._step()

    def right(self) -> None:
        """One column right if there is room, then a row down."""
        super().right()
        self._step()

    def cw(self) -> None:
        """A quarter turn clockwise if there is room, then a row down."""
        super().cw()
        self._step()

    def ccw(self) -> None:
        """A quarter turn counterclockwise if there is room, then a row down."""
        super().ccw()
        self._step()

    def down(self) -> None:
        """A row down or into place, and then another row."""
        self._step()
        if not self.over:
            self._step()

    def drop(self) -> None:
        """Down as far as it goes, and lock."""
        self._sink(self.ghost())
        self._lock()

    def wait(self) -> None:
        """A row down."""
        self._step()

    def _step(self) -> None:
        """Gravity: a row down, or lock where there is no room."""
        if self.board & (self.mask >> WIDTH):
            self._lock()
        else:
            self._sink(1)

    def _spawn(self, kind: int) -> None:
        self.shape, self.x, self.y = kind << 2, _SPAWN_X[kind], _SPAWN_Y[kind]
        # The box of the I reaches one row above its cells, and that row is the top one.
        self.y -= kind == _I
        self.mask = MASKS[self.shape][self.x] << (WIDTH * self.y)
        self.spun, self.held, self.lowest = 0, True, self.y
        if self.board & self.mask:
            self._lose(BLOCK_OUT)

    def _lock(self) -> None:
        shape = self.shape
        self._fix()
        lines = self._clear(self.y + LOW[shape], self.y + HIGH[shape])
        self.lines += lines
        self.tetrises += lines == 4
        self.score += 1 + POINTS_PER_LINE * lines
        self.level = min(TOP_LEVEL, self.start + self.lines // LINES_PER_LEVEL)
        self._spawn(self._next())


SteppedField.inputs = (
    SteppedField.left, SteppedField.right, SteppedField.down, SteppedField.cw, SteppedField.ccw,
    SteppedField.swap, SteppedField.drop, SteppedField.wait,
)  # fmt: skip
