"""What a player remembers of its own decisions."""

from __future__ import annotations

from dataclasses import dataclass

from lmgame.agent import ReadingOutcome

from .harness import MemorySettings

PER_TOKEN = 2
"""Characters a token, for estimates; boards of dots have about that many."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One decision.

    Attributes:
        number: Counts the seat's decisions, from 0.
        seen: What the player saw, in words.
        action: What was applied.
        outcome: How its reply was read.
    """

    number: int
    seen: str
    action: str
    outcome: ReadingOutcome

    @property
    def tokens(self) -> int:
        """About how many tokens it takes."""
        return (len(self.seen) + len(self.action)) // PER_TOKEN + 8


class Memory:
    """The decisions that are held; which ones depends on their sequence alone.

    Args:
        settings: How many, and how they are let go.
    """

    def __init__(self, settings: MemorySettings) -> None:
        self._settings = settings
        self._held: list[Entry] = []
        self._tokens = 0

    @property
    def held(self) -> tuple[Entry, ...]:
        """The decisions that are held, oldest first."""
        return tuple(self._held)

    def add(self, entry: Entry) -> None:
        """Remember one more, and let go of what is too much."""
        settings = self._settings
        if not settings.last:
            return
        self._held.append(entry)
        self._tokens += entry.tokens
        block = settings.keep == "block"
        if len(self._held) > (2 * settings.last - 1 if block else settings.last):
            self._drop(len(self._held) - settings.last)
        if settings.tokens is not None and self._tokens > settings.tokens:
            bound = settings.tokens // 2 if block else settings.tokens
            while self._held and self._tokens > bound:
                self._drop(1)

    def _drop(self, count: int) -> None:
        self._tokens -= sum(one.tokens for one in self._held[:count])
        del self._held[:count]
