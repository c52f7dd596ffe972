from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lmgame.markup import Quota, fingerprint, legible, settings

ANY = st.text(st.characters())  # lone surrogates and control characters too


@given(ANY)
def test_legible_text_can_be_written_and_reorders_nothing(text: str) -> None:
    told = legible(text)
    told.encode()
    assert all(char in "\n\t\u200c\u200d" or ord(char) >= 32 for char in told)
    assert not set(told) & set(
        "\u202a\u202b\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\x7f\x9b"
    )


@given(st.text(st.characters(categories=("L", "N", "P", "S", "Zs"))))
def test_what_is_visible_stays_as_it_is(text: str) -> None:
    assert legible(text) == text


def test_what_is_invisible_says_what_it_is() -> None:
    assert legible("\0a\x1b[2J\u202e\ud800\r\n") == "␀a␛[2J⟨U+202E⟩⟨U+D800⟩\n"


def test_a_quota_cuts_each_text_and_all_of_them() -> None:
    quota = Quota(4, 6)
    cuts = [quota.cut(text) for text in ("abcdef", "xyz", "more")]
    assert [(cut.text, cut.left) for cut in cuts] == [("abcd", 2), ("xy", 1), ("", 4)]
    assert Quota(3).cut("abc").left == 0


def test_settings_are_bounded_and_on_one_line() -> None:
    told = settings({"prompt": "a\nb" * 10_000, "depth": [1, {"x": None}]})
    assert len(told[0][1]) <= 300
    assert "\n" not in told[0][1]
    assert told[1] == ("depth", '[1, {"x": null}]')


def test_a_fingerprint_is_what_browsers_compute() -> None:
    # The example of CSP 3, section 8.3 (printf 'alert("Hello, world.");' | openssl ...).
    assert fingerprint("alert('Hello, world.');") == (
        "sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng="
    )
