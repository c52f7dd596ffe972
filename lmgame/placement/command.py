"""`lmgame serve --plan`."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from itertools import count

from rich.console import Console

from lmgame.errors import UsageError
from lmgame.placement import answer
from lmgame.placement.profile import Profile, load, write
from lmgame.placement.question import MEASURE, PlanSettings, read
from lmgame.placement.search import fewest, nearest, plan
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
    missing = enough = None
    done = count(1)
    with Console(stderr=True).status("simulating") as status:
        found = plan(
            profile,
            question.workload,
            question.goal,
            asked.workers,
            asked.fewer,
            lambda known: status.update(f"{next(done)} of {len(splits)} placements simulated"),
        )
        if not found[0].load:
            closest = max(found, key=lambda one: one.attainment["joint"].value or 0.0)
            missing = nearest(closest.alone, question.goal.slo, asked.target)
        elif asked.rate is not None:
            status.update(f"looking for the smallest placement that carries {asked.rate:g}")
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
    if asked.save is not None and not asked.save.parent.is_dir():
        raise UsageError(f"plan.save={asked.save}: there is no folder {asked.save.parent}")
    from lmgame.placement.measure import measure

    profile = measure(lambda text: print(text, file=sys.stderr))
    if asked.save is not None:
        write(profile, asked.save)
    return profile
