"""What is to run, where, and in which order: plain data, with nothing started."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from lmgame.errors import ConfigError
from lmgame.serving.launcher.config import LaunchConfig

Form = Literal["processes", "compose", "kubernetes"]
Role = Literal["prefill", "decode", "replica", "router"]

EVERYWHERE = "0.0.0.0"
HERE = "127.0.0.1"
POD_ADDRESS = "$(POD_IP)"
"""Kubernetes puts the address in."""


@dataclass(frozen=True, slots=True)
class Process:
    """One process.

    Attributes:
        name: What it is called: ``prefill-0``.
        role: What it does.
        host: The machine it runs on; "" for this one.
        arguments: The command line.
        environment: What is set beyond what it inherits.
        health: The URL that answers 200 when it is ready.
        port: Where it serves HTTP.
        ports: Every port that it is told to listen on.
        says: What must be in that answer; "" for anything.
        gpus: How many it uses.
    """

    name: str
    role: Role
    host: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    health: str
    port: int
    ports: tuple[int, ...]
    says: str = ""
    gpus: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """All processes, in the order in which they are started.

    Attributes:
        config: What was asked for.
        processes: Workers first, the router last: it is started when they are ready.
        base_url: Where clients go.
        notes: What somebody should know who looks at it.
        fresh: Folders that are made empty before anything is started.
        traits: What is different with the installed version.
        versions: Which distributions it is for; only what is known.
    """

    config: LaunchConfig
    processes: tuple[Process, ...]
    base_url: str
    notes: tuple[str, ...] = ()
    fresh: tuple[str, ...] = ()
    traits: frozenset[str] = frozenset()
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def workers(self) -> tuple[Process, ...]:
        """All but the router."""
        return tuple(one for one in self.processes if one.role != "router")

    @property
    def router(self) -> Process:
        """The process that clients speak to."""
        return self.processes[-1]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a worker runs.

    Attributes:
        name: What it is called.
        role: What it does.
        host: The machine; "" for this one.
        bind: The address that it listens on.
        reach: The address at which others find it.
        own: An address of its own that it may bind and tell others.
        devices: What CUDA_VISIBLE_DEVICES says; None to leave it as it is.
    """

    name: str
    role: Role
    host: str
    bind: str
    reach: str
    own: str
    devices: str | None

    @property
    def cuda(self) -> dict[str, str]:
        """The variable that gives it its devices."""
        return {} if self.devices is None else {"CUDA_VISIBLE_DEVICES": self.devices}


class Ports:
    """Hands out ports, each once a machine.

    Args:
        first: The first of them.
        taken: The router's, which no worker may have.
    """

    def __init__(self, first: int, taken: int) -> None:
        self._first, self._taken = first, taken
        self._next: dict[str, int] = {}

    def take(self, host: str) -> int:
        """The next one of a machine.

        Raises:
            ConfigError: There are none left.
        """
        port = self._next.get(host, self._first)
        if port == self._taken:
            port += 1
        if port > 65_535:
            raise ConfigError(f"backend.worker_port={self._first} leaves too few ports: give less")
        self._next[host] = port + 1
        return port


def places(config: LaunchConfig, form: Form) -> Iterator[Place]:
    """Where every worker runs, in the order in which they are started.

    Raises:
        ConfigError: There are fewer GPUs than the workers use.
    """
    used: dict[str, int] = {}
    for role, count in config.workers().items():
        hosts = _hosts(config, role)
        for number in range(count):
            name = f"{role}-{number}"
            host = hosts[number % len(hosts)] if hosts else ""
            bind, reach = host or HERE, host or HERE
            own = bind
            if form == "kubernetes":
                bind, reach, own = EVERYWHERE, service(name), POD_ADDRESS
            first = used.get(host, 0)
            used[host] = first + config.tensor_parallel
            devices = _devices(config, first, form)
            yield Place(name, _role(role), host, bind, reach, own, devices)


def service(name: str) -> str:
    """What a process is called in a cluster."""
    return f"lmgame-{name}"


def _role(name: str) -> Role:
    roles: dict[str, Role] = {"prefill": "prefill", "decode": "decode"}
    return roles.get(name, "replica")


def _hosts(config: LaunchConfig, role: str) -> tuple[str, ...]:
    if role == "replica":
        return config.hosts
    return config.prefill_hosts if role == "prefill" else config.decode_hosts


def _devices(config: LaunchConfig, first: int, form: Form) -> str | None:
    """The devices of one worker; in a cluster they are the scheduler's to give."""
    if config.engine == "mocker" or config.gpus == () or form == "kubernetes":
        return None
    if config.gpus is None:
        return ",".join(str(first + one) for one in range(config.tensor_parallel))
    mine = config.gpus[first : first + config.tensor_parallel]
    if len(mine) < config.tensor_parallel:
        raise ConfigError(
            f"backend.gpus={list(config.gpus)}: the workers of one machine use more than "
            f"{len(config.gpus)}: name one for each (a number may stand there twice)"
        )
    return ",".join(map(str, mine))


def gpus_of(config: LaunchConfig) -> int:
    """How many GPUs a worker uses."""
    return 0 if config.engine == "mocker" or config.gpus == () else config.tensor_parallel


def extra(config: LaunchConfig, role: Role) -> tuple[str, ...]:
    """The arguments that the user adds."""
    if role == "router":
        return tuple(map(str, config.router_args))
    own = {"prefill": config.prefill_args, "decode": config.decode_args}.get(role, ())
    return tuple(map(str, (*config.worker_args, *own)))


def environment(config: LaunchConfig, *parts: Mapping[str, str]) -> dict[str, str]:
    """What a process finds set; the user's own words win."""
    merged: dict[str, str] = {}
    for part in parts:
        merged.update(part)
    return {**merged, **{name: str(value) for name, value in (config.env or {}).items()}}


def python_of(config: LaunchConfig, form: Form, ours: str) -> str:
    """The interpreter that runs the servers.

    Args:
        config: What was asked for.
        form: What the plan is for.
        ours: The one that we run in.
    """
    if form != "processes":
        return "python3"
    if config.python:
        return os.path.expanduser(config.python)
    return "python3" if config.hosts else ours


def address(config: LaunchConfig, form: Form) -> tuple[str, str]:
    """Where the router listens, and the URL that clients use."""
    bind = EVERYWHERE if form == "kubernetes" else config.host
    reach = service("router") if form == "kubernetes" else config.host
    if reach == EVERYWHERE:
        reach = HERE
    return bind, f"http://{reach}:{config.port}/v1"


def router(
    config: LaunchConfig, form: Form, python: str, module: str, pools: Sequence[str], ports: Ports
) -> Process:
    """vllm-router or sglang-router: one came from the other, and they take the same words.

    Args:
        config: What was asked for.
        form: What the plan is for.
        python: The interpreter that has it.
        module: What starts it.
        pools: How it is told of the workers.
        ports: Where its metrics' port is from.
    """
    bind, base_url = address(config, form)
    metrics = ports.take("")
    return Process(
        name="router",
        role="router",
        host="",
        arguments=(
            *(python, "-m", module),
            *("--host", bind, "--port", str(config.port)),
            *pools,
            *("--prometheus-host", HERE, "--prometheus-port", str(metrics)),
            *(("--policy", config.policy) if config.policy else ()),
            *extra(config, "router"),
        ),
        environment={},
        health=base_url.removesuffix("/v1") + "/health",
        port=config.port,
        ports=(config.port, metrics),
    )
