"""Tetris for one seat and for two, after the Tetris Guideline."""

from .game import Tetris
from .rank import Features, evaluate, rank_inputs, rank_placements
from .text import BoardView, Snapshot, parse_text
from .versus import TetrisVersus

__all__ = [
    "BoardView",
    "Features",
    "Snapshot",
    "Tetris",
    "TetrisVersus",
    "evaluate",
    "parse_text",
    "rank_inputs",
    "rank_placements",
]
