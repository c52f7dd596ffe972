from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmgame.serving.trie import Trie, Walk

STOP = 99

choice_lists = st.lists(
    st.lists(st.integers(0, 5), min_size=1, max_size=6), min_size=1, max_size=12
)


def walk_at_random(trie: Trie, data: st.DataObject) -> tuple[list[int], int]:
    """A finished walk: its tokens without the stop token, and how many were chosen."""
    walk = trie.walk()
    tokens = walk.forced()
    chosen = 0
    while not walk.finished:
        token = data.draw(st.sampled_from(walk.allowed()))
        walk.push(token)
        chosen += 1
        if token != STOP:
            tokens.append(token)
        tokens += walk.forced()
    return tokens, chosen


@given(choice_lists, st.data())
def test_every_finished_walk_is_one_of_the_choices(
    choices: list[list[int]], data: st.DataObject
) -> None:
    tokens, _ = walk_at_random(Trie(choices, STOP), data)
    assert tokens in choices


@given(choice_lists, st.data())
def test_every_choice_can_be_reached(choices: list[list[int]], data: st.DataObject) -> None:
    wanted = data.draw(st.sampled_from(choices))
    walk = Trie(choices, STOP).walk()
    tokens = walk.forced()
    while not walk.finished:
        token = wanted[len(tokens)] if len(tokens) < len(wanted) else STOP
        assert token in walk.allowed()
        walk.push(token)
        if token != STOP:
            tokens.append(token)
        tokens += walk.forced()
    assert tokens == wanted


@given(choice_lists, st.data())
def test_the_model_is_asked_only_where_choices_differ(
    choices: list[list[int]], data: st.DataObject
) -> None:
    walk = Trie(choices, STOP).walk()
    walk.forced()
    while not walk.finished:
        assert len(walk.allowed()) > 1
        walk.push(data.draw(st.sampled_from(walk.allowed())))
        walk.forced()


@given(st.lists(st.integers(0, 5), min_size=1, max_size=6))
def test_a_single_choice_is_forced_whole(choice: list[int]) -> None:
    walk = Trie([choice, choice], STOP).walk()
    assert walk.forced() == choice
    assert walk.finished
    assert walk.allowed() == []


def test_a_choice_that_is_a_prefix_of_another_needs_the_stop_token() -> None:
    walk = Trie([[1], [1, 2, 3]], STOP).walk()
    assert walk.forced() == [1]
    assert sorted(walk.allowed()) == [2, STOP]
    walk.push(2)
    assert walk.forced() == [3]
    assert walk.finished


def test_the_stop_token_ends_a_walk_without_a_suffix() -> None:
    walk = Trie([[1], [1, 2, 3]], STOP).walk()
    walk.forced()
    walk.push(STOP)
    assert walk.finished
    assert walk.forced() == []


def test_shared_middle_is_forced_but_does_not_finish() -> None:
    walk = Trie([[1, 7, 2], [1, 7, 3], [4]], STOP).walk()
    assert walk.forced() == []
    walk.push(1)
    assert walk.forced() == [7]
    assert not walk.finished
    assert sorted(walk.allowed()) == [2, 3]


@pytest.mark.parametrize("token", [5, STOP])
def test_leaving_the_trie_is_an_error(token: int) -> None:
    walk: Walk = Trie([[1], [2]], STOP).walk()
    with pytest.raises(ValueError, match="leaves the allowed replies"):
        walk.push(token)


@pytest.mark.parametrize("choices", [[], [[]], [[1], []]])
def test_no_or_empty_choices_are_refused(choices: list[list[int]]) -> None:
    with pytest.raises(ValueError, match="non-empty"):
        Trie(choices, STOP)
