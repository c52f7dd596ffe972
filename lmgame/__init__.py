"""Language models play games: what each decision was worth, and what it cost to serve."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lmgame.frames import Frames

__version__ = "0.1.0"


def load(run: str | Path) -> Frames:
    """A run as pandas frames of matches, decisions and calls; see lmgame.frames.

    Args:
        run: ``runs/NAME`` or a ``.jsonl`` file.

    Raises:
        LogError: There is no log, or one cannot be read; names it.
    """
    from lmgame.frames import load

    return load(run)
