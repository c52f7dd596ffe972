"""How good a placement looks, from what a player sees alone.

Six features and the weights that Pierre Dellacherie tuned by hand in 2003, as
given by Thiery and Scherrer 2009, "Building Controllers for Tetris", ICGA
Journal 32(1), table 1. One piece deep: no hold, no next pieces.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .srs import CELLS, FULL, KINDS, VISIBLE, WIDTH
from .text import ACTIVE, GHOST, ROWS, BoardView, Snapshot

_EDGES = 1 | 1 << (WIDTH + 1)
_PAIRS = (1 << (WIDTH + 1)) - 1
_TO_BITS = str.maketrans(KINDS + "X" + "." + ACTIVE + GHOST, "1" * 8 + "0" * 3)


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
    ranked = [
        (choice, evaluate(view.own, choice).value)
        for choice in choices
        if choice.startswith("place ")
    ]
    ranked.sort(key=lambda pair: -pair[1])
    return ranked


def evaluate(seen: Snapshot, placement: str) -> Features:
    """The features of one legal placement.

    The piece is dropped straight down from the row it is in; wall kicks on the
    way are not followed, which matters only deep inside the stack.

    Args:
        seen: One's own side of the observation.
        placement: ``place C R``.
    """
    _, column, turns = placement.split()
    rows = _rows(seen)
    piece, start = _piece(seen, int(turns))
    bits = [mask << int(column) for mask in piece]
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
    # Middle of rows bottom+1 to bottom+height, doubled.
    doubled = 2 * bottom + len(bits) + 1
    return Features(doubled, len(full) * cells, *_surface(left))


def _rows(seen: Snapshot) -> list[int]:
    """Locked cells as bits, lowest row first, with room above for a piece."""
    bits = seen.cells.translate(_TO_BITS)
    rows = [int(bits[i : i + WIDTH][::-1], 2) for i in range(0, ROWS * WIDTH, WIDTH)]
    return rows + [0] * 6


def _piece(seen: Snapshot, turns: int) -> tuple[list[int], int]:
    """The turned piece's rows, flush left and lowest first, and the row it is in."""
    active = [divmod(i, WIDTH) for i, letter in enumerate(seen.cells) if letter == ACTIVE]
    now = sorted((y, x) for y, x in active)
    low = min((y for y, _ in now), default=VISIBLE)
    left = min((x for _, x in now), default=0)
    form = [(y - low, x - left) for y, x in now]
    kind = KINDS.index(seen.piece)
    forms = [_flush(CELLS[4 * kind + state]) for state in range(4)]
    # The states of I, O, S and Z that look the same turn into the same forms.
    state = forms.index(form) if form in forms else 0
    cells = forms[(state + turns) % 4]
    rows = [0] * (1 + max(y for y, _ in cells))
    for y, x in cells:
        rows[y] |= 1 << x
    return rows, low


def _flush(cells: tuple[tuple[int, int], ...]) -> list[tuple[int, int]]:
    low, left = min(y for _, y in cells), min(x for x, _ in cells)
    return sorted((y - low, x - left) for x, y in cells)


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
