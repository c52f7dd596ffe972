from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmgame.rng import Rng


def test_sequence_is_splitmix64() -> None:
    # The first outputs for this seed, as published with reference code by
    # several implementations (for example rosettacode.org "Pseudo-random
    # numbers/Splitmix64").
    rng = Rng(1234567)
    assert [rng.next() for _ in range(5)] == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]


@given(st.integers(), st.integers(1, 1 << 64))
def test_below_stays_below(seed: int, bound: int) -> None:
    assert 0 <= Rng(seed).below(bound) < bound


@pytest.mark.parametrize("bound", [0, -1])
def test_below_needs_a_positive_bound(bound: int) -> None:
    with pytest.raises(ValueError, match="positive"):
        Rng(0).below(bound)


def test_below_is_uniform() -> None:
    # 6,000 draws of 6 values: each count is binomial with sd 28.9, so 150 is
    # more than five deviations away.
    rng = Rng(7)
    counts = Counter(rng.below(6) for _ in range(6000))
    assert all(abs(counts[value] - 1000) < 150 for value in range(6))


@given(st.integers(), st.lists(st.integers()))
def test_shuffle_keeps_the_items(seed: int, items: list[int]) -> None:
    shuffled = list(items)
    Rng(seed).shuffle(shuffled)
    assert Counter(shuffled) == Counter(items)


def test_every_order_of_a_shuffle_comes_up_evenly() -> None:
    rng = Rng(3)
    counts: Counter[tuple[int, ...]] = Counter()
    for _ in range(6000):
        items = [0, 1, 2]
        rng.shuffle(items)
        counts[tuple(items)] += 1
    assert len(counts) == 6
    assert all(abs(count - 1000) < 150 for count in counts.values())


@given(st.integers(), st.integers(0, 1000), st.integers(0, 1000))
def test_split_leaves_the_parent_alone_and_labels_differ(seed: int, one: int, other: int) -> None:
    rng = Rng(seed)
    before = rng.state
    first, second = rng.split(one), rng.split(other)
    assert rng.state == before
    assert (first.next() == second.next()) == (one == other)


@given(st.integers())
def test_state_restores_the_sequence(seed: int) -> None:
    rng = Rng(seed)
    state = rng.state
    first = [rng.next() for _ in range(3)]
    rng.state = state
    assert [rng.next() for _ in range(3)] == first
