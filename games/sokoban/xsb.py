"""Reads level files in the notation of XSokoban, and refuses what cannot be played.

The format: http://sokobano.de/wiki/index.php?title=Level_format. A file holds
levels, one after another; whatever is no row of a level is a comment.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from lmgame.errors import ConfigError

from .room import BOX, BOX_ON_GOAL, FLOOR, GOAL, PLAYER, PLAYER_ON_GOAL, WALL, cells
from .solver import solve

MOST_WIDE = MOST_HIGH = 40
_BOUND = 4000  # states that the solver looks at before it believes a level
_LARGEST_FILE = 1_000_000  # bytes
_ROW = re.compile(r"[ _-]*[#@+$*.]")  # how a row begins; a comment begins otherwise
_KNOWN = "#@+$*. -_"


@dataclass(frozen=True, slots=True)
class _Rows:
    """A level as it stands in the file: the number of its first line, and its rows."""

    line: int
    rows: list[str]


def read_levels(path: str, most: int) -> tuple[str, ...]:
    """The first levels of a file, as boards that can be played.

    Cells that the player cannot reach become walls.

    Args:
        path: The file.
        most: How many levels to read; the rest of the file is not looked at.

    Raises:
        ConfigError: The file cannot be read, or one of the levels cannot be
            played: says which line and why.
    """
    try:
        if Path(path).stat().st_size > _LARGEST_FILE:
            raise ConfigError(f"{path} is larger than {_LARGEST_FILE} bytes: not a level file")
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not text in UTF-8"
        raise ConfigError(f"level file {path!r} cannot be read: {reason}") from None
    levels = []
    for found in _split(text)[:most]:
        try:
            levels.append(_board(found))
        except _Fault as fault:
            raise ConfigError(f"{path}, line {fault.line}: {fault}") from None
    if not levels:
        raise ConfigError(
            f"{path} holds no level: rows of {WALL} with {PLAYER} {BOX} {GOAL} inside"
        )
    return tuple(levels)


class _Fault(Exception):
    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line


def _split(text: str) -> list[_Rows]:
    levels: list[_Rows] = []
    inside = False
    for number, line in enumerate(text.splitlines(), 1):
        if _ROW.match(line) is None:
            inside = False
            continue
        if not inside:
            levels.append(_Rows(number, []))
        inside = True
        levels[-1].rows.append(line.rstrip())
    return levels


def _board(level: _Rows) -> str:
    """Check one level and bring it into the form that the game plays."""
    _check_letters(level)
    width = max(len(row) for row in level.rows)
    if width > MOST_WIDE or len(level.rows) > MOST_HIGH:
        size = f"{width} columns by {len(level.rows)} rows"
        raise _Fault(level.line, f"{size} are too many: at most {MOST_WIDE} by {MOST_HIGH}")
    rows = [row.replace(" ", FLOOR).replace("_", FLOOR) for row in level.rows]
    players = _places(level.line, rows, PLAYER + PLAYER_ON_GOAL)
    if len(players) != 1:
        line = players[1][0] if players else level.line
        raise _Fault(line, f"the level has {len(players) or 'no'} players ({PLAYER}), not one")
    inside = _inside(level.line, rows, players[0])
    boxes = _places(level.line, rows, BOX + BOX_ON_GOAL)
    goals = _places(level.line, rows, GOAL + PLAYER_ON_GOAL + BOX_ON_GOAL)
    if len(boxes) != len(goals) or not boxes:
        raise _Fault(level.line, f"the level has {len(boxes)} boxes and {len(goals)} goals")
    for what, places, letter in (("box", boxes, BOX), ("goal", goals, GOAL)):
        for line, column in places:
            if (line, column) not in inside and rows[line - level.line][column] == letter:
                raise _Fault(line, f"the player cannot reach the {what} in column {column + 1}")
    lines = range(level.line, level.line + len(rows))
    board = "\n".join(
        "".join(
            rows[line - level.line][column] if (line, column) in inside else WALL
            for column in range(width)
        )
        for line in lines
    )
    _check_solvable(level.line, board)
    return board


def _check_letters(level: _Rows) -> None:
    for line, row in enumerate(level.rows, level.line):
        for column, letter in enumerate(row, 1):
            if letter not in _KNOWN:
                raise _Fault(line, f"column {column}: {letter!r} is not one of {_KNOWN}")


def _places(first: int, rows: list[str], letters: str) -> list[tuple[int, int]]:
    return [
        (line, column)
        for line, row in enumerate(rows, first)
        for column, letter in enumerate(row)
        if letter in letters
    ]


def _inside(first: int, rows: list[str], player: tuple[int, int]) -> set[tuple[int, int]]:
    """The cells that the player could reach if there were no boxes."""
    inside = {player}
    queue = [player]
    for line, column in queue:
        for place in (
            (line - 1, column),
            (line + 1, column),
            (line, column - 1),
            (line, column + 1),
        ):
            row = rows[place[0] - first] if 0 <= place[0] - first < len(rows) else ""
            if not 0 <= place[1] < len(row):
                raise _Fault(line, f"column {column + 1}: the level is not enclosed by walls here")
            if place not in inside and row[place[1]] != WALL:
                inside.add(place)
                queue.append(place)
    return inside


def _check_solvable(line: int, board: str) -> None:
    boxes = cells(board, BOX + BOX_ON_GOAL)
    if not boxes:
        raise _Fault(line, "the player cannot reach any box")
    if boxes == cells(board, BOX_ON_GOAL):
        raise _Fault(line, "every box is on a goal already")
    if _hopeless(board):
        raise _Fault(line, "the level cannot be solved (every way of pushing was tried)")


@lru_cache(maxsize=256)
def _hopeless(board: str) -> bool:
    found = solve(board, _BOUND, weight=3)
    return found.complete and not found.solved
