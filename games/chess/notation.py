"""The language of moves: UCI, which is canonical, and SAN, which is read as well.

UCI: http://wbec-ridderkerk.nl/html/UCIProtocol.html, "long algebraic notation".
SAN: PGN standard (1994), section 8.2.3.
"""

from __future__ import annotations

import re

from lmgame.errors import IllegalAction

from .position import Position
from .table import KING, LETTERS, NAME, NAMES, PAWN, SQUARE, WHITE

_LONGEST = 40  # characters; more than any move needs
_END = r"[+#!?]{0,4}"
_UCI_MOVE = re.compile(r"([a-h][1-8])\s?-?\s?([a-h][1-8])=?([qrbn])?", re.ASCII)
_LOUD_MOVE = re.compile(r"[A-H][1-8]-?[A-H][1-8]=?[QRBN]?", re.ASCII)
_CASTLE = re.compile(rf"([O0o])-\1(-\1)?{_END}")
_SAN_MOVE = re.compile(
    rf"([KQRBN]?)([a-h]?)([1-8]?)([x-]?)([a-h][1-8])(?:=?\(?([QRBNqrbn])\)?)?{_END}", re.ASCII
)
# What reads like a move in prose. A bare square is a pawn's move ("e4") unless
# the word before it says that it is a place.
_FOUND = re.compile(
    r"(?<![\w/-])(?:"
    r"[a-h][1-8]-?[a-h][1-8](?:=?[qrbnQRBN])?"
    r"|[A-H][1-8]-?[A-H][1-8](?:=?[QRBN])?"
    r"|[O0o]-[O0o](?:-[O0o])?"
    r"|[KQRBN][a-h]?[1-8]?[x-]?[a-h][1-8]"
    r"|(?:[a-h]x?|(?<!\bon )(?<!\bat )(?<!from )(?<!square )(?<!\bthe ))"
    r"[a-h][1-8](?:=?\(?[QRBNqrbn]\)?)?"
    rf"){_END}(?![\w/-])",
    re.ASCII,
)
_HELP = "write a move from square to square, e.g. 'e2e4' or 'e7e8q', or as SAN, e.g. 'Nf3'"


def find(reply: str) -> list[str]:
    """The passages that read like a move, in order; legality is not judged."""
    return [match.group() for match in _FOUND.finditer(reply)]


def parse(position: Position, legal: dict[str, int], text: str) -> str:
    """The UCI spelling of a legal move, written in any notation.

    Args:
        position: Where it is to be made.
        legal: The legal moves by UCI spelling.
        text: One written move.

    Raises:
        IllegalAction: It is no move, not legal, or could be several.
    """
    if text in legal:
        return text
    text = text.strip() if len(text) <= 1000 else text[: _LONGEST + 1]
    if _LOUD_MOVE.fullmatch(text):
        text = text.lower()
    if match := _UCI_MOVE.fullmatch(text):
        return _from_to(position, legal, *match.groups(default=""))
    if match := _CASTLE.fullmatch(text):
        return _castle(position, legal, match[2] is not None)
    if match := _SAN_MOVE.fullmatch(text):
        return _algebraic(position, legal, text, match)
    shown = text if len(text) <= _LONGEST else text[:_LONGEST] + "..."
    raise IllegalAction(f"{shown!r} is not a move: {_HELP}")


def _from_to(position: Position, legal: dict[str, int], start: str, end: str, kind: str) -> str:
    uci = start + end + kind
    if uci in legal:
        return uci
    if uci + "q" in legal:
        raise IllegalAction(f"{uci} must say what the pawn becomes: {uci}q, {uci}r, {uci}b, {uci}n")
    if kind and start + end in legal:
        raise IllegalAction(f"{start}{end} promotes nothing: leave the {kind!r} out")
    raise IllegalAction(_why_not(position, legal, start, end))


def _why_not(position: Position, legal: dict[str, int], start: str, end: str) -> str:
    """What is wrong with a move between two squares."""
    said = f"{start}{end} is illegal:"
    piece = position.board[SQUARE[start]]
    if not piece:
        return f"{said} {start} is empty"
    name = NAMES[abs(piece)]
    if piece * position.side < 0:
        return f"{said} the {name} on {start} is not yours"
    if position.reaches(SQUARE[start], SQUARE[end]):
        return f"{said} your king would be in check"
    own = sorted({uci[2:4] for uci in legal if uci.startswith(start)})
    can = f"it can go to {', '.join(own)}" if own else "it has no legal move now"
    return f"{said} the {name} on {start} cannot go there; {can}"


def _castle(position: Position, legal: dict[str, int], long: bool) -> str:
    home = 4 if position.side == WHITE else 60
    uci = NAME[home] + NAME[home + (-2 if long else 2)]
    if uci not in legal or position.board[home] != KING * position.side:
        name = "O-O-O" if long else "O-O"
        raise IllegalAction(
            f"{name} is illegal: castling needs the right to it, empty squares between king and "
            "rook, and no attack on the squares that the king leaves, crosses and reaches"
        )
    return uci


def _algebraic(position: Position, legal: dict[str, int], text: str, match: re.Match[str]) -> str:
    letter, file, rank, taking, end, become = match.groups(default="")
    kind = LETTERS.index(letter) if letter else PAWN
    if kind == PAWN and not file and taking != "x":
        file = end[0]
    board = position.board
    fitting = [
        uci
        for uci, number in legal.items()
        if uci[2:4] == end
        and abs(board[number & 63]) == kind
        and uci[0] == (file or uci[0])
        and uci[1] == (rank or uci[1])
    ]
    name = NAMES[kind]
    if not fitting:
        raise IllegalAction(f"{text} is illegal: no {name} of yours can go to {end} like that now")
    square = SQUARE[end]
    if taking == "x" and not board[square] and (kind != PAWN or square != position.passant):
        raise IllegalAction(f"{text} takes nothing: {end} is empty; leave the 'x' out")
    if len(fitting[0]) == 5:
        if not become:
            named = ", ".join(f"{end}={kind}" for kind in "QRBN")
            raise IllegalAction(f"{text} must say what the pawn becomes: {named}")
        fitting = [uci for uci in fitting if uci[4] == become.lower()]
    elif become:
        raise IllegalAction(f"{text} promotes nothing: leave the {become!r} out")
    if len(fitting) > 1:
        raise IllegalAction(
            f"{text} is ambiguous: more than one {name} can go to {end}; "
            f"write {' or '.join(sorted(fitting))}"
        )
    return fitting[0]


def san(position: Position, number: int) -> str:
    """A legal move in standard algebraic notation, with ``+`` or ``#``."""
    start, end, become = number & 63, number >> 6 & 63, number >> 12
    kind = abs(position.board[start])
    takes = bool(position.board[end]) or (kind == PAWN and end == position.passant)
    if kind == KING and abs(end - start) == 2:
        text = "O-O" if end > start else "O-O-O"
    elif kind == PAWN:
        text = (NAME[start][0] + "x" if takes else "") + NAME[end]
        text += "=" + LETTERS[become] if become else ""
    else:
        text = LETTERS[kind] + _origin(position, number) + "x" * takes + NAME[end]
    new = position.after(number)
    if not new.in_check():
        return text
    return text + ("+" if new.legal() else "#")


def _origin(position: Position, number: int) -> str:
    """What must be said of where a piece comes from: nothing, file, rank or both."""
    start, end = number & 63, number >> 6 & 63
    piece = position.board[start]
    others = [
        one & 63
        for one in position.legal()
        if one >> 6 & 63 == end and one & 63 != start and position.board[one & 63] == piece
    ]
    if not others:
        return ""
    if all(other & 7 != start & 7 for other in others):
        return NAME[start][0]
    if all(other >> 3 != start >> 3 for other in others):
        return NAME[start][1]
    return NAME[start]
