"""Games with two seats: who met whom, and the ratings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from lmgame.board.ruleset import Ruleset
from lmgame.board.table import Meeting
from lmgame.board.unit import key_of
from lmgame.rating import Match, Table, rate
from lmgame.standing import as_match

_DIGITS = 6
"""Of ratings: more would hang on the processor that worked them out."""


def results(rules: Ruleset) -> Iterator[Match]:
    """Finished matches of two different units, as ratings take them.

    Matches on the same seed between the same two are one pair.
    """
    for log in rules.logs:
        seats = [key_of(log.header, seat) for seat in range(rules.seats)]
        if log.result is not None and len(set(seats)) == 2:
            pair = (log.header.seed, log.header.repeat, *sorted(seats))
            yield as_match(rules.name, seats, log.result, pair)


def rated(matches: Sequence[Match]) -> Table | None:
    """Ratings, rounded; None where nobody has played anybody."""
    if not matches:
        return None
    table = rate(matches)
    ratings = (
        replace(
            one,
            strength=round(one.strength, _DIGITS),
            low=round(one.low, _DIGITS),
            high=round(one.high, _DIGITS),
        )
        for one in table.ratings
    )
    ordered = sorted(ratings, key=lambda one: (-one.strength, one.agent))
    seat = {game: round(term, _DIGITS) for game, term in table.seat.items()}
    return Table(tuple(ordered), seat, table.groups)


def meetings(matches: Sequence[Match]) -> tuple[Meeting, ...]:
    """Every two units that met, once from each side."""
    both: dict[tuple[str, str], list[tuple[Match, bool]]] = {}
    for one in matches:
        both.setdefault((one.first, one.second), []).append((one, True))
        both.setdefault((one.second, one.first), []).append((one, False))
    return tuple(_meeting(*names, some) for names, some in sorted(both.items()))


def _meeting(one: str, other: str, some: Sequence[tuple[Match, bool]]) -> Meeting:
    won = [(match.winner == "first") == first for match, first in some]
    drawn = [match.winner == "draw" for match, _ in some]
    wins = sum(w and not d for w, d in zip(won, drawn, strict=True))
    return Meeting(
        one,
        other,
        wins=wins,
        draws=sum(drawn),
        losses=len(some) - wins - sum(drawn),
        first_wins=sum(first and match.winner == "first" for match, first in some),
        first=sum(first for _, first in some),
    )
