"""A run: which matches it has, and how they are played.

Starting a run whose folder exists continues it: finished matches are kept,
unfinished ones go on from their last decision.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path
from typing import cast

from lmgame import config, record, registry
from lmgame.agent import Agent, Client, Seating
from lmgame.clock import Clock, Paused, Realtime, Simulated, latency_from
from lmgame.config import AgentSettings, Settings
from lmgame.environment import versions
from lmgame.errors import ConfigError, LmgameError, LogError, LogNeverBegan
from lmgame.folder import Folder, file_name, fresh_name
from lmgame.game import Game, GameSpec, State
from lmgame.match import Judge, Match, Observer, Policy
from lmgame.record import Header, Log, Result, Seat, Suspended, Writer


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
    """Matches to play, or to go on with.

    Args:
        settings: What to play.
        overrides: What the user wrote; tells which agent settings were meant.
        root: Where runs without a name go.

    Raises:
        NameNotFound: A game or an agent that does not exist.
        ConfigError: The wrong number of agents for the game.
    """

    def __init__(
        self, settings: Settings, overrides: Sequence[str] = (), root: Path = Path("runs")
    ) -> None:
        self.settings = settings
        self.entries = _entries(settings, overrides)
        self.path = (
            Path(settings.run) if settings.run else fresh_name(root, settings, self.entries[0])
        )
        self.folder = Folder(self.path, settings)
        self.model = getattr(settings.backend, "model", None) or str(
            (settings.backend.model_extra or {}).get("model", "")
        )

    @cached_property
    def bound(self) -> int | None:
        """The most decisions a seat may take in a match, or None."""
        asked, game = self.settings.max_decisions, self.settings.game
        if asked == "usual":
            return registry.games.make(game.id, game.arguments).spec.decisions
        return asked

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
            arguments={
                key: value
                for key, value in settings.game.arguments.items()
                if key not in spec.local
            },
            seed=seed,
            seats=tuple(
                Seat(
                    name,
                    one.name,
                    self.model if registry.agents.load(one.name).asks else "",
                    one.settings,
                    registry.agents.load(one.name).prompt_hash(one.settings),
                )
                for name, one in zip(spec.seats, seats, strict=True)
            ),
            clock=cast(State, settings.clock.model_dump(mode="json")),
            policy=cast(State, settings.policy.model_dump(mode="json")),
            max_decisions=self.bound,
            slo=cast(State, settings.slo.model_dump(mode="json")),
            backend=cast(State, backend),
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            versions=versions(),
        )
        key = record.match_key(header)
        agents = "-vs-".join(file_name(one.name) for one in seats)
        name = f"{registry.config_name(spec.id)}_{agents}_s{seed}_{key[:8]}.jsonl"
        return Planned(_with_key(header, key), self.path / "matches" / name, anchor)

    def game(self, header: Header) -> Game:
        """A header's game, with the settings that logs leave out."""
        given, local = self.settings.game.arguments, registry.games.load(header.game).spec.local
        here = {key: given[key] for key in local if key in given}
        return registry.games.make(header.game, {**header.arguments, **here})

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
        for seats in self.entries:
            planned = self._planned(seats, self.settings.seed, anchor=False)
            game = self.game(planned.header)
            _seat_agents(planned.header, game, client)

    async def play(
        self, planned: Planned, client: Client | None, judge: Judge, observer: Observer | None
    ) -> Result | Suspended:
        """Play one match, or continue it; a finished one is only read."""
        log = _existing(planned)
        if log is not None and log.result is not None:
            return log.result
        header = planned.header if log is None else log.header
        game = self.game(header)
        agents = _seat_agents(header, game, client)
        writer = Writer(planned.path, 0 if log is None else log.size)
        match = Match(
            header=header,
            game=game,
            agents=agents,
            clock=make_clock(
                self.settings,
                game.spec.pace,
                [seat for seat, agent in enumerate(agents) if agent.live],
            ),
            policy=Policy(**self.settings.policy.model_dump()),
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
    _check_live(settings, spec, main)
    anchors = settings.anchors if len(main) == 1 else ()
    return [main, *((find(name),) for name in anchors if name != main[0].name)]


def _check_live(settings: Settings, spec: GameSpec, seats: Sequence[AgentSettings]) -> None:
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
