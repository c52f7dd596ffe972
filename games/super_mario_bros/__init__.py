"""Super Mario Bros. on an emulated console, told from its memory."""

from .game import SuperMarioBros
from .text import Thing, View, parse_text

__all__ = ["SuperMarioBros", "Thing", "View", "parse_text"]
