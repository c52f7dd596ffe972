"""A person at the keyboard, in a window."""

import os

os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")  # it greets on standard output

from .agent import HumanAgent

__all__ = ["HumanAgent"]
