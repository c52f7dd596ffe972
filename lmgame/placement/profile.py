"""Speed profiles: how long prefill, decode steps and KV transfers take.

The forms are DistServe's (its simulator's ``time_estimator.py``): a prefill costs
``call + token * sum(n) + square * sum(n^2)`` and a decode step
``step + sequence * batch + token * sum(context)``, with other constants from some
batch size on. All times are seconds.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import Field, ValidationError, field_validator

from lmgame.backend_settings import Model
from lmgame.errors import ConfigError, NameNotFound

Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(gt=0, le=1)]


class Prefill(Model):
    """What a prompt costs.

    Attributes:
        call_s: Once for each call of the model.
        token_s: For each token.
        square_s: For the square of a prompt's length: attention. A fit may make it
            slightly negative.
        call_tokens: Most tokens of one call; None runs any prompt in one.
    """

    call_s: Seconds
    token_s: Seconds
    square_s: Annotated[float, Field(allow_inf_nan=False)] = 0.0
    call_tokens: Count | None = None

    def tokens_s(self, tokens: int, cached: int = 0) -> float:
        """Seconds for the tokens of a prompt from ``cached`` on, without any call's cost."""
        new = tokens - cached
        # The squares telescope: a prompt in pieces costs what it costs whole.
        return max(0.0, self.token_s * new + self.square_s * (tokens + cached) * new)

    def calls(self, tokens: int) -> int:
        """How many calls this many tokens take."""
        return 1 if self.call_tokens is None else -(-tokens // self.call_tokens)

    def seconds(self, prompts: Iterable[tuple[int, int]]) -> float:
        """Seconds for several prompts in one batch, each as tokens and tokens cached."""
        new, total = 0, 0.0
        for tokens, cached in prompts:
            new += tokens - cached
            total += self.tokens_s(tokens, cached)
        return self.call_s * self.calls(new) + total


class Regime(Model):
    """What a decode step costs from some batch size on.

    Attributes:
        batch: The smallest batch for which this holds.
        step_s: For the step.
        sequence_s: For each sequence; a fit may make it negative.
        token_s: For each token of context that is read.
    """

    batch: Count = 1
    step_s: Annotated[float, Field(allow_inf_nan=False)]
    sequence_s: Annotated[float, Field(allow_inf_nan=False)] = 0.0
    token_s: Seconds = 0.0


class Speed(Model):
    """How fast one worker of a size is.

    Attributes:
        size: Units (GPUs in tensor parallel, or CPU threads) that it takes.
        prefill: What prompts cost.
        decode: What steps cost, by batch size.
        kv_tokens: Tokens of KV cache that fit; None sets no limit.
    """

    size: Count = 1
    prefill: Prefill
    decode: Annotated[tuple[Regime, ...], Field(min_length=1)]
    kv_tokens: Count | None = None

    @field_validator("decode")
    @classmethod
    def _rising(cls, regimes: tuple[Regime, ...]) -> tuple[Regime, ...]:
        batches = [one.batch for one in regimes]
        if batches != sorted(set(batches)) or batches[0] != 1:
            raise ValueError("regimes must begin at batch 1 and rise")
        return regimes

    @cached_property
    def _steps(self) -> dict[int, tuple[float, float]]:
        return {}

    def step(self, batch: int) -> tuple[float, float]:
        """Seconds for a step of this batch without its context, and per token of context."""
        known = self._steps.get(batch)
        if known is None:
            regime = [one for one in self.decode if one.batch <= batch][-1]
            fixed = max(1e-9, regime.step_s + regime.sequence_s * batch)
            known = self._steps[batch] = (fixed, regime.token_s)
        return known


class Transfer(Model):
    """What it costs to bring a KV cache from prefill to decode.

    Attributes:
        bytes_per_token: KV state of one token.
        bytes_per_s: Of the link out of a prefill worker, which carries one state at a
            time; None takes no time.
        latency_s: Of the link.
        export_s: Time of the prefill worker for each state, and export_token_s for each
            of its tokens.
        load_s: Time of the decode worker, and load_token_s.
    """

    bytes_per_token: Seconds = 0.0
    bytes_per_s: Annotated[float, Field(gt=0)] | None = None
    latency_s: Seconds = 0.0
    export_s: Seconds = 0.0
    export_token_s: Seconds = 0.0
    load_s: Seconds = 0.0
    load_token_s: Seconds = 0.0

    def link(self, tokens: int) -> float:
        """Seconds on the link."""
        if self.bytes_per_s is None:
            return self.latency_s
        return self.latency_s + tokens * self.bytes_per_token / self.bytes_per_s


class Cores(Model):
    """Workers that share the cores of one machine.

    Decode and colocated workers are served first; prefill workers take what is left.

    Attributes:
        count: Cores.
        scale: How much faster prefill is on 1, 2, ... cores than on one.
        crowded: What is left of a worker's speed where it has fewer cores than threads.
        beside: What is left of it while any other worker is at work (shared memory).
    """

    count: Count
    scale: Annotated[tuple[Annotated[float, Field(gt=0)], ...], Field(min_length=1)] = (1.0,)
    crowded: Share = 1.0
    beside: Share = 1.0

    def faster(self, cores: float) -> float:
        """How much faster than on one core; between whole numbers on a line."""
        if cores <= 1:
            return cores * self.scale[0]
        low = min(math.floor(cores), len(self.scale))
        high = min(low + 1, len(self.scale))
        part = min(1.0, cores - low)
        return self.scale[low - 1] * (1 - part) + self.scale[high - 1] * part


class Profile(Model):
    """How fast a model is on some hardware.

    Attributes:
        name: What it is of.
        source: Where the numbers come from.
        unit: What workers are counted in: GPU, core.
        speeds: One for each size of a worker.
        stages: Pipeline stages that a split's workers may have.
        transfer: From prefill to decode.
        slots: Sequences that one decode or colocated worker holds; None sets no limit.
        batch_tokens: Prompts run together up to this many tokens; 0 runs each alone.
        fused: Whether a chunk of a prompt and a decode step go in one call, whose
            fixed cost is then paid once.
        chunks: Sizes of chunks worth trying in colocated workers.
        overhead_s: Added to every first token: HTTP, tokenizing, the router.
        cores: Where workers share cores.
    """

    name: str
    source: str = ""
    unit: str = "worker"
    speeds: Annotated[tuple[Speed, ...], Field(min_length=1)]
    stages: tuple[Count, ...] = (1,)
    transfer: Transfer = Transfer()
    slots: Count | None = None
    batch_tokens: Annotated[int, Field(ge=0)] = 0
    fused: bool = False
    chunks: tuple[Count, ...] = ()
    overhead_s: Seconds = 0.0
    cores: Cores | None = None

    def speed(self, size: int) -> Speed:
        """The speed of a worker of this size.

        Raises:
            ConfigError: There is none in this profile.
        """
        for one in self.speeds:
            if one.size == size:
                return one
        known = ", ".join(str(one.size) for one in self.speeds)
        raise ConfigError(f"{self.name} has no worker of {size} {self.unit}s; it has {known}")


def names() -> list[str]:
    """The profiles that come with this package."""
    folder = files("lmgame.placement").joinpath("profiles")
    return sorted(one.name.removesuffix(".yaml") for one in folder.iterdir())


def load(name: str) -> Profile:
    """Read a profile by its name, or from a YAML file.

    Raises:
        NameNotFound: There is no such profile; names the nearest.
        ConfigError: The file is no profile; says which key is wrong.
    """
    if name in names():
        text = files("lmgame.placement").joinpath("profiles", f"{name}.yaml").read_text()
    elif Path(name).suffix in (".yaml", ".yml", ".json"):
        try:
            text = Path(name).read_text(encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"plan.profile={name}: {error.strerror}") from None
        except UnicodeDecodeError:
            raise ConfigError(f"plan.profile={name} is no text") from None
    else:
        raise NameNotFound("profile", name, [*names(), "measure"])
    return parse(text, name)


def parse(text: str, name: str) -> Profile:
    """Check the text of a profile.

    Args:
        text: YAML, of which JSON is a part.
        name: Where it came from, for messages.

    Raises:
        ConfigError: It is no profile.
    """
    try:
        return Profile.model_validate(yaml.safe_load(text))
    except yaml.YAMLError as error:
        raise ConfigError(f"{name} is no YAML: {str(error).splitlines()[0]}") from None
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "the profile"
        message = first["msg"].removeprefix("Value error, ")
        raise ConfigError(f"{name}: {key}: {message}") from None


def write(profile: Profile, path: Path) -> None:
    """Write a profile so that :func:`load` reads it."""
    plain = profile.model_dump(mode="json", exclude_defaults=True)
    path.write_text(yaml.safe_dump(plain, sort_keys=False, width=88), encoding="utf-8")
