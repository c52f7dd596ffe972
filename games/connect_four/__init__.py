"""Connect Four for two seats."""

from .board import BOARD, COLUMNS, ROWS, columns, discs, four, open_fours
from .game import ConnectFour
from .text import View, parse_text

__all__ = [
    "BOARD",
    "COLUMNS",
    "ROWS",
    "ConnectFour",
    "View",
    "columns",
    "discs",
    "four",
    "open_fours",
    "parse_text",
]
