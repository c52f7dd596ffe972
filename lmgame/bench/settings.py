"""What may be said of a bench, checked once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from lmgame import config
from lmgame.backend_settings import AnyBackend, EmbeddedBackend, Model
from lmgame.bench import variant
from lmgame.compose import check, compose, quoted, resolve_name
from lmgame.errors import ConfigError
from lmgame.metric import scrape
from lmgame.settings import SloSettings
from lmgame.trace_line import BLOCK
from lmgame.usual import in_numbers, limits

Kind = Literal["closed", "poisson", "gamma", "constant", "ramp", "sessions", "trace", "matches"]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class LoadSettings(Model):
    """What is sent, and when; see ``configs/load/`` for each key."""

    kind: Kind
    calls: int | None = Field(256, ge=1, le=10_000_000)
    seconds: Positive | None = None
    warmup: int = Field(8, ge=0, le=100_000)
    settle_s: Seconds = 0.0
    max_tokens: int = Field(50, ge=1, le=1_000_000)
    seed: int = Field(0, ge=0, lt=1 << 63)
    processes: int = Field(1, ge=1, le=256)
    file: Path | None = None
    broken: Literal["refuse", "skip"] = "refuse"
    block: int = Field(BLOCK, ge=1, le=1_000_000)
    system_tokens: int = Field(300, ge=0, le=1_000_000)
    turn_tokens: int = Field(60, ge=1, le=1_000_000)
    turns: int = Field(20, ge=1, le=100_000)
    think_s: Seconds = 0.0
    think: Literal["constant", "exponential", "lognormal", "recorded"] = "constant"
    think_cv: Positive = 1.0
    think_from: Path | None = None
    streams: int = Field(16, ge=1, le=65_536)
    ramp_s: Seconds = 0.0
    rate: Positive = 4.0
    cv: Positive = 1.0
    to_rate: Positive = 16.0
    over_s: Positive = 60.0
    sessions: int = Field(16, ge=1, le=1_000_000)
    speed: Positive = 1.0
    matches: int = Field(32, ge=1, le=1_000_000)
    play: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _ends(self) -> LoadSettings:
        if self.calls is None and self.seconds is None and self.kind not in ("trace", "matches"):
            raise ValueError("a load must end: write load.calls=256 or load.seconds=60")
        if self.kind == "trace" and self.file is None:
            raise ValueError("a trace needs load.file=FILE, as `lmgame export` writes it")
        if self.think in ("exponential", "lognormal") and self.think_s == 0:
            raise ValueError(f"think={self.think} needs its mean: write load.think_s=0.5")
        if (self.think == "recorded") != (self.think_from is not None):
            raise ValueError("think=recorded and think_from=runs/NAME go together: write both")
        if self.closed and self.processes > self.streams:
            raise ValueError(
                f"load.processes={self.processes} share load.streams={self.streams}: write at "
                "most as many processes as streams"
            )
        return self

    @property
    def closed(self) -> bool:
        """Whether the server's speed decides when calls are made."""
        return self.kind in ("closed", "matches")

    def at(self, level: float) -> LoadSettings:
        """The same load, as heavy as this: so many streams, or such a rate."""
        if not self.closed:
            return self.model_copy(update={"rate": level})
        streams = round(level)
        # Each stream must come to its second call: the first all begin at once.
        calls = None if self.calls is None else max(self.calls, 2 * streams)
        processes = min(self.processes, streams)
        change = {
            "streams": streams,
            "calls": calls,
            "processes": processes,
            "matches": max(self.matches, 2 * streams),
        }
        return self.model_copy(update=change)


class SearchSettings(Model):
    """How the capacity is looked for; see ``configs/bench.yaml``."""

    low: Positive = 1.0
    high: Positive = 1024.0
    tolerance: float = Field(0.05, gt=0, le=1, allow_inf_nan=False)
    blocks: int = Field(8, ge=1, le=1000)

    @model_validator(mode="after")
    def _ordered(self) -> SearchSettings:
        if self.low >= self.high:
            raise ValueError(f"low ({self.low:g}) must be below high ({self.high:g})")
        return self


class MetricsSettings(Model):
    """Where the server's own metrics are; see ``configs/bench.yaml``."""

    url: tuple[str, ...] | Literal["auto"] | None = "auto"
    every_s: Positive = 2.0

    @field_validator("url", mode="before")
    @classmethod
    def _one_is_a_list(cls, url: object) -> object:
        return (url,) if isinstance(url, str) and url != "auto" else url

    @field_validator("url")
    @classmethod
    def _check_urls(cls, urls: tuple[str, ...] | str | None) -> tuple[str, ...] | str | None:
        for url in urls if isinstance(urls, tuple) else ():
            if not re.match(r"https?://[^/@\s]+(/[^@\s]*)?$", url):
                raise ValueError("write http://HOST:PORT/metrics, without a user name or key in it")
        return urls

    def urls(self, base_url: str) -> tuple[str, ...]:
        """The pages of a server that is asked here."""
        if self.url is None:
            return ()
        return self.url if isinstance(self.url, tuple) else (scrape.beside(base_url),)


class BenchSettings(Model):
    """Everything a bench needs; see ``configs/bench.yaml`` for each key.

    Attributes:
        free: Settings that do not change what is measured.
    """

    free: ClassVar[tuple[str, ...]] = ("run",)
    backend: AnyBackend = Field(discriminator="kind")
    slo: SloSettings
    load: LoadSettings
    target: float = Field(0.9, gt=0, lt=1)
    per: int = Field(1, ge=1, le=1_000_000)
    run: str | None = None
    compare: tuple[str, ...] | None = None
    blocks: int = Field(5, ge=1, le=10_000)
    search: SearchSettings
    metrics: MetricsSettings = MetricsSettings()

    @field_validator("run", mode="before")
    @classmethod
    def _any_name(cls, name: object) -> object:
        return str(name) if isinstance(name, int | float) else name

    @field_validator("compare", mode="before")
    @classmethod
    def _one_is_a_list(cls, words: object) -> object:
        return (words,) if isinstance(words, str) else words


def load(overrides: Sequence[str]) -> BenchSettings:
    """Compose and check the settings of a bench.

    Args:
        overrides: Hydra overrides, e.g. ``["load=poisson", "load.rate=4"]``.

    Raises:
        ConfigError: Something in them cannot be used; says what and what would.
        NameNotFound: A preset that does not exist.
    """
    played: tuple[str, ...] = ()
    if "load=matches" in overrides:
        overrides, played = variant.parted(overrides)
    resolved = [one for override in overrides for one in resolve_name(quoted(override))]
    settings = check(BenchSettings, compose(resolved, "bench"), resolved, "bench")
    settings = settings.model_copy(update={"slo": in_numbers(limits(settings.slo))})
    if played:
        load = settings.load.model_copy(update={"play": played})
        settings = settings.model_copy(update={"load": load})
        from lmgame.bench.matches import series

        series(load)
    backend = settings.backend
    if isinstance(backend, EmbeddedBackend) and config.extra_installed():
        config.embedded(backend, resolved)
    for limit in ("requests_per_minute", "tokens_per_minute", "streams"):
        if getattr(backend, limit) is not None:
            raise ConfigError(
                f"backend.{limit}: a bench sends what its load says, and waits for no limit of "
                "ours: leave it out"
            )
    if settings.load.think_from is not None:
        from lmgame.bench.think import recorded

        recorded(settings.load.think_from)
    if settings.load.file is not None and not settings.load.file.is_file():
        raise ConfigError(f"load.file={settings.load.file}: there is no such file")
    return settings
