"""Match three: swap neighbours, clear lines of one colour."""

from .board import cascade, movable, nothing_fresh, swapped
from .game import Match3
from .notation import SHIFTS
from .text import View, parse_text

__all__ = [
    "SHIFTS",
    "Match3",
    "View",
    "cascade",
    "movable",
    "nothing_fresh",
    "parse_text",
    "swapped",
]
