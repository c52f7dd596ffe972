"""Tetris for one seat and for two, after the Tetris Guideline."""

from .game import Tetris
from .text import BoardView, Snapshot, parse_text
from .versus import TetrisVersus

__all__ = ["BoardView", "Snapshot", "Tetris", "TetrisVersus", "parse_text"]
