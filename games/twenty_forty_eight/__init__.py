"""2048: slide and merge tiles of powers of two."""

from .board import SLIDES, Board, merged_sum, stuck
from .game import TwentyFortyEight
from .text import parse_text

__all__ = ["SLIDES", "Board", "TwentyFortyEight", "merged_sum", "parse_text", "stuck"]
