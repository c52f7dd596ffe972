"""Squares, pieces and the ways that pieces go, worked out once.

Squares are 0 to 63: a1 is 0, b1 is 1, h8 is 63. A piece is a number, 1 to 6,
negative for black, 0 for an empty square; a side is 1 for white, -1 for black.
"""

from __future__ import annotations

WHITE, BLACK = 1, -1
EMPTY, PAWN, KNIGHT, BISHOP, ROOK, QUEEN, KING = range(7)
LETTERS = ".PNBRQK"
LETTER = {kind * side: letter if side > 0 else letter.lower()
          for side in (WHITE, BLACK) for kind, letter in enumerate(LETTERS)}  # fmt: skip
PIECE = {letter: piece for piece, letter in LETTER.items()}
NAMES = ("", "pawn", "knight", "bishop", "rook", "queen", "king")

SQUARES = range(64)
NAME = tuple("abcdefgh"[square & 7] + "12345678"[square >> 3] for square in SQUARES)
SQUARE = {name: square for square, name in enumerate(NAME)}

STRAIGHT = ((1, 0), (-1, 0), (0, 1), (0, -1))
SLANTED = ((1, 1), (1, -1), (-1, 1), (-1, -1))
_LEAPS = ((1, 2), (2, 1), (2, -1), (1, -2), (-1, -2), (-2, -1), (-2, 1), (-1, 2))


def _ray(square: int, dx: int, dy: int) -> tuple[int, ...]:
    """The squares from ``square`` to the edge in one direction, nearest first."""
    file, rank = (square & 7) + dx, (square >> 3) + dy
    found = []
    while 0 <= file < 8 and 0 <= rank < 8:
        found.append(8 * rank + file)
        file, rank = file + dx, rank + dy
    return tuple(found)


def _leaps(square: int, steps: tuple[tuple[int, int], ...]) -> tuple[int, ...]:
    return tuple(ray[0] for dx, dy in steps if (ray := _ray(square, dx, dy)))


def _rays(square: int, ways: tuple[tuple[int, int], ...]) -> tuple[tuple[int, ...], ...]:
    return tuple(ray for dx, dy in ways if (ray := _ray(square, dx, dy)))


STRAIGHT_RAYS = tuple(_rays(square, STRAIGHT) for square in SQUARES)
SLANTED_RAYS = tuple(_rays(square, SLANTED) for square in SQUARES)
ALL_RAYS = tuple(a + b for a, b in zip(STRAIGHT_RAYS, SLANTED_RAYS, strict=True))
RAYS = {BISHOP: SLANTED_RAYS, ROOK: STRAIGHT_RAYS, QUEEN: ALL_RAYS}
KNIGHT_LEAPS = tuple(_leaps(square, _LEAPS) for square in SQUARES)
KING_STEPS = tuple(_leaps(square, STRAIGHT + SLANTED) for square in SQUARES)
PAWN_TAKES = {side: tuple(_leaps(square, ((-1, side), (1, side))) for square in SQUARES)
              for side in (WHITE, BLACK)}  # fmt: skip
"""By side and square: where a pawn there takes."""

# A move is from + 64 * to + 4096 * the kind that a pawn becomes.
PROMOTIONS = (QUEEN, ROOK, BISHOP, KNIGHT)


def move(start: int, end: int, kind: int = EMPTY) -> int:
    """The number of a move."""
    return start | end << 6 | kind << 12


def _reachable() -> dict[int, str]:
    """Every move there can ever be, with its UCI spelling, in the order of squares."""
    found = {}
    for start in SQUARES:
        far = {square for ray in ALL_RAYS[start] for square in ray}
        for end in sorted(far | {*KNIGHT_LEAPS[start]}):
            found[move(start, end)] = NAME[start] + NAME[end]
            last = (start >> 3, end >> 3) in ((6, 7), (1, 0))
            if last and abs((start & 7) - (end & 7)) <= 1:
                for kind in PROMOTIONS:
                    found[move(start, end, kind)] = NAME[start] + NAME[end] + LETTERS[kind].lower()
    return found


UCI = _reachable()
"""By number: the spelling of every move that any piece could make on an empty board."""

# What moving from or to a square does to the castling rights, kept as four bits.
CASTLING = "KQkq"
_HOMES = {"a1": 2, "h1": 1, "e1": 3, "a8": 8, "h8": 4, "e8": 12}
KEPT_RIGHTS = tuple(15 & ~_HOMES.get(name, 0) for name in NAME)
CASTLES = {
    WHITE: ((1, 4, 6, (5, 6), (5, 6)), (2, 4, 2, (1, 2, 3), (2, 3))),
    BLACK: ((4, 60, 62, (61, 62), (61, 62)), (8, 60, 58, (57, 58, 59), (58, 59))),
}
"""By side: right, the king's start and end, what must be empty, what must not be attacked."""
ROOK_LEAP = {6: (7, 5), 2: (0, 3), 62: (63, 61), 58: (56, 59)}
"""By the castling king's end: the rook's start and end."""
