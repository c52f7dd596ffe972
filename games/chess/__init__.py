"""Chess for two seats, by the rules of FIDE, on a move generator of our own."""

from .fen import read as read_fen
from .game import Chess
from .position import Position, perft
from .table import UCI
from .text import Snapshot, parse_text

__all__ = ["UCI", "Chess", "Position", "Snapshot", "parse_text", "perft", "read_fen"]
