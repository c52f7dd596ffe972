"""The line on which any action can be typed, and the choices beside it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

LONGEST = 200
"""Characters that can be typed."""


class Line:
    """A line of text with completion, and a choice that the arrow keys move."""

    def __init__(self) -> None:
        self.text = ""
        self.chosen: int | None = None

    def type(self, text: str) -> None:
        """Add to the end of the line."""
        added = "".join(letter for letter in text if letter.isprintable())
        self.text = (self.text + added)[:LONGEST]
        if added:
            self.chosen = None

    def rub(self) -> None:
        """Take the last character back."""
        self.text = self.text[:-1]
        self.chosen = None

    def clear(self) -> None:
        """Begin again."""
        self.text = ""
        self.chosen = None

    def offered(self, choices: Sequence[str]) -> list[str]:
        """The choices that go with what was typed: those that begin so first, or else all."""
        typed = self.text.strip().lower()
        begin = [one for one in choices if one.lower().startswith(typed)]
        inside = [one for one in choices if typed in one.lower() and one not in begin]
        return begin + inside or list(choices)

    def move(self, by: int, choices: Sequence[str]) -> None:
        """Choose the next or the previous of what is offered."""
        count = len(self.offered(choices))
        if not count:
            return
        if self.chosen is None:
            self.chosen = 0 if by > 0 else count - 1
        else:
            self.chosen = min(max(self.chosen + by, 0), count - 1)

    def complete(self, choices: Sequence[str]) -> None:
        """Complete the line as far as the choices agree, or take the chosen one."""
        offered = self.offered(choices)
        if self.chosen is not None and offered:
            self.text, self.chosen = offered[self.chosen], None
            return
        typed = self.text.lower()
        begin = [one for one in offered if one.lower().startswith(typed)]
        same = takewhile(lambda letters: len(set(letters)) == 1, zip(*begin, strict=False))
        common = "".join(letters[0] for letters in same)
        if len(common) > len(self.text):
            self.text = common

    def answer(self, choices: Sequence[str]) -> str:
        """What Enter sends: the chosen one, or what was typed."""
        offered = self.offered(choices)
        if self.chosen is not None and self.chosen < len(offered):
            return offered[self.chosen]
        return self.text.strip()
