"""Ratings from results: Bradley-Terry with ties and a first-seat term.

Where seat 0 is held by i and seat 1 by j, with strengths theta, the first seat's
advantage gamma and the readiness to draw eta of the game:

    P(i wins) : P(j wins) : P(draw) =
        exp(theta_i + gamma) : exp(theta_j) : exp(eta + (theta_i + gamma + theta_j) / 2)

Bradley and Terry, Biometrika 39 (1952); ties by Davidson, JASA 65 (1970); the
order term as in Davidson and Beaver, Biometrics 33 (1977). The likelihood is
log-concave in all of them. A weak normal prior on the strengths keeps agents
finite that have won or lost everything, or have met few; it says who they are.

Everything here is a function of the results alone; their order does not matter.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from lmgame.errors import UsageError

Numbers = NDArray[np.float64]
Winner = Literal["first", "second", "draw"]
_COLUMNS: tuple[Winner, ...] = ("first", "second", "draw")

PRIOR_SD = 3.0
"""Standard deviation of the prior on a strength: a factor of 20 in the odds of a
win, so it matters only where results say little."""
TERM_SD = 3.0
"""The same for a game's seat and draw terms, where they are fitted."""
ELO = 400 / np.log(10)
"""Points on the Elo scale a unit of strength."""
_STEPS, _CLOSE = 100, 1e-10


@dataclass(frozen=True, slots=True)
class Match:
    """One result.

    Attributes:
        game: Which game; seat and draw terms are a game's own.
        first, second: Who sat in seat 0 and in seat 1.
        winner: Who won.
        pair: Matches with the same pair are resampled together: those of one seed
            with the seats swapped.
    """

    game: str
    first: str
    second: str
    winner: Winner
    pair: Hashable


@dataclass(frozen=True, slots=True)
class Rating:
    """What the results say of one agent.

    Attributes:
        agent: Who.
        strength: theta, in log-odds; the mean over agents is 0.
        low, high: A 95 % interval, by bootstrap over pairs.
        rank: 1 + how many agents are better with their whole interval.
        matches, wins, draws: Counts.
        note: Why the strength rests on the prior, or "".
    """

    agent: str
    strength: float
    low: float
    high: float
    rank: int
    matches: int
    wins: int
    draws: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """All ratings, the best first.

    Attributes:
        ratings: One an agent.
        seat: gamma by game: the first seat's advantage in log-odds; games without
            the term are left out.
        groups: Sets of agents that nobody has played across; one, if ratings may
            be compared at all.
    """

    ratings: tuple[Rating, ...]
    seat: dict[str, float]
    groups: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Belief:
    """What the results of one game leave uncertain: the posterior around its mode.

    Attributes:
        agents: Who, in the order of the numbers below.
        variance: Of each difference of two strengths, by the inverse of the
            posterior's Hessian (Laplace's approximation).
        information: What one pair of matches, with the seats swapped, is expected
            to tell of each difference: Fisher information at the mode.
    """

    agents: tuple[str, ...]
    variance: Numbers
    information: Numbers

    def met(self, one: int, other: int, pairs: int) -> Belief:
        """The belief after so many more pairs of two agents, whatever their results.

        By Sherman and Morrison: the meeting adds a matrix of rank one to the
        Hessian, so no matrix is inverted.
        """
        size = len(self.agents)
        # Covariance of each strength with the difference, up to what cancels.
        toward = (self.variance[:, other] - self.variance[:, one]) / 2
        adds = pairs * float(self.information[one, other])
        shrink = adds / (1 + adds * float(self.variance[one, other]))
        apart = np.broadcast_to(toward, (size, size))
        return Belief(
            self.agents, self.variance - shrink * (apart.T - apart) ** 2, self.information
        )


class _Data:
    """Results as counts, one row for each game and pair of seats."""

    def __init__(
        self, matches: Sequence[Match], seat_term: bool, others: Sequence[str] = ()
    ) -> None:
        met = {name for one in matches for name in (one.first, one.second)}
        self.agents = sorted(met.union(others))
        self.games = sorted({one.game for one in matches})
        self.pairs = sorted({repr((one.game, one.pair)) for one in matches})
        agent, game, pair = (
            {name: number for number, name in enumerate(names)}
            for names in (self.agents, self.games, self.pairs)
        )
        self.game = np.array([game[one.game] for one in matches])
        self.first = np.array([agent[one.first] for one in matches])
        self.second = np.array([agent[one.second] for one in matches])
        self.winner = np.array([_COLUMNS.index(one.winner) for one in matches])
        self.pair = np.array([pair[repr((one.game, one.pair))] for one in matches])
        draws = {one.game for one in matches if one.winner == "draw"}
        self.with_seat = [name for name in self.games if seat_term]
        self.with_draws = [name for name in self.games if name in draws]
        self._group()
        self._design()

    def _group(self) -> None:
        """Matches of one game with the same seats are one row."""
        key = (self.game * len(self.agents) + self.first) * len(self.agents) + self.second
        kept, self.row = np.unique(key, return_inverse=True)
        self.row_game = kept // len(self.agents) ** 2
        self.row_first = kept // len(self.agents) % len(self.agents)
        self.row_second = kept % len(self.agents)

    def _design(self) -> None:
        """What each parameter adds to the log-odds of each of a row's three results."""
        rows, agents = len(self.row_game), len(self.agents)
        size = agents + len(self.with_seat) + len(self.with_draws)
        self.design = np.zeros((rows, 3, size))
        self.possible = np.ones((rows, 3), bool)
        span = np.arange(rows)
        self.design[span, 0, self.row_first] += 1
        self.design[span, 1, self.row_second] += 1
        self.design[span, 2, self.row_first] += 0.5
        self.design[span, 2, self.row_second] += 0.5
        for number, name in enumerate(self.games):
            of_game = self.row_game == number
            if name in self.with_seat:
                column = agents + self.with_seat.index(name)
                self.design[of_game, 0, column] = 1
                self.design[of_game, 2, column] = 0.5
            if name in self.with_draws:
                column = agents + len(self.with_seat) + self.with_draws.index(name)
                self.design[of_game, 2, column] = 1
            else:
                self.possible[of_game, 2] = False

    def counts(self, weights: Numbers) -> Numbers:
        """Weighted results by row, every game with the same weight in all."""
        total = np.bincount(self.game, weights, len(self.games))
        share = np.divide(
            weights.sum() / len(self.games), total, out=np.zeros_like(total), where=total > 0
        )
        found = np.zeros((len(self.row_game), 3))
        np.add.at(found, (self.row, self.winner), weights * share[self.game])
        return found


def rate(
    matches: Sequence[Match],
    *,
    rounds: int = 1000,
    seed: int = 0,
    prior_sd: float = PRIOR_SD,
    seat_term: bool = True,
) -> Table:
    """Rate everybody who played.

    Args:
        matches: Results, in any order.
        rounds: Bootstrap rounds for the intervals; 0 for none (they are then the
            strength itself).
        seed: The bootstrap's.
        prior_sd: Standard deviation of the prior on a strength.
        seat_term: Whether the first seat may have an advantage.

    Raises:
        UsageError: There is no match, or somebody plays against itself.
    """
    if not matches:
        raise UsageError("there are no matches to rate anybody by")
    for one in matches:
        if one.first == one.second:
            raise UsageError(f"{one.first} plays against itself in {one.game}: leave it out")
    matches = sorted(matches, key=repr)
    data = _Data(matches, seat_term)
    counts = data.counts(np.ones(len(matches)))
    best = _fit(data, counts, prior_sd, np.zeros(data.design.shape[2]))
    agents = len(data.agents)
    samples = np.tile(best[:agents], (max(1, rounds), 1))
    rng = np.random.default_rng(seed)
    for number in range(rounds):
        drawn = np.bincount(
            rng.integers(0, len(data.pairs), len(data.pairs)), minlength=len(data.pairs)
        )
        again = _fit(data, data.counts(drawn[data.pair].astype(float)), prior_sd, best)
        samples[number] = again[:agents]
    best[:agents] -= best[:agents].mean()
    samples -= samples.mean(axis=1, keepdims=True)
    low, high = np.percentile(samples, [2.5, 97.5], axis=0)
    return _table(data, best, low, high)


def believe(matches: Sequence[Match], agents: Sequence[str]) -> Belief:
    """What the results of one game leave uncertain.

    Args:
        matches: Results of one game, in any order; there may be none.
        agents: Everybody, also who has not played.
    """
    if not matches:
        size = len(agents)
        apart = 1.0 - np.eye(size)
        # Two matches between equals without draws: 1/4 each.
        return Belief(tuple(sorted(agents)), 2 * PRIOR_SD**2 * apart, 0.5 * apart)
    matches = sorted(matches, key=repr)
    data = _Data(matches, seat_term=True, others=agents)
    counts = data.counts(np.ones(len(matches)))
    precision = _precision(data, PRIOR_SD)
    best = _fit(data, counts, PRIOR_SD, np.zeros(data.design.shape[2]))
    shares, _ = _posterior(data, counts, precision, best)
    size = len(data.agents)
    spread = np.linalg.inv(_hessian(data, counts.sum(axis=1), shares, precision))[:size, :size]
    own = np.diag(spread)
    seat = best[size : size + 1]
    draw = best[size + 1 :] if data.with_draws else np.full(1, -np.inf)
    gap = best[:size, None] - best[None, :size] + seat
    logits = np.stack([gap / 2, -gap / 2, np.broadcast_to(draw, gap.shape)])
    win, loss, _ = np.exp(logits) / np.exp(logits).sum(axis=0)
    # A result moves the log-odds by +1/2, -1/2 or 0 of the difference.
    once = (win + loss - (win - loss) ** 2) / 4
    return Belief(tuple(data.agents), own[:, None] + own - 2 * spread, once + once.T)


def _fit(data: _Data, counts: Numbers, prior_sd: float, start: Numbers) -> Numbers:
    """The posterior's mode, by Newton's method with halved steps."""
    precision = _precision(data, prior_sd)
    total = counts.sum(axis=1)
    point, shares, value = start, *_posterior(data, counts, precision, start)
    for _ in range(_STEPS):
        gradient = np.einsum("rk,rkp->p", counts - total[:, None] * shares, data.design)
        gradient -= precision * point
        step = np.linalg.solve(_hessian(data, total, shares, precision), gradient)
        while np.abs(step).max() > _CLOSE:
            shares, then = _posterior(data, counts, precision, point + step)
            if then >= value:
                break
            step = step / 2
        else:
            break
        point, value = point + step, then
    return point


def _precision(data: _Data, prior_sd: float) -> Numbers:
    """The prior's, of each parameter."""
    precision = np.full(data.design.shape[2], TERM_SD**-2.0)
    precision[: len(data.agents)] = prior_sd**-2.0
    return precision


def _hessian(data: _Data, total: Numbers, shares: Numbers, precision: Numbers) -> Numbers:
    """Of the negative log posterior."""
    mean = np.einsum("rk,rkp->rp", shares, data.design)
    second = np.einsum("r,rk,rkp,rkq->pq", total, shares, data.design, data.design)
    found: Numbers = second - np.einsum("r,rp,rq->pq", total, mean, mean) + np.diag(precision)
    return found


def _posterior(
    data: _Data, counts: Numbers, precision: Numbers, point: Numbers
) -> tuple[Numbers, float]:
    """Each row's chances of its three results, and the log of the posterior."""
    logits = np.where(data.possible, data.design @ point, -np.inf)
    top = logits.max(axis=1, keepdims=True)
    shares = np.exp(logits - top)
    norm = shares.sum(axis=1, keepdims=True)
    logs = np.where(data.possible, logits - top - np.log(norm), 0.0)
    return shares / norm, float((counts * logs).sum() - 0.5 * (precision * point**2).sum())


def _table(data: _Data, best: Numbers, low: Numbers, high: Numbers) -> Table:
    agents = len(data.agents)
    wins, draws, played = (np.zeros(agents, int) for _ in range(3))
    np.add.at(played, data.first, 1)
    np.add.at(played, data.second, 1)
    np.add.at(wins, data.first[data.winner == 0], 1)
    np.add.at(wins, data.second[data.winner == 1], 1)
    for side in (data.first, data.second):
        np.add.at(draws, side[data.winner == 2], 1)
    met = np.zeros((agents, agents))
    met[data.first, data.second] = 1
    count, label = connected_components(met, directed=False)
    groups = [
        tuple(name for name, mark in zip(data.agents, label, strict=True) if mark == number)
        for number in range(count)
    ]
    ratings = [
        Rating(
            name,
            float(best[i]),
            float(low[i]),
            float(high[i]),
            1 + int((low > high[i]).sum()),
            int(played[i]),
            int(wins[i]),
            int(draws[i]),
            _note(int(wins[i]), int(draws[i]), int(played[i]), count > 1),
        )
        for i, name in enumerate(data.agents)
    ]
    ratings.sort(key=lambda one: (-one.strength, one.agent))
    seat = {name: float(best[agents + i]) for i, name in enumerate(data.with_seat)}
    return Table(tuple(ratings), seat, tuple(sorted(groups)))


def _note(wins: int, draws: int, played: int, apart: bool) -> str:
    if apart:
        return "not everybody is connected by matches: compare within a group only"
    if wins == played:
        return "won everything: how much better is the prior's guess"
    if wins == draws == 0:
        return "lost everything: how much worse is the prior's guess"
    return ""
