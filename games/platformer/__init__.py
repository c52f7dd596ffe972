"""A side-scroller of our own: run and jump to the flag."""

from .game import Platformer
from .text import View, Walker, parse_text

__all__ = ["Platformer", "View", "Walker", "parse_text"]
