"""What `lmgame serve --plan` is asked: settings, checked once."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from yaml import YAMLError

from lmgame.errors import ConfigError, UsageError, suggest
from lmgame.placement.search import Goal
from lmgame.placement.simulate import Arrivals
from lmgame.placement.workload import Length, Made, Workload, from_trace, synthetic
from lmgame.slo import Slo
from lmgame.trace_line import BLOCK

MEASURE = "measure"
"""The profile that is measured here and now."""
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Tokens = Annotated[int, Field(ge=0, le=10_000_000)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PlanSettings(_Model):
    """What stands behind ``plan.``; docs/planning.md tells more.

    Attributes:
        workers: GPUs, or cores.
        profile: A profile's name, a YAML file, or ``measure``.
        save: Where to write a profile that is measured.
        trace: A trace file; None makes a load up.
        block: Tokens of the trace's blocks.
        arrivals: See :class:`lmgame.placement.simulate.Load`.
        rate: Calls a second (or sessions) that must be carried.
        target: Share of calls that must meet all limits.
        cache_tokens: Prefix cache of each worker that runs prompts.
        fewer: Also placements that leave workers unused.
        calls: Of one simulation; likewise the rest, see
            :class:`lmgame.placement.search.Goal`.
    """

    workers: Annotated[int, Field(ge=1, le=64)] = 2
    profile: str = MEASURE
    save: Path | None = None
    trace: Path | None = None
    block: Length = BLOCK
    arrivals: Arrivals = "poisson"
    rate: Positive | None = None
    target: Annotated[float, Field(gt=0, lt=1)] = 0.9
    cache_tokens: Tokens = 0
    fewer: bool = False
    calls: Annotated[int, Field(ge=50, le=1_000_000)] = 1000
    rounds: Annotated[int, Field(ge=1, le=100)] = 4
    tolerance: Annotated[float, Field(gt=0, le=0.5)] = 0.02
    seed: int = 0


class SloSettings(_Model):
    """What stands behind ``slo.``, in seconds; :class:`lmgame.slo.Slo` checks the values."""

    ttft_s: float | None = None
    tpot_s: float | None = None
    time_to_action_s: float | None = None


class Settings(_Model):
    """All of it."""

    plan: PlanSettings = PlanSettings()
    workload: Made = Made()
    slo: SloSettings = SloSettings()


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, ready to be answered."""

    settings: PlanSettings
    workload: Workload
    goal: Goal


def read(words: Sequence[str]) -> Question:
    """Read settings such as ``plan.workers=4 slo.tpot_s=0.03``.

    Raises:
        ConfigError: A key that there is not, with the nearest; a wrong value.
        UsageError: The trace cannot be used.
    """
    settings = _check(words)
    asked = settings.plan
    slo = Slo(**settings.slo.model_dump())
    if slo == Slo():
        raise ConfigError(
            "there is no limit to plan for: write slo.ttft_s=5 slo.tpot_s=0.1 (seconds), or "
            "slo.time_to_action_s=6"
        )
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
    changed = sorted(settings.workload.model_fields_set)
    if changed:
        raise ConfigError(f"workload.{changed[0]} has no effect with plan.trace={asked.trace}")
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


def _check(words: Sequence[str]) -> Settings:
    for word in words:
        if "=" not in word or not word.partition("=")[0].strip():
            raise ConfigError(f"cannot read {word!r}: write KEY=VALUE")
    try:
        given: Any = OmegaConf.to_container(OmegaConf.from_dotlist(list(words)), resolve=True)
        return Settings.model_validate(given)
    except (OmegaConfBaseException, YAMLError) as error:
        raise ConfigError(f"cannot read the settings: {str(error).splitlines()[0]}") from None
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            raise ConfigError(_unknown(key)) from None
        message = first["msg"].removeprefix("Value error, ")
        raise ConfigError(f"{key}={first['input']!r}: {message}") from None


def _unknown(key: str) -> str:
    known = list(_keys())
    if key.split(".")[0] == "backend":
        return f"{key} has no effect with --plan, which starts nothing: see plan.profile"
    group = [one for one in known if one.rpartition(".")[0] == key.rpartition(".")[0]]
    near = difflib.get_close_matches(key, known, n=1)
    return f"unknown setting {key!r}; {suggest(key, near or group or known)}"


def _keys() -> Iterator[str]:
    groups: Mapping[str, type[BaseModel]] = {
        "plan": PlanSettings,
        "workload": Made,
        "slo": SloSettings,
    }
    for group, model in groups.items():
        for name in model.model_fields:
            yield f"{group}.{name}"
