"""What the match loop itself costs: decisions a second without any model.

    python benchmarks/match.py

Plays Tetris with the random agent, with and without a log, and with an agent
that always gives the same action, so that what is left is the loop: the task,
the clock, legality, the observation's text, the fingerprint and the log line.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from pathlib import Path
from typing import ClassVar

from lmgame import record, registry, replay
from lmgame.agent import Agent, Decision
from lmgame.clock import Paused
from lmgame.environment import cpu_name
from lmgame.game import Turn
from lmgame.match import Match
from lmgame.record import Header, Seat, Writer

DECISIONS = 400
REPEATS = 7


class Still(Agent):
    """Always waits: no thinking, no end."""

    name: ClassVar[str] = "still"

    async def decide(self, turn: Turn) -> Decision:
        return Decision("press wait")


def header() -> Header:
    return Header(
        match="benchmark",
        game="Tetris-v1",
        arguments={},
        seed=0,
        seats=(Seat("player", "still", "", {}),),
        clock={},
        policy={},
        max_decisions=DECISIONS,
        slo={},
        backend={},
        created="",
        versions={},
    )


def seconds(path: Path | None) -> float:
    """Wall time of one match."""
    game = registry.games.make("Tetris-v1", {"actions": "inputs"})
    writer = None if path is None else Writer(path)
    match = Match(header(), game, [Still()], Paused(pace=0), writer=writer)
    start = time.perf_counter()
    asyncio.run(match.play())
    taken = time.perf_counter() - start
    if writer is not None:
        writer.close()
    return taken


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.jsonl"
        plain, logged, replayed = [], [], []
        for _ in range(REPEATS):  # interleaved: the machine's speed drifts
            plain.append(seconds(None) / DECISIONS)
            logged.append(seconds(path) / DECISIONS)
            log = record.read(path)
            start = time.perf_counter()
            replay.verify(log, registry.games.make("Tetris-v1", {"actions": "inputs"}))
            replayed.append((time.perf_counter() - start) / DECISIONS)
    print(f"{cpu_name()}; {DECISIONS} decisions, median of {REPEATS}, interleaved")
    for name, times in (("no log", plain), ("with log", logged), ("verify a log", replayed)):
        print(f"{name:14} {statistics.median(times) * 1e6:8.1f} us a decision")


if __name__ == "__main__":
    main()
