"""Settings of the embedded backend."""

from __future__ import annotations

import os
from typing import Annotated, Literal

import psutil
from pydantic import BaseModel, ConfigDict, Field, field_validator

from lmgame.serving.engine import EXACT, PREFILL_CHUNK
from lmgame.serving.role import RoleName, Schedule

Mode = Literal["disaggregated", "colocated", "auto"]

DEFAULT_MODEL = "smollm2-135m-instruct"


def cores() -> int:
    """Cores that this process may use; hyperthreads share what llama.cpp needs."""
    physical = psutil.cpu_count(logical=False) or 1
    affinity = getattr(os, "sched_getaffinity", None)  # not on macOS
    return min(physical, len(affinity(0))) if affinity is not None else physical


_FOR_COLOCATED = ("replicas", "schedule", "chunk")
_FOR_SPLIT = ("prefill_threads", "prefill_nice")
_FOR_AUTO = ("ttft_s", "tpot_s")

Count = Annotated[int, Field(ge=1, le=64)]


class EmbeddedConfig(BaseModel):
    """How to serve; unknown keys are errors.

    Attributes:
        host: Address to listen on. There is no authentication: keep it local.
            ``0.0.0.0`` is every interface; an empty host would be too, and is refused.
        port: TCP port; 0 picks a free one.
        mode: ``disaggregated`` separates prompts from replies; ``colocated`` is the
            baseline in which every worker does both; ``auto`` watches the load and uses
            the same workers now in one way, now in the other.
        prefill_workers: Processes that run prompts.
        decode_workers: Processes that make tokens.
        replicas: Processes in ``colocated`` mode; None takes as many as the other mode.
        schedule: What a colocated worker does first.
        chunk: Prompt tokens between two decode steps with ``schedule="chunked"``.
        prefill_threads: Threads of a prefill worker; None shares out all cores, which is
            safe because prefill yields to decode.
        prefill_nice: How far prefill workers step back (a nice value). Decode steps are
            short and urgent, and prefill soaks up the rest; pinning each to a core would
            leave decode's idle for most of a game's load. 15 also leaves the cores to
            any other program that keeps them busy.
        decode_threads: Threads of a decode worker and of a colocated replica.
        context: Tokens that one conversation may hold, prompt and reply together; at
            most what the model was trained for is served.
        slots: Replies that one decode worker (or colocated replica) makes at once.
        queue: Requests that may wait; more are refused with status 429.
        ttft_s: With ``auto``, the time to first token to be met, in seconds.
        tpot_s: With ``auto``, the time per output token to be met, in seconds.
        prefix_mb: Megabytes in which each worker that runs prompts keeps the KV caches
            of earlier ones, to run only what is new of the next; 0 keeps none.
        weights: A name from :mod:`lmgame.serving.weights` or the path of a GGUF file.
        model: The model id that clients use.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    mode: Mode = "disaggregated"
    prefill_workers: Count = 1
    decode_workers: Count = 1
    replicas: Count | None = None
    schedule: Schedule = "prefill_first"
    chunk: Annotated[int, Field(ge=1, le=PREFILL_CHUNK)] = 64
    prefill_threads: Count | None = None
    prefill_nice: Annotated[int, Field(ge=0, le=19)] = 15
    decode_threads: Count = 1
    context: Annotated[int, Field(ge=64, le=131072)] = 4096
    slots: Count = 8
    queue: Annotated[int, Field(ge=1, le=100_000)] = 256
    ttft_s: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 5.0
    tpot_s: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 0.05
    prefix_mb: Annotated[int, Field(ge=0, le=1_000_000)] = 256
    weights: str = DEFAULT_MODEL
    model: str = DEFAULT_MODEL

    @field_validator("host")
    @classmethod
    def _some_host(cls, host: str) -> str:
        if not host.strip():
            raise ValueError(
                "is empty, which would listen on every interface: give an address such as "
                "127.0.0.1, or 0.0.0.0 if that is meant"
            )
        return host

    @field_validator("model")
    @classmethod
    def _some_model(cls, model: str) -> str:
        if not model.strip():
            raise ValueError("is empty: give the id that clients will use")
        return model

    def workers(self) -> dict[RoleName, int]:
        """How many processes of each kind this asks for."""
        if self.mode == "colocated":
            return {"colocated": self.replicas or self.prefill_workers + self.decode_workers}
        if self.mode == "auto":
            return {"auto": self.prefill_workers + self.decode_workers}
        return {"prefill": self.prefill_workers, "decode": self.decode_workers}

    def slots_of(self, role: RoleName) -> int:
        """Sequences that a worker of this kind holds at once."""
        return 1 if role == "prefill" else self.slots

    def threads_of(self, role: RoleName) -> int:
        """CPU threads of a worker of this kind."""
        if role == "prefill":
            return self.prefill_threads or max(1, cores() // self.prefill_workers)
        return self.decode_threads

    @property
    def crowded(self) -> bool:
        """Whether the workers have more threads than there are cores."""
        each = self.workers().items()
        threads = sum(self.threads_of(role) * count for role, count in each)
        if self.mode == "auto":  # any of them may come to run prompts only
            threads += self.threads_of("prefill")
        return threads > cores()

    def niceness_of(self, role: RoleName, index: int) -> int:
        """How far a worker steps back; with ``auto`` those that are the first to prefill."""
        polite = role == "prefill" or (role == "auto" and index < self.prefill_workers)
        return self.prefill_nice if polite else 0

    def prefix_bytes_of(self, role: RoleName) -> int:
        """Bytes in which a worker of this kind keeps earlier prompts."""
        return 0 if role == "decode" else self.prefix_mb * 10**6

    def slabs(self) -> int:
        """KV states that may be under way between prefill and decode.

        One per decode slot keeps the decode workers full, one more per prefill worker
        lets the next prompt run meanwhile. With ``auto`` any worker may be either.
        """
        if self.mode == "auto":
            return (self.prefill_workers + self.decode_workers) * (self.slots + 1)
        return self.prefill_workers + self.decode_workers * self.slots


def without_effect(config: EmbeddedConfig) -> str | None:
    """Name the settings that were changed but that nothing reads in this mode.

    Returns:
        One line; None where there is no such setting.
    """
    if config.mode == "disaggregated":
        idle, why = [*_FOR_COLOCATED, *_FOR_AUTO], "backend.mode=disaggregated"
    elif config.mode == "auto":
        idle, why = ["replicas", "schedule"], "backend.mode=auto"
        if config.chunk < EXACT:
            idle.append("prefix_mb")
            why += f" and backend.chunk={config.chunk}, below {EXACT}"
    else:
        idle, why = [*_FOR_SPLIT, *_FOR_AUTO], "backend.mode=colocated"
        if config.replicas is not None:
            idle += ["prefill_workers", "decode_workers"]
            why += f" and backend.replicas={config.replicas}"
        if config.schedule == "prefill_first":
            idle.append("chunk")
            why += " and backend.schedule=prefill_first"
        elif config.chunk < EXACT:
            idle.append("prefix_mb")
            why += f" and backend.chunk={config.chunk}, below {EXACT}"
    fields = type(config).model_fields
    changed = [name for name in idle if getattr(config, name) != fields[name].default]
    if not changed:
        return None
    verb = "has" if len(changed) == 1 else "have"
    return f"{', '.join(f'backend.{name}' for name in changed)} {verb} no effect with {why}"
