"""What may be said of servers that are started here."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Kind = Literal["vllm_pd", "sglang_pd", "dynamo_pd"]

_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SECRET = re.compile(r"key|token|secret|password", re.IGNORECASE)


class LaunchConfig(BaseModel):
    """See ``configs/backend/vllm_pd.yaml`` for each key."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    kind: Kind
    model: str
    weights: str | None = None
    engine: Literal["vllm", "sglang", "mocker"] | None = None
    mode: Literal["disaggregated", "colocated"] = "disaggregated"
    prefill_workers: int = Field(1, ge=1, le=256)
    decode_workers: int = Field(1, ge=1, le=256)
    replicas: int | None = Field(None, ge=1, le=256)
    tensor_parallel: int = Field(1, ge=1, le=64)
    gpus: tuple[str | int, ...] | None = None
    transfer: Literal["nixl", "mooncake"] = "nixl"
    policy: str | None = Field(None, pattern=r"^[a-z][a-z_-]*$")
    host: str = "127.0.0.1"
    port: int = Field(8000, ge=1, le=65_535)
    worker_port: int = Field(8100, ge=1024, le=65_000)
    prefill_hosts: tuple[str, ...] = ()
    decode_hosts: tuple[str, ...] = ()
    worker_args: tuple[str | int | float, ...] = ()
    prefill_args: tuple[str | int | float, ...] = ()
    decode_args: tuple[str | int | float, ...] = ()
    router_args: tuple[str | int | float, ...] = ()
    env: dict[str, str | int | float] | None = None
    python: str | None = None
    version: str | None = Field(None, pattern=r"^\d+\.\d+[\w.+-]*$")
    image: str | None = None
    router_image: str | None = None
    start_s: float = Field(600.0, gt=0, allow_inf_nan=False)
    stop_s: float = Field(20.0, gt=0, allow_inf_nan=False)

    @field_validator("host")
    @classmethod
    def _check_host(cls, host: str) -> str:
        if not _HOST.fullmatch(host):
            raise ValueError("write a name or an IPv4 address, such as 127.0.0.1 or 0.0.0.0")
        return host

    @field_validator("prefill_hosts", "decode_hosts")
    @classmethod
    def _check_hosts(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        for host in hosts:
            if not _HOST.fullmatch(host) or host == "0.0.0.0":
                raise ValueError(f"{host!r} is no address at which others reach a machine")
        return hosts

    @field_validator("env")
    @classmethod
    def _check_env(
        cls, env: dict[str, str | int | float] | None
    ) -> dict[str, str | int | float] | None:
        for name in env or ():
            if not _VARIABLE.fullmatch(name):
                raise ValueError(f"{name!r} is no name of an environment variable")
            if _SECRET.search(name):
                raise ValueError(
                    f"{name} looks like a secret, which would stand in logs: export it before "
                    "lmgame serve; workers inherit it"
                )
        return env

    @model_validator(mode="after")
    def _check_together(self) -> LaunchConfig:
        if (self.kind == "dynamo_pd") != (self.engine is not None):
            raise ValueError("engine is for dynamo_pd alone, which needs it: vllm, sglang, mocker")
        if self.transfer == "mooncake" and self.kind != "sglang_pd" and self.engine != "sglang":
            raise ValueError("transfer=mooncake is for SGLang; vLLM is started with nixl")
        if bool(self.prefill_hosts) != bool(self.decode_hosts) and self.mode == "disaggregated":
            raise ValueError("prefill_hosts and decode_hosts go together: give both or neither")
        for name, count, hosts in (
            ("prefill", self.prefill_workers, self.prefill_hosts),
            ("decode", self.decode_workers, self.decode_hosts),
        ):
            if count < len(hosts):
                raise ValueError(
                    f"{len(hosts)} {name}_hosts for {count} {name}_workers: give "
                    f"backend.{name}_workers={len(hosts)} or more"
                )
        return self

    @property
    def path(self) -> str:
        """What the engines load: a folder, or a name on the Hugging Face hub."""
        return self.weights or self.model

    @property
    def hosts(self) -> tuple[str, ...]:
        """The machines that workers run on; empty for this one."""
        return (*self.prefill_hosts, *self.decode_hosts)

    def workers(self) -> dict[str, int]:
        """How many workers of each role there are."""
        if self.mode == "colocated":
            return {"replica": self.replicas or self.prefill_workers + self.decode_workers}
        return {"prefill": self.prefill_workers, "decode": self.decode_workers}
