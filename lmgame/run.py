"""A run: a folder with matches, and the configuration that produced them.

``config.yaml``, ``environment.json``, ``matches/*.jsonl``, ``summary.json`` and
``replay/``. Starting a run whose folder exists continues it: finished matches
are kept, unfinished ones go on from their last decision.
"""

from __future__ import annotations

import asyncio
import json
import os
import platform
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import cast

import yaml

from lmgame import config, record, registry
from lmgame.agent import Agent, Client, Seating
from lmgame.clock import Clock, Paused, Realtime, Simulated, latency_from
from lmgame.config import AgentSettings, Settings
from lmgame.errors import ConfigError, LmgameError, LogError, LogNeverBegan, UsageError
from lmgame.game import Game, State
from lmgame.match import Judge, Match, Observer, Policy
from lmgame.record import TRANSPORT, Header, Log, Result, Seat, Suspended, Writer

PACKAGES = ("lmgame", "numpy", "gymnasium", "httptools", "uvloop", "xllamacpp", "llama-cpp-python")
ELSEWHERE = ("run", "concurrency", "film", "episodes", "anchors", "seed", "slo")
"""Settings that do not change what any one match is; a run may change them."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A match to play.

    Attributes:
        header: What it is.
        path: Its log.
        anchor: Whether it only serves as a yardstick.
    """

    header: Header
    path: Path
    anchor: bool


class Run:
    """A run folder that is held by this process.

    Args:
        settings: What to play.
        overrides: What the user wrote; tells which agent settings were meant.
        root: Where runs without a name go.

    Raises:
        UsageError: Another process plays this run.
        ConfigError: The folder holds a run with other settings.
    """

    def __init__(
        self, settings: Settings, overrides: Sequence[str] = (), root: Path = Path("runs")
    ) -> None:
        self.settings = settings
        self.entries = _entries(settings, overrides)
        self.path = Path(settings.run) if settings.run else _fresh(root, settings, self.entries[0])
        self.model = getattr(settings.backend, "model", None) or str(
            (settings.backend.model_extra or {}).get("model", "")
        )

    @contextmanager
    def held(self) -> Iterator[None]:
        """The folder, made and locked, with its configuration written.

        The lock is the operating system's, so it ends with the process.
        """
        try:
            (self.path / "matches").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"cannot make {self.path}: {error.strerror}; choose run=DIR") from None
        handle = os.open(self.path / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            _lock(handle, self.path)
            self._write_configuration()
            yield
        finally:
            os.close(handle)

    def _write_configuration(self) -> None:
        file = self.path / "config.yaml"
        plain = self.settings.model_dump(mode="json")
        if file.exists():
            _refuse_other(self.path, yaml.safe_load(file.read_text()), plain)
        file.write_text(yaml.safe_dump(plain, sort_keys=False))
        (self.path / "environment.json").write_text(json.dumps(environment(), indent=1) + "\n")

    def plan(self) -> list[Planned]:
        """Every match of this run: the agents' own, then the anchors'."""
        seeds = range(self.settings.seed, self.settings.seed + self.settings.episodes)
        return [
            self._planned(seats, seed, anchor=number > 0)
            for number, seats in enumerate(self.entries)
            for seed in seeds
        ]

    def _planned(self, seats: Sequence[AgentSettings], seed: int, anchor: bool) -> Planned:
        settings = self.settings
        spec = registry.games.load(settings.game.id).spec
        asking = any(registry.agents.load(one.name).asks for one in seats)
        backend = settings.backend.model_dump(mode="json") if asking else {}
        header = Header(
            match="",
            game=spec.id,
            arguments=settings.game.arguments,
            seed=seed,
            seats=tuple(
                Seat(
                    name,
                    one.name,
                    self.model if registry.agents.load(one.name).asks else "",
                    one.settings,
                )
                for name, one in zip(spec.seats, seats, strict=True)
            ),
            clock=cast(State, settings.clock.model_dump(mode="json")),
            policy=cast(State, settings.policy.model_dump(mode="json")),
            max_decisions=settings.max_decisions,
            slo=cast(State, settings.slo.model_dump(mode="json")),
            backend=cast(State, backend),
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            versions=versions(),
        )
        key = record.match_key(header)
        agents = "-vs-".join(_file_name(one.name) for one in seats)
        name = f"{registry.config_name(spec.id)}_{agents}_s{seed}_{key[:8]}.jsonl"
        return Planned(_with_key(header, key), self.path / "matches" / name, anchor)

    async def play(
        self, planned: Planned, client: Client | None, judge: Judge, observer: Observer | None
    ) -> Result | Suspended:
        """Play one match, or continue it; a finished one is only read."""
        log = _existing(planned)
        if log is not None and log.result is not None:
            return log.result
        header = planned.header if log is None else log.header
        game = registry.games.make(header.game, header.arguments)
        agents = _seat_agents(header, game, client)
        writer = Writer(planned.path, 0 if log is None else log.size)
        match = Match(
            header=header,
            game=game,
            agents=agents,
            clock=make_clock(self.settings, game.spec.pace),
            policy=Policy(**self.settings.policy.model_dump()),
            writer=writer,
            judge=judge,
            observer=observer,
        )
        try:
            return await match.play(log)
        finally:
            writer.close()
            await asyncio.gather(*(agent.close() for agent in agents))

    async def play_all(
        self,
        plan: Sequence[Planned],
        client: Client | None,
        judge: Judge,
        observer: Callable[[Planned], Observer | None],
        finished: Callable[[Planned, Result | Suspended], None],
    ) -> Suspended | None:
        """Play matches, ``concurrency`` at a time, in order.

        After a match was suspended no other one is begun: the backend is gone.

        Args:
            plan: What to play.
            client: Whom agents ask.
            judge: Which limits a call met.
            observer: Makes the observer of a match.
            finished: Is told of each match that ended.

        Returns:
            The first suspension, if there was one.
        """
        gate = asyncio.Semaphore(self.settings.concurrency)
        suspended: list[Suspended] = []

        async def one(planned: Planned) -> None:
            async with gate:
                if suspended:
                    return
                result = await self.play(planned, client, judge, observer(planned))
            if isinstance(result, Suspended):
                suspended.append(result)
            finished(planned, result)

        try:
            async with asyncio.TaskGroup() as group:
                for planned in plan:
                    group.create_task(one(planned))
        except* LmgameError as errors:
            raise errors.exceptions[0] from None
        return suspended[0] if suspended else None


def _entries(settings: Settings, overrides: Sequence[str]) -> list[tuple[AgentSettings, ...]]:
    """Who plays: the agents that were asked for, then one entry for each anchor."""
    spec = registry.games.load(settings.game.id).spec
    find = partial(config.agent_settings, settings, overrides=overrides)
    if settings.agents is not None:
        main = tuple(find(name) for name in settings.agents)
    else:
        main = (settings.agent,)
    if len(main) != len(spec.seats):
        seats = ", ".join(spec.seats)
        example = ",".join(["llm", "greedy", *["random"] * len(spec.seats)][: len(spec.seats)])
        how = f"agent={main[0].name}" if len(spec.seats) == 1 else f"agents=[{example}]"
        raise ConfigError(
            f"{spec.id} has {len(spec.seats)} seat(s) ({seats}), {len(main)} agent(s) given: "
            f"write {how}"
        )
    for one in main:
        registry.agents.load(one.name)
    anchors = settings.anchors if len(main) == 1 else ()
    return [main, *((find(name),) for name in anchors if name != main[0].name)]


def _seat_agents(header: Header, game: Game, client: Client | None) -> list[Agent]:
    return [
        registry.agents.make(
            seat.agent,
            {"seating": Seating(game.spec, number, header.seed, client), **seat.settings},
        )
        for number, seat in enumerate(header.seats)
    ]


def make_clock(settings: Settings, pace: int) -> Clock:
    """The clock of one match."""
    clock = settings.clock
    if clock.kind == "paused":
        return Paused(clock.pace, pace)
    hand = pace if clock.pace is None else clock.pace
    if clock.kind == "realtime":
        return Realtime(clock.bank_s, hand)
    return Simulated(latency_from(clock.latency, clock.ttft_s, clock.tpot_s), clock.bank_s, hand)


def _with_key(header: Header, key: str) -> Header:
    fields = {name: getattr(header, name) for name in header.__slots__ if name != "match"}
    return Header(match=key, **fields)


def _existing(planned: Planned) -> Log | None:
    """The log of a match that was begun, if it belongs to this specification."""
    if not planned.path.exists() or planned.path.stat().st_size == 0:
        return None
    try:
        log = record.read(planned.path)
    except LogNeverBegan:
        return None
    if log.header.match != planned.header.match:
        raise LogError(f"{planned.path} is the log of another match: choose another run=DIR")
    return log


def _fresh(root: Path, settings: Settings, seats: Sequence[AgentSettings]) -> Path:
    """The next free name: ``runs/tetris-llm-001``."""
    stem = "-".join(
        [registry.config_name(settings.game.id), *(_file_name(one.name) for one in seats)]
    )
    taken = [
        int(found[1])
        for path in (root.iterdir() if root.is_dir() else ())
        if (found := re.fullmatch(rf"{re.escape(stem)}-(\d+)", path.name))
    ]
    return root / f"{stem}-{max(taken, default=0) + 1:03}"


def _file_name(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", name)


def _lock(handle: int, path: Path) -> None:
    import fcntl

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise UsageError(
            f"{path} is being played by another process: wait for it, or choose another run=DIR"
        ) from None


def _refuse_other(path: Path, old: Mapping[str, object], new: Mapping[str, object]) -> None:
    """A folder holds one run: name the first setting that differs."""
    before, after = dict(_flat(old)), dict(_flat(new))
    for key in sorted({*before, *after}):
        last = key.rpartition(".")[2]
        if key.partition(".")[0] in ELSEWHERE or last in TRANSPORT:
            continue
        if before.get(key) != after.get(key):
            raise ConfigError(
                f"{path} was played with {key}={before.get(key)!r}, now it is {after.get(key)!r}: "
                "choose another run=DIR, or give the same settings to continue it"
            )


def _flat(tree: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def versions() -> dict[str, str]:
    """The versions of the packages that matter to a result."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def environment() -> dict[str, object]:
    """The machine and its software, without names or paths."""
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "machine": platform.machine(),
        "cpu": cpu_name(),
        "cores": os.cpu_count(),
        "packages": versions(),
    }


def cpu_name() -> str:
    """What the processor calls itself."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
