"""What surrounds the model: perception, memory, reflection, each switchable alone.

The modules are those that Lmgame-Bench ablates (https://arxiv.org/abs/2505.15146,
section 3.2). A preset of all three is a file in ``configs/harness/``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lmgame.errors import ConfigError, suggest


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Perception(_Model):
    """What becomes of an image before the player sees it.

    Attributes:
        describe: A model describes the image in words, and the player gets the
            words; without effect where the observation is text.
        model: Which model on the same server describes; None for the player's.
        max_tokens: Upper bound on a description.
    """

    describe: bool = False
    model: str | None = None
    max_tokens: Annotated[int, Field(ge=1)] = 300


class MemorySettings(_Model):
    """What the player is shown of its own past.

    Attributes:
        last: How many decisions, K; 0 turns memory off.
        keep: ``window``: exactly the last K. ``block``: all since the last cut;
            a cut leaves K, and comes when there are 2 K. The prompt then grows at
            its end most of the time, and a server's prefix cache hits.
        tokens: An upper bound on their estimated tokens (two characters each),
            or None. Where it is passed the oldest are left out: one by one in a
            window, down to half the bound in blocks.
    """

    last: Annotated[int, Field(ge=0, le=10_000)] = 0
    keep: Literal["window", "block"] = "window"
    tokens: Annotated[int, Field(ge=1)] | None = None


class Reflection(_Model):
    """Whether a model draws a short lesson from what is remembered.

    Attributes:
        every: A call before every so many decisions; 0 turns it off.
        model: Which model on the same server reflects; None for the player's.
        max_tokens: Upper bound on a lesson.
    """

    every: Annotated[int, Field(ge=0)] = 0
    model: str | None = None
    max_tokens: Annotated[int, Field(ge=1)] = 80


class Harness(_Model):
    """The three modules."""

    perception: Perception = Perception()
    memory: MemorySettings = MemorySettings()
    reflection: Reflection = Reflection()


def checked(settings: Mapping[str, object] | None) -> Harness:
    """The harness from its settings.

    Raises:
        ConfigError: A key or a value that cannot be used.
    """
    try:
        harness = Harness.model_validate(settings or {})
    except ValidationError as error:
        first = error.errors()[0]
        path = [str(part) for part in first["loc"]]
        key = ".".join(["agent.harness", *path])
        if first["type"] == "extra_forbidden":
            model = Harness.model_fields.get(path[0]) if len(path) > 1 else None
            known = type(model.default).model_fields if model else Harness.model_fields
            raise ConfigError(f"unknown setting {key!r}; {suggest(path[-1], known)}") from None
        raise ConfigError(f"{key}={first['input']!r}: {first['msg']}") from None
    if harness.reflection.every and not harness.memory.last:
        raise ConfigError(
            "agent.harness.reflection.every needs something to reflect on: "
            "set agent.harness.memory.last too"
        )
    return harness
