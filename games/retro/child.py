"""The process that one emulator lives in; started by ``emulator.py`` as a script.

libretro cores are C libraries with global state, so stable-retro allows one of
them a process, and a crash of one takes its process with it. This file imports
nothing of lmgame, so that the process is small and quick to start.

A message is JSON, then a block of bytes (often empty); see :func:`send`. Every
request has one answer: ``{"error": text}`` or what the method named in ``do``
returns. The process ends when its parent closes the connection or dies.
"""

from __future__ import annotations

import gzip
import hashlib
import importlib
import json
import sys
import zlib
from collections.abc import Mapping
from math import prod
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
from numpy.typing import NDArray

Header = dict[str, Any]
Answer = tuple[Header, bytes]

LARGEST = 1 << 28
"""Bytes that a message or an unpacked state may have."""


def send(connection: Connection, header: Mapping[str, object], block: bytes = b"") -> None:
    """Send one message.

    Raises:
        OSError: The other side is gone.
    """
    connection.send_bytes(json.dumps(header).encode())
    connection.send_bytes(block)


def receive(connection: Connection) -> Answer:
    """Wait for one message.

    Raises:
        EOFError, OSError: The other side is gone.
    """
    header: Header = json.loads(connection.recv_bytes(LARGEST))
    return header, connection.recv_bytes(LARGEST)


class Machine:
    """One console with a cartridge in it, and what its integration reads of it.

    The calls are those of ``stable_retro.RetroEnv``, which would also copy the
    screen and look up every variable at every frame.

    Args:
        header: Paths: ``rom``, ``data`` and ``scenario`` (JSON files of the
            integration), and ``state`` (a start state, or None for power-on).
    """

    def __init__(self, header: Header) -> None:
        retro = importlib.import_module("stable_retro")
        self.emulator = retro.RetroEmulator(header["rom"])
        self.data = retro.data.GameData()
        self.emulator.configure_data(self.data)
        self.emulator.step()
        if not self.data.load(header["data"], header["scenario"]):
            raise ValueError(f"cannot read {header['data']} or {header['scenario']}")
        if header["state"] is None:
            self.start = self.emulator.get_state()
        else:
            with gzip.open(header["state"]) as file:
                self.start = file.read()
        self.shown: NDArray[np.uint8] | None = None
        self.shape: tuple[int, ...] | None = None
        self.begin({"idle": 0}, b"")
        self.shape = self.picture().shape

    def press(self, buttons: int) -> None:
        """Hold exactly these buttons: bit n is the console's button n."""
        self.emulator.set_button_mask(np.array([buttons >> n & 1 for n in range(16)], np.uint8), 0)

    def begin(self, header: Header, block: bytes) -> Answer:
        """Go to the start state and let ``idle`` frames pass."""
        if not self.emulator.set_state(self.start):
            raise ValueError("the emulator refuses the start state: it is of another core or ROM")
        self.press(0)
        for _ in range(header["idle"] + 1):  # one, as in stable-retro's reset, to have a picture
            self.emulator.step()
        self.shown = None
        return self.reread()

    def reread(self) -> Answer:
        """Make the integration forget what was before this frame."""
        self.data.reset()
        self.data.update_ram()
        return {"variables": self.variables()}, b""

    def run(self, header: Header, block: bytes) -> Answer:
        """Run ``ticks`` frames, the first ``held`` of them with ``buttons``, up to the end.

        ``score`` is what there was; each frame's reward is added in turn, so that
        the sum does not depend on how the frames were asked for.
        """
        held, score, ran, done = header["held"], header["score"], 0, False
        self.press(header["buttons"] if held else 0)
        while ran < header["ticks"] and not done:
            if ran == held:
                self.press(0)
            self.emulator.step()
            self.shown = None
            self.data.update_ram()
            score += self.data.current_reward()
            done = bool(self.data.is_done())
            ran += 1
        return {"ran": ran, "score": score, "done": done, "variables": self.variables()}, b""

    def variables(self) -> dict[str, int | float]:
        """What the integration reads of the console's memory, by name."""
        found = self.data.lookup_all()
        return {name: found[name] for name in sorted(found) if isinstance(found[name], int | float)}

    def picture(self) -> NDArray[np.uint8]:
        """The screen as RGB: cut and turned as the integration says."""
        if self.shown is not None:
            return self.shown
        screen: NDArray[np.uint8] = self.emulator.get_screen()
        x, y, width, height = self.data.crop_info(0)
        screen = screen[y : y + height if height else None, x : x + width if width else None]
        screen = np.rot90(screen, self.emulator.get_rotation())
        if self.shape is None or screen.shape == self.shape:
            return screen
        # Some consoles change resolution in the middle of a game.
        rows, columns = (
            np.arange(wanted) * given // wanted
            for wanted, given in zip(self.shape[:2], screen.shape[:2], strict=True)
        )
        scaled: NDArray[np.uint8] = screen[rows[:, None], columns]
        return scaled

    def screen(self, header: Header, block: bytes) -> Answer:
        """The screen's pixels."""
        return {"shape": self.shape}, self.picture().tobytes()

    def digest(self, header: Header, block: bytes) -> Answer:
        """A hash of the console's memory and its screen.

        Not of the saved state: some cores write addresses of this process into it.
        """
        found = hashlib.blake2b(self.picture().tobytes(), digest_size=16)
        blocks = self.data.memory.blocks
        for address in sorted(blocks):
            found.update(blocks[address])
        return {"digest": found.hexdigest()}, b""

    def save(self, header: Header, block: bytes) -> Answer:
        """The emulator's state and the screen, packed; a state alone has no picture."""
        return {}, zlib.compress(self.emulator.get_state() + self.picture().tobytes(), 1)

    def load(self, header: Header, block: bytes) -> Answer:
        """Return to a saved state; if the emulator refuses it, to where it was."""
        assert self.shape is not None
        before, pixels = self.emulator.get_state(), prod(self.shape)
        whole = zlib.decompressobj().decompress(block, LARGEST)
        if len(whole) != len(before) + pixels or not self.emulator.set_state(whole[:-pixels]):
            self.emulator.set_state(before)
            raise ValueError("the emulator refuses the state")
        self.shown = np.frombuffer(whole, np.uint8)[-pixels:].reshape(self.shape)
        return self.reread()


def serve(connection: Connection) -> None:
    """Answer requests until the parent is gone."""
    machine: Machine | None = None
    methods = ("begin", "run", "screen", "digest", "save", "load")
    while True:
        try:
            header, block = receive(connection)
        except (EOFError, OSError):
            return
        try:
            if machine is None:
                machine = Machine(header)
                answer: Answer = {"shape": machine.shape}, b""
            else:
                assert header["do"] in methods
                answer = getattr(machine, header["do"])(header, block)
        except Exception as error:  # the parent raises it
            answer = {"error": f"{error}" or repr(error)}, b""
        try:
            send(connection, *answer)
        except OSError:
            return


if __name__ == "__main__":
    serve(Connection(int(sys.argv[1])))
