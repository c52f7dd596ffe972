"""`lmgame tournament`: every agent against every other, from settings to ratings."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from rich.console import Console

from lmgame import config, registry, report, schedule, sitting, standing
from lmgame.errors import ConfigError
from lmgame.folder import fresh_name
from lmgame.game import State
from lmgame.record import Log
from lmgame.run import Planned, Series, check_live, existing, plan_match
from lmgame.schedule import Pairing
from lmgame.settings import Settings, TournamentSettings


def tournament(overrides: Sequence[str], as_json: bool) -> int:
    """Play a tournament, or continue it.

    Args:
        overrides: Hydra overrides.
        as_json: Print ``tournament.json``'s content alone on standard output.

    Returns:
        The exit status, as for :func:`lmgame.play.play`.
    """
    series = Tournament(overrides)
    err = Console(stderr=True)
    with sitting.held(series):
        end = sitting.sit(series, err)
        _report(series, as_json)
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
        settings, self.games, each = config.load_tournament(overrides)
        super().__init__(
            settings, Path(settings.run) if settings.run else fresh_name(root, "tournament")
        )
        named = (settings.agent.name,) if settings.agents is None else settings.agents
        self.pool = (*named, *(one for one in settings.anchors if one not in named))
        schedule.check_pool(self.pool)
        _check_games(settings.games, self.games)
        self.seats = {
            name: len(registry.games.load(one.game.id).spec.seats)
            for name, one in self.games.items()
        }
        any_game = next(iter(self.games.values()))
        self.agents = {
            name: config.agent_settings(any_game, name, overrides=each) for name in self.pool
        }
        for name, seats in self.seats.items():
            schedule.check_seats(name, seats, self.pool, settings.schedule)
            spec = registry.games.load(self.games[name].game.id).spec
            for agent in self.agents.values():
                check_live(settings, spec, [agent])
        self._planned: dict[Pairing, Planned] = {}

    @property
    def total(self) -> int:
        """How many matches there are."""
        return sum(self._size(seats) for seats in self.seats.values())

    def _size(self, seats: int) -> int:
        settings, agents = self.settings, len(self.pool)
        if seats == 1:
            return agents * settings.seeds * settings.repeats
        if settings.schedule == "swiss":
            return settings.rounds * (agents // 2) * 2 * settings.seeds
        return agents * (agents - 1) * settings.seeds

    def samples(self) -> Iterator[Planned]:
        """In each game, everybody once in the first seat."""
        for name, seats in self.seats.items():
            for number, agent in enumerate(self.pool):
                after = self.pool[(number + 1) % len(self.pool)]
                players = (agent, after)[:seats]
                yield self._match(Pairing(name, self.settings.seed, players, ""))

    def stages(self) -> Iterator[list[Planned]]:
        """All at once, in the order of seeds; a Swiss round when the last is over."""
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
            for pairing in schedule.single(
                name, self.pool, settings.seed, settings.seeds, settings.repeats
            )
        ]
        if settings.schedule == "swiss" and several:
            yield from self._swiss(found, several)
            return
        for name in several:
            found += schedule.round_robin(name, self.pool, settings.seed, settings.seeds)
        yield found

    def _swiss(self, first: list[Pairing], games: Sequence[str]) -> Iterator[list[Pairing]]:
        """Round after round, with what is played alone beside the first."""
        settings = self.settings
        points: dict[str, dict[Pairing, tuple[float, float]]] = {name: {} for name in games}
        for number in range(settings.rounds):
            pairings = [
                pairing
                for name in games
                for pairing in schedule.swiss(
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
                [self.agents[name] for name in pairing.seats],
                pairing.seed,
                self.path,
                pairing.repeat,
                f"{pairing.game} {' - '.join(pairing.seats)} seed {pairing.seed}{again}",
            )
        return self._planned[pairing]


def _check_games(names: Sequence[str], games: Mapping[str, Settings]) -> None:
    """Refuse a tournament without games, or with one of them twice, also by another name."""
    if not names:
        raise ConfigError("there is no game: write games=[connect_four,tetris]")
    same: dict[str, str] = {}
    for name in names:
        what = json.dumps(games[name].game.model_dump(mode="json"), sort_keys=True)
        if what in same:
            also = "" if same[what] == name else f", also as {same[what]}"
            raise ConfigError(f"games: {name} is named twice{also}: name every game once")
        same[what] = name


def _report(series: Tournament, as_json: bool) -> None:
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
    if settings.schedule == "swiss":
        rules["rounds"] = settings.rounds
    found = standing.standings(rules, series.played())
    if not found["games"]:
        return
    text = json.dumps(found, indent=1)
    (series.path / "tournament.json").write_text(text + "\n")
    if as_json:
        print(text, flush=True)
    else:
        out = Console()
        report.show_standings(found, out)
        out.print(f"tournament: {series.path}", markup=False, highlight=False, soft_wrap=True)
