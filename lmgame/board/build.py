"""A board from logs: a pure function, whatever the order of the logs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from math import inf
from typing import TypeVar, cast

from lmgame.board import protocol
from lmgame.board.compare import compare_all
from lmgame.board.meeting import meetings, rated, results
from lmgame.board.overall import Sums, overall
from lmgame.board.ruleset import Ruleset, rulesets
from lmgame.board.score import Yardsticks, played, row
from lmgame.board.source import Run
from lmgame.board.table import Board, Comparison, GameTable, MatchRow, Row, Unit
from lmgame.board.unit import key_of, units
from lmgame.rating import Match
from lmgame.record import Log
from lmgame.slo import Slo

T = TypeVar("T")
_DECIMALS = 9
"""Of every figure but p-values: beyond them, sums hang on the order of adding."""


def build(runs: Sequence[Run], name: str, title: str, notes: Sequence[str] = ()) -> Board:
    """Work out a board.

    Args:
        runs: What was played, as :func:`lmgame.board.source.read` gives it.
        name: The board's.
        title: For people.
        notes: Sentences to add to its protocol.
    """
    runs = sorted(runs, key=lambda run: run.name)
    logs = sorted((log for run in runs for log in run.logs), key=lambda log: log.header.match)
    who = units(logs)
    source = {log.header.match: f"{run.name}/{log.path.name}" for run in runs for log in run.logs}
    sums: dict[str, Sums] = {key: Sums() for key in who}
    every: list[Match] = []
    games = []
    for rules in rulesets(logs):
        matches = [*results(rules)]
        every += matches
        games.append(_game(rules, matches, who, source, sums))
    table = rated(every)
    ratings = {one.agent: one for one in table.ratings} if table else {}
    return _steady(
        Board(
            name=name,
            title=title,
            units=who,
            overall=overall(who, sums, ratings),
            games=tuple(games),
            groups=table.groups if table else (),
            protocol=(*protocol.sentences(games, who), *notes),
            sources=tuple(
                {"name": run.name, "logs": len(run.logs), "sum": run.sum} for run in runs
            ),
            versions=protocol.versions(logs),
            machines=protocol.machines(runs),
        )
    )


def _game(
    rules: Ruleset,
    matches: Sequence[Match],
    who: Mapping[str, Unit],
    source: Mapping[str, str],
    sums: Mapping[str, Sums],
) -> GameTable:
    """One game; what it adds to each unit's sums is added."""
    header, alone = rules.header, rules.seats == 1
    slo = Slo.from_log(header.slo)
    did = played(rules)
    yardsticks = Yardsticks.of(did, who) if alone else None
    table = None if alone else rated(matches)
    ratings = {one.agent: one for one in table.ratings} if table else {}
    for key, one in did.items():
        sums[key].games.append((one, yardsticks))
        sums[key].slos.append(slo)
    rows = [row(key, one, yardsticks, ratings.get(key), slo) for key, one in did.items()]
    rows.sort(key=lambda one: (_worth(one), who[one.unit].label, one.unit))
    return GameTable(
        name=rules.name,
        game=header.game,
        title=rules.title,
        score=rules.score,
        arguments=header.arguments,
        clock=header.clock,
        policy=header.policy,
        max_decisions=header.max_decisions,
        slo=header.slo,
        seats=rules.seats,
        rows=tuple(rows),
        comparisons=compare_all({one.unit: did[one.unit].by_seed for one in rows}) if alone else (),
        meetings=meetings(matches),
        seat_term=table.seat.get(rules.name) if table else None,
        groups=table.groups if table else (),
        matches=_matches(rules.logs, who, source),
    )


def _worth(one: Row) -> float:
    """Smaller is better."""
    if one.rating is not None:
        return -one.rating.strength
    return inf if one.score.mean is None else -one.score.mean


def _matches(
    logs: Sequence[Log], who: Mapping[str, Unit], source: Mapping[str, str]
) -> tuple[MatchRow, ...]:
    rows = [_match(log, source[log.header.match]) for log in logs]
    rows.sort(
        key=lambda one: (one.seed, [who[key].label for key in one.units], one.repeat, one.match)
    )
    return tuple(rows)


def _match(log: Log, source: str) -> MatchRow:
    header, result = log.header, log.result
    seats = range(len(header.seats))
    spent = [seconds for seconds, _ in log.calls() if seconds is not None]
    left = [one.seconds for one in result.abandoned] if result else []
    return MatchRow(
        match=header.match,
        log=source,
        seed=header.seed,
        repeat=header.repeat,
        units=tuple(key_of(header, seat) for seat in seats),
        scores=result.scores if result else log.played[-1].scores if log.played else (),
        winner=result.winner if result else None,
        end=result.end if result else "unfinished",
        decisions=tuple(sum(one.seat == seat for one in log.played) for seat in seats),
        seconds=sum(spent) + sum(left),
    )


def _steady(value: T) -> T:
    """The same values with rounded figures, all the way down."""
    found: object = value
    if isinstance(value, float):
        found = round(value, _DECIMALS) + 0.0  # never -0.0
    elif isinstance(value, Comparison):
        found = Comparison(
            *(
                getattr(value, one.name)
                if one.name in ("p", "p_rank")
                else _steady(getattr(value, one.name))
                for one in fields(value)
            )
        )
    elif is_dataclass(value) and not isinstance(value, type):
        found = type(value)(
            **{one.name: _steady(getattr(value, one.name)) for one in fields(value)}
        )
    elif isinstance(value, Mapping):
        found = {key: _steady(inner) for key, inner in value.items()}
    elif isinstance(value, tuple | list):
        found = type(value)(_steady(inner) for inner in value)
    return cast(T, found)
