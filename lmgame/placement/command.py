"""`lmgame serve --plan`."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

from rich.console import Console

from lmgame.errors import UsageError
from lmgame.placement import answer
from lmgame.placement.profile import Profile, load, write
from lmgame.placement.question import MEASURE, PlanSettings, read
from lmgame.placement.search import Capacity, fewest, nearest, plan
from lmgame.placement.split import enumerate_splits

FAILED = 1


def plan_command(words: Sequence[str], as_json: bool) -> int:
    """Answer which placement serves a load best.

    Args:
        words: Settings, KEY=VALUE.
        as_json: Print JSON alone.

    Returns:
        The exit status: 1 where no placement meets the limits or carries the rate.

    Raises:
        UsageError: A setting, the profile or the trace is wrong.
    """
    question = read(words)
    asked = question.settings
    profile = _profile(asked)
    splits = list(enumerate_splits(profile, asked.workers, asked.fewer))
    if not splits:
        least = min(one.size for one in profile.speeds)
        raise UsageError(
            f"plan.workers={asked.workers}: {profile.name} needs at least {least} {profile.unit}s"
        )
    progress = _Progress(len(splits))
    found = plan(
        profile, question.workload, question.goal, asked.workers, asked.fewer, progress.step
    )
    progress.clear()
    missing = None
    if not found[0].load:
        closest = max(found, key=lambda one: one.attainment["joint"].value or 0.0)
        missing = nearest(closest.alone, question.goal.slo, asked.target)
    enough = None
    if asked.rate is not None and missing is None:
        per_unit = max(one.load / one.split.units for one in found)
        enough = fewest(profile, question.workload, question.goal, asked.rate, per_unit)
    if as_json:
        print(json.dumps(answer.to_json(question, profile, found, enough, missing), indent=1))
    else:
        answer.show(question, profile, found, enough, missing, Console())
    short = asked.rate is not None and (enough is None or enough.units > asked.workers)
    return FAILED if missing is not None or short else 0


def _profile(asked: PlanSettings) -> Profile:
    if asked.profile != MEASURE:
        if asked.save is not None:
            raise UsageError("plan.save goes with plan.profile=measure alone")
        return load(asked.profile)
    from lmgame.placement.measure import measure

    profile = measure(lambda text: print(text, file=sys.stderr))
    if asked.save is not None:
        write(profile, asked.save)
    return profile


class _Progress:
    """Tells on a terminal how far the search is."""

    def __init__(self, count: int) -> None:
        self._count, self._done = count, 0
        self._shown = sys.stderr.isatty()

    def step(self, known: Capacity) -> None:
        self._done += 1
        if self._shown:
            line = f"{self._done} of {self._count} placements; {known.split}: {known.per_unit:.2f}"
            print(f"\r{line:79.79}", end="", file=sys.stderr, flush=True)

    def clear(self) -> None:
        if self._shown:
            print("\r" + " " * 79 + "\r", end="", file=sys.stderr, flush=True)
