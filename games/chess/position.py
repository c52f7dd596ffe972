"""A position, the moves that are legal in it, and the positions that follow.

Positions are values: a move makes a new one. The rules are FIDE's Laws of Chess
(2023), articles 3 (moves), 5 and 9 (mate, stalemate and draws).
"""

from __future__ import annotations

from .table import (
    BISHOP,
    CASTLES,
    EMPTY,
    KEPT_RIGHTS,
    KING,
    KING_STEPS,
    KNIGHT,
    KNIGHT_LEAPS,
    PAWN,
    PAWN_TAKES,
    PROMOTIONS,
    QUEEN,
    RAYS,
    ROOK,
    ROOK_LEAP,
    SLANTED_RAYS,
    STRAIGHT_RAYS,
    move,
)

_PROMOTED = tuple(kind << 12 for kind in PROMOTIONS)
_NOWHERE: frozenset[int] = frozenset()


class Position:
    """What a FEN says.

    Attributes:
        board: 64 pieces, see :mod:`table`.
        side: Who is to move, 1 or -1.
        rights: Castling rights, bits 1, 2, 4, 8 for K, Q, k, q.
        passant: The square that a pawn can take en passant on, or -1. It is
            set only when such a capture is legal, so that two positions with
            the same moves are the same position (FIDE 9.2.3).
        clock: Half-moves since the last capture or pawn move.
        ply: Half-moves since the initial position.
        kings: The square of the white and of the black king, at 1 and -1.
    """

    __slots__ = ("board", "clock", "kings", "passant", "ply", "rights", "side")

    def __init__(
        self, board: list[int], side: int, rights: int, passant: int, clock: int, ply: int
    ) -> None:
        self.board, self.side, self.rights = board, side, rights
        self.clock, self.ply = clock, ply
        self.kings = [-1, board.index(KING), board.index(-KING)]
        self.passant = passant
        if passant >= 0 and not self._passant_takers():
            self.passant = -1

    def key(self) -> tuple[bytes, int, int, int]:
        """Equal for positions that are the same under the rule of repetition."""
        return (bytes([piece & 15 for piece in self.board]), self.side, self.rights, self.passant)

    # Moves ------------------------------------------------------------------

    def after(self, number: int) -> Position:
        """The position after a legal move."""
        start, end, kind = number & 63, number >> 6 & 63, number >> 12
        side, board = self.side, self.board[:]
        piece, taken = board[start], board[end]
        board[start], board[end] = EMPTY, kind * side if kind else piece
        new = object.__new__(Position)
        new.kings = self.kings
        new.passant = -1
        new.board, new.side, new.ply = board, -side, self.ply + 1
        new.rights = self.rights & KEPT_RIGHTS[start] & KEPT_RIGHTS[end]
        new.clock = 0 if taken or piece == side else self.clock + 1
        if piece == side:  # a pawn
            if end == self.passant:
                board[end - 8 * side] = EMPTY
            elif end - start == 16 * side:
                new.passant = start + 8 * side
                if not new._passant_takers():
                    new.passant = -1
        elif piece == KING * side:
            new.kings = self.kings[:]
            new.kings[side] = end
            if abs(end - start) == 2:
                corner, inside = ROOK_LEAP[end]
                board[corner], board[inside] = EMPTY, ROOK * side
        return new

    def _passant_takers(self) -> list[int]:
        """From where a pawn can legally take en passant."""
        end, side, board = self.passant, self.side, self.board
        taken = end - 8 * side
        found = []
        for start in PAWN_TAKES[-side][end]:
            if board[start] == side:
                board[start], board[end], board[taken] = EMPTY, side, EMPTY
                if not self.attacked(self.kings[side], -side):
                    found.append(start)
                board[start], board[end], board[taken] = side, EMPTY, -side
        return found

    def legal(self) -> list[int]:
        """Every legal move."""
        king = self.kings[self.side]
        targets, pins = self._guard(king)
        moves: list[int] = []
        if targets is None or targets:
            self._pawn_moves(moves)
            self._piece_moves(moves)
            if targets is not None:
                moves = [one for one in moves if one >> 6 & 63 in targets]
            if pins:
                moves = [
                    one
                    for one in moves
                    if (start := one & 63) not in pins or one >> 6 & 63 in pins[start]
                ]
            if self.passant >= 0:
                moves += [move(start, self.passant) for start in self._passant_takers()]
        self._king_moves(king, targets is None, moves)
        return moves

    def _guard(self, king: int) -> tuple[frozenset[int] | None, dict[int, tuple[int, ...]]]:
        """What the safety of the king asks of the other pieces.

        Returns:
            The squares that end every check (None: no check; none: two checks),
            and for every pinned piece where it may go.
        """
        board, side = self.board, self.side
        queen = -QUEEN * side
        checks: list[tuple[int, ...]] = []
        pins: dict[int, tuple[int, ...]] = {}
        for rays, slider in (
            (STRAIGHT_RAYS[king], -ROOK * side),
            (SLANTED_RAYS[king], -BISHOP * side),
        ):
            for ray in rays:
                friend = -1
                for square in ray:
                    piece = board[square]
                    if not piece:
                        continue
                    if piece * side > 0:
                        if friend >= 0:
                            break
                        friend = square
                        continue
                    if piece in (slider, queen):
                        between = ray[: ray.index(square) + 1]
                        if friend < 0:
                            checks.append(between)
                        else:
                            pins[friend] = between
                    break
        knight, pawn = -KNIGHT * side, -side
        checks += [(square,) for square in KNIGHT_LEAPS[king] if board[square] == knight]
        checks += [(square,) for square in PAWN_TAKES[side][king] if board[square] == pawn]
        if not checks:
            return None, pins
        return (frozenset(checks[0]) if len(checks) == 1 else _NOWHERE), pins

    def _pawn_moves(self, moves: list[int]) -> None:
        board, side = self.board, self.side
        takes = PAWN_TAKES[side]
        home, last = (1, 6) if side > 0 else (6, 1)
        ahead = 8 * side
        for start in range(8, 56):
            if board[start] != side:
                continue
            ends = [square for square in takes[start] if board[square] * side < 0]
            if not board[start + ahead]:
                ends.append(start + ahead)
                if start >> 3 == home and not board[start + 2 * ahead]:
                    ends.append(start + 2 * ahead)
            if start >> 3 == last:
                moves += [start | end << 6 | kind for end in ends for kind in _PROMOTED]
            else:
                moves += [start | end << 6 for end in ends]

    def _piece_moves(self, moves: list[int]) -> None:
        """Knights, bishops, rooks and queens."""
        board, side = self.board, self.side
        for start, piece in enumerate(board):
            kind = piece * side
            if kind <= PAWN or kind == KING:
                continue
            if kind == KNIGHT:
                moves += [start | end << 6 for end in KNIGHT_LEAPS[start] if board[end] * side <= 0]
                continue
            for ray in RAYS[kind][start]:
                for end in ray:
                    met = board[end] * side
                    if met > 0:
                        break
                    moves.append(start | end << 6)
                    if met:
                        break

    def _king_moves(self, king: int, free: bool, moves: list[int]) -> None:
        """Steps, and castling when not in check."""
        board, side = self.board, self.side
        board[king] = EMPTY  # a king does not hide the squares behind it
        for end in KING_STEPS[king]:
            if board[end] * side <= 0 and not self.attacked(end, -side):
                moves.append(king | end << 6)
        board[king] = KING * side
        if not free:
            return
        for right, start, end, empty, safe in CASTLES[side]:
            if (
                self.rights & right
                and not any(board[square] for square in empty)
                and not any(self.attacked(square, -side) for square in safe)
            ):
                moves.append(start | end << 6)

    def reaches(self, start: int, end: int) -> bool:
        """Whether the piece on a square could go to another, but for its king's safety."""
        moves: list[int] = []
        self._pawn_moves(moves)
        self._piece_moves(moves)
        king = self.kings[self.side]
        moves += [king | to << 6 for to in KING_STEPS[king] if self.board[to] * self.side <= 0]
        return any(one & 4095 == start | end << 6 for one in moves)

    # Attacks and ends -------------------------------------------------------

    def attacked(self, square: int, side: int) -> bool:
        """Whether ``side`` attacks a square."""
        board = self.board
        queen = QUEEN * side
        for rays, slider in (
            (STRAIGHT_RAYS[square], ROOK * side),
            (SLANTED_RAYS[square], BISHOP * side),
        ):
            for ray in rays:
                for other in ray:
                    piece = board[other]
                    if piece:
                        if piece in (slider, queen):
                            return True
                        break
        for near, piece in (
            (KNIGHT_LEAPS, KNIGHT * side),
            (PAWN_TAKES[-side], side),
            (KING_STEPS, KING * side),
        ):
            for other in near[square]:
                if board[other] == piece:
                    return True
        return False

    def in_check(self) -> bool:
        """Whether the side to move is in check."""
        return self.attacked(self.kings[self.side], -self.side)

    def bare(self) -> bool:
        """Whether no series of legal moves can mate, by material alone (FIDE 5.2.2).

        Kings with at most one knight, or with bishops that are all on squares
        of one colour.
        """
        board = self.board
        if any(piece in board or -piece in board for piece in (PAWN, ROOK, QUEEN)):
            return False
        rest = [(abs(piece), square) for square, piece in enumerate(board)
                if piece and abs(piece) != KING]  # fmt: skip
        if len(rest) <= 1:
            return True
        shades = {(square ^ square >> 3) & 1 for _, square in rest}
        return all(kind == BISHOP for kind, _ in rest) and len(shades) == 1


def perft(position: Position, depth: int) -> int:
    """How many series of ``depth`` legal moves there are."""
    moves = position.legal()
    if depth <= 1:
        return len(moves) if depth == 1 else 1
    return sum(perft(position.after(one), depth - 1) for one in moves)
