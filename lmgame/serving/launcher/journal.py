"""What processes say, line by line, each with its speaker's name."""

from __future__ import annotations

import re
import sys
from collections import deque
from collections.abc import Callable

from rich.console import Console
from rich.text import Text

LINE, TAIL = 2000, 20
"""Characters of a line that are shown; lines that are kept to explain an end."""
_ESCAPE = re.compile(r"\x1b(\[[0-?]{0,40}[ -/]{0,8}[@-~]|\][^\x07\x1b]{0,400}(\x07|\x1b\\)?|.?)")
_COLOURS = ("cyan", "magenta", "green", "yellow", "blue", "red")

Clean = Callable[[str], str]


def plain(text: str, clean: Clean) -> str:
    """A line without colours and other commands to a terminal, and no longer than ``LINE``."""
    text = clean(_ESCAPE.sub("", text).rstrip()).replace("\n", " ")
    return text if len(text) <= LINE else f"{text[:LINE]}… ({len(text) - LINE} characters more)"


class Journal:
    """Prints every line with the name of who said it, in colour where it is a terminal.

    Args:
        names: Who may speak.
        clean: Makes foreign text harmless.
        console: Where it is printed; standard error if nothing is said.
    """

    def __init__(self, names: list[str], clean: Clean, console: Console | None = None) -> None:
        self._clean = clean
        self._console = console or Console(file=sys.stderr, highlight=False)
        self._width = max(map(len, names), default=0)
        self._style = {name: _COLOURS[at % len(_COLOURS)] for at, name in enumerate(names)}
        self._tails: dict[str, deque[str]] = {name: deque(maxlen=TAIL) for name in names}

    def add(self, name: str, line: str) -> None:
        """Print what a process said."""
        line = plain(line, self._clean)
        self._tails[name].append(line)
        self._print(name, line, self._style[name])

    def note(self, line: str) -> None:
        """Print something of our own."""
        self._print("lmgame", line, "bold")

    def tail(self, name: str) -> list[str]:
        """The last lines of a process."""
        return list(self._tails[name])

    def _print(self, name: str, line: str, style: str) -> None:
        said = Text(name.ljust(self._width) + " | ", style=style)
        said.append(line, style="default")
        self._console.print(said, soft_wrap=True)
