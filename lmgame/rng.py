"""A small seeded generator whose sequence is part of this project.

Logs must replay years later on any Python, and the standard library promises a
stable sequence for ``random()`` only. SplitMix64 (Steele, Lea, Flood 2014,
"Fast splittable pseudorandom number generators", figure 17) is one integer of
state and six operations.
"""

from __future__ import annotations

from typing import TypeVar

T = TypeVar("T")
_MASK = (1 << 64) - 1


class Rng:
    """SplitMix64.

    Attributes:
        state: The whole state, an integer below 2**64; assign it to restore.
    """

    __slots__ = ("state",)

    def __init__(self, seed: int) -> None:
        self.state = seed & _MASK

    def next(self) -> int:
        """The next 64 random bits."""
        self.state = (self.state + 0x9E3779B97F4A7C15) & _MASK
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
        return z ^ (z >> 31)

    def below(self, bound: int) -> int:
        """A uniform integer in [0, bound), without modulo bias (by rejection)."""
        if bound <= 0:
            raise ValueError(f"bound must be positive, not {bound}")
        limit = (1 << 64) - (1 << 64) % bound
        while True:
            value = self.next()
            if value < limit:
                return value % bound

    def choice(self, items: list[T] | tuple[T, ...]) -> T:
        """One of ``items``, uniformly."""
        return items[self.below(len(items))]

    def shuffle(self, items: list[T]) -> None:
        """Shuffle ``items`` in place (Fisher-Yates)."""
        for last in range(len(items) - 1, 0, -1):
            other = self.below(last + 1)
            items[last], items[other] = items[other], items[last]

    def split(self, label: int) -> Rng:
        """An independent generator for a purpose, leaving this one untouched."""
        return Rng(Rng(self.state ^ Rng(label + 1).next()).next())
