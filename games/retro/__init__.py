"""Any console game that stable-retro integrates, on an emulator."""

from .game import Retro

__all__ = ["Retro"]
