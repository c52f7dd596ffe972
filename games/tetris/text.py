"""The text observation, and its reader.

``parse_text(write(...))`` gives back everything that was written; the image
shows the same facts (see render.py).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .field import NOTHING, Field
from .srs import KINDS, OFFSETS, PAD, VISIBLE, WIDTH

ROWS = VISIBLE + 2
"""Rows shown: the visible field and the two above it where pieces appear."""
ACTIVE, GHOST = "@", "+"

_SHOWN = ROWS * WIDTH
_ABOVE = range(_SHOWN - WIDTH, VISIBLE * WIDTH - 1, -WIDTH)
_BELOW = range(VISIBLE * WIDTH - WIDTH, -1, -WIDTH)
_LINE, _RULER = "-" * WIDTH, "0123456789"
_HEADER = re.compile(
    r"(?:(?P<seat>\w+): )?piece (?P<piece>[IJLOSTZ-]), (?:hold (?P<hold>[IJLOSTZ-]) "
    r"\((?P<free>free|used)\), )?next (?P<next>[IJLOSTZ ]+|-), level (?P<level>\d+)"
    r"(?:, garbage (?P<garbage>\d+))?"
)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is seen of one seat at one moment.

    Attributes:
        cells: ``ROWS`` rows of ``WIDTH`` letters, the lowest row first: ``.``,
            the letter of a locked piece, ``X`` for garbage, ``@`` for the active
            piece, ``+`` for where it would land.
        piece: The active piece's letter, or ``-`` when the seat is out.
        hold: The held piece's letter, or ``-``; "" where the rules have no hold,
            and nothing above the field either.
        hold_free: Whether hold may be used.
        next: The letters of the pieces that come.
        level: The level.
        garbage: Rows waiting to rise; None in a one-seat game.
    """

    cells: str
    piece: str
    hold: str
    hold_free: bool
    next: str
    level: int
    garbage: int | None = None

    @property
    def rows(self) -> tuple[str, ...]:
        """The rows of ``cells``, the lowest first."""
        return tuple(self.cells[i : i + WIDTH] for i in range(0, _SHOWN, WIDTH))


@dataclass(frozen=True, slots=True)
class BoardView:
    """A text observation, read: what the seat sees of itself and of an opponent."""

    own: Snapshot
    opponent: Snapshot | None = None


def snapshot(field: Field, queue: int) -> Snapshot:
    """What is seen of a seat.

    Args:
        field: The seat.
        queue: How many coming pieces are shown.
    """
    cells = field.cells[:_SHOWN]
    shape = field.shape
    piece = "-"
    if shape != NOTHING:
        piece = KINDS[shape >> 2]
        corner = WIDTH * (field.y - PAD) + field.x - PAD
        offsets, below = OFFSETS[shape], corner - WIDTH * field.ghost()
        for mark, start in ((43, below), (64, corner)):
            for offset in offsets:
                if start + offset < _SHOWN:
                    cells[start + offset] = mark
    return Snapshot(
        cells.decode(),
        piece,
        "" if not field.holds else "-" if field.hold == NOTHING else KINDS[field.hold],
        not field.held,
        "".join([KINDS[kind] for kind in field.upcoming[:queue]]),
        field.level,
        sum(field.pending) if field.duel else None,
    )


def _header(seen: Snapshot) -> str:
    text = f"piece {seen.piece}, {_hold(seen)}next {' '.join(seen.next) or '-'}, level {seen.level}"
    return text if seen.garbage is None else f"{text}, garbage {seen.garbage}"


def _hold(seen: Snapshot) -> str:
    return seen.hold and f"hold {seen.hold} ({'free' if seen.hold_free else 'used'}), "


def write(own: Snapshot) -> str:
    """The observation of a one-seat game."""
    cells = own.cells
    lines = [_header(own)]
    if own.hold:
        lines += [cells[i : i + WIDTH] for i in _ABOVE]
        lines.append(_LINE)
    lines += [cells[i : i + WIDTH] for i in _BELOW]
    lines.append(_RULER)
    return "\n".join(lines)


def write_pair(own: Snapshot, opponent: Snapshot) -> str:
    """The observation of a seat that sees its opponent, whose board is on the right."""
    mine, theirs = own.cells, opponent.cells
    lines = [f"you: {_header(own)}", f"opponent: {_header(opponent)}"]
    lines += [f"{mine[i : i + WIDTH]} {theirs[i : i + WIDTH]}" for i in _ABOVE]
    lines.append(f"{_LINE} {_LINE}")
    lines += [f"{mine[i : i + WIDTH]} {theirs[i : i + WIDTH]}" for i in _BELOW]
    lines.append(f"{_RULER} {_RULER}")
    return "\n".join(lines)


def parse_text(text: str) -> BoardView:
    """Read a text observation.

    Raises:
        ValueError: It is not one.
    """
    lines = text.split("\n")
    pair = lines[0].startswith("you: ")
    headers, board = lines[: 1 + pair], lines[1 + pair :]
    tall = " hold " in headers[0]
    if not tall:  # nothing above the field is shown, because nothing ever is there
        board[:0] = ["." * WIDTH] * (ROWS - VISIBLE) + [_LINE]
    wide = [line.split(" ") for line in board]
    if len(board) != ROWS + 2 or any(
        len(row) != 1 + pair or any(len(part) != WIDTH for part in row) for row in wide
    ):
        raise ValueError(f"not a Tetris observation: {text[:80]!r}")
    seats = []
    for seat, header in enumerate(headers):
        match = _HEADER.fullmatch(header)
        if match is None:
            raise ValueError(f"not the first line of a Tetris observation: {header[:80]!r}")
        rows = [row[seat] for row in wide[:-1]]
        del rows[ROWS - VISIBLE]
        seats.append(_read(match, "".join(reversed(rows))))
    return BoardView(seats[0], seats[1] if pair else None)


def _read(match: re.Match[str], cells: str) -> Snapshot:
    coming, garbage = match["next"], match["garbage"]
    return Snapshot(
        cells,
        match["piece"],
        match["hold"] or "",
        match["free"] == "free",
        "" if coming == "-" else coming.replace(" ", ""),
        int(match["level"]),
        None if garbage is None else int(garbage),
    )
