"""The emulated console: frames, buttons, states, pictures."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import import_module
from typing import Any

import numpy as np

from lmgame.errors import ConfigError, MissingExtra
from lmgame.picture import Pixels

from .cartridge import Cartridge
from .memory import SIZE, playing

TITLE, BEGIN = 60, 0x10
"""Frames until the title screen listens, and the button that begins the game."""
LONGEST_SCENE = 3600
"""Frames after which a scene is taken for play: none is known to last a third of that."""


@cache
def emulator() -> Any:  # noqa: ANN401 - an optional package without types of use here
    """The package cynes, imported when it is needed.

    Raises:
        MissingExtra: It is not installed.
    """
    try:
        return import_module("cynes")
    except ImportError:
        raise MissingExtra("game SuperMarioBros-v1", "mario", "cynes") from None


@dataclass(frozen=True, slots=True)
class Start:
    """Where a match begins: world 1 to 8, stage 1 to 4, and the number of lives."""

    world: int
    stage: int
    lives: int


class Console:
    """A console with the game in it, switched on.

    Args:
        cartridge: The game.

    Raises:
        MissingExtra: The emulator is not installed.
        ConfigError: It is one whose states this code cannot read.
    """

    def __init__(self, cartridge: Cartridge) -> None:
        self.cartridge = cartridge
        # The emulator takes a file only; a copy with a header of ours makes
        # files alike whose headers differ.
        handle, path = tempfile.mkstemp(suffix=".nes")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(cartridge.file())
            self._nes = emulator().NES(path)
        finally:
            os.unlink(path)
        self._power_on()
        self._at = self._memory_offset()
        self.size = len(self.state())

    def _power_on(self) -> None:
        """Begin alike every time.

        cynes 0.1.2 leaves its "frame is ready" flag as the heap happened to be.
        If it is set, the first step only clears it; else a frame was run, which
        is taken back.
        """
        before = self.state()
        self.frame(0)
        changed = sum(one != other for one, other in zip(before, self.state(), strict=True))
        if changed > 1:
            self.load(before)

    def _memory_offset(self) -> int:
        """Where the 2 KiB of memory lie in a saved state."""
        places = []
        for address in (0, SIZE - 1):
            before, value = self.state(), self._nes[address]
            self._nes[address] = value ^ 0xFF
            after = self.state()
            self._nes[address] = value
            places.append([at for at in range(len(before)) if before[at] != after[at]])
        first, last = places
        if len(first) != 1 or last != [first[0] + SIZE - 1]:
            raise ConfigError(
                f"cynes {emulator().__version__} saves states in another way: install cynes 0.1.2"
            )
        return first[0]

    def state(self) -> bytes:
        """The whole state of the console."""
        saved: bytes = self._nes.save().tobytes()
        return saved

    def load(self, state: bytes) -> None:
        """Return to a state; it must be one of this console and cartridge."""
        self._nes.load(np.frombuffer(bytearray(state), np.uint8))

    def memory_of(self, state: bytes) -> bytes:
        """The console's memory in a state."""
        return state[self._at : self._at + SIZE]

    @property
    def memory(self) -> bytes:
        """The console's memory."""
        return self.memory_of(self.state())

    def set(self, address: int, value: int) -> None:
        """Write a byte of the console's memory."""
        self._nes[address] = value

    def frame(self, buttons: int) -> None:
        """Run one frame with these buttons held."""
        self._nes.controller = buttons
        self._nes.step()

    def picture(self, state: bytes) -> Pixels:
        """What a state looks like, shape (240, 256, 3); the console is left as it is.

        A frame shows what was worked out in the one before, whatever is pressed
        now: so the picture of a moment is that of the next frame.
        """
        now = self.state()
        self.load(state)
        pixels: Pixels = self._nes.step().copy()
        self.load(now)
        return pixels

    def begin(self, start: Start, idle: int) -> None:
        """Start the game, up to the moment when the player can act.

        Args:
            start: Where.
            idle: Frames that pass then without a button.
        """
        self.load(_beginning(self.cartridge, start))
        for _ in range(idle):
            self.frame(0)

    def skip_scene(self, buttons: int) -> bool:
        """Run until the player can do something.

        Args:
            buttons: What is held meanwhile.

        Returns:
            Whether another life or area has begun.
        """
        new = False
        for _ in range(LONGEST_SCENE):
            memory = self.memory
            if playing(memory) or over(memory):
                break
            new = new or memory[0x772] != 3
            self.frame(buttons)
        return new


def over(memory: bytes) -> str:
    """How the game has ended, or ""."""
    if memory[0x75A] == 0xFF or memory[0x770] == 3:
        return "game over"
    return "completed" if memory[0x770] == 2 and memory[0x75F] == 7 else ""


@lru_cache(maxsize=64)
def _beginning(cartridge: Cartridge, start: Start) -> bytes:
    """The console's state at a start; the same every time, so worked out once."""
    console = Console(cartridge)
    for _ in range(TITLE):
        console.frame(0)
    # Four worlds have a walk to a pipe as an area of its own before their second stage.
    area = start.stage - 1 + (start.world in (1, 2, 4, 7) and start.stage > 2)
    title = {0x75F: start.world - 1, 0x75C: start.stage - 1, 0x760: area, 0x75A: start.lives - 1}
    for buttons in (BEGIN, BEGIN, 0):
        for address, value in title.items():
            console.set(address, value)
        console.frame(buttons)
    console.skip_scene(0)
    return console.state()
