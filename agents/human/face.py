"""Letters on a surface: sizes, widths, words that wrap."""

from __future__ import annotations

from functools import cache

import pygame

Colour = tuple[int, int, int]


class Face:
    """The font that comes with pygame, in any size."""

    def __init__(self) -> None:
        pygame.font.init()
        self._font = cache(lambda size: pygame.font.Font(None, size))

    def high(self, size: int) -> int:
        """Pixels from one line to the next."""
        return self._font(size).get_linesize() + 3

    def wide(self, text: str, size: int) -> int:
        """Pixels that a text takes."""
        return self._font(size).size(_plain(text))[0]

    def write(
        self, surface: pygame.Surface, text: str, place: tuple[int, int], size: int, ink: Colour
    ) -> None:
        """Write one line with its upper left corner at ``place``."""
        surface.blit(self._font(size).render(_plain(text), True, ink), place)

    def wrapped(self, text: str, size: int, width: int) -> list[str]:
        """A text in lines of at most ``width`` pixels; longer words are broken."""
        rows: list[str] = []
        row = ""
        for word in text.split(" "):
            joined = f"{row} {word}" if row else word
            if self.wide(joined, size) <= width:
                row = joined
                continue
            if row:
                rows.append(row)
            while self.wide(word, size) > width and len(word) > 1:
                fit = self._fitting(word, size, width)
                rows.append(word[:fit])
                word = word[fit:]
            row = word
        return [*rows, row]

    def _fitting(self, word: str, size: int, width: int) -> int:
        """How many letters fit, at least one."""
        low, high = 1, len(word)
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (
                (middle, high) if self.wide(word[:middle], size) <= width else (low, middle - 1)
            )
        return low

    def start(self, text: str, size: int, width: int) -> str:
        """As much of a text as fits, with a sign that it goes on."""
        if self.wide(text, size) <= width:
            return text
        return text[: self._fitting(text, size, width - self.wide("...", size))] + "..."

    def end(self, text: str, size: int, width: int) -> str:
        """As much of the end of a text as fits."""
        while text and self.wide(text, size) > width:
            text = text[1:]
        return text


def _plain(text: str) -> str:
    """What a font can draw: no control characters."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
