from __future__ import annotations

import codecs
from typing import cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmgame.serving.reply import Delta, Reply, Request
from lmgame.serving.sampling import Sampling
from lmgame.serving.vocabulary import Detokenizer, Vocabulary

EOS = 256


class ByteVocabulary:
    """One token per byte, and one that ends the text: the worst case for UTF-8."""

    eos = EOS

    def piece(self, token: int) -> bytes:
        return b"" if token == EOS else bytes([token])

    def ends(self, token: int) -> bool:
        return token == EOS


VOCABULARY = cast(Vocabulary, ByteVocabulary())


def wants(token: int) -> np.ndarray:
    row = np.zeros(257, dtype=np.float32)
    row[token] = 1.0
    return row


def play(reply: Reply, tokens: list[int]) -> list[Delta]:
    deltas: list[Delta] = []
    for token in tokens:
        if reply.finish is not None:
            break
        deltas.append(reply.next(wants(token)))
    return deltas


def shown(deltas: list[Delta]) -> str:
    return "".join(delta.text for delta in deltas)


@given(st.text(max_size=60))
def test_text_survives_byte_by_byte(text: str) -> None:
    detokenizer = Detokenizer(VOCABULARY)
    out = [detokenizer.push([byte]) for byte in text.encode()]
    assert "".join(out) + detokenizer.flush() == text
    assert "\N{REPLACEMENT CHARACTER}" not in "".join(out) or "\N{REPLACEMENT CHARACTER}" in text


@given(st.binary(max_size=60))
def test_any_bytes_become_what_python_makes_of_them(data: bytes) -> None:
    detokenizer = Detokenizer(VOCABULARY)
    out = "".join(detokenizer.push([byte]) for byte in data) + detokenizer.flush()
    assert out == codecs.decode(data, "utf-8", "replace")


@given(
    st.text("ab<>", min_size=1, max_size=40),
    st.lists(st.text("ab<>", min_size=1, max_size=4), max_size=3),
)
def test_stop_strings_cut_and_are_never_shown(text: str, stops: list[str]) -> None:
    reply = Reply(Request([1], 1000, stop=tuple(stops)), VOCABULARY)
    out = shown(play(reply, [*text.encode(), EOS]))
    # The reply stops at the first character that completes a stop string; the stop
    # string that begins earliest is cut there.
    expected, ended = text, EOS
    for length in range(1, len(text) + 1):
        found = [at for at in map(text[:length].find, stops) if at >= 0]
        if found:
            expected, ended = text[: min(found)], 0
            break
    assert out == expected
    assert reply.finish == "stop"
    assert (reply.tokens[-1:] == [ord(text[-1])]) or ended == 0


@given(st.text(max_size=30), st.integers(1, 20))
def test_max_tokens_ends_the_reply(text: str, limit: int) -> None:
    reply = Reply(Request([1], limit), VOCABULARY)
    deltas = play(reply, [*text.encode(), EOS])
    assert sum(len(delta.tokens) for delta in deltas) == min(limit, len(text.encode()) + 1)
    assert reply.finish == ("length" if len(text.encode()) >= limit else "stop")


CHOICES = ("left", "right", "rotate left", "rotate right", "rotate")
choice_requests = Request([1], 50, choices=tuple(tuple(choice.encode()) for choice in CHOICES))


@given(st.integers(0, 2**32))
def test_constrained_replies_are_always_legal(seed: int) -> None:
    request = Request(
        choice_requests.prompt, 50, Sampling(1.0, 1.0, seed), choices=choice_requests.choices
    )
    reply = Reply(request, VOCABULARY)
    deltas: list[Delta] = []
    while reply.finish is None:
        deltas.append(reply.next(np.zeros(257, dtype=np.float32)))
    assert shown(deltas) in CHOICES
    chosen = sum(len(delta.tokens) - delta.forced for delta in deltas)
    assert chosen == len(deltas)


@given(st.integers(0, 2**32), st.booleans(), st.data())
def test_a_reply_taken_up_elsewhere_goes_on_the_same(
    seed: int, constrained: bool, data: st.DataObject
) -> None:
    request = Request(
        [1],
        12,
        Sampling(1.0, 1.0, seed),
        stop=("zz",),
        choices=choice_requests.choices if constrained else (),
    )
    rows = np.random.default_rng(seed).normal(size=(12, 257)).astype(np.float32)
    whole = Reply(request, VOCABULARY)
    deltas: list[Delta] = []
    while whole.finish is None:
        deltas.append(whole.next(rows[len(deltas)]))
    cut = data.draw(st.integers(0, len(deltas) - 1))
    first = deltas[:cut]
    resumed = Reply(request, VOCABULARY, [token for delta in first for token in delta.tokens])
    rest: list[Delta] = []
    while resumed.finish is None:
        rest.append(resumed.next(rows[cut + len(rest)]))
    assert shown(first) + shown(rest) == shown(deltas)
    assert resumed.tokens == whole.tokens
    assert resumed.finish == whole.finish
    assert first + rest == deltas


def test_a_single_choice_needs_no_model() -> None:
    reply = Reply(Request([1], 50, choices=(tuple(b"only"),)), VOCABULARY)
    whole = reply.whole()
    assert whole is not None
    assert (whole.text, whole.forced, reply.finish) == ("only", 4, "stop")


def test_what_all_choices_share_is_shown_with_the_first_choice() -> None:
    choices = tuple(tuple(text.encode()) for text in ("column 1", "column 2"))
    reply = Reply(Request([1], 50, choices=choices), VOCABULARY)
    assert reply.whole() is None
    assert bytes(reply.tokens) == b"column "
    delta = reply.next(wants(ord("2")))
    assert (delta.text, delta.forced, len(delta.tokens)) == ("column 2", 7, 8)
    assert reply.finish == "stop"


@pytest.mark.parametrize("ignore", [False, True])
def test_ignore_eos_goes_on(ignore: bool) -> None:
    reply = Reply(Request([1], 4, ignore_eos=ignore), VOCABULARY)
    deltas = play(reply, [97, EOS, 98, 99])
    assert shown(deltas) == ("abc" if ignore else "a")
    assert reply.finish == ("length" if ignore else "stop")


def test_a_request_survives_the_channel() -> None:
    request = Request([1, 2], 3, Sampling(0.5, 0.9, 7), ("x",), ((1, 2), (3,)), True)
    assert Request.from_json(request.to_json()) == request
