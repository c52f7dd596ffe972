"""Chess for two seats, by the rules of FIDE, on a move generator of our own."""

from .game import Chess
from .position import Position, perft
from .text import Snapshot, parse_text

__all__ = ["Chess", "Position", "Snapshot", "parse_text", "perft"]
