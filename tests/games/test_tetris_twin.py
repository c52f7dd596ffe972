"""The fast Tetris against the slow one, move by move."""

from __future__ import annotations

from itertools import product
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .tetris_pair import Move, Pair, moves, random_move, slots, slotted

CALM = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
SEEDS = st.integers(0, 2**64 - 1)


@CALM
@given(SEEDS, st.integers(1, 20), slotted(), st.lists(moves(), max_size=14))
def test_one_seat(
    seed: int, level: int, blocks: dict[tuple[int, int], str], played: list[Move]
) -> None:
    pair = Pair(seed, level, blocks=blocks)
    for move in played:
        pair.play({0: move})


@CALM
@given(SEEDS, slotted(17), st.lists(st.tuples(moves(40), moves(40)), max_size=10))
def test_two_seats(
    seed: int, blocks: dict[tuple[int, int], str], played: list[tuple[Move, Move]]
) -> None:
    pair = Pair(seed, 1, 2, blocks)
    for first, second in played:
        pair.play({0: first, 1: second})


def long_run(seed: int, seats: int, games: int) -> set[str]:
    """Several long games; the notable events seen in them."""
    random = Random(seed)
    seen: set[str] = set()
    for game in range(games):
        gaps = [random.choice((1, 2, 2, 3, 6, 7)) for _ in range(random.randint(0, 12))]
        blocks = slots(random.randint(0, 9), gaps)
        pair = Pair(seed * 100 + game, random.randint(1, 20), seats, blocks)
        for _ in range(50):
            if pair.slow.over:
                break
            acting = [seat for seat in range(seats) if random.random() < 0.8]
            pair.play({seat: random_move(random, pair, seat) for seat in acting})
        seen |= pair.events
    return seen


@pytest.mark.slow
def test_long_runs_of_one_seat() -> None:
    seen = {event for seed in range(4) for event in long_run(seed, 1, 8)}
    assert {"1", "2", "3", "block out", "lock out"} <= seen


@pytest.mark.slow
def test_long_runs_of_two_seats() -> None:
    seen = {event for seed in range(4) for event in long_run(seed, 2, 6)}
    assert {"1", "2", "3", "rise", "cancel"} <= seen


# Rows from the floor, by the three bits of their gap: slots for T-spins and their
# like, wells, and rows that a T or an I leaves empty.
SLOTS = [
    [2, 7, 6], [2, 7, 3], [2, 6, 2, 6], [2, 3, 2, 3], [2, 6, 2, 2, 6], [2, 3, 2, 2, 3], [7, 6],
    [7, 3], [2, 2, 2, 2], [2, 3, 6], [2, 6, 3], [7], [2, 7], [2, 3], [2, 6], [2, 6, 2, 4],
]  # fmt: skip
TURNS = [["cw"], ["ccw"], ["cw", "cw"], ["ccw", "ccw"]]


def spins(kind: str, seats: int = 1) -> set[str]:
    """A piece led into slots of many forms in many ways and turned there."""
    random = Random(kind)
    seen: set[str] = set()
    for gaps, first, aside, turns in product(SLOTS, ([], ["cw"], ["ccw"]), (-1, 0, 1), TURNS):
        column = random.randint(0, 9)
        pair = Pair(random.getrandbits(32), random.randint(1, 3), seats, slots(column, gaps), kind)
        goal = column - 4 + aside
        way = ["right" if goal > 0 else "left"] * abs(goal)
        for _ in range(2):
            pair.play({seats - 1: [*first, *way, *["down"] * 19, *turns, "drop"][:32]})
        seen |= pair.events
    return seen


def test_spins_of_the_t() -> None:
    seen = spins("T")
    assert {"4", "perfect", "mini0", "mini1", "full1", "full2"} <= seen


def test_spins_of_the_i() -> None:
    assert {"1", "2", "3", "4", "perfect"} <= spins("I")


def test_attacks_of_spins() -> None:
    assert {"full1", "full2", "4", "perfect"} <= spins("T", 2)
