"""Heads-up no-limit Texas hold'em on PokerKit."""

from .game import Holdem
from .text import Snapshot, Street, parse_text

__all__ = ["Holdem", "Snapshot", "Street", "parse_text"]
