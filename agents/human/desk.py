"""Where people sit: one window, shared by the seats of a match that people play."""

from __future__ import annotations

import asyncio
from typing import NoReturn, Protocol

import pygame

from .scene import Scene
from .window import Window

LOOK_S = 1 / 60
"""How often keys are looked for and, if anything has changed, the window is drawn."""


class Sitter(Protocol):
    """A seat at the desk."""

    def key(self, key: int, text: str) -> None:
        """A key went down, or stays down; ``text`` is what it writes."""

    def key_up(self, key: int) -> None:
        """A key went up."""

    def away(self) -> None:
        """The window lost the keyboard."""

    def close_window(self) -> None:
        """The window was closed."""

    def act(self) -> None:
        """Time has passed: decide if there is something to decide."""

    def scene(self) -> Scene:
        """What the window shows."""


class Desk:
    """A window and who sits at it; the one in front has the keyboard.

    Args:
        window: Open.

    Attributes:
        left: Whether the player wants to leave: closed the window, or Esc.
        pump: Gets events and draws; fails if that fails.
    """

    def __init__(self, window: Window) -> None:
        self._window = window
        self._sitters: list[Sitter] = []
        self._stale = True
        self.front: Sitter | None = None
        self.left = False
        self.pump = asyncio.create_task(self._run())

    def sit(self, sitter: Sitter) -> None:
        """Take a seat."""
        self._sitters.append(sitter)
        self.bring(self.front or sitter)

    def bring(self, sitter: Sitter) -> None:
        """Put a seat in front."""
        self.front = sitter
        self._stale = True

    def refresh(self) -> None:
        """Something that is shown has changed."""
        self._stale = True

    def leave(self) -> NoReturn:
        """End the run as Ctrl-C does; what was played is kept.

        Raises:
            KeyboardInterrupt: Always. The signal itself may be ignored, as it is
                by a shell's background processes.
        """
        self.left = True
        raise KeyboardInterrupt

    def stand_up(self, sitter: Sitter) -> bool:
        """Leave one's seat; the last one takes the window away.

        Returns:
            Whether that was the last one.
        """
        self._sitters.remove(sitter)
        if self.front is sitter:
            self.front = self._sitters[-1] if self._sitters else None
        if not self._sitters:
            if self.pump.done() and not self.pump.cancelled():
                self.pump.exception()  # it is known already, or it was the player who left
            self.pump.cancel()
            self._window.close()
        return not self._sitters

    async def _run(self) -> None:
        while True:
            for event in self._window.events():
                self._handle(event)
            if self.front is not None:
                self.front.act()
                if self._stale:
                    self._stale = False
                    self._window.draw(self.front.scene())
            await asyncio.sleep(LOOK_S)

    def _handle(self, event: pygame.event.Event) -> None:
        self._stale = True
        sitter = self.front
        if sitter is None:
            return
        if event.type == pygame.QUIT:
            sitter.close_window()
        elif event.type == pygame.KEYDOWN:
            sitter.key(event.key, event.unicode)
        elif event.type == pygame.KEYUP:
            sitter.key_up(event.key)
        elif event.type == pygame.WINDOWFOCUSLOST:
            sitter.away()
