"""The ladder: what it chooses, and that it needs fewer matches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from itertools import combinations
from random import Random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from lmgame.ladder import ladder
from lmgame.rating import PRIOR_SD, believe, rate
from lmgame.rating import Match as Result
from lmgame.schedule import Pairing, round_robin
from tests.test_rating import tournament
from tests.test_schedule import POOLS, SEEDS, check_pairs, meetings

Points = dict[Pairing, tuple[float, float]]


def climb(
    pool: list[str], seed: int, seeds: int, rounds: int, win: Callable[[Pairing], bool]
) -> list[list[Pairing]]:
    """Stage after stage."""
    points: Points = {}
    found = []
    for number in range(rounds):
        found.append(ladder("g", pool, seed, seeds, number, points))
        points |= {one: (1.0, 0.0) if win(one) else (0.0, 1.0) for one in found[-1]}
    return found


def by_name(pairing: Pairing) -> bool:
    return pairing.seats[0] < pairing.seats[1]


@settings(max_examples=30, deadline=None)
@given(POOLS, SEEDS, st.integers(1, 3))
def test_a_stage_has_half_as_many_meetings_as_agents(
    pool: list[str], seed: int, seeds: int
) -> None:
    found = climb(pool, seed, seeds, 3, by_name)
    check_pairs([one for each in found for one in each])
    for number, each in enumerate(found):
        assert set(meetings(each).values()) == {2 * seeds}
        assert len(meetings(each)) == len(pool) // 2
        first = seed + number * seeds
        assert {one.seed for one in each} == set(range(first, first + seeds))


@settings(max_examples=20, deadline=None)
@given(POOLS.flatmap(lambda pool: st.tuples(st.just(pool), st.permutations(pool))), SEEDS)
def test_it_is_a_function_of_names_seed_and_results(
    pools: tuple[list[str], list[str]], seed: int
) -> None:
    one, other = (climb(pool, seed, 1, 3, by_name) for pool in pools)
    assert one == other


def test_everybody_is_played_before_anybody_is_known_well() -> None:
    first, second = climb(list("abcdefgh"), 5, 1, 2, by_name)
    assert {name for one in [*first, *second] for name in one.seats} == set("abcdefgh")
    assert all(count == 2 for count in meetings(first).values())
    # At first nobody is known: whoever meets nobody yet is worth most.
    assert Counter(name for two in meetings(first) for name in two) == Counter("abcdefgh")


def test_equals_meet_more_often_than_those_far_apart() -> None:
    strength = {name: 1.2 * number for number, name in enumerate("abcdef")}
    chance = Random(3)

    def win(one: Pairing) -> bool:
        gap = strength[one.seats[0]] - strength[one.seats[1]]
        return bool(chance.random() < 1 / (1 + np.exp(-gap)))

    met = meetings([one for each in climb([*strength], 1, 2, 12, win) for one in each])
    near = sum(met[frozenset(two)] for two in zip("abcde", "bcdef", strict=True))
    assert near > sum(met.values()) / 2  # 5 of 15 pairs of agents


def mistakes(strength: Mapping[str, float], points: Points) -> int:
    """How many pairs of agents the ratings put the wrong way round."""
    results = [
        Result("g", one.seats[0], one.seats[1], "first" if gained[0] else "second", one.pair)
        for one, gained in points.items()
    ]
    found = {one.agent: one.strength for one in rate(results, rounds=0).ratings}
    return sum(
        (found[a] - found[b]) * (strength[a] - strength[b]) <= 0
        for a, b in combinations(strength, 2)
    )


def simulate(rounds: int, agents: int, seed: int, pairs: int) -> tuple[int, int]:
    """Mistakes after a ladder of so many rounds, and a round robin of so many pairs each."""
    chance = Random(seed)
    names = [f"a{number}" for number in range(agents)]
    strength = dict(zip(names, chance.sample(range(agents), agents), strict=True))
    scaled = {name: 0.8 * value for name, value in strength.items()}

    def play(pairings: list[Pairing]) -> Points:
        found: Points = {}
        for one in pairings:
            gap = scaled[one.seats[0]] - scaled[one.seats[1]]
            won = chance.random() < 1 / (1 + np.exp(-gap))
            found[one] = (1.0, 0.0) if won else (0.0, 1.0)
        return found

    climbed: Points = {}
    for number in range(rounds):
        climbed |= play(ladder("g", names, seed, 1, number, climbed))
    full = play(round_robin("g", names, seed, pairs))
    assert len(climbed) <= len(full)
    return mistakes(scaled, climbed), mistakes(scaled, full)


def test_it_finds_the_order_with_fewer_matches_than_a_round_robin() -> None:
    """With half of the matches there are fewer mistakes in the order."""
    found = [simulate(14, 8, seed, 2) for seed in range(40)]  # 112 matches each
    climbed, full = (sum(one[side] for one in found) for side in (0, 1))
    assert climbed < full
    found = [simulate(7, 8, seed, 2) for seed in range(40)]  # 56 against 112
    climbed, full = (sum(one[side] for one in found) for side in (0, 1))
    assert climbed < full


def test_the_belief_is_the_posterior_around_its_mode() -> None:
    """The variances, from second differences of the posterior written down anew."""
    names = ["a", "b", "c"]
    matches = tournament({"a": 0.0, "b": 0.5, "c": 1.4}, 6, 2, seat=0.4, draw=-0.5)

    def objective(point: np.ndarray) -> float:
        seat, draw = point[3:]
        value = float((point**2).sum()) / (2 * PRIOR_SD**2)
        for one in matches:
            first, second = (point[names.index(name)] for name in (one.first, one.second))
            logs = {"first": first + seat, "second": second}
            logs["draw"] = draw + (first + seat + second) / 2
            value += float(np.logaddexp.reduce(list(logs.values())) - logs[one.winner])
        return value

    mode = minimize(objective, np.zeros(5), tol=1e-12, method="BFGS").x
    step, unit = 1e-3, np.eye(5) * 1e-3
    hessian = np.array(
        [
            [
                objective(mode + a + b)
                - objective(mode + a - b)
                - objective(mode - a + b)
                + objective(mode - a - b)
                for b in unit
            ]
            for a in unit
        ]
    ) / (4 * step**2)
    spread = np.linalg.inv(hessian)[:3, :3]
    own = np.diag(spread)
    belief = believe(matches, names)
    assert np.allclose(belief.variance, own[:, None] + own - 2 * spread, rtol=1e-4)
    # Draws and unequal strengths: less than two matches of equals tell.
    assert (belief.information[~np.eye(3, dtype=bool)] < 0.5).all()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 5))
def test_a_meeting_foreseen_is_a_hessian_with_one_more_term(seed: int, pairs: int) -> None:
    """Sherman and Morrison's shortcut against inverting the matrix."""
    size = 4
    chance = np.random.default_rng(seed)
    factor = chance.normal(size=(size, size))
    covariance = factor @ factor.T + 0.1 * np.eye(size)
    own = np.diag(covariance)
    belief = believe([], "abcd")
    variance = own[:, None] + own - 2 * covariance
    belief = type(belief)(belief.agents, variance, belief.information)
    apart = np.array([0.0, 1.0, 0.0, -1.0])
    precision = np.linalg.inv(covariance) + pairs * 0.5 * np.outer(apart, apart)
    after = np.linalg.inv(precision)
    own = np.diag(after)
    assert np.allclose(belief.met(1, 3, pairs).variance, own[:, None] + own - 2 * after)


def test_without_results_there_is_the_prior() -> None:
    belief = believe([], ["b", "a"])
    assert belief.agents == ("a", "b")
    assert belief.variance[0, 1] == 2 * PRIOR_SD**2
    assert belief.information[0, 1] == 0.5
