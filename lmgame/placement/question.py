"""What `lmgame serve --plan` is asked: settings, checked once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from lmgame.backend_settings import Model
from lmgame.compose import check, compose, quoted, resolve_name
from lmgame.errors import ConfigError, UsageError
from lmgame.placement.search import Goal
from lmgame.placement.simulate import Arrivals
from lmgame.placement.workload import Length, Made, Workload, from_trace, synthetic
from lmgame.settings import SloSettings
from lmgame.slo import Slo
from lmgame.usual import limits

MEASURE = "measure"
"""The profile that is measured here and now."""


class PlanSettings(Model):
    """What stands behind ``plan.``; see ``configs/plan.yaml`` for each key."""

    workers: int = Field(ge=1, le=64)
    profile: str
    save: Path | None
    trace: Path | None
    block: Length
    arrivals: Arrivals
    rate: float | None = Field(gt=0, allow_inf_nan=False)
    target: float = Field(gt=0, lt=1)
    cache_tokens: int = Field(ge=0, le=10_000_000)
    fewer: bool
    calls: int = Field(ge=50, le=1_000_000)
    rounds: int = Field(ge=1, le=100)
    tolerance: float = Field(gt=0, le=0.5)
    seed: int = Field(ge=0, lt=1 << 63)


class Settings(Model):
    """All of it."""

    plan: PlanSettings
    workload: Made
    slo: SloSettings


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, ready to be answered."""

    settings: PlanSettings
    workload: Workload
    goal: Goal


def read(overrides: Sequence[str]) -> Question:
    """Read settings such as ``plan.workers=4 slo.tpot_s=0.03``.

    Raises:
        ConfigError: Something in them cannot be used; says what and what would.
        UsageError: The trace cannot be used.
    """
    changed = [one.lstrip("+~").partition("=")[0] for one in overrides]
    for key in changed:
        if key.split(".")[0] == "backend":
            raise ConfigError(
                f"{key} has no effect with --plan, which starts nothing: see plan.profile"
            )
    resolved = [one for override in overrides for one in resolve_name(quoted(override))]
    settings = check(Settings, compose(resolved, "plan"), resolved, "plan")
    asked = settings.plan
    slo = limits(settings.slo).slo
    if slo.itl_s is not None:
        raise ConfigError(
            f"slo.itl_s={slo.itl_s:g}: the plan knows when replies end, not each wait within "
            "them; write slo.tpot_s, or slo.itl_s=null"
        )
    if slo == Slo():
        raise ConfigError(
            "there is no limit to plan for: write slo.ttft_s=5 slo.tpot_s=0.1 (seconds), or "
            "slo.time_to_action_s=6"
        )
    named = [key for key in changed if key.startswith("workload.")]
    if asked.trace is not None and named:
        raise ConfigError(f"{named[0]} has no effect with plan.trace={asked.trace}")
    goal = Goal(
        slo=slo,
        target=asked.target,
        arrivals=asked.arrivals,
        calls=asked.calls,
        rounds=asked.rounds,
        tolerance=asked.tolerance,
        seed=asked.seed,
        cache_tokens=asked.cache_tokens,
    )
    return Question(asked, _workload(settings), goal)


def _workload(settings: Settings) -> Workload:
    asked = settings.plan
    if asked.trace is None:
        if asked.arrivals == "trace":
            raise ConfigError("plan.arrivals=trace needs a trace: plan.trace=FILE.jsonl")
        return synthetic(settings.workload, asked.seed)
    found = from_trace(asked.trace, asked.block)
    if asked.arrivals == "sessions" and not found.chained:
        raise UsageError(
            f"{asked.trace} has no sessions: write it with lmgame export --sessions, or leave "
            "plan.arrivals=poisson"
        )
    if asked.arrivals == "trace" and any(i.at_s is None for one in found.sessions for i in one):
        raise UsageError(
            f"{asked.trace} has no time for every call: write it without --sessions, or set "
            "plan.arrivals=sessions"
        )
    return found
