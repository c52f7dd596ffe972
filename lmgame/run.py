"""Series of matches, how they are played, and the one that is a run.

Starting a run whose folder exists continues it: finished matches are kept,
unfinished ones go on from their last decision.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from lmgame import config, record, registry
from lmgame.agent import Agent, Client, Offload, Seating
from lmgame.backend_settings import AnyBackend
from lmgame.config import Entrant
from lmgame.errors import ConfigError, LmgameError, LogNeverBegan
from lmgame.folder import Folder, file_name, fresh_name
from lmgame.game import Game, GameSpec
from lmgame.garbage import rarely_collected
from lmgame.limit import Slo
from lmgame.match import Match, Observer, Policy
from lmgame.plan import Planned, existing, make_clock, make_game, make_judge, plan_match
from lmgame.record import Header, Log, Result, Suspended, Writer
from lmgame.settings import Settings, Shared

if TYPE_CHECKING:
    from lmgame.executor import Executor

ClientFor = Callable[[AnyBackend], Client]
S_co = TypeVar("S_co", bound=Shared, covariant=True)


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

    def logs(self) -> list[Log]:
        """Every log in the folder, also of matches that are no longer planned."""
        found = []
        for path in sorted((self.path / "matches").glob("*.jsonl")):
            try:
                found.append(record.read(path))
            except LogNeverBegan:
                continue
        return found

    def check(self, client: ClientFor) -> None:
        """Make the game and every agent once, so that mistakes show before anything is played.

        Raises:
            ConfigError: A setting that the game or an agent refuses.
        """
        for planned in self.samples():
            game = make_game(planned.settings, planned.header)
            _seat_agents(planned, planned.header, game, client)

    async def play_all(
        self,
        plan: Sequence[Planned],
        executor: Executor,
        finished: Callable[[Planned, Result | Suspended], None],
    ) -> Suspended | None:
        """Play matches in order, as many at a time as the executor has lanes.

        After a match was suspended no other one is begun: the backend is gone.

        Args:
            plan: What to play.
            executor: Plays one match.
            finished: Is told of each match that ended.

        Returns:
            The first suspension, if there was one.
        """
        suspended: list[Suspended] = []

        async def play_on(due: Iterator[Planned]) -> None:
            while not suspended and (planned := next(due, None)) is not None:
                result = await executor.play(planned)
                if isinstance(result, Suspended):
                    suspended.append(result)
                finished(planned, result)

        try:
            with rarely_collected():
                async with asyncio.TaskGroup() as group:
                    for lane in executor.lanes(plan):
                        group.create_task(play_on(lane))
        except* LmgameError as errors:
            raise errors.exceptions[0] from None
        return suspended[0] if suspended else None


async def play_match(
    planned: Planned,
    client: ClientFor,
    observer: Observer | None = None,
    workers: Offload | None = None,
) -> Result | Suspended:
    """Play one match, or continue it; a finished one is only read.

    Args:
        planned: The match.
        client: Whom an agent asks, by its backend.
        observer: Who is told of each landing.
        workers: Where agents may compute.
    """
    log = existing(planned)
    if log is not None and log.result is not None:
        return log.result
    header = planned.header if log is None else log.header
    settings = planned.settings
    game = make_game(settings, header)
    agents = _seat_agents(planned, header, game, client, workers)
    writer = Writer(planned.path, 0 if log is None else log.size)
    live = [seat for seat, agent in enumerate(agents) if agent.live]
    match = Match(
        header=header,
        game=game,
        agents=agents,
        clock=make_clock(settings, game.spec.pace, live),
        policy=Policy(**settings.policy.model_dump()),
        writer=writer,
        judge=make_judge(Slo.from_log(header.slo)),
        observer=observer,
    )
    try:
        return await match.play(log)
    finally:
        writer.close()
        await _close(agents)


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
        names = [file_name(one.agent.name) for one in self.entries[0]]
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


def _entries(settings: Settings, overrides: Sequence[str]) -> list[tuple[Entrant, ...]]:
    """Who plays: the agents that were asked for, then one entry for each anchor."""
    spec = registry.games.load(settings.game.id).spec

    def find(words: str) -> Entrant:
        return config.entrant(settings, words, overrides, "config")

    named = (settings.agent.name,) if settings.agents is None else settings.agents
    main = tuple(find(words) for words in named)
    if len(main) != len(spec.seats):
        seats = ", ".join(spec.seats)
        example = ",".join(["llm", "greedy", *["random"] * len(spec.seats)][: len(spec.seats)])
        one = main[0].label if main else settings.agent.name
        how = f"agent={one}" if len(spec.seats) == 1 else f"agents=[{example}]"
        raise ConfigError(
            f"{spec.id} has {len(spec.seats)} seat(s) ({seats}), {len(main)} agent(s) given: "
            f"write {how}"
        )
    check_live(settings, spec, main)
    anchors = settings.anchors if len(main) == 1 else ()
    return [main, *((find(name),) for name in anchors if name != main[0].label)]


def check_live(settings: Shared, spec: GameSpec, seats: Sequence[Entrant]) -> None:
    """An agent that lives by the wall clock can be in one place at a time."""
    live = [one.agent.name for one in seats if registry.agents.load(one.agent.name).live]
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


def _seat_agents(
    planned: Planned,
    header: Header,
    game: Game,
    client: ClientFor,
    workers: Offload | None = None,
) -> list[Agent]:
    """The agents of a match, as its log's header has them."""
    clients = [client(one.backend) if one.backend else None for one in planned.entrants]
    return [
        registry.agents.make(
            seat.agent,
            {
                "seating": Seating(game.spec, number, header.seed, clients[number], workers),
                **seat.settings,
            },
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
