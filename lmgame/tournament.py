"""`lmgame tournament`: every agent against every other, from settings to ratings."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from rich.console import Console

from lmgame import config, registry, report, schedule, sitting, standing
from lmgame.config import Entrant
from lmgame.errors import ConfigError
from lmgame.folder import fresh_name
from lmgame.game import State
from lmgame.ladder import ladder
from lmgame.plan import Planned, existing, plan_match
from lmgame.record import Log
from lmgame.run import Series
from lmgame.schedule import Pairing
from lmgame.settings import Settings, TournamentSettings

STAGED = {"swiss": schedule.swiss, "ladder": ladder}
"""Schedules of several rounds, each of which hangs on the results of those before."""


def tournament(overrides: Sequence[str], as_json: bool, quiet: bool = False) -> int:
    """Play a tournament, or continue it.

    Args:
        overrides: Hydra overrides.
        as_json: Print ``tournament.json``'s content alone on standard output.
        quiet: Print nothing there.

    Returns:
        The exit status, as for :func:`lmgame.play.play`.
    """
    series = Tournament(overrides)
    err = Console(stderr=True)
    with sitting.held(series):
        end = sitting.sit(series, err)
        _report(series, as_json, quiet)
        if end.status:
            sitting.tell_how_to_go_on(series, overrides, end.stopped, err)
    return end.status


class Tournament(Series[TournamentSettings]):
    """The matches of a schedule.

    Args:
        overrides: What the user wrote.
        root: Where tournaments without a name go.

    Raises:
        NameNotFound: A game or an agent that does not exist.
        ConfigError: A pool or a game that the schedule cannot use.
    """

    command = "tournament"

    def __init__(self, overrides: Sequence[str], root: Path = Path("runs")) -> None:
        settings, games = config.load_tournament(overrides)
        super().__init__(
            settings, Path(settings.run) if settings.run else fresh_name(root, "tournament")
        )
        self.agents = _pool(settings, overrides)
        self.pool = tuple(self.agents)
        self.anchors = tuple(one for one in settings.anchors if one in self.agents)
        if settings.anchor_seeds is not None and settings.anchor_seeds < settings.seeds:
            raise ConfigError(
                f"anchor_seeds={settings.anchor_seeds}: anchors play everybody's seeds, and may "
                f"play more: write at least {settings.seeds}, as seeds={settings.seeds}"
            )
        self.games = _different(games)
        self.seats = {
            name: len(registry.games.load(one.game.id).spec.seats)
            for name, one in self.games.items()
        }
        for name, seats in self.seats.items():
            schedule.check_seats(name, seats, self.pool, settings.schedule)
        if settings.schedule == "gauntlet":
            schedule.gauntlet_meetings(self.pool, self.anchors)
        self._planned: dict[Pairing, Planned] = {}

    @property
    def total(self) -> int:
        """How many matches there are."""
        return sum(self._size(seats) for seats in self.seats.values())

    def _size(self, seats: int) -> int:
        settings, agents = self.settings, len(self.pool)
        anchors, more = len(self.anchors), self._more_seeds
        if seats == 1:
            return (agents * settings.seeds + anchors * more) * settings.repeats
        if settings.schedule in STAGED:
            return settings.rounds * (agents // 2) * 2 * settings.seeds
        meetings = agents * (agents - 1) // 2
        if settings.schedule == "gauntlet":
            meetings = len(schedule.gauntlet_meetings(self.pool, self.anchors))
        return 2 * meetings * settings.seeds + anchors * (anchors - 1) * more

    @property
    def _more_seeds(self) -> int:
        """How many seeds anchors play beyond everybody's."""
        most = self.settings.anchor_seeds
        return 0 if most is None else most - self.settings.seeds

    def samples(self) -> Iterator[Planned]:
        """In each game, everybody once in the first seat."""
        for name, seats in self.seats.items():
            for number, agent in enumerate(self.pool):
                after = self.pool[(number + 1) % len(self.pool)]
                players = (agent, after)[:seats]
                yield self._match(Pairing(name, self.settings.seed, players, ""))

    def stages(self) -> Iterator[list[Planned]]:
        """All at once, in the order of seeds; a round when the last is over."""
        for pairings in self._rounds():
            yield [self._match(one) for one in sorted(pairings, key=lambda one: one.seed)]

    def played(self) -> Iterator[tuple[Pairing, Log]]:
        """The matches that were begun, in the order of the schedule."""
        for pairings in self._rounds():
            for pairing in pairings:
                log = existing(self._match(pairing))
                if log is not None:
                    yield pairing, log

    def _rounds(self) -> Iterator[list[Pairing]]:
        settings = self.settings
        several = [name for name, seats in self.seats.items() if seats > 1]
        found = [
            pairing
            for name in self.games
            if name not in several
            for pool, first, seeds in self._lots()
            for pairing in schedule.single(name, pool, first, seeds, settings.repeats)
        ]
        if settings.schedule in STAGED and several:
            yield from self._staged(found, several)
            return
        for name in several:
            for pool, first, seeds in self._lots():
                if len(pool) > 1:
                    found += self._everybody(name, pool, first, seeds)
        yield found

    def _lots(self) -> Iterator[tuple[tuple[str, ...], int, int]]:
        """Who plays which seeds: the pool, the first one, and how many."""
        settings = self.settings
        yield self.pool, settings.seed, settings.seeds
        if self.anchors and self._more_seeds:
            yield self.anchors, settings.seed + settings.seeds, self._more_seeds

    def _everybody(self, game: str, pool: tuple[str, ...], first: int, seeds: int) -> list[Pairing]:
        if self.settings.schedule == "gauntlet":
            return schedule.gauntlet(game, pool, self.anchors, first, seeds)
        return schedule.round_robin(game, pool, first, seeds)

    def _staged(self, first: list[Pairing], games: Sequence[str]) -> Iterator[list[Pairing]]:
        """Round after round, with what is played alone beside the first."""
        settings = self.settings
        following = STAGED[settings.schedule]
        points: dict[str, dict[Pairing, tuple[float, float]]] = {name: {} for name in games}
        for number in range(settings.rounds):
            pairings = [
                pairing
                for name in games
                for pairing in following(
                    name, self.pool, settings.seed, settings.seeds, number, points[name]
                )
            ]
            yield first + pairings if number == 0 else pairings
            for pairing in pairings:
                log = existing(self._match(pairing))
                if log is None or log.result is None:
                    return
                points[pairing.game][pairing] = standing.points(log.result)

    def _match(self, pairing: Pairing) -> Planned:
        if pairing not in self._planned:
            again = f" #{pairing.repeat + 1}" if pairing.repeat else ""
            self._planned[pairing] = plan_match(
                self.games[pairing.game],
                [self.agents[label] for label in pairing.seats],
                pairing.seed,
                self.path,
                pairing.repeat,
                f"{pairing.game} {' - '.join(pairing.seats)} seed {pairing.seed}{again}",
            )
        return self._planned[pairing]


def _pool(settings: TournamentSettings, overrides: Sequence[str]) -> dict[str, Entrant]:
    """Who takes part, by label: who was asked for, then the anchors.

    Raises:
        ConfigError: Nobody, somebody twice, or somebody who plays by the wall clock.
    """
    asked = (settings.agent.name,) if settings.agents is None else settings.agents
    find = partial(config.entrant, settings, overrides=overrides, root="tournament")
    found = [find(words) for words in asked]
    labels = [one.label for one in found]
    found += [one for one in map(find, settings.anchors) if one.label not in labels]
    schedule.check_pool([one.label for one in found])
    _check_different("agents", {one.label: (one.agent, one.backend) for one in found})
    for one in found:
        if registry.agents.load(one.agent.name).live:
            raise ConfigError(
                f"agents: {one.label} plays one match at a time, by the wall clock: "
                f"lmgame play agent={one.agent.name}"
            )
    return {one.label: one for one in found}


def _different(games: dict[str, Settings]) -> dict[str, Settings]:
    """The games, each of which there is once.

    Raises:
        ConfigError: There is none, or one twice under different names.
    """
    if not games:
        raise ConfigError("there is no game: write games=[connect_four,tetris]")
    played = {"game", "clock", "policy", "max_decisions", "slo"}
    _check_different("games", {name: one.model_dump(include=played) for name, one in games.items()})
    return games


def _check_different(kind: str, what: Mapping[str, object]) -> None:
    """Refuse one thing under two names."""
    same: dict[str, str] = {}
    for label, one in what.items():
        other = same.setdefault(repr(one), label)
        if other != label:
            raise ConfigError(
                f"{kind}: {label} is named twice, also as {other}: name everything once"
            )


def _report(series: Tournament, as_json: bool, quiet: bool) -> None:
    """Write the standings and print them, of however much was played."""
    settings = series.settings
    rules: State = {
        "kind": settings.schedule,
        "agents": [*sorted(series.pool)],
        "seed": settings.seed,
        "seeds": settings.seeds,
        "repeats": settings.repeats,
        "matches": series.total,
    }
    if settings.schedule in STAGED:
        rules["rounds"] = settings.rounds
    found = standing.standings(rules, series.played())
    if not found["games"]:
        return
    text = json.dumps(found, indent=1)
    (series.path / "tournament.json").write_text(text + "\n")
    if quiet:
        return
    if as_json:
        print(text, flush=True)
    else:
        out = Console()
        report.show_standings(found, out)
        out.print(f"tournament: {series.path}", markup=False, highlight=False, soft_wrap=True)
