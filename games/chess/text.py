"""The text observation, and its reader.

``parse_text(write(...))`` gives back everything that was written; the image
shows the same facts (see render.py).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from . import fen
from .position import Position
from .table import NAME, WHITE

SIDES = ("white", "black")
_FILES = "  a b c d e f g h"
_LAYOUT = re.compile(
    r"you are (?P<you>white|black); (?P<mover>white|black) to move(?P<check>, in check)?\n"
    r"(?P<board>(?:[1-8](?: [.PNBRQKpnbrqk]){8}\n){8})"
    + _FILES
    + r"\ncastling (?P<rights>-|K?Q?k?q?); en passant (?P<passant>-|[a-h][36]); "
    r"fifty-move clock (?P<clock>\d+); move (?P<number>\d+); "
    r"half-move (?P<ply>\d+) of (?P<limit>\d+); position seen (?P<seen>\d+)x\nFEN (?P<fen>[^\n]+)",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a seat sees at one moment.

    Attributes:
        you: The seat's side, ``white`` or ``black``.
        rows: Eight rows of eight letters, rank 8 first; ``.`` is empty.
        mover: The side to move.
        check: The square of the mover's king when it is in check, or "".
        rights: Castling rights as in a FEN.
        passant: The square on which a capture en passant is legal, or ``-``.
        clock: Half-moves since the last capture or pawn move.
        ply: Half-moves since the initial position.
        limit: Half-moves after which the match is a draw.
        seen: How often this position has been on the board.
    """

    you: str
    rows: tuple[str, ...]
    mover: str
    check: str
    rights: str
    passant: str
    clock: int
    ply: int
    limit: int
    seen: int

    @property
    def fen(self) -> str:
        """The position as a FEN."""
        placed = "/".join(self.rows)
        for run in range(8, 0, -1):
            placed = placed.replace("." * run, str(run))
        return f"{placed} {self.mover[0]} {self.rights} {self.passant} {self.clock} {self.number}"

    @property
    def number(self) -> int:
        """The number of the move, counted as in a FEN."""
        return self.ply // 2 + 1


def snapshot(position: Position, seat: int, limit: int, seen: int) -> Snapshot:
    """What a seat sees of a position."""
    return Snapshot(
        you=SIDES[seat],
        rows=tuple(fen.rows(position)),
        mover=SIDES[position.side != WHITE],
        check=NAME[position.kings[position.side]] if position.in_check() else "",
        rights=fen.rights(position),
        passant=fen.passant(position),
        clock=position.clock,
        ply=position.ply,
        limit=limit,
        seen=seen,
    )


def write(seen: Snapshot) -> str:
    """The observation."""
    lines = [f"you are {seen.you}; {seen.mover} to move{', in check' if seen.check else ''}"]
    lines += [f"{8 - row} {' '.join(pieces)}" for row, pieces in enumerate(seen.rows)]
    lines += [
        _FILES,
        f"castling {seen.rights}; en passant {seen.passant}; fifty-move clock {seen.clock}; "
        f"move {seen.number}; half-move {seen.ply} of {seen.limit}; position seen {seen.seen}x",
        f"FEN {seen.fen}",
    ]
    return "\n".join(lines)


def parse_text(text: str) -> Snapshot:
    """Read a text observation.

    Raises:
        ValueError: It is not one.
    """
    match = _LAYOUT.fullmatch(text)
    if match is None:
        raise ValueError(f"not a chess observation: {text[:80]!r}")
    position = fen.read(match["fen"])
    seat = SIDES.index(match["you"])
    position.ply = int(match["ply"])
    found = snapshot(position, seat, int(match["limit"]), int(match["seen"]))
    if write(found) != text:
        raise ValueError(f"the lines of this chess observation disagree: {text[:80]!r}")
    return found
