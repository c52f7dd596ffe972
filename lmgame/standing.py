"""What a tournament came to: ``tournament.json``, a pure function of its logs.

Nothing measured is in it, so that the same matches give the same bytes however
often they were interrupted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import asdict, dataclass, field

from lmgame.game import State
from lmgame.rating import Match, Table, Winner, rate
from lmgame.record import Log, Result
from lmgame.schedule import Pairing
from lmgame.summary import Score

RANDOM = "random"
"""Whom Glass's delta compares with."""
_WINNERS: tuple[Winner, Winner] = ("first", "second")


@dataclass(slots=True)
class Tally:
    """What is known of one agent in one game, counted match by match."""

    model: str = ""
    scores: list[float] = field(default_factory=list)
    wins: int = 0
    draws: int = 0
    losses: int = 0
    forfeits: int = 0
    truncated: int = 0
    unfinished: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)

    def add(self, log: Log, number: int) -> None:
        """Count one match, in which this agent had the seat with this number."""
        self.model = log.header.seats[number].model
        self.outcomes.update(one.outcome for one in log.played if one.seat == number)
        result = log.result
        if result is None:
            self.unfinished += 1
            return
        self.scores.append(result.scores[number])
        self.forfeits += result.end == "forfeit" and result.winner != number
        self.truncated += result.end == "max_decisions"
        if len(log.header.seats) > 1:
            self.wins += result.winner == number
            self.draws += result.winner is None
            self.losses += result.winner not in (None, number)


@dataclass(slots=True)
class _Game:
    """What is known of one game; ``header`` is that of any of its matches."""

    log: Log
    rows: dict[str, Tally] = field(default_factory=dict)
    ends: Counter[str] = field(default_factory=Counter)
    matches: list[Match] = field(default_factory=list)


def standings(schedule: State, played: Iterable[tuple[Pairing, Log]]) -> dict[str, object]:
    """The content of ``tournament.json``; docs/log.md tells its fields.

    A match counts when it has a result: one that a failing backend suspended is no
    loss, it is unfinished. A forfeit is a loss.

    Args:
        schedule: What was to be played, kept as it is.
        played: Every match that was begun, with its log.
    """
    games: dict[str, _Game] = {}
    for pairing, log in played:
        game = games.setdefault(pairing.game, _Game(log))
        for number, name in enumerate(pairing.seats):
            game.rows.setdefault(name, Tally()).add(log, number)
        if log.result is None:
            continue
        game.ends[log.result.end] += 1
        if len(pairing.seats) == 2:
            game.matches.append(as_match(pairing.game, pairing.seats, log.result, pairing.pair))
    every = [one for game in games.values() for one in game.matches]
    return {
        "schedule": schedule,
        "games": [_game(name, game) for name, game in sorted(games.items())],
        "ratings": _ratings(every),
    }


def points(result: Result) -> tuple[float, float]:
    """What a two-seat match brought to its seats: 1 for a win, a half for a draw."""
    if result.winner is None:
        return (0.5, 0.5)
    return (1.0, 0.0) if result.winner == 0 else (0.0, 1.0)


def as_match(game: str, seats: Sequence[str], result: Result, pair: Hashable) -> Match:
    """A finished match of two seats, as ratings take it."""
    winner = "draw" if result.winner is None else _WINNERS[result.winner]
    return Match(game, seats[0], seats[1], winner, pair)


def _game(name: str, game: _Game) -> dict[str, object]:
    header = game.log.header
    seats = len(header.seats)
    yardstick = game.rows.get(RANDOM)
    return {
        "name": name,
        "game": header.game,
        "arguments": header.arguments,
        "seats": seats,
        "clock": header.clock,
        "max_decisions": header.max_decisions,
        "matches": {
            "finished": sum(game.ends.values()),
            "unfinished": sum(row.unfinished for row in game.rows.values()) // seats,
            "ends": dict(sorted(game.ends.items())),
        },
        "agents": [
            _agent(agent, row, yardstick, seats) for agent, row in sorted(game.rows.items())
        ],
        "ratings": _ratings(game.matches),
    }


def _agent(name: str, row: Tally, yardstick: Tally | None, seats: int) -> dict[str, object]:
    entry: dict[str, object] = {
        "agent": name,
        "model": row.model,
        "score": asdict(Score.of(row.scores)),
        "forfeits": row.forfeits,
        "truncated": row.truncated,
        "unfinished": row.unfinished,
        "decisions": dict(sorted(row.outcomes.items())),
    }
    if seats > 1:
        return entry | {"wins": row.wins, "draws": row.draws, "losses": row.losses}
    return entry | {
        "glass_delta": None if yardstick is None else glass_delta(row.scores, yardstick.scores)
    }


def glass_delta(scores: Sequence[float], base: Sequence[float]) -> float | None:
    """How far scores are above random's, in standard deviations of random's.

    Glass, Educational Researcher 5 (1976). None where random has no spread, or one
    of them has no finished match.
    """
    ours, theirs = Score.of(scores), Score.of(base)
    if ours.mean is None or theirs.mean is None or not theirs.sd:
        return None
    return (ours.mean - theirs.mean) / theirs.sd


def _ratings(matches: Sequence[Match]) -> dict[str, object] | None:
    """Ratings as JSON values; None where no two-seat match is finished."""
    if not matches:
        return None
    table: Table = rate(matches)
    return {
        "agents": [asdict(one) for one in table.ratings],
        "seat": table.seat,
        "groups": [list(group) for group in table.groups],
    }
