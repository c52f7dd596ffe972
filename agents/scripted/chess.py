"""The scripted chess player: material and places, two half-moves deep."""

from __future__ import annotations

from lmgame.game import Turn
from lmgame.games.chess import UCI, Position, parse_text, read_fen

HEAVY = True

# Centipawns by piece: none, pawn, knight, bishop, rook, queen, king.
_VALUES = (0, 100, 310, 325, 500, 950, 0)
_MATE = 100_000
_PAWN, _KNIGHT, _BISHOP, _ROOK, _QUEEN, _KING = range(1, 7)
_ENDING = 1500
"""Up to so many centipawns of own pieces the other king should come out and fight."""


def _centre(square: int) -> int:
    """0 in a corner to 6 in the middle."""
    file, rank = square & 7, square >> 3
    return min(file, 7 - file) + min(rank, 7 - rank)


def _place(kind: int, square: int) -> int:
    """What a white piece gains by where it stands, in centipawns."""
    rank, centre = square >> 3, _centre(square)
    if kind == _PAWN:
        return (0, 0, 4, 10, 18, 40, 90, 0)[rank] + (8 if square in (27, 28) else 0)
    if kind in (_KNIGHT, _BISHOP):
        return (10 if kind == _KNIGHT else 5) * (centre - 3) - 8 * (rank == 0)
    if kind == _ROOK:
        return 15 * (rank == 6) + 3 * min(square & 7, 7 - (square & 7))
    if kind == _QUEEN:
        return 2 * centre
    return -12 * rank + (20 if square in (1, 2, 6) else 0)


_WORTH = {
    piece: tuple(
        side * (_VALUES[abs(piece)] + _place(abs(piece), square if side > 0 else square ^ 56))
        if piece
        else 0
        for square in range(64)
    )
    for piece in range(-6, 7)
    for side in (1 if piece >= 0 else -1,)
}


def best(turn: Turn) -> str:
    """The move that leaves the most, the other side's best answer taken into account.

    An answer that takes something is taken back where possible. Of equal moves the
    first; after a repetition the next best, so as not to draw what can be won.
    """
    seen = parse_text(turn.observation.text)
    position = read_fen(seen.fen)
    before = sum(_WORTH[piece][square] for square, piece in enumerate(position.board))
    ranked = sorted(
        ((_worth(position, number, before), UCI[number]) for number in position.legal()),
        key=lambda one: (-one[0], turn.actions.choices.index(one[1])),
    )
    return ranked[min(seen.seen, len(ranked)) - 1][1]


def _worth(position: Position, number: int, before: int) -> int:
    """A move's worth for the side that makes it: the position after the best answer."""
    side = position.side
    new = position.after(number)
    answers = new.legal()
    if not answers:
        return _MATE if new.in_check() else 0
    if new.bare():
        return 0
    standing = side * (before + _gain(position, new, number)) + _hunt(new, side)
    return standing - max(_answer(new, one) for one in answers)


def _gain(position: Position, new: Position, number: int) -> int:
    """What a move changes in white's favour."""
    start, end = number & 63, number >> 6 & 63
    board, after = position.board, new.board
    gain = _WORTH[after[end]][end] - _WORTH[board[start]][start] - _WORTH[board[end]][end]
    if abs(board[start]) == _PAWN and end == position.passant:
        gain -= _WORTH[-position.side][end - 8 * position.side]
    return gain


def _answer(position: Position, number: int) -> int:
    """What an answer gains for the side that makes it, if it is then taken back."""
    side, board = position.side, position.board
    end = number >> 6 & 63
    new = position.after(number)
    gain = side * _gain(position, new, number)
    if new.in_check() and not new.legal():
        return _MATE
    if (board[end] or number >> 12) and new.attacked(end, -side):
        gain -= _VALUES[abs(new.board[end])]
    return gain


def _hunt(position: Position, side: int) -> int:
    """In the ending: the other king at the edge, one's own close to it."""
    theirs = [abs(piece) for piece in position.board if piece * side < 0]
    if sum(_VALUES[kind] for kind in theirs if kind != _PAWN) > _ENDING:
        return 0
    mine, other = position.kings[side], position.kings[-side]
    apart = max(abs((mine & 7) - (other & 7)), abs((mine >> 3) - (other >> 3)))
    freedom = sum(one & 63 == other for one in position.legal())
    return (
        12 * (6 - _centre(other))
        - 8 * apart
        - 6 * freedom
        + 12 * (mine >> 3 if side > 0 else 7 - (mine >> 3))
    )
