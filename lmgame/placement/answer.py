"""What `lmgame serve --plan` says: tables for people, JSON for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from rich.console import Console

from lmgame import figure
from lmgame.placement.profile import Profile
from lmgame.placement.question import Question
from lmgame.placement.search import Capacity, Nearest
from lmgame.placement.split import Split
from lmgame.report import TIMES, Sheet, without_trailing_spaces

SHOWN = 12
"""Placements in the table; all are in the JSON."""


def to_json(
    question: Question,
    profile: Profile,
    found: Sequence[Capacity],
    enough: Split | None,
    missing: Nearest | None,
) -> dict[str, object]:
    """Everything, as plain values.

    Args:
        question: What was asked.
        profile: How fast the model is.
        found: Every placement, the best first.
        enough: The smallest placement that carries ``plan.rate``, where one was asked.
        missing: What would have to be asked instead, where nothing meets the limits.
    """
    asked = question.settings
    best = found[0] if found and found[0].load else None
    plain: dict[str, object] = {
        "profile": {"name": profile.name, "source": profile.source, "unit": profile.unit},
        "workload": question.workload.describe(),
        "slo": question.goal.slo.to_json(),
        "target": asked.target,
        "arrivals": asked.arrivals,
        "workers": asked.workers,
        "cache_tokens": asked.cache_tokens,
        "simulated": {"calls": asked.calls, "rounds": asked.rounds, "seed": asked.seed},
        "best": None if best is None else best.split.to_json(),
        "splits": [_capacity(one) for one in found],
        "nearest_slo": None if missing is None else asdict(missing),
    }
    if asked.rate is not None:
        plain["rate"] = asked.rate
        plain["fewest"] = None if enough is None else enough.to_json()
    return plain


def _capacity(one: Capacity) -> dict[str, object]:
    return {
        "split": one.split.to_json(),
        "load": one.load,
        "capacity_rps": one.rate,
        "capacity_rps_per_worker": one.per_unit,
        "bounded": one.bounded,
        "binding_stage": one.binding,
        "attainment": {name: asdict(share) for name, share in one.attainment.items()},
        "times": {name: asdict(spread) for name, spread in one.times.items()},
        "stages_s": one.stages,
        "busy": {"prefill": one.busy[0], "decode": one.busy[1]},
        "cached": one.cached,
    }


def show(
    question: Question,
    profile: Profile,
    found: Sequence[Capacity],
    enough: Split | None,
    missing: Nearest | None,
    console: Console,
) -> None:
    """Print it."""
    without_trailing_spaces(
        console, lambda: _show(question, profile, found, enough, missing, console)
    )


def _show(
    question: Question,
    profile: Profile,
    found: Sequence[Capacity],
    enough: Split | None,
    missing: Nearest | None,
    console: Console,
) -> None:
    def say(text: str) -> None:
        console.print(text, markup=False, highlight=False)

    _table(question, profile, found).print(console)
    limits = ", ".join(
        f"{label} {figure.time(limit)}"
        for label, key in TIMES
        if (limit := getattr(question.goal.slo, key)) is not None
    )
    say(f"limits: {limits}; {figure.share(question.goal.target)} of calls must meet all of them")
    if len(found) > SHOWN:
        say(f"{len(found) - SHOWN} more in --json")
    best = found[0]
    if missing is not None:
        say(unreachable(question, missing))
        return
    say(
        f"best: {best.split}: {figure.number(best.rate, 2)} calls/s, "
        f"{figure.number(best.per_unit, 2)} a {profile.unit}; {_why(best)}"
    )
    other = next((one for one in found if _colocated(one) != _colocated(best)), None)
    if other is not None and other.per_unit > 0:
        kind = "colocated" if _colocated(other) else "split"
        say(
            f"best {kind}: {other.split}: {figure.number(other.per_unit, 2)} a {profile.unit} "
            f"(the best carries {figure.number(best.per_unit / other.per_unit, 2)} times as much); "
            f"{_why(other)}"
        )
    if question.settings.rate is not None:
        say(demand(question, profile, best, enough))


def _colocated(one: Capacity) -> bool:
    return one.split.kind != "split"


def _why(one: Capacity) -> str:
    if not one.bounded:
        return "no load was found that breaks the limits"
    if one.binding is None:
        return "beyond it calls take longer and longer"
    return f"beyond it {one.binding.replace('_', ' ')} breaks the limits"


def _table(question: Question, profile: Profile, found: Sequence[Capacity]) -> Sheet:
    work = question.workload.describe()
    sessions, fewer = question.goal.arrivals == "sessions", question.settings.fewer
    rows = [
        (
            str(one.split),
            *((figure.number(one.load, 0),) if sessions else ()),
            ("" if one.bounded else "> ") + figure.number(one.rate, 2),
            *((figure.number(one.per_unit, 2),) if fewer else ()),
            figure.time(one.times["ttft_s"].p90),
            figure.time(one.times["tpot_s"].p90),
            _busy(one),
            (one.binding or "-").replace("_", " "),
        )
        for one in found[:SHOWN]
    ]
    headings = ["placement", *(["sessions"] if sessions else []), "calls/s"]
    headings += [*([f"a {profile.unit}"] if fewer else []), "TTFT p90", "TPOT p90", "busy", "bound"]
    units = figure.count(question.settings.workers, profile.unit)
    title = (
        f"{profile.name}: {units}, {work['name']} load "
        f"({work['prompt_tokens']} tokens in, {work['output_tokens']} out)"
    )
    return Sheet(title, headings, rows)


def _busy(one: Capacity) -> str:
    first = figure.share(one.busy[0])
    return first if _colocated(one) else f"{first}, {figure.share(one.busy[1])}"


def unreachable(question: Question, missing: Nearest) -> str:
    """What to ask instead of limits that no number of workers meets."""
    share = figure.share(question.goal.target)
    if missing.limit is None:
        return (
            f"no number of workers meets these limits: even of calls that are alone fewer than "
            f"{share} do. The nearest that would be met are all limits times "
            f"{missing.value * 1.005:.2f}, or faster workers"
        )
    value = missing.value * 1.005
    return (
        f"no number of workers meets these limits: even of calls that are alone fewer than "
        f"{share} do. The nearest that would be met: slo.{missing.limit}={value:.3g}, or faster "
        "workers"
    )


def demand(question: Question, profile: Profile, best: Capacity, enough: Split | None) -> str:
    """Whether the load that is asked for can be carried, and by how many workers."""
    asked = question.settings
    unit = "sessions" if asked.arrivals == "sessions" else "calls/s"
    if enough is None:
        return f"plan.rate={asked.rate:g} {unit}: more than any placement searched carries"
    fits = enough.units <= asked.workers
    lead = "" if fits else f"more than {asked.workers} {profile.unit}s carry. The nearest: "
    units = figure.count(enough.units, profile.unit)
    return f"plan.rate={asked.rate:g} {unit}: {lead}{enough} on {units}"
