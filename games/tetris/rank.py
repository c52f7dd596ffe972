"""How good a placement looks, from what a player sees alone.

Six features and the weights that Pierre Dellacherie tuned by hand in 2003, as
given by Thiery and Scherrer 2009, "Building Controllers for Tetris", ICGA
Journal 32(1), table 1. One piece deep: no hold, no next pieces.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .field import Field
from .placement import distinct, inputs
from .srs import CELLS, FULL, KINDS, LEFT, LOW, MASKS, PAD, SPAWN_X, VISIBLE, WIDTH
from .stepped import SteppedField
from .text import ACTIVE, GHOST, ROWS, BoardView, Snapshot

_EDGES = 1 | 1 << (WIDTH + 1)
_PAIRS = (1 << (WIDTH + 1)) - 1
_TO_BITS = str.maketrans(KINDS + "X" + "." + ACTIVE + GHOST, "1" * 8 + "0" * 3)


def _flush(cells: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Cells (x, y) moved to the lower left corner."""
    cells = tuple(cells)
    left, low = min(x for x, _ in cells), min(y for _, y in cells)
    return sorted((x - left, y - low) for x, y in cells)


_FORMS = tuple(_flush(cells) for cells in CELLS)
_BITS = tuple(
    [sum(1 << x for x, y in form if y == row) for row in range(1 + max(y for _, y in form))]
    for form in _FORMS
)


@dataclass(frozen=True, slots=True)
class Features:
    """The field after a placement.

    Attributes:
        landing_height: Row of the piece's middle when it locks, from 1, doubled
            so that it is whole.
        eroded_cells: Rows cleared times cells of the piece that went with them.
        row_transitions: Changes between filled and empty along the rows; the
            walls are filled.
        column_transitions: The same up the columns; the floor is filled.
        holes: Empty cells with a filled one somewhere above.
        wells: For each run of empty cells between filled neighbours, downwards,
            1 + 2 + ... + its length.
    """

    landing_height: int
    eroded_cells: int
    row_transitions: int
    column_transitions: int
    holes: int
    wells: int

    @property
    def value(self) -> float:
        """Dellacherie's evaluation; more is better."""
        return (
            self.eroded_cells
            - self.landing_height / 2
            - self.row_transitions
            - self.column_transitions
            - 4 * self.holes
            - self.wells
        )


def rank_placements(view: BoardView, choices: Iterable[str]) -> list[tuple[str, float]]:
    """The placements among ``choices`` with their values, the best first.

    Equal values keep the order of ``choices``. Actions that are no placement
    are left out.

    Args:
        view: What ``parse_text`` made of the observation.
        choices: Actions in the game's spelling, ``Actions.choices``.
    """
    seen = view.own
    rows, (shape, start) = _rows(seen), _position(seen)
    ranked = []
    for choice in choices:
        if choice.startswith("place "):
            _, column, turns = choice.split()
            piece = _BITS[shape // 4 * 4 + (shape + int(turns)) % 4]
            ranked.append((choice, _drop(rows.copy(), piece, int(column), start).value))
    ranked.sort(key=lambda pair: -pair[1])
    return ranked


def rank_inputs(view: BoardView) -> list[tuple[str, float]]:
    """Placements as sequences of inputs with their values, the best first.

    For matches that take inputs only. It is worked out from what is seen, so a
    piece that looks the same in two states is taken to be in the first.

    Args:
        view: What ``parse_text`` made of the observation.
    """
    field = _seen_field(view.own)
    ranked = rank_placements(view, distinct(field))
    return [(inputs(field, *map(int, text.split()[1:])), value) for text, value in ranked]


def _seen_field(seen: Snapshot) -> Field:
    """A playfield that looks like this."""
    field = (Field if seen.hold else SteppedField)(0, 1, False)
    shape, low = _position(seen)
    columns = [i % WIDTH for i, letter in enumerate(seen.cells) if letter == ACTIVE]
    field.shape, field.y = shape, low - LOW[shape] + PAD
    field.x = min(columns) - LEFT[shape] + PAD if columns else SPAWN_X
    for row, bits in enumerate(_rows(seen)):
        field.board |= bits << (WIDTH * (row + PAD))
    field.mask = MASKS[shape][field.x] << (WIDTH * field.y)
    return field


def evaluate(seen: Snapshot, placement: str) -> Features:
    """The features of one legal placement.

    The piece is dropped straight down from the row it is in; wall kicks on the
    way are not followed, which matters only deep inside the stack.

    Args:
        seen: One's own side of the observation.
        placement: ``place C R``.
    """
    _, column, turns = placement.split()
    shape, start = _position(seen)
    piece = _BITS[shape // 4 * 4 + (shape + int(turns)) % 4]
    return _drop(_rows(seen), piece, int(column), start)


def _drop(rows: list[int], piece: list[int], column: int, start: int) -> Features:
    bits = [mask << column for mask in piece]
    bottom = start
    while _overlaps(rows, bits, bottom):
        bottom += 1
    while bottom and not _overlaps(rows, bits, bottom - 1):
        bottom -= 1
    for height, mask in enumerate(bits):
        rows[bottom + height] |= mask
    full = [row for row in range(bottom, bottom + len(bits)) if rows[row] == FULL]
    cells = sum(bits[row - bottom].bit_count() for row in full)
    left = [row for row in rows if row != FULL]
    # Rows bottom+1 to bottom+height: twice their middle.
    return Features(2 * bottom + len(bits) + 1, len(full) * cells, *_surface(left))


def _rows(seen: Snapshot) -> list[int]:
    """Locked cells as bits, lowest row first, with room above for a piece."""
    bits = seen.cells.translate(_TO_BITS)
    rows = [int(bits[i : i + WIDTH][::-1], 2) for i in range(0, ROWS * WIDTH, WIDTH)]
    return rows + [0] * 6


def _position(seen: Snapshot) -> tuple[int, int]:
    """Which shape the active piece is (its spawn state if hidden), and its lowest row."""
    kind = 4 * KINDS.index(seen.piece)
    active = [(i % WIDTH, i // WIDTH) for i, letter in enumerate(seen.cells) if letter == ACTIVE]
    if not active:
        return kind, VISIBLE
    form = _flush(active)
    # The states of I, O, S and Z that look the same turn into the same forms.
    shape = next((shape for shape in range(kind, kind + 4) if _FORMS[shape] == form), kind)
    return shape, min(y for _, y in active)


def _overlaps(rows: list[int], bits: list[int], bottom: int) -> bool:
    return any(rows[bottom + height] & mask for height, mask in enumerate(bits))


def _surface(rows: list[int]) -> tuple[int, int, int, int]:
    """Row transitions, column transitions, holes and wells."""
    across = up = holes = wells = cover = 0
    above = 0
    runs: list[int] = []
    for row in reversed(rows):
        padded = row << 1 | _EDGES
        across += ((padded ^ padded >> 1) & _PAIRS).bit_count()
        up += (row ^ above).bit_count()
        holes += (cover & ~row).bit_count()
        cover |= row
        above = row
        well = ~row & padded & (padded >> 2) & FULL
        runs = [well, *(run & well for run in runs if run & well)] if well else []
        wells += sum(run.bit_count() for run in runs)
    return across, up + (above ^ FULL).bit_count(), holes, wells
