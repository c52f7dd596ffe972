"""Plays small matches for tests: agents that say what they are told, on any game."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar

from lmgame import record
from lmgame.agent import Agent, Decision, ReadingOutcome
from lmgame.client.call import Call, Timing, Usage
from lmgame.clock import Clock, Paused
from lmgame.game import Game, Turn
from lmgame.match import Match, Policy
from lmgame.record import Header, Log, Result, Seat, Suspended, Writer, match_key

Answer = Callable[[Turn], Decision]


class Told(Agent):
    """Answers as a function of the turn, and keeps what it was told to remember."""

    name: ClassVar[str] = "told"

    def __init__(self, answer: Answer, thinks_s: float = 0.0) -> None:
        self.answer = answer
        self.thinks_s = thinks_s
        self.memory: list[tuple[int, str, ReadingOutcome]] = []
        self.feedback: list[str | None] = []

    async def decide(self, turn: Turn) -> Decision:
        self.feedback.append(turn.feedback)
        if self.thinks_s:
            await asyncio.sleep(self.thinks_s)
        return self.answer(turn)

    def remember(
        self, turn: Turn, action: str, outcome: ReadingOutcome, calls: tuple[Call, ...] = ()
    ) -> None:
        self.memory.append((turn.number, action, outcome))


def first(turn: Turn) -> Decision:
    """The first legal action."""
    return Decision(turn.actions.choices[0])


def spread(turn: Turn) -> Decision:
    """An action that depends on what is seen, with a call of as many tokens."""
    number = int(turn.observation.digest, 16) + turn.seat
    text = turn.actions.choices[number % len(turn.actions.choices)]
    return Decision(text, calls=(call(text, completion=1 + number % 5),))


def call(reply: str = "x", completion: int = 1, ttft_s: float = 0.1) -> Call:
    """A finished call."""
    timing = Timing(0.0, ttft_s, 0.0, ttft_s, ttft_s, ttft_s, ttft_s, (ttft_s,))
    return Call("m", "0" * 16, reply, timing, Usage(10, completion))


def header(game: Game, **changes: object) -> Header:
    """A header for a test match."""
    fields: dict[str, object] = {
        "match": "",
        "game": game.spec.id,
        "arguments": {},
        "seed": 1,
        "seats": tuple(Seat(name, "told", "", {}) for name in game.spec.seats),
        "clock": {},
        "policy": {},
        "max_decisions": 40,
        "slo": {},
        "backend": {},
        "created": "",
        "versions": {},
        **changes,
    }
    made = Header(**fields)  # type: ignore[arg-type] # a dictionary of the right fields
    return replace(made, match=match_key(made))


@dataclass
class Table:
    """A match to be played, perhaps in several sittings, into one log."""

    make: Callable[[], Game]
    answers: Sequence[Answer]
    path: Path | None = None
    clock: Callable[[Game], Clock] = lambda game: Paused()
    policy: Policy = field(default_factory=lambda: Policy(backoff_s=0))
    changes: dict[str, object] = field(default_factory=dict)
    thinks_s: float = 0.0
    agents: list[Told] = field(default_factory=list)

    def play(self) -> Result | Suspended:
        """Play to the end, or go on from the log if there is one."""
        return asyncio.run(self.play_async())

    async def play_async(self) -> Result | Suspended:
        log = None
        if self.path is not None and self.path.exists() and self.path.stat().st_size:
            log = record.read(self.path)
        game = self.make()
        self.agents = [Told(answer, self.thinks_s) for answer in self.answers]
        writer = None if self.path is None else Writer(self.path, 0 if log is None else log.size)
        match = Match(
            header(game, **self.changes), game, self.agents, self.clock(game), self.policy, writer
        )
        try:
            return await match.play(log)
        finally:
            if writer is not None:
                writer.close()

    def log(self) -> Log:
        """What was written."""
        assert self.path is not None
        return record.read(self.path)

    def lines(self) -> list[bytes]:
        """What was written, line by line."""
        assert self.path is not None
        return self.path.read_bytes().splitlines()
