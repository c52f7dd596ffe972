"""Units over all games, each game with the same weight."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from lmgame.board.score import Decisions, Played, Yardsticks, serving
from lmgame.board.table import Overall, Unit
from lmgame.rating import Rating
from lmgame.slo import Slo

ROUNDS = 2000
"""Of the bootstrap."""


@dataclass(slots=True)
class Sums:
    """What a unit did in all games.

    Attributes:
        games: Each game it was in, with its yardsticks (None: two seats).
        slos: The limits its matches were judged by.
    """

    games: list[tuple[Played, Yardsticks | None]] = field(default_factory=list)
    slos: list[Slo] = field(default_factory=list)


def overall(
    units: Mapping[str, Unit], sums: Mapping[str, Sums], ratings: Mapping[str, Rating]
) -> tuple[Overall, ...]:
    """A line for each unit, the best first.

    Args:
        units: By key.
        sums: What they did, by key.
        ratings: Over all games with two seats, by key.
    """
    lines = [_line(key, one, ratings.get(key)) for key, one in sums.items()]
    ranked = [
        replace(line, rank=1 + sum(_better(other, line) for other in lines)) for line in lines
    ]
    return tuple(sorted(ranked, key=lambda line: (*_worth(line), units[line.unit].label)))


def _worth(line: Overall) -> tuple[float, float]:
    share = float("inf") if line.anchor_share is None else -line.anchor_share
    return share, float("inf") if line.rating is None else -line.rating.strength


def _better(one: Overall, other: Overall) -> bool:
    """Whether one is better beyond doubt: the whole interval of its share, or its rating."""
    if one.anchor_share is not None and other.anchor_share is not None:
        return one.low is not None and other.high is not None and one.low > other.high
    if one.rating is not None and other.rating is not None:
        return one.rating.low > other.rating.high
    return False


def _line(key: str, sums: Sums, rating: Rating | None) -> Overall:
    every = [one for one, _ in sums.games]
    tallies = [one.tally for one in every]
    share, low, high = _mean_share(key, sums)
    decisions: Decisions = [each for one in every for each in one.decisions]
    costs = [one.usd for one in every if one.usd is not None]
    outcomes = [tally.outcomes for tally in tallies]
    # Verdicts under several limits have no common meaning.
    slo = sums.slos[0] if len(set(sums.slos)) == 1 else Slo()
    return Overall(
        unit=key,
        games=sum(bool(tally.scores) for tally in tallies),
        anchor_share=share,
        low=low,
        high=high,
        rating=rating,
        rank=0,
        matches=sum(len(tally.scores) for tally in tallies),
        unfinished=sum(tally.unfinished for tally in tallies),
        forfeits=sum(tally.forfeits for tally in tallies),
        truncated=sum(tally.truncated for tally in tallies),
        decisions=sum(sum(one.values()) for one in outcomes),
        illegal=sum(sum(one.values()) - one["ok"] for one in outcomes),
        serving=serving(decisions, slo),
        usd=sum(costs) if costs else None,
    )


def _mean_share(key: str, sums: Sums) -> tuple[float | None, float | None, float | None]:
    """The mean share over games, with a stratified bootstrap's 95 % interval.

    Seeds are drawn again within each game, the yardsticks are taken as measured
    (Agarwal et al., NeurIPS 2021, https://arxiv.org/abs/2108.13264, section 4.1).
    There is no interval where a game has a single seed.
    """
    shares = [
        np.array([yard.share(score) for score in one.by_seed.values()], dtype=float)
        for one, yard in sums.games
        if yard is not None and yard.zero is not None and one.scores
    ]
    if not shares:
        return None, None, None
    mean = float(np.mean([each.mean() for each in shares]))
    if min(map(len, shares)) < 2:
        return mean, None, None
    rng = np.random.default_rng(int(key, 16))
    drawn = [each[rng.integers(0, len(each), (ROUNDS, len(each)))].mean(axis=1) for each in shares]
    low, high = np.percentile(np.mean(drawn, axis=0), [2.5, 97.5])
    return mean, float(low), float(high)
