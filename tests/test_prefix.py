"""Which blocks prompts share, against a plain definition on token sequences."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lmgame.prefix import Prefixes

TOKENS = st.lists(st.integers(0, 1), max_size=24)
"""Prompts of few kinds of tokens have many prefixes in common."""
PROMPTS = st.lists(TOKENS.map(lambda more: [7, *more]), min_size=1, max_size=12)


def written(tokens: list[int]) -> bytes:
    return b"".join(one.to_bytes(4, "little") for one in tokens)


def common(one: list[int], other: list[int]) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((n for n, (a, b) in pairs if a != b), min(len(one), len(other)))


@given(PROMPTS, st.integers(1, 8))
def test_a_number_is_shared_exactly_with_the_prefix_to_its_end(
    prompts: list[list[int]], block: int
) -> None:
    prefixes = Prefixes(block)
    found = [prefixes.blocks("m", written(one), len(one)) for one in prompts]
    for one, ids in zip(prompts, found, strict=True):
        assert len(ids) == -(-len(one) // block)
        for other, theirs in zip(prompts, found, strict=True):
            same = len(ids) if one == other else common(one, other) // block
            assert ids[:same] == theirs[:same]
            assert not {*ids[same:]} & {*theirs[same:]}
    every = [number for ids in found for number in ids]
    assert {*every} == {*range(prefixes.count)}
    assert sorted({*every}, key=every.index) == [*range(prefixes.count)]


@given(
    st.lists(st.tuples(st.text("ab", max_size=60), st.integers(1, 40)), min_size=1, max_size=12),
    st.integers(1, 8),
)
def test_any_counts_of_any_texts_fit(prompts: list[tuple[str, int]], block: int) -> None:
    """A server's counts need not fit the text: they hold, and equal prompts share all."""
    prefixes = Prefixes(block)
    seen: dict[tuple[str, int], list[int]] = {}
    for text, tokens in prompts:
        ids = prefixes.blocks("m", text.encode(), tokens)
        assert len(ids) == -(-tokens // block)
        assert len({*ids}) == len(ids)
        assert seen.setdefault((text, tokens), ids) == ids


def test_text_stands_for_tokens_where_they_are_not_known() -> None:
    """Four letters a token in one prompt and three in the other; 96 tokens in common."""
    prefixes = Prefixes(32)
    one = prefixes.blocks("m", b"x" * 384 + b"y" * 128, 128)
    other = prefixes.blocks("m", b"x" * 384 + b"z" * 96, 128)
    assert one[:3] == other[:3]
    assert one[3] != other[3]


def test_models_share_nothing_and_neither_do_unknown_prompts() -> None:
    prefixes = Prefixes(4)
    first = prefixes.blocks("m", b"abcdefgh", 8)
    assert prefixes.blocks("other", b"abcdefgh", 8) == [2, 3]
    assert prefixes.unshared(5) == [4, 5]
    assert prefixes.blocks("m", b"abcdefgh", 8) == first == [0, 1]
