"""A frontier over latencies from a run that was played already: no model is asked.

Every reply is the one in the log, and comes as late as each latency says. It tells what
time does to a score, not what a model would have answered to what it then would have
seen (lmgame/retime.py).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import yaml

from lmgame import record
from lmgame.bench import point
from lmgame.bench.point import Lane, Tree
from lmgame.bench.variant import Asked
from lmgame.environment import environment
from lmgame.errors import LogNeverBegan, UsageError
from lmgame.folder import fresh_name
from lmgame.record import Log
from lmgame.retime import retime


def replayed(asked: Asked, root: Path = Path("runs")) -> tuple[Path, Tree]:
    """Play a run's replies again under each latency.

    Args:
        asked: What the user wrote.
        root: Where frontiers without a name go.

    Returns:
        The frontier's folder, and what it came to.

    Raises:
        UsageError: There is no run, it is of several games, or the game has no ticks.
    """
    settings = asked.settings
    run = settings.frontier.replay
    assert run is not None
    logs = list(_logs(run))
    games = {(log.header.game, json.dumps(log.header.arguments)): log.header.game for log in logs}
    if len(games) > 1:
        names = ", ".join(sorted(games.values()))
        raise UsageError(f"{run} holds several games ({names}): a frontier is of one")
    lanes = [_lane(seconds, logs) for seconds in settings.frontier.latency_s or ()]
    path = Path(settings.run) if settings.run else fresh_name(root, "frontier-replay")
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise UsageError(f"{path} is not empty: choose another run=DIR")
    path.mkdir(parents=True, exist_ok=True)
    plain = settings.model_dump(mode="json")
    (path / "config.yaml").write_text(yaml.safe_dump(plain, sort_keys=False))
    (path / "environment.json").write_text(json.dumps(environment(), indent=1) + "\n")
    return path, point.tree(next(iter(games.values())), lanes)


def _logs(run: Path) -> Iterator[Log]:
    """The finished matches of a run."""
    folder = run / "matches" if (run / "matches").is_dir() else run
    files = [run] if run.is_file() else sorted(folder.glob("*.jsonl"))
    some = False
    for file in files:
        try:
            log = record.read(file)
        except LogNeverBegan:
            continue
        if log.result is not None:
            some = True
            yield log
    if not some:
        raise UsageError(
            f"frontier.replay={run}: no finished match: write frontier.replay=runs/NAME"
        )


def _lane(seconds: float, logs: list[Log]) -> Lane:
    """Every match under one latency."""
    lane = Lane(f"{seconds:g} s", seconds)
    for log in logs:
        found = retime(log, f"{seconds:g}").result
        for seat, who in enumerate(log.header.seats):
            side = lane.side(" ".join(one for one in (who.agent, who.model) if one))
            side.model = who.model
            side.score(log.header.seed, found.scores[seat])
            side.waits_s += [seconds] * found.decisions[seat]
    return lane
