"""Who meets whom: the promises of each schedule."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmgame.errors import ConfigError
from lmgame.schedule import Pairing, check_seats, gauntlet, round_robin, single, swiss

POOLS = st.lists(st.sampled_from("abcdefghij"), min_size=2, max_size=8, unique=True)
SEEDS = st.integers(0, 1 << 40)


def meetings(pairings: list[Pairing]) -> Counter[frozenset[str]]:
    return Counter(frozenset(one.seats) for one in pairings)


def check_pairs(pairings: list[Pairing]) -> None:
    """Matches come in pairs: one seed, the seats swapped."""
    pairs: dict[str, list[Pairing]] = {}
    for one in pairings:
        pairs.setdefault(one.pair, []).append(one)
    for there, back in pairs.values():
        assert there.seats == back.seats[::-1]
        assert there.seed == back.seed
    assert len(set(pairings)) == len(pairings)


def play_swiss(pool: list[str], seed: int, seeds: int, rounds: int) -> list[list[Pairing]]:
    """Rounds in which the name that comes first wins."""
    points: dict[Pairing, tuple[float, float]] = {}
    found = []
    for number in range(rounds):
        found.append(swiss("g", pool, seed, seeds, number, points))
        for one in found[-1]:
            points[one] = (1.0, 0.0) if one.seats[0] < one.seats[1] else (0.0, 1.0)
    return found


@given(POOLS, SEEDS, st.integers(1, 4))
def test_in_a_round_robin_every_two_meet_equally_often(
    pool: list[str], seed: int, seeds: int
) -> None:
    found = round_robin("g", pool, seed, seeds)
    check_pairs(found)
    assert meetings(found) == {frozenset(two): 2 * seeds for two in combinations(pool, 2)}
    assert {one.seed for one in found} == set(range(seed, seed + seeds))


@settings(max_examples=30, deadline=None)
@given(POOLS.flatmap(lambda pool: st.tuples(st.just(pool), st.permutations(pool))), SEEDS)
def test_the_order_of_names_does_not_matter(pools: tuple[list[str], list[str]], seed: int) -> None:
    pool, other = pools
    assert round_robin("g", pool, seed, 2) == round_robin("g", other, seed, 2)
    assert single("g", pool, seed, 2, 2) == single("g", other, seed, 2, 2)
    assert swiss("g", pool, seed, 2, 0, {}) == swiss("g", other, seed, 2, 0, {})


@given(POOLS, SEEDS, st.integers(1, 4), st.integers(1, 3))
def test_alone_everybody_plays_every_seed(
    pool: list[str], seed: int, seeds: int, repeats: int
) -> None:
    found = single("g", pool, seed, seeds, repeats)
    assert len(set(found)) == len(found) == len(pool) * seeds * repeats
    assert Counter(one.seats for one in found) == {(name,): seeds * repeats for name in pool}


@settings(max_examples=30, deadline=None)
@given(POOLS, SEEDS, st.integers(1, 2))
def test_nobody_meets_again_or_sits_out_again_before_it_must_be(
    pool: list[str], seed: int, seeds: int
) -> None:
    # Half as many rounds as there are others: without repetition for certain (Dirac).
    rounds = max(1, (len(pool) - 1) // 2)
    found = play_swiss(pool, seed, seeds, rounds)
    every = [one for each in found for one in each]
    check_pairs(every)
    assert set(meetings(every).values()) == {2 * seeds}
    for each in found:
        players = {name for one in each for name in one.seats}
        assert len(each) == len(pool) // 2 * 2 * seeds
        assert len(players) == len(pool) // 2 * 2
    out = Counter(
        name for each in found for name in {*pool} - {n for one in each for n in one.seats}
    )
    assert set(out.values()) <= {1}


@settings(max_examples=10, deadline=None)
@given(SEEDS)
def test_rematches_come_only_when_all_have_met(seed: int) -> None:
    pool = ["a", "b", "c", "d"]
    first = [one for each in play_swiss(pool, seed, 1, 3) for one in each]
    assert len(meetings(first)) == 6  # a complete round robin
    more = [one for each in play_swiss(pool, seed, 1, 6) for one in each]
    check_pairs(more)
    assert set(meetings(more).values()) == {4}


@given(POOLS, SEEDS, st.integers(1, 3), st.integers(1, 8))
def test_in_a_gauntlet_everybody_meets_the_anchors_and_nobody_else(
    pool: list[str], seed: int, seeds: int, count: int
) -> None:
    anchors = pool[:count]
    found = gauntlet("g", pool, anchors, seed, seeds)
    check_pairs(found)
    assert found == gauntlet("g", pool[::-1], anchors[::-1], seed, seeds)
    assert meetings(found) == {
        frozenset(two): 2 * seeds for two in combinations(pool, 2) if {*two} & {*anchors}
    }


def test_a_gauntlet_needs_anchors() -> None:
    with pytest.raises(ConfigError, match=r"there are none: write anchors="):
        gauntlet("g", ["a", "b"], [], 0, 1)


def test_winners_meet_winners() -> None:
    _, second = play_swiss(list("abcdefgh"), 3, 1, 2)
    first, _ = play_swiss(list("abcdefgh"), 3, 1, 2)
    won = {min(one.seats) for one in first}
    assert all(len(won & set(one.seats)) != 1 for one in second)


def test_the_lot_comes_from_the_seed() -> None:
    rounds = {swiss("g", list("abcdefgh"), seed, 1, 0, {})[0].seats for seed in range(20)}
    assert len(rounds) > 5


@pytest.mark.parametrize(
    ("seats", "agents", "schedule", "message"),
    [
        (3, ["a", "b", "c"], "round_robin", "g has 3 seats; schedule=round_robin is for games"),
        (2, ["a", "b"], "single", "g has 2 seats; schedule=single is for games with one seat"),
        (2, ["greedy"], "swiss", r"nobody to play against greedy: write agents=\[greedy,random\]"),
    ],
)
def test_what_cannot_be_scheduled_is_refused(
    seats: int, agents: list[str], schedule: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        check_seats("g", seats, agents, schedule)


@pytest.mark.parametrize("pool", [[], ["a", "a"]])
def test_an_unusable_pool_is_refused(pool: list[str]) -> None:
    for make in (single, round_robin):
        with pytest.raises(ConfigError, match=r"nobody takes part|a is named twice"):
            make("g", pool, 0, 1)
