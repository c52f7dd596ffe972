"""Pong for two seats."""

from .game import Pong
from .text import View, parse_text

__all__ = ["Pong", "View", "parse_text"]
