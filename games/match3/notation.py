"""The language of actions: every swap of neighbours, in one spelling each."""

from __future__ import annotations

import re

from lmgame.errors import IllegalAction

from .board import SIDE, shift

NOTHING = "swap nothing"
"""The default: spends a move and leaves the board as it is."""

_SWAPS = [
    (f"swap {row} {column} {way}", shift(row, column), shift(row + down, column + 1 - down))
    for row in range(SIDE)
    for column in range(SIDE)
    for way, down in (("right", 0), ("down", 1))
    if (row if down else column) < SIDE - 1
]
CHOICES = tuple(text for text, _, _ in _SWAPS)
SHIFTS = {text: (one, other) for text, one, other in _SWAPS} | {NOTHING: (0, 0)}
"""The bits of the two cells that an action swaps."""
MENU = (*CHOICES, NOTHING)

_WAYS = {"right": (0, 1), "down": (1, 0), "left": (0, -1), "up": (-1, 0)}
_LONGEST = 200  # characters; more than any action needs
_SHOWN = 40
_FLAGS = re.IGNORECASE | re.ASCII

# Every repetition is bounded, so that a search takes time linear in the text.
_NUMBER = r"-?[0-9]{1,3}(?![0-9]|\.[0-9])"
_GAP = r"[\s,;:=()\[\]]{1,5}"
_CELL = rf"(?:r(?:ow)?[\s:=]{{0,3}})?{_NUMBER}{_GAP}(?:c(?:ol(?:umn)?)?[\s:=]{{0,3}})?{_NUMBER}"
_TO = r"[\s,;()\[\]]{0,5}(?:(?:and|with|to|for|<?-{0,2}>|-|→|↔)[\s()\[\]]{0,5})?"
_WAY = rf"(?:{'|'.join(_WAYS)})(?![a-z0-9_])"
_PAIR = r"[(\[][0-9]\s?,\s?[0-9][)\]]"
# Without the word, coordinates are read in Lmgame-Bench's own form ((r,c),(r,c))
# only: players also list the tiles that they look at.
_ACTION = re.compile(
    rf"(?<![a-z0-9_])swap[\s:=()\[\]]{{1,5}}"
    rf"(?:nothing(?![a-z0-9_])|{_CELL}{_TO}(?:{_WAY}|{_CELL}[)\]]{{0,2}}))"
    rf"|[(\[]\s?{_PAIR}\s?,\s?{_PAIR}\s?[)\]]",
    _FLAGS,
)
_VALUE = re.compile(r"-?[0-9]+")
_HELP = "write 'swap R C right' or 'swap R C down', e.g. 'swap 2 5 right'"


def find(reply: str) -> list[str]:
    """The passages that read like an action, in order; legality is not judged."""
    return [match.group() for match in _ACTION.finditer(reply)]


def spell(text: str) -> str:
    """The canonical spelling of one written action.

    Raises:
        IllegalAction: It is not a swap of neighbours on the board.
    """
    if text in SHIFTS:
        return text
    text = text.strip() if len(text) <= _LONGEST else text[:_LONGEST]
    if _ACTION.fullmatch(text) is None:
        shown = text if len(text) <= _SHOWN else text[:_SHOWN] + "..."
        raise IllegalAction(f"{shown!r} is not an action: {_HELP}")
    lower = text.lower()
    if lower.endswith("nothing"):
        return NOTHING
    row, column, *second = (int(number) for number in _VALUE.findall(text))
    if second:
        down, right = second[0] - row, second[1] - column
    else:
        down, right = next(step for way, step in _WAYS.items() if lower.endswith(way))
    return _named(row, column, down, right)


def _named(row: int, column: int, down: int, right: int) -> str:
    for at in ((row, column), (row + down, column + right)):
        if not (0 <= at[0] < SIDE and 0 <= at[1] < SIDE):
            raise IllegalAction(
                f"row {at[0]}, column {at[1]} is not on the board: both are 0 to {SIDE - 1}"
            )
    if abs(down) + abs(right) != 1:
        raise IllegalAction(
            f"row {row}, column {column} and row {row + down}, column {column + right} "
            f"are not neighbours: {_HELP}"
        )
    first = min((row, column), (row + down, column + right))
    return f"swap {first[0]} {first[1]} {'down' if down else 'right'}"
