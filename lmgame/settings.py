"""What may be said of a run or a tournament, checked once."""

from __future__ import annotations

import math
from typing import Annotated, ClassVar, Literal, cast

from pydantic import ConfigDict, Field, PlainValidator, field_validator

from lmgame.backend_settings import AnyBackend
from lmgame.backend_settings import Model as _Model
from lmgame.game import State

USUAL = "usual"
"""A limit that is what it usually is; lmgame.usual says what that is."""


def _limit(value: object) -> float | str | None:
    if value is None:
        return None
    if value == USUAL:
        return USUAL
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 < cast(float, value) < math.inf:
        raise ValueError("write seconds above 0, usual, or null")
    return float(cast(float, value))


Limit = Annotated[float | str | None, PlainValidator(_limit)]


class GameSettings(_Model):
    """Which game; further keys are the game's own settings."""

    model_config = ConfigDict(extra="allow", frozen=True)
    id: str

    @property
    def arguments(self) -> State:
        """The game's own settings."""
        return cast(State, dict(self.model_extra or {}))


class AgentSettings(_Model):
    """Which agent; further keys are the agent's own settings."""

    model_config = ConfigDict(extra="allow", frozen=True)
    name: str

    @property
    def settings(self) -> State:
        """The agent's own settings."""
        return cast(State, dict(self.model_extra or {}))


class ClockSettings(_Model):
    """How long thinking takes in the world. See ``configs/clock/``."""

    kind: Literal["paused", "simulated", "realtime"]
    pace: int | None = Field(None, ge=0)
    latency: str | float = "measured"
    ttft_s: float = Field(0.2, ge=0, allow_inf_nan=False)
    tpot_s: float = Field(0.02, ge=0, allow_inf_nan=False)
    bank_s: float | None = Field(None, gt=0, allow_inf_nan=False)


class SloSettings(_Model):
    """Limits a call must meet, in seconds; None for no limit. See ``configs/slo/``."""

    ttft_s: Limit = None
    tpot_s: Limit = None
    itl_s: float | None = Field(None, gt=0, allow_inf_nan=False)
    itl_percentile: float = Field(0.99, gt=0, le=1, allow_inf_nan=False)
    time_to_action_s: Limit = None
    deadline_s: Limit = None


class PolicySettings(_Model):
    """What happens with bad replies and failed calls. See ``configs/config.yaml``."""

    retries: int = Field(1, ge=0, le=100)
    then: Literal["default", "forfeit"] = "default"
    attempts: int = Field(3, ge=1, le=100)
    backoff_s: float = Field(0.5, ge=0, allow_inf_nan=False)
    failed: Literal["suspend", "default"] = "suspend"


class BudgetSettings(_Model):
    """The most that a run may use; None sets no limit. See lmgame.budget.Budget."""

    usd: float | None = None
    tokens: int | None = None
    seconds: float | None = None

    @field_validator("usd", "tokens", "seconds")
    @classmethod
    def _check_some(cls, most: float | None) -> float | None:
        if most is not None and not (math.isfinite(most) and most > 0):
            raise ValueError("a budget is more than nothing; write a number above 0, or null")
        return most


class RaySettings(_Model):
    """The Ray cluster of ``executor=ray``; see ``configs/shared.yaml``."""

    address: str | None = None


class Shared(_Model):
    """What one match or many need; see ``configs/shared.yaml`` for each key.

    Attributes:
        free: Settings that do not change what any one match is; a folder may be
            continued with others.
    """

    free: ClassVar[tuple[str, ...]] = (
        *("run", "concurrency", "anchors", "seed", "slo", "budget"),
        *("executor", "workers", "ray"),
    )
    agent: AgentSettings
    backend: AnyBackend = Field(discriminator="kind")
    clock: ClockSettings
    slo: SloSettings
    policy: PolicySettings
    budget: BudgetSettings = BudgetSettings()
    agents: tuple[str, ...] | None = None
    anchors: tuple[str, ...] = ()

    @field_validator("agents", "anchors", "games", mode="before", check_fields=False)
    @classmethod
    def _one_is_a_list(cls, names: object) -> object:
        return (names,) if isinstance(names, str) else names

    seed: int = Field(0, ge=0, lt=1 << 63)
    concurrency: int = Field(1, ge=1, le=4096)
    executor: Literal["local", "ray"] = "local"
    workers: int | None = Field(None, ge=0, le=1024)
    ray: RaySettings = RaySettings()
    max_decisions: Annotated[int, Field(ge=1)] | Literal["usual"] | None = "usual"
    run: str | None = None

    @field_validator("run", mode="before")
    @classmethod
    def _any_name(cls, name: object) -> object:
        return str(name) if isinstance(name, int | float) else name


class Settings(Shared):
    """Everything a run needs; see ``configs/config.yaml`` for each key."""

    free: ClassVar[tuple[str, ...]] = (*Shared.free, "film", "episodes")
    game: GameSettings
    episodes: int = Field(1, ge=1, le=1_000_000)
    film: Literal["gif", "mp4", "none"] = "gif"


class TournamentSettings(Shared):
    """Everything a tournament needs; see ``configs/tournament.yaml`` for each key."""

    own: ClassVar[tuple[str, ...]] = (
        "games",
        "schedule",
        "seeds",
        "anchor_seeds",
        "repeats",
        "rounds",
    )
    free: ClassVar[tuple[str, ...]] = (*Shared.free, *own, "agents")
    games: tuple[str, ...]
    schedule: Literal["single", "round_robin", "swiss", "gauntlet", "ladder"] = "round_robin"
    seeds: int = Field(10, ge=1, le=1_000_000)
    anchor_seeds: int | None = Field(None, ge=1, le=1_000_000)
    repeats: int = Field(1, ge=1, le=1_000_000)
    rounds: int = Field(3, ge=1, le=10_000)
