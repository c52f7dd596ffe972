"""Takes the replies out of runs' logs, for a person to label: see README.md."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from lmgame import record, registry, replay
from lmgame.errors import IllegalAction

from .line import Line, dump, turn_of

LONGEST = 600
"""Characters; longer replies are left out, so that a line can be read."""


def recorded(path: Path) -> Iterator[Line]:
    """Every reply in one match log, not labelled yet: outcome ``failed``, habit "".

    Turns that a Line cannot tell, because time has passed otherwise than under
    the paused clock, are left out, and so are failed calls.
    """
    log = record.read(path)
    name = registry.config_name(log.header.game)
    played: list[str] = []
    for number, landing in enumerate(log.landings):
        for one in landing:
            calls = [call for each in one.tries for call in each.calls]
            for attempt, call in enumerate(calls):
                line = Line(
                    id=f"{name}-{log.header.seed}-{number}-{one.seat}-{attempt}",
                    game=log.header.game,
                    arguments=log.header.arguments,
                    seed=log.header.seed,
                    played=list(played),
                    seat=one.seat,
                    reply=call.reply,
                    finish=call.finish or "",
                    outcome="failed",
                    action=None,
                    habit="",
                    source=call.model,
                )
                whole = call.failure is None and len(call.reply) <= LONGEST
                if whole and _tells(line, one.observation):
                    yield line
        for one in sorted(landing, key=lambda one: one.seat):
            if one.action is None:
                return
            played.append(one.action)


def _tells(line: Line, observation: str) -> bool:
    """Whether a line leads to the turn with that observation."""
    try:
        return turn_of(line).observation.digest == observation
    except (IllegalAction, LookupError):
        return False


if __name__ == "__main__":
    for run in sys.argv[1:]:
        for path in replay.find_logs(Path(run)):
            for line in recorded(path):
                print(dump(line))
