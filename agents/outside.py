"""An agent in any language: a program that speaks JSON lines.

The program is started once a match. It is written one JSON object a line, and
answers each ``turn`` with one line. docs/agents.md describes the protocol and
has an example.
"""

from __future__ import annotations

import asyncio
import base64
import json
import shlex
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import ClassVar

from lmgame.agent import Agent, Decision, ReadingOutcome, Seating
from lmgame.client.call import Call
from lmgame.errors import ConfigError
from lmgame.game import Turn
from lmgame.reader import read

PROTOCOL = 1
LONGEST_LINE = 1 << 20
"""Bytes; a program that writes a longer line is stopped."""
MOST_STRAY = 1000
"""Lines that answer no turn; a program that writes more of them at one is stopped."""
FAREWELL_S = 2.0
"""How long a program may take to end once its input is closed."""


class Broken(Exception):
    """The program cannot go on; the message says why."""


class OutsideAgent(Agent):
    """Asks a program for each decision.

    A program that dies, floods or breaks the protocol fails the decision, and is
    started anew for the next one, with everything that has landed so far. One
    that takes too long is late, and its answer to that turn is ignored.

    Args:
        seating: Where it sits.
        command: The program and its arguments, as a list or as one line; it is
            not run by a shell.
        timeout_s: Seconds it may take for a decision.
        image: Whether turns carry the image as well, as a PNG file in base64.

    Raises:
        ConfigError: A setting that cannot be used.
    """

    name: ClassVar[str] = "outside"

    def __init__(
        self,
        seating: Seating,
        command: str | Sequence[str] = (),
        timeout_s: float = 60.0,
        image: bool = False,
    ) -> None:
        self._command = _words(command)
        if isinstance(timeout_s, bool) or not isinstance(timeout_s, int | float) or timeout_s <= 0:
            raise ConfigError(f"agent.timeout_s={timeout_s!r}: write seconds, more than 0")
        self._timeout_s, self._image = float(timeout_s), image
        self._hello = {
            "type": "seat",
            "protocol": PROTOCOL,
            "game": seating.game.id,
            "seat": seating.seat,
            "seats": list(seating.game.seats),
            "hz": seating.game.hz,
            "seed": seating.seed,
        }
        self._landed: list[dict[str, object]] = []
        self._process: asyncio.subprocess.Process | None = None
        self._errors: deque[str] = deque(maxlen=3)
        self._drain: asyncio.Task[None] | None = None

    async def decide(self, turn: Turn) -> Decision:
        """Ask, and wait for the answer to this turn."""
        try:
            async with asyncio.timeout(self._timeout_s):
                process = await self._running(turn)
                _write(process, self._asked(turn))
                answer = await self._answer(process, turn.number)
        except TimeoutError:
            return Decision(None, "late", f"no answer within {self._timeout_s:g} s")
        except (Broken, OSError) as error:
            await self._stop()
            return Decision(None, "failed", f"{self._command[0]}: {error}")
        reading = read(answer, turn)
        return Decision(reading.action, reading.outcome, reading.reason)

    def remember(
        self, turn: Turn, action: str, outcome: ReadingOutcome, calls: tuple[Call, ...] = ()
    ) -> None:
        """Tell the program what landed."""
        landed = {"type": "landed", "number": turn.number, "action": action, "outcome": outcome}
        self._landed.append(landed)
        if self._process is not None:
            _write(self._process, landed)

    async def close(self) -> None:
        """Close the program's input, and stop it if it does not end."""
        process = self._process
        if process is not None and process.stdin is not None:
            with suppress(OSError):
                process.stdin.close()
            with suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), FAREWELL_S)
        await self._stop()

    async def _running(self, turn: Turn) -> asyncio.subprocess.Process:
        """The program, started if need be and told everything that has landed."""
        if self._process is not None and self._process.returncode is None:
            return self._process
        if self._process is not None:
            code = self._process.returncode
            await self._stop()
            raise Broken(f"the program ended with code {code}{self._last_words()}")
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            *self._command, stdin=pipe, stdout=pipe, stderr=pipe, limit=LONGEST_LINE
        )
        self._process = process
        self._drain = asyncio.create_task(self._listen(process))
        for line in ({**self._hello, "rules": turn.rules}, *self._landed):
            _write(process, line)
        return process

    def _asked(self, turn: Turn) -> dict[str, object]:
        asked: dict[str, object] = {
            "type": "turn",
            "number": turn.number,
            "tick": turn.tick,
            "text": turn.observation.text,
            "choices": list(turn.actions.choices),
            "complete": turn.actions.complete,
            "default": turn.actions.default,
            "deadline_s": turn.deadline_s,
            "feedback": turn.feedback,
        }
        if self._image:
            asked["png"] = base64.b64encode(turn.observation.png).decode("ascii")
        return asked

    async def _answer(self, process: asyncio.subprocess.Process, number: int) -> str:
        """The answer to a turn; answers to earlier ones are passed over."""
        assert process.stdout is not None
        for _ in range(MOST_STRAY):
            try:
                line = await process.stdout.readline()
            except ValueError:
                raise Broken(f"it wrote a line of more than {LONGEST_LINE:,} bytes") from None
            if not line:
                code = await process.wait()
                if self._drain is not None:  # its last words; a child of its own may hold the pipe
                    await asyncio.wait([self._drain], timeout=FAREWELL_S)
                raise Broken(f"the program ended with code {code}{self._last_words()}")
            if not line.strip():
                continue
            said = _object(line)
            answered = said.get("number")
            if answered == number and isinstance(said.get("action"), str):
                return str(said["action"])
            if not isinstance(answered, int) or answered >= number:
                raise Broken(
                    f"asked for turn {number} it wrote {line[:200]!r}; "
                    f'write {{"number": {number}, "action": "..."}}'
                )
        raise Broken(f"it wrote {MOST_STRAY} lines that answer no turn")

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        """Keep the last lines of what it complains of."""
        assert process.stderr is not None
        with suppress(ValueError):
            while line := await process.stderr.readline():
                self._errors.append(line.decode("utf-8", "replace").strip()[:200])
        while await process.stderr.read(LONGEST_LINE):
            pass  # a line too long; never let the program hang on a full pipe

    def _last_words(self) -> str:
        return f": {' / '.join(self._errors)}" if self._errors else ""

    async def _stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.kill()
            await process.wait()
        if self._drain is not None:
            await self._drain
            self._drain = None


def _words(command: str | Sequence[str]) -> tuple[str, ...]:
    words = tuple(shlex.split(command) if isinstance(command, str) else command)
    if not words or not all(isinstance(word, str) and word for word in words):
        raise ConfigError(
            "agent.command: write the program and its arguments, e.g. "
            "agent.command=[python3,my_agent.py]"
        )
    return words


def _write(process: asyncio.subprocess.Process, line: dict[str, object]) -> None:
    assert process.stdin is not None
    with suppress(OSError):  # it is gone; whoever reads next will know
        process.stdin.write(json.dumps(line).encode() + b"\n")


def _object(line: bytes) -> dict[str, object]:
    try:
        said = json.loads(line)
    except (ValueError, RecursionError):
        raise Broken(f"it wrote {line[:200]!r}, which is not JSON") from None
    if not isinstance(said, dict):
        raise Broken(f"it wrote {line[:200]!r}, which is not a JSON object")
    return said
