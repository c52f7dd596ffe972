"""Reads the replies of a log again with the reader of today.

A parser decides rankings as much as models do. When it changes, this tells what
the change does to matches that were played: which replies it now understands,
which it no longer does, and which it reads differently.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from lmgame.agent import ReadingOutcome
from lmgame.reader import read
from lmgame.record import Log
from lmgame.replay import begin, follow

Change = Literal["same", "recovered", "regressed", "changed", "other"]
"""``recovered``: an action now and none before; ``regressed``: the reverse;
``changed``: another action; ``other``: refused for another reason."""


@dataclass(frozen=True, slots=True)
class Reread:
    """One reply, then and now.

    Attributes:
        line: Line number of its decision in the log.
        seat: Who wrote it.
        turn: Which of the seat's decisions.
        reply: The reply.
        then: Outcome and action in the log.
        now: Outcome and action by the reader of today.
        change: What is different.
    """

    line: int
    seat: int
    turn: int
    reply: str
    then: tuple[ReadingOutcome, str | None]
    now: tuple[ReadingOutcome, str | None]
    change: Change


@dataclass
class Tally:
    """Replies of several logs, counted by what changed."""

    counts: Counter[str] = field(default_factory=Counter)
    differing: list[tuple[str, Reread]] = field(default_factory=list)

    def add(self, log: Log) -> None:
        """Read all replies of a log again."""
        for one in reread(log):
            self.counts[one.change] += 1
            if one.change != "same":
                self.differing.append((f"{log.path}:{one.line}", one))


def reread(log: Log) -> Iterator[Reread]:
    """Every reply that a model wrote and a reader read, in order.

    Raises:
        ReplayMismatch: The rules and the log disagree; names the line.
    """
    for step in follow(begin(log.header), log):
        for number, played in enumerate(step.played):
            turn = step.turns[played.seat]
            for tried in played.tries:
                if not tried.calls or tried.outcome == "failed":
                    continue
                call = tried.calls[-1]
                found = read(call.reply, turn, call.finish)
                then, now = (tried.outcome, tried.action), (found.outcome, found.action)
                yield Reread(
                    step.line + number,
                    played.seat,
                    played.turn,
                    call.reply,
                    then,
                    now,
                    _change(then, now),
                )


def _change(
    then: tuple[ReadingOutcome, str | None], now: tuple[ReadingOutcome, str | None]
) -> Change:
    if then == now:
        return "same"
    if then[1] is None and now[1] is None:
        return "other"
    if then[1] is None:
        return "recovered"
    return "regressed" if now[1] is None else "changed"
