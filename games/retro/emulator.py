"""An emulator in a process of its own, as the game sees it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import weakref
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import IO, Any

import numpy as np

from lmgame.errors import EmulatorError
from lmgame.picture import Pixels

from .child import receive, send

PATIENCE_S = 60.0
"""Longest wait for an answer; an emulator that takes longer hangs."""
MOST_IDLE = 2
"""Emulators that are kept for the next game instead of being ended."""
_SCRIPT = Path(__file__).with_name("child.py")


@dataclass(frozen=True, slots=True)
class Cartridge:
    """What is put into a console: paths, as ``child.Machine`` takes them."""

    rom: str
    data: str
    scenario: str
    state: str | None


class Emulator:
    """One emulator; it ends with this process, with its owner, or by :meth:`close`.

    Args:
        cartridge: What it runs.
        title: What the game is called, for messages.

    Attributes:
        shape: Of the screen: height, width, 3.

    Raises:
        EmulatorError: It cannot start.
    """

    def __init__(self, cartridge: Cartridge, title: str) -> None:
        self.cartridge, self._title = cartridge, title
        self._words: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by _end
        here, there = Pipe()
        self._connection: Connection = here
        # With these hooks Python fills new memory, so that the part of a state
        # that a core leaves unwritten is the same every time.
        environment = os.environ | {"PYTHONMALLOC": "debug"}
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(_SCRIPT), str(there.fileno())],
            stdin=subprocess.DEVNULL,
            stdout=self._words,
            stderr=self._words,
            pass_fds=(there.fileno(),),
            env=environment,
            process_group=0,  # Ctrl-C in a terminal is for the owner
        )
        there.close()
        self.close = weakref.finalize(self, _end, self._process, here, self._words)
        answer, _ = self._exchange(asdict(cartridge), b"")
        self.shape: tuple[int, int, int] = tuple(answer["shape"])

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def ask(self, do: str, block: bytes = b"", **given: object) -> dict[str, Any]:
        """Have the process do something; see the methods of ``child.Machine``.

        Raises:
            EmulatorError: It crashed, hangs, or says why it cannot.
        """
        return self._exchange({"do": do, **given}, block)[0]

    def screen(self) -> Pixels:
        """The screen now, as RGB."""
        _, pixels = self._exchange({"do": "screen"}, b"")
        return np.frombuffer(pixels, np.uint8).reshape(self.shape)

    def save(self) -> bytes:
        """The emulator's state and the screen, packed."""
        return self._exchange({"do": "save"}, b"")[1]

    def _exchange(self, header: dict[str, Any], block: bytes) -> tuple[dict[str, Any], bytes]:
        try:
            send(self._connection, header, block)
            if not self._connection.poll(PATIENCE_S):
                self.close()
                raise EmulatorError(
                    f"the emulator of {self._title} did not answer for {PATIENCE_S:.0f} s; "
                    "it was stopped"
                )
            answer, pixels = receive(self._connection)
        except (EOFError, OSError) as error:
            raise EmulatorError(self._epitaph()) from error
        except BaseException:
            self.close()  # its answer must not be taken for the next one's
            raise
        if "error" in answer:
            raise EmulatorError(f"the emulator of {self._title}: {answer['error']}")
        return answer, pixels

    def _epitaph(self) -> str:
        """What is known of how the process ended."""
        if self.close.alive:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(1)
            self._words.seek(0)
            lines = self._words.read().decode(errors="replace").strip().splitlines()
            last = f": {lines[-1][:200]}" if lines else ""
        else:
            last = ""
        self.close()
        status = self._process.returncode
        how = f"signal {-status}" if status < 0 else f"status {status}"
        return f"the emulator of {self._title} ended ({how}){last}"


def _end(process: subprocess.Popen[bytes], connection: Connection, words: IO[bytes]) -> None:
    connection.close()
    process.kill()  # it holds nothing that is worth waiting for
    process.wait()
    words.close()


_idle: list[Emulator] = []


def lend(owner: object, cartridge: Cartridge, title: str) -> Emulator:
    """An emulator for this cartridge, until its owner is garbage.

    Starting one takes a third of a second, so one that another game has done
    with is taken where there is one.

    Raises:
        EmulatorError: It cannot start.
    """
    mine = [one for one in _idle if one.cartridge == cartridge and one.alive]
    if mine:
        emulator = mine[-1]
        _idle.remove(emulator)
    else:
        emulator = Emulator(cartridge, title)
    weakref.finalize(owner, _take_back, emulator)
    return emulator


def _take_back(emulator: Emulator) -> None:
    if emulator.alive:
        _idle.append(emulator)
    while len(_idle) > MOST_IDLE:
        _idle.pop(0).close()
