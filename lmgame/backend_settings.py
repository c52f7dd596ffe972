"""What may be said of a backend: the checked form of a preset in ``configs/backend/``."""

from __future__ import annotations

import re
from typing import Literal, cast, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator

from lmgame.client.dialect import Structured
from lmgame.client.endpoint import Detail, MaxTokensField
from lmgame.game import Json, State
from lmgame.serving.launcher.config import Kind, LaunchConfig


class Model(BaseModel):
    """Settings: checked once, never changed; unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class RateSettings(Model):
    """The most that a backend is asked for; None sets no limit. See lmgame.client.limit.Rate."""

    requests_per_minute: int | None = Field(None, ge=1)
    tokens_per_minute: int | None = Field(None, ge=1)
    streams: int | None = Field(None, ge=1)


class EmbeddedBackend(RateSettings):
    """Our own server, started for the run; further keys are serving.EmbeddedConfig's."""

    model_config = ConfigDict(extra="allow", frozen=True)
    kind: Literal["embedded"]
    connect_s: float = Field(10.0, gt=0, allow_inf_nan=False)
    first_token_s: float | None = Field(None, gt=0, allow_inf_nan=False)
    total_s: float = Field(120.0, gt=0, allow_inf_nan=False)

    @property
    def settings(self) -> State:
        """What serving.EmbeddedConfig takes."""
        return cast(State, dict(self.model_extra or {}))


class PriceSettings(Model):
    """What a model's tokens cost, in US dollars per million. See lmgame.price.Price."""

    model: str = "*"
    input: float = Field(ge=0, allow_inf_nan=False)
    output: float = Field(ge=0, allow_inf_nan=False)
    cached_input: float | None = Field(None, ge=0, allow_inf_nan=False)
    date: str = Field("", pattern=r"^(\d{4}-\d\d-\d\d)?$")
    source: str = ""


class OpenAIBackend(RateSettings):
    """Any OpenAI-compatible server. See ``configs/backend/any.yaml`` for each key."""

    kind: Literal["openai"]
    base_url: str
    model: str
    key_env: str = ""
    structured: Structured = "off"
    max_tokens_field: MaxTokensField = "max_tokens"
    omit: tuple[Literal["temperature", "seed", "stop"], ...] = ()
    reasoning_effort: str | None = None
    stream_usage: bool = True
    images: bool = True
    image_detail: Detail = ""
    extra: dict[str, Json] | None = None
    cost_field: str = ""
    prices: tuple[PriceSettings, ...] = ()
    connect_s: float = Field(10.0, gt=0, allow_inf_nan=False)
    first_token_s: float | None = Field(None, gt=0, allow_inf_nan=False)
    total_s: float = Field(120.0, gt=0, allow_inf_nan=False)

    @field_validator("base_url")
    @classmethod
    def _check_url(cls, url: str) -> str:
        if not re.match(r"https?://[^/@\s]+(/[^@\s]*)?$", url):
            raise ValueError("write http://HOST:PORT/v1, without a user name or key in it")
        return url.rstrip("/")

    @field_validator("key_env")
    @classmethod
    def _check_key_env(cls, name: str) -> str:
        if not re.fullmatch(r"([A-Za-z_][A-Za-z0-9_]*)?", name):
            raise ValueError("this is the NAME of an environment variable, never the key itself")
        return name


class LaunchedBackend(OpenAIBackend, LaunchConfig):
    """What `lmgame serve` starts; for everybody else, the server at its router's address."""

    kind: Kind  # type: ignore[assignment]  # the tag by which settings are told apart
    model: str


AnyBackend = EmbeddedBackend | OpenAIBackend | LaunchedBackend
KINDS = ("embedded", "openai", *get_args(Kind))
"""What stands for a class of settings in messages of pydantic's."""
