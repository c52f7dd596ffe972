"""Plays a series on a Ray cluster: one player on each node, all logs in the run's folder.

The logs of finished matches come at once and whole, those of matches under way every
``COLLECT_S``. When a node is lost its matches go on elsewhere, from the last decision
that had come.
"""

from __future__ import annotations

import asyncio
import ipaddress
import itertools
import logging
import os
import signal
import socket
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from lmgame import __version__
from lmgame.backend import Backends, Say, is_ours, key
from lmgame.client import Endpoint
from lmgame.errors import ConfigError, LmgameError, MissingExtra, UsageError, WorkerLost
from lmgame.executor import share_lanes
from lmgame.plan import Planned, existing
from lmgame.ray_player import Failed, Played, Player
from lmgame.record import Result, Suspended
from lmgame.settings import Shared
from lmgame.workers import ATTEMPTS

COLLECT_S = 1.0
LOOK_S = 2.0
"""How often it is looked whether nodes have come or gone."""
PATIENCE_S = 120.0
"""How long it is waited for a node that can play."""
REACH_S = 10.0
TOGETHER = 4096
"""Calls that a player may have under way, as many as concurrency= may be."""


@dataclass(eq=False, slots=True)
class Node:
    """A node of the cluster.

    Attributes:
        name: Where it is.
        cpus: Its cores that we use.
        player: The actor there.
        opening: Waits until it can play.
        known: Bytes that have come of each log that is written there, by ticket.
        paths: Where these logs are kept here.
    """

    name: str
    cpus: int
    player: Any
    opening: asyncio.Task[bool] | None = None
    known: dict[int, int] = field(default_factory=dict)
    paths: dict[int, Path] = field(default_factory=dict)

    @property
    def ready(self) -> bool:
        """Whether it can play."""
        opening = self.opening
        return opening is not None and opening.done() and opening.result()

    def forget(self, ticket: int) -> None:
        """Take no more news of a match."""
        self.known.pop(ticket, None)
        self.paths.pop(ticket, None)

    def take(self, news: dict[int, bytes]) -> None:
        """Keep what has come of matches that are still under way."""
        for ticket, data in news.items():
            if ticket in self.known and data:
                with self.paths[ticket].open("ab") as log:
                    log.write(data)
                self.known[ticket] += len(data)


class OnRay:
    """An executor; see lmgame.executor.Executor.

    Args:
        settings: The run's.
        backends: Where its backends are; they are started here.
        say: Is told what is going on.

    Raises:
        ConfigError: A setting that cannot be kept across processes, or no cluster.
        MissingExtra: Ray is not installed.
    """

    def __init__(self, settings: Shared, backends: Backends, say: Say) -> None:
        _check(settings)
        if find_spec("ray") is None:
            raise MissingExtra("executor=ray", "ray", "Ray")
        self._settings, self._backends, self._say = settings, backends, say
        self._nodes: dict[str, Node] = {}
        self._refused: Counter[str] = Counter()  # how often no player could be begun, by node
        self._tickets = itertools.count()
        self._looked = -LOOK_S
        self._trouble: ConfigError | None = None
        self._collecting: asyncio.Task[None] | None = None
        self._ours = _connect(settings.ray.address, say)

    def lanes(self, plan: Sequence[Planned]) -> list[Iterator[Planned]]:
        """As many as ``concurrency``, and for matches without a model one for each core."""
        cores = sum(self._cpus(one) for one in _living())
        return share_lanes(plan, self._settings.concurrency, cores)

    def _cpus(self, node: dict[str, Any]) -> int:
        cpus = int(node["Resources"].get("CPU", 0))
        workers = self._settings.workers
        return cpus if workers is None else min(workers, cpus)

    async def play(self, planned: Planned) -> Result | Suspended:
        """Play one match on whichever node has the least to do."""
        from ray.exceptions import RayError, RayTaskError

        if self._collecting is None:
            self._collecting = asyncio.create_task(self._collect())
        for _ in range(ATTEMPTS):
            log = existing(planned)
            if log is not None and log.result is not None:
                return log.result
            begun = b"" if log is None else planned.path.read_bytes()[: log.size]
            endpoints = self._endpoints(planned)
            node, ticket = await self._free(), next(self._tickets)
            planned.path.write_bytes(begun)  # without a torn end: news are appended
            node.known[ticket], node.paths[ticket] = len(begun), planned.path
            try:
                played: Played | Failed = await node.player.play.remote(
                    ticket, planned, begun, endpoints
                )
            except RayTaskError:
                raise
            except RayError:
                await self._lose(node)
                continue
            node.forget(ticket)
            if isinstance(played, Failed):
                raise UsageError(played.reason) if played.usage else LmgameError(played.reason)
            _keep(planned.path, played.log)
            return played.result
        raise WorkerLost(f"{planned.title}: {ATTEMPTS} Ray nodes were lost that played it")

    def _endpoints(self, planned: Planned) -> dict[str, Endpoint]:
        """Where a match's backends are.

        Raises:
            ConfigError: Only on this machine, and the cluster has others.
        """
        found = {}
        for backend in planned.backends:
            endpoint = self._backends.client(backend).endpoint
            assert endpoint is not None, "the backend was not started"
            if _is_here(endpoint.base_url) and _machines() > 1:
                what = "backend=embedded is" if is_ours(backend) else f"{endpoint.base_url} is"
                raise ConfigError(
                    f"executor=ray: {what} on this machine alone, and other nodes of the cluster "
                    "must reach it: start `lmgame serve backend.host=0.0.0.0` here, and write "
                    "backend=lmgame backend.base_url=http://ADDRESS:8000/v1"
                )
            found[key(backend)] = endpoint
        return found

    async def _free(self) -> Node:
        """The node that can play and has the least to do."""
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            if time.monotonic() - self._looked >= LOOK_S:
                self._looked = time.monotonic()
                self._look(await asyncio.to_thread(_living))
            if self._trouble is not None:
                raise self._trouble
            ready = [node for node in self._nodes.values() if node.ready]
            if ready:
                return min(ready, key=lambda node: len(node.known))
            opening = [one.opening for one in self._nodes.values() if one.opening is not None]
            if opening:
                await asyncio.wait(opening, timeout=LOOK_S, return_when=asyncio.FIRST_COMPLETED)
            else:
                await asyncio.sleep(LOOK_S)
        raise WorkerLost(
            f"no node of the Ray cluster could play within {PATIENCE_S:g} s: `ray status` tells "
            "which there are, and what else takes their cores"
        )

    def _look(self, living: Sequence[dict[str, Any]]) -> None:
        """Put a player on each node that has none yet, and forget nodes that are gone."""
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        for name in set(self._nodes) - {one["NodeID"] for one in living}:
            del self._nodes[name]
        for one in living:
            name, cpus = one["NodeID"], self._cpus(one)
            if name in self._nodes or int(one["Resources"].get("CPU", 0)) == 0:
                continue
            actor = ray.remote(Player).options(
                num_cpus=max(1, cpus),
                max_concurrency=TOGETHER,
                scheduling_strategy=NodeAffinitySchedulingStrategy(name, soft=False),
            )
            node = Node(name, cpus, actor.remote(cpus))
            node.opening = asyncio.create_task(self._open(node))
            self._nodes[name] = node

    async def _open(self, node: Node) -> bool:
        from ray.exceptions import RayError

        try:
            version: str = await node.player.ready.remote()
        except RayError as error:
            # A node that was just lost may be listed for a while; it is not tried for long.
            self._refused[node.name] += 1
            if self._refused[node.name] == ATTEMPTS:
                why = str(error).strip().splitlines()[-1]
                self._trouble = ConfigError(
                    f"executor=ray: nothing can be played on node {node.name[:8]}: {why}; lmgame "
                    f"{__version__} must be installed on every node"
                )
            self._nodes.pop(node.name, None)
            return False
        if version != __version__:
            self._trouble = ConfigError(
                f"executor=ray: node {node.name[:8]} has lmgame {version}, here it is "
                f"{__version__}: install the same everywhere"
            )
            return False
        self._say(f"node {node.name[:8]} plays, on {node.cpus} cores")
        return True

    async def _lose(self, node: Node) -> None:
        """Play on without a node; it gets another player if it turns out to be alive."""
        import ray

        if self._nodes.get(node.name) is node:
            del self._nodes[node.name]
            self._say(f"node {node.name[:8]} was lost; its matches go on elsewhere")
            with suppress(Exception):  # it is lost: whatever is left of it must not play on
                ray.kill(node.player)
            await asyncio.sleep(LOOK_S)  # the cluster itself needs a moment to notice
        for ticket in list(node.known):
            node.forget(ticket)

    async def _collect(self) -> None:
        """Bring in what was played, again and again."""
        while True:
            await asyncio.sleep(COLLECT_S)
            for node in list(self._nodes.values()):
                if node.known and node.ready:
                    with suppress(Exception):  # of a lost node whoever waits for a match tells
                        node.take(await node.player.news.remote(dict(node.known)))

    def close(self) -> None:
        """Bring in what was played, and end the players and our own cluster."""
        import ray

        openings = [node.opening for node in self._nodes.values()]
        for task in (self._collecting, *openings):
            if task is not None:
                task.cancel()
        with suppress(Exception):  # a last look: what is not there by now was not played
            for node in self._nodes.values():
                if node.known:
                    node.take(ray.get(node.player.news.remote(dict(node.known)), timeout=LOOK_S))
        for node in self._nodes.values():
            with suppress(Exception):  # it may be gone already
                ray.get(node.player.close.remote(), timeout=LOOK_S)
            with suppress(Exception):
                ray.kill(node.player)
        if self._ours:
            ray.shutdown()


def _check(settings: Shared) -> None:
    """Refuse what several processes cannot keep together."""
    for name, most in settings.budget.model_dump().items():
        if most is not None:
            raise ConfigError(
                f"budget.{name}={most:g}: with executor=ray calls are made on many nodes, and a "
                "budget cannot be kept by all of them together: leave it out, or write "
                "executor=local"
            )


def _connect(address: str | None, say: Say) -> bool:
    """Join a cluster, or start one; whether to leave it at the end."""
    import ray

    if ray.is_initialized():
        return False
    address = address or os.environ.get("RAY_ADDRESS") or "local"
    say("starting a Ray cluster" if address == "local" else f"joining the Ray cluster {address}")
    if address == "local":
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it is nobody's business
    else:
        _reach(address)
    before = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(
            address=address,
            configure_logging=False,
            logging_level=logging.ERROR,
            log_to_driver=False,
            include_dashboard=False if address == "local" else None,
        )
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise ConfigError(f"ray.address={address}: {str(error).splitlines()[0]}") from None
    finally:
        signal.signal(signal.SIGTERM, before)  # Ray takes it; it must end a run in order
    return True


def _reach(address: str) -> None:
    """See that somebody listens at HOST:PORT: Ray itself would try for minutes.

    Raises:
        ConfigError: Nobody does.
    """
    host, _, port = address.rpartition(":")
    if not port.isdigit() or "/" in host:
        return
    try:
        socket.create_connection((host, int(port)), REACH_S).close()
    except OSError as error:
        raise ConfigError(
            f"ray.address={address}: no Ray cluster there ({error.strerror or error}); "
            "`ray start --head` starts one and says its address, and without ray.address= one is "
            "started for the run"
        ) from None


def _living() -> list[dict[str, Any]]:
    import ray

    nodes: list[dict[str, Any]] = ray.nodes()
    return [one for one in nodes if one["Alive"]]


def _machines() -> int:
    return len({one["NodeManagerAddress"] for one in _living()})


def _is_here(url: str) -> bool:
    """Whether an address is this machine's own, for itself alone."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _keep(path: Path, log: bytes) -> None:
    """Put a log in its place at once."""
    fresh = path.with_suffix(".part")
    fresh.write_bytes(log)
    fresh.replace(path)
