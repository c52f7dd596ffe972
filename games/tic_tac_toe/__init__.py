"""Tic-tac-toe for two seats."""

from .board import CELLS, LINES, three
from .game import TicTacToe
from .text import View, parse_text

__all__ = ["CELLS", "LINES", "TicTacToe", "View", "parse_text", "three"]
