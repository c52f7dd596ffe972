"""How a board was played, in sentences, from its logs; and on what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lmgame.board.source import Run
from lmgame.board.table import GameTable, Unit
from lmgame.board.unit import SCRIPTED
from lmgame.game import State
from lmgame.limit import LABELS
from lmgame.record import Log
from lmgame.standing import RANDOM


def sentences(games: Sequence[GameTable], units: Mapping[str, Unit]) -> tuple[str, ...]:
    """What a reader must know to judge the figures."""
    return (*_rules(games), *_seeds(games, units), *_figures(games))


def _rules(games: Sequence[GameTable]) -> list[str]:
    """The settings that matches were played under, one sentence for all games where it can be."""
    told = []
    for what in (_clock, _policy, _bound, _slo):
        by_text: dict[str, list[str]] = {}
        for game in games:
            by_text.setdefault(what(game), []).append(game.name)
        for text, names in by_text.items():
            told.append(text if len(by_text) == 1 else f"{', '.join(names)}: {text}")
    return told


def _clock(game: GameTable) -> str:
    kind = game.clock.get("kind")
    if kind == "simulated":
        latency = game.clock.get("latency")
        return f"The world moved on while agents thought (simulated clock, latency {latency})."
    if kind == "realtime":
        return "The world ran on the wall clock (realtime)."
    return "The world waited for every decision (paused clock)."


def _policy(game: GameTable) -> str:
    asked, then = game.policy.get("retries", 0), game.policy.get("then", "default")
    after = "the match is forfeited" if then == "forfeit" else "the game's default action is taken"
    times = "once more" if asked == 1 else f"again up to {asked} times"
    failed = (
        "a call that keeps failing counts as a bad reply."
        if game.policy.get("failed") == "default"
        else "a failing backend suspends a match, which then counts as unfinished and as no loss."
    )
    again = f"asked for {times}; then" if asked else "not asked for again:"
    return f"A reply that is no legal action is {again} {after}; {failed}"


def _bound(game: GameTable) -> str:
    if game.max_decisions is None:
        return "Matches ended by the rules alone."
    return f"A match ended at the latest when every seat had taken {game.max_decisions} decisions."


def _slo(game: GameTable) -> str:
    limits = ", ".join(
        f"{label} {value:g} s"
        for key, label in LABELS.items()
        if isinstance(value := game.slo.get(key), int | float)
    )
    return f"Limits of the service-level objective: {limits}." if limits else "No limits were set."


def _seeds(games: Sequence[GameTable], units: Mapping[str, Unit]) -> list[str]:
    """How many seeds, and whether everybody played everything."""
    told = []
    counts: dict[bool, set[int]] = {True: set(), False: set()}
    for game in games:
        for row in game.rows:
            counts[units[row.unit].anchor].add(row.seeds)
    for anchor, some in counts.items():
        if some:
            span = " to ".join(map(str, sorted({min(some), max(some)})))
            who = "anchors" if anchor else "everybody else"
            told.append(f"Seeds in each game, for {who}: {span}.")
    absent = [
        key for key in units if any(all(row.unit != key for row in game.rows) for game in games)
    ]
    if absent:
        told.append(
            f"{len(absent)} of {len(units)} did not play every game: overall figures are over the "
            "games that each has played."
        )
    repeats = {one.repeat for game in games for one in game.matches}
    if len(repeats) > 1:
        told.append("Matches repeated on a seed are averaged before anything else.")
    return told


def _figures(games: Sequence[GameTable]) -> list[str]:
    told = []
    if any(game.seats == 1 for game in games):
        told.append(
            f"Anchor share: 0 plays like {RANDOM}, 1 like {SCRIPTED}; left out where {SCRIPTED} is "
            f"not better than {RANDOM} beyond doubt."
        )
    if any(game.seats == 2 for game in games):
        told.append(
            "Ratings: Bradley-Terry with draws and a first-seat term; two units meet in pairs of "
            "matches on one seed with the seats swapped."
        )
    if any(one.end == "max_decisions" for game in games if game.seats == 2 for one in game.matches):
        told.append("In games with two seats, a match that max_decisions ended is a draw.")
    told.append("All intervals are 95 %; a rank is shared where they overlap.")
    return told


def versions(logs: Sequence[Log]) -> dict[str, tuple[str, ...]]:
    """The packages that played, each with the versions seen."""
    found: dict[str, set[str]] = {}
    for log in logs:
        for package, version in log.header.versions.items():
            found.setdefault(package, set()).add(version)
    return {package: tuple(sorted(some)) for package, some in sorted(found.items())}


def machines(runs: Sequence[Run]) -> tuple[str, ...]:
    """The machines that played, as far as the runs tell."""
    return tuple(sorted({_machine(run.environment) for run in runs if run.environment}))


def _machine(environment: State) -> str:
    cores = environment.get("cores")
    parts = [
        str(environment.get("cpu") or "unknown processor"),
        f"{cores} cores" if cores else "",
        str(environment.get("machine") or ""),
        str(environment.get("system") or ""),
        f"Python {environment['python']}" if environment.get("python") else "",
    ]
    return ", ".join(part for part in parts if part)
