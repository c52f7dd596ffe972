"""Trials: find the exhibit that contradicts a statement, in cases of our own."""

from .case import Case
from .check import prove
from .game import Courtroom
from .text import Exhibit, Heard, Snapshot, parse_text

__all__ = ["Case", "Courtroom", "Exhibit", "Heard", "Snapshot", "parse_text", "prove"]
