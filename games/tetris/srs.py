"""Tetrominoes and how they turn: the Super Rotation System.

Shapes, spawn places and the wall kicks are those of the Tetris Guideline as
documented at https://tetris.wiki/Super_Rotation_System.

A position is three integers: ``shape`` (kind * 4 + turns), ``x`` and ``y`` of the
lower left corner of its bounding box, both shifted by ``PAD`` so that they are
never negative. A playfield is one integer, ``WIDTH`` bits a row, with ``PAD``
full rows as a floor below row 0; a piece is a mask over the same bits.
"""

from __future__ import annotations

KINDS = "IJLOSTZ"
WIDTH, VISIBLE, HEIGHT = 10, 20, 40
PAD = 4
FULL = (1 << WIDTH) - 1
FLOOR = (1 << (WIDTH * PAD)) - 1
CEILING = 1 << (WIDTH * (HEIGHT + PAD))
T = KINDS.index("T")

# Spawn states, top row first, in the box that the piece turns in.
_BOXES = {
    "I": ("....", "####", "....", "...."),
    "J": ("#..", "###", "..."),
    "L": ("..#", "###", "..."),
    "O": (".##", ".##", "..."),
    "S": (".##", "##.", "..."),
    "T": (".#.", "###", "..."),
    "Z": ("##.", ".##", "..."),
}

Kick = tuple[int, int]
_Kicks = dict[str, tuple[Kick, ...]]

# "From" and "to" are quarter turns clockwise from the spawn state; x to the
# right, y upwards. tetris.wiki, "Wall Kicks", first table.
_JLSTZ: _Kicks = {
    "01": ((0, 0), (-1, 0), (-1, 1), (0, -2), (-1, -2)),
    "10": ((0, 0), (1, 0), (1, -1), (0, 2), (1, 2)),
    "12": ((0, 0), (1, 0), (1, -1), (0, 2), (1, 2)),
    "21": ((0, 0), (-1, 0), (-1, 1), (0, -2), (-1, -2)),
    "23": ((0, 0), (1, 0), (1, 1), (0, -2), (1, -2)),
    "32": ((0, 0), (-1, 0), (-1, -1), (0, 2), (-1, 2)),
    "30": ((0, 0), (-1, 0), (-1, -1), (0, 2), (-1, 2)),
    "03": ((0, 0), (1, 0), (1, 1), (0, -2), (1, -2)),
}
# The same page, second table ("I Tetromino Wall Kick Data").
_I: _Kicks = {
    "01": ((0, 0), (-2, 0), (1, 0), (-2, -1), (1, 2)),
    "10": ((0, 0), (2, 0), (-1, 0), (2, 1), (-1, -2)),
    "12": ((0, 0), (-1, 0), (2, 0), (-1, 2), (2, -1)),
    "21": ((0, 0), (1, 0), (-2, 0), (1, -2), (-2, 1)),
    "23": ((0, 0), (2, 0), (-1, 0), (2, 1), (-1, -2)),
    "32": ((0, 0), (-2, 0), (1, 0), (-2, -1), (1, 2)),
    "30": ((0, 0), (1, 0), (-2, 0), (1, -2), (-2, 1)),
    "03": ((0, 0), (-1, 0), (2, 0), (-1, 2), (2, -1)),
}


def _states(kind: str) -> list[tuple[tuple[int, int], ...]]:
    """The cells (x, y) of each of the four states, y upwards."""
    box = _BOXES[kind]
    size = len(box)
    cells = [
        (x, size - 1 - row) for row, line in enumerate(box) for x in range(size) if line[x] == "#"
    ]
    states = []
    for _ in range(4):
        states.append(tuple(sorted(cells, key=lambda cell: (cell[1], cell[0]))))
        if kind != "O":  # the O turns in place
            cells = [(y, size - 1 - x) for x, y in cells]
    return states


def _masks(cells: tuple[tuple[int, int], ...]) -> tuple[int, ...]:
    """The mask at ``y = 0`` for every padded ``x``; 0 where it is outside."""
    masks = []
    for x in range(-PAD, 12):
        inside = all(0 <= x + cx < WIDTH for cx, _ in cells)
        masks.append(sum(1 << (WIDTH * cy + x + cx) for cx, cy in cells) if inside else 0)
    return tuple(masks)


def _kicks(step: int) -> tuple[tuple[Kick, ...], ...]:
    """The five tests (the O: one) of every shape for a turn by ``step``."""
    tests: list[tuple[Kick, ...]] = []
    for kind in KINDS:
        for turns in range(4):
            key = f"{turns}{(turns + step) % 4}"
            tests.append(((0, 0),) if kind == "O" else (_I if kind == "I" else _JLSTZ)[key])
    return tuple(tests)


CELLS = tuple(state for kind in KINDS for state in _states(kind))
"""The cells (x, y) of each shape in its box, bottom row first."""
MASKS = tuple(_masks(cells) for cells in CELLS)
OFFSETS = tuple(tuple(WIDTH * y + x for x, y in cells) for cells in CELLS)
LEFT = tuple(min(x for x, _ in cells) for cells in CELLS)
SPAN = tuple(max(x for x, _ in cells) - min(x for x, _ in cells) + 1 for cells in CELLS)
LOW = tuple(min(y for _, y in cells) for cells in CELLS)
HIGH = tuple(max(y for _, y in cells) for cells in CELLS)
AFTER_CW = tuple(shape // 4 * 4 + (shape + 1) % 4 for shape in range(28))
AFTER_CCW = tuple(shape // 4 * 4 + (shape + 3) % 4 for shape in range(28))
KICKS_CW, KICKS_CCW = _kicks(1), _kicks(3)

SPAWN_X = 3 + PAD
# The lower row of a new piece is row 21 (index 20), just above what is visible.
SPAWN_Y = tuple(VISIBLE - LOW[4 * kind] + PAD for kind in range(7))


def turn(
    board: int, shape: int, x: int, y: int, clockwise: bool
) -> tuple[int, int, int, int] | None:
    """Turn a piece by a quarter with wall kicks.

    Args:
        board: The playfield's bits.
        shape: Which piece in which state.
        x: Padded column of its box.
        y: Padded row of its box.
        clockwise: The direction.

    Returns:
        The new shape, x and y and which of the five tests succeeded (0-4), or
        None when all fail.
    """
    after = (AFTER_CW if clockwise else AFTER_CCW)[shape]
    masks = MASKS[after]
    for test, (dx, dy) in enumerate((KICKS_CW if clockwise else KICKS_CCW)[shape]):
        mask = masks[x + dx]
        if mask:
            mask <<= WIDTH * (y + dy)
            if not board & mask and mask < CEILING:
                return after, x + dx, y + dy, test
    return None


def spin(
    board: int, shape: int, x: int, y: int, clockwise: bool
) -> tuple[int, int, int, int] | None:
    """Turn a piece by a quarter in place, or not at all; as :func:`turn`."""
    after = (AFTER_CW if clockwise else AFTER_CCW)[shape]
    mask = MASKS[after][x]
    return (after, x, y, 0) if mask and not board & mask << (WIDTH * y) else None


def drop_distance(board: int, mask: int, bottom: int) -> int:
    """How many rows a piece can fall.

    Args:
        board: The playfield's bits, with its floor.
        mask: The piece.
        bottom: The padded row of its lowest cell.
    """
    above = bottom - (board.bit_length() + WIDTH - 1) // WIDTH
    distance = above if above > 0 else 0
    mask >>= WIDTH * (distance + 1)
    while not board & mask:
        mask >>= WIDTH
        distance += 1
    return distance
