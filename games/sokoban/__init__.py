"""Sokoban: generated levels that are proved solvable, and level files."""

from .game import Sokoban
from .generator import GRADES, Level, generate
from .room import MOVES, Room, cells
from .solver import Search, search, solve
from .text import Snapshot, parse_text

__all__ = [
    "GRADES",
    "MOVES",
    "Level",
    "Room",
    "Search",
    "Snapshot",
    "Sokoban",
    "cells",
    "generate",
    "parse_text",
    "search",
    "solve",
]
