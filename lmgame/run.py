"""Series of matches, how they are played, and the one that is a run.

Starting a run whose folder exists continues it: finished matches are kept,
unfinished ones go on from their last decision.
"""

from __future__ import annotations

import asyncio
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import Generic, TypeVar, cast

from lmgame import config, record, registry
from lmgame.agent import Agent, Client, Seating
from lmgame.clock import Clock, Paused, Realtime, Simulated, latency_from
from lmgame.environment import versions
from lmgame.errors import ConfigError, LmgameError, LogError, LogNeverBegan
from lmgame.folder import Folder, file_name, fresh_name
from lmgame.game import Game, GameSpec, State
from lmgame.match import Judge, Match, Observer, Policy
from lmgame.record import Header, Log, Result, Seat, Suspended, Writer
from lmgame.settings import AgentSettings, Settings, Shared

S_co = TypeVar("S_co", bound=Shared, covariant=True)


@dataclass(frozen=True, slots=True)
class Planned:
    """A match to play.

    Attributes:
        header: What it is.
        path: Its log.
        settings: What it is played under.
        title: What to call it among the others.
        anchor: Whether it only serves as a yardstick.
    """

    header: Header
    path: Path
    settings: Settings
    title: str
    anchor: bool = False


class Series(ABC, Generic[S_co]):
    """Matches in one folder, to play or to go on with.

    Args:
        settings: What they have in common.
        path: The folder.
    """

    command: str
    """What plays it: the word after ``lmgame``."""

    def __init__(self, settings: S_co, path: Path) -> None:
        self.settings, self.path = settings, path
        self.folder = Folder(path, settings)

    @property
    @abstractmethod
    def total(self) -> int:
        """How many matches there are, without anchors."""

    def plan(self) -> list[Planned]:
        """Every match that is known by now."""
        return [one for stage in self.stages() for one in stage]

    @abstractmethod
    def samples(self) -> Iterator[Planned]:
        """Matches in which every game and every agent is made once."""

    @abstractmethod
    def stages(self) -> Iterator[list[Planned]]:
        """The matches, in lots: each is to be played before the next is asked for.

        A lot that hangs on results comes only when they are there.
        """

    @property
    def model(self) -> str:
        """Which model the agents ask, or ""."""
        return _model(self.settings)

    def logs(self) -> list[Log]:
        """Every log in the folder, also of matches that are no longer planned."""
        found = []
        for path in sorted((self.path / "matches").glob("*.jsonl")):
            try:
                found.append(record.read(path))
            except LogNeverBegan:
                continue
        return found

    def check(self, client: Client | None) -> None:
        """Make the game and every agent once, so that mistakes show before anything is played.

        Raises:
            ConfigError: A setting that the game or an agent refuses.
        """
        for planned in self.samples():
            game = make_game(planned.settings, planned.header)
            _seat_agents(planned.header, game, client)

    async def play(
        self, planned: Planned, client: Client | None, judge: Judge, observer: Observer | None
    ) -> Result | Suspended:
        """Play one match, or continue it; a finished one is only read."""
        log = existing(planned)
        if log is not None and log.result is not None:
            return log.result
        header = planned.header if log is None else log.header
        settings = planned.settings
        game = make_game(settings, header)
        agents = _seat_agents(header, game, client)
        writer = Writer(planned.path, 0 if log is None else log.size)
        match = Match(
            header=header,
            game=game,
            agents=agents,
            clock=make_clock(
                settings,
                game.spec.pace,
                [seat for seat, agent in enumerate(agents) if agent.live],
            ),
            policy=Policy(**settings.policy.model_dump()),
            writer=writer,
            judge=judge,
            observer=observer,
        )
        try:
            return await match.play(log)
        finally:
            writer.close()
            await _close(agents)

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


class Run(Series[Settings]):
    """One game, on seeds that follow each other: who was asked for, then the anchors.

    Args:
        settings: What to play.
        overrides: What the user wrote; tells which agent settings were meant.
        root: Where runs without a name go.

    Raises:
        NameNotFound: A game or an agent that does not exist.
        ConfigError: The wrong number of agents for the game.
    """

    command = "play"

    def __init__(
        self, settings: Settings, overrides: Sequence[str] = (), root: Path = Path("runs")
    ) -> None:
        self.entries = _entries(settings, overrides)
        names = [file_name(one.name) for one in self.entries[0]]
        stem = "-".join([registry.config_name(settings.game.id), *names])
        super().__init__(settings, Path(settings.run) if settings.run else fresh_name(root, stem))

    @property
    def total(self) -> int:
        """How many matches there are, without anchors."""
        return self.settings.episodes

    def samples(self) -> Iterator[Planned]:
        """The first match of everybody."""
        return (self._planned(number, self.settings.seed) for number in range(len(self.entries)))

    def stages(self) -> Iterator[list[Planned]]:
        """Anchors come after: their computing would disturb what is measured."""
        seeds = range(self.settings.seed, self.settings.seed + self.settings.episodes)
        yield [self._planned(0, seed) for seed in seeds]
        yield [
            self._planned(entry, seed) for entry in range(1, len(self.entries)) for seed in seeds
        ]

    def _planned(self, entry: int, seed: int) -> Planned:
        planned = plan_match(self.settings, self.entries[entry], seed, self.path)
        return replace(planned, anchor=entry > 0)


def plan_match(
    settings: Settings,
    seats: Sequence[AgentSettings],
    seed: int,
    folder: Path,
    repeat: int = 0,
    title: str = "",
) -> Planned:
    """One match as it will stand in its log.

    Args:
        settings: What it is played under.
        seats: Who plays, in seat order.
        seed: The match seed.
        folder: The folder of its series.
        repeat: Counts matches that are otherwise the same.
        title: What to call it among the others; its seed if nothing is said.
    """
    spec = registry.games.load(settings.game.id).spec
    asking = any(registry.agents.load(one.name).asks for one in seats)
    backend = settings.backend.model_dump(mode="json") if asking else {}
    header = Header(
        match="",
        game=spec.id,
        arguments={
            key: value for key, value in settings.game.arguments.items() if key not in spec.local
        },
        seed=seed,
        repeat=repeat,
        seats=tuple(
            _seat(name, one, settings) for name, one in zip(spec.seats, seats, strict=True)
        ),
        clock=cast(State, settings.clock.model_dump(mode="json")),
        policy=cast(State, settings.policy.model_dump(mode="json")),
        max_decisions=_bound(settings),
        slo=cast(State, settings.slo.model_dump(mode="json")),
        backend=cast(State, backend),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        versions=versions(),
    )
    header = replace(header, match=record.match_key(header))
    agents = "-vs-".join(file_name(one.name) for one in seats)
    name = f"{registry.config_name(spec.id)}_{agents}_s{seed}_{header.match[:8]}.jsonl"
    return Planned(header, folder / "matches" / name, settings, title or f"seed {seed}")


def _seat(name: str, agent: AgentSettings, settings: Settings) -> Seat:
    kind = registry.agents.load(agent.name)
    model = _model(settings) if kind.asks else ""
    return Seat(name, agent.name, model, agent.settings, kind.prompt_hash(agent.settings))


def _model(settings: Shared) -> str:
    backend = settings.backend
    return getattr(backend, "model", None) or str((backend.model_extra or {}).get("model", ""))


def _bound(settings: Settings) -> int | None:
    """The most decisions a seat may take in a match, or None."""
    if settings.max_decisions != "usual":
        return settings.max_decisions
    return _usual_bound(settings.game.id, json.dumps(settings.game.arguments))


@cache
def _usual_bound(game: str, arguments: str) -> int | None:
    """What a game with these settings says itself; made once, as some are slow to make."""
    return registry.games.make(game, json.loads(arguments)).spec.decisions


def make_game(settings: Settings, header: Header) -> Game:
    """A header's game, with the settings that logs leave out."""
    given, local = settings.game.arguments, registry.games.load(header.game).spec.local
    here = {key: given[key] for key in local if key in given}
    return registry.games.make(header.game, {**header.arguments, **here})


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
        one = main[0].name if main else settings.agent.name
        how = f"agent={one}" if len(spec.seats) == 1 else f"agents=[{example}]"
        raise ConfigError(
            f"{spec.id} has {len(spec.seats)} seat(s) ({seats}), {len(main)} agent(s) given: "
            f"write {how}"
        )
    check_live(settings, spec, main)
    anchors = settings.anchors if len(main) == 1 else ()
    return [main, *((find(name),) for name in anchors if name != main[0].name)]


def check_live(settings: Shared, spec: GameSpec, seats: Sequence[AgentSettings]) -> None:
    """An agent that lives by the wall clock can be in one place at a time."""
    live = [one.name for one in seats if registry.agents.load(one.name).live]
    if live and settings.concurrency > 1:
        raise ConfigError(
            f"concurrency={settings.concurrency}: agent {live[0]} plays one match at a time; "
            "write concurrency=1"
        )
    if len(live) > 1 and spec.simultaneous:
        raise ConfigError(
            f"agents=[{','.join(live)}]: both seats of {spec.id} act at the same time, and "
            f"{live[0]} can take one of them; write agents=[{live[0]},greedy]"
        )


def _seat_agents(header: Header, game: Game, client: Client | None) -> list[Agent]:
    return [
        registry.agents.make(
            seat.agent,
            {"seating": Seating(game.spec, number, header.seed, client), **seat.settings},
        )
        for number, seat in enumerate(header.seats)
    ]


async def _close(agents: Sequence[Agent]) -> None:
    """Close agents, also when this is cancelled once more on the way.

    At the end of a run a match is cancelled twice: by the runner, and by the task
    group that the runner cancels as well.
    """
    closing = asyncio.gather(*(agent.close() for agent in agents))
    try:
        await asyncio.shield(closing)
    except asyncio.CancelledError:
        await asyncio.wait([closing])
        raise


def make_clock(settings: Settings, pace: int, live: Sequence[int]) -> Clock:
    """The clock of one match, some of whose seats may have a hand of their own."""
    clock = settings.clock
    if clock.kind == "paused":
        return Paused(clock.pace)
    hand = pace if clock.pace is None else clock.pace
    if clock.kind == "realtime":
        return Realtime(clock.bank_s, hand, live)
    return Simulated(latency_from(clock.latency, clock.ttft_s, clock.tpot_s), clock.bank_s, hand)


def existing(planned: Planned) -> Log | None:
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
