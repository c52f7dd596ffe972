from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmgame import figure


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(None, "-"), (0.0, "0.0 ms"), (0.0123, "12.3 ms"), (0.4, "400 ms"), (1, "1.00 s")],
)
def test_a_time_says_its_unit(seconds: float | None, told: str) -> None:
    assert figure.time(seconds) == told


def test_a_number_has_a_real_minus_and_no_minus_zero() -> None:
    assert figure.number(-1234.5) == "−1,234.5"
    assert figure.number(-0.0001, 2, sign=True) == "0.00"
    assert figure.number(0.5, 2, sign=True) == "+0.50"
    assert figure.number(float("nan")) == "-"


def test_scores_of_a_cell_have_the_same_digits() -> None:
    assert figure.scores(10.0, 9.5, None) == ["10.0", "9.5", "-"]
    assert figure.scores(0.1 + 0.2 + 0.7) == ["1"]
    assert figure.scores(1000.25, 3.5) == ["1,000", "4"]


def test_shares_spans_money_and_counts() -> None:
    assert (figure.share(0.125, 1), figure.share(None)) == ("12.5 %", "-")
    assert (figure.span("1", "2"), figure.span("-", "2")) == ("1 to 2", "-")
    assert [figure.money(x) for x in (None, 0, 0.00123, 1234.5)] == ["-", "$0.00", "$0.0012",
                                                                     "$1,234.50"]  # fmt: skip
    assert figure.count(1, "match", "es") == "1 match"
    assert figure.count(2000, "match", "es") == "2,000 matches"


@given(st.floats(allow_nan=True, allow_infinity=True), st.integers(0, 4), st.booleans())
def test_any_number_is_written_without_e_or_hyphen(value: float, digits: int, sign: bool) -> None:
    text = figure.number(value, digits, sign)
    assert text == figure.NONE or not set(text) - set("+−0123456789,.")
