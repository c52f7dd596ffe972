"""Positions as Forsyth-Edwards Notation, and back (PGN standard, 1994, section 16.1)."""

from __future__ import annotations

import re

from .position import Position
from .table import (
    BLACK,
    CASTLES,
    CASTLING,
    KING,
    LETTER,
    NAME,
    PAWN,
    PIECE,
    ROOK,
    ROOK_LEAP,
    SQUARE,
    WHITE,
)

INITIAL = "rnbqkbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR w KQkq - 0 1"
_RUN = re.compile(r"\.+")
_FIELDS = re.compile(
    r"([1-8pnbrqkPNBRQK/]{15,71}) ([wb]) (-|K?Q?k?q?) (-|[a-h][36]) (\d{1,4}) (\d{1,4})", re.ASCII
)


def rows(position: Position) -> list[str]:
    """Eight rows of eight letters, rank 8 first; ``.`` is empty."""
    letters = "".join([LETTER[piece] for piece in position.board])
    return [letters[start : start + 8] for start in range(56, -1, -8)]


def rights(position: Position) -> str:
    """The castling rights, ``KQkq`` or less, or ``-``."""
    return "".join(name for bit, name in enumerate(CASTLING) if position.rights >> bit & 1) or "-"


def passant(position: Position) -> str:
    """The en passant square or ``-``."""
    return NAME[position.passant] if position.passant >= 0 else "-"


def write(position: Position) -> str:
    """The FEN; the en passant square is named only where a capture on it is legal."""
    placed = "/".join(_RUN.sub(lambda run: str(len(run[0])), row) for row in rows(position))
    side = "w" if position.side == WHITE else "b"
    return (
        f"{placed} {side} {rights(position)} {passant(position)} "
        f"{position.clock} {position.ply // 2 + 1}"
    )


def read(text: str) -> Position:
    """The position of a FEN.

    Raises:
        ValueError: It is not a FEN, or no game has such a position.
    """
    match = _FIELDS.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"not a FEN: {text[:90]!r}")
    placed, to_move, kept, passing, clock, number = match.groups()
    lines = [re.sub(r"\d", lambda digit: "." * int(digit[0]), row) for row in placed.split("/")]
    if len(lines) != 8 or any(len(line) != 8 for line in lines) or int(number) < 1:
        raise ValueError(f"not eight ranks of eight files, or move 0: {text[:90]!r}")
    board = [PIECE[letter] for line in reversed(lines) for letter in line]
    if board.count(KING) != 1 or board.count(-KING) != 1:
        raise ValueError("a position has one king of each colour")
    if any(abs(piece) == PAWN for piece in board[:8] + board[56:]):
        raise ValueError("a pawn cannot stand on the first or the last rank")
    side = WHITE if to_move == "w" else BLACK
    bits = sum(1 << CASTLING.index(name) for name in kept if name != "-")
    _check_rights(board, bits)
    target = _target(board, side, passing)
    ply = 2 * (int(number) - 1) + (side == BLACK)
    position = Position(board, side, bits, target, int(clock), ply)
    if position.attacked(position.kings[-side], side):
        raise ValueError("the side that is not to move is in check")
    return position


def _check_rights(board: list[int], bits: int) -> None:
    for side, ways in CASTLES.items():
        for right, start, end, _, _ in ways:
            if bits & right and (board[start], board[ROOK_LEAP[end][0]]) != (
                KING * side,
                ROOK * side,
            ):
                raise ValueError("a castling right without king and rook at home")


def _target(board: list[int], side: int, name: str) -> int:
    if name == "-":
        return -1
    square = SQUARE[name]
    if (
        square >> 3 != (5 if side == WHITE else 2)
        or board[square - 8 * side] != -side
        or board[square]
        or board[square + 8 * side]
    ):
        raise ValueError(f"no pawn has just passed {name}")
    return square
