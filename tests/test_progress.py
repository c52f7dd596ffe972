"""How far a series is, and how long it will take."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmgame.agent import Decision
from lmgame.client.call import Call, Usage
from lmgame.games.tic_tac_toe import TicTacToe
from lmgame.progress import Progress, count, minutes, number
from lmgame.record import Header, Played, Seat
from tests.table import call, header

PRICES = [{"model": "m", "input": 1.0, "output": 4.0}]


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def head(prices: object = PRICES) -> Header:
    seats = (Seat("X", "llm", "m", {}), Seat("O", "random", "", {}))
    return header(TicTacToe(), seats=seats, backend={"model": "m", "prices": prices})


def played(calls: list[Call], verdicts: tuple[dict[str, bool | None], ...]) -> Played:
    tries = (Decision("b2", calls=tuple(calls)),)
    return Played(0, 0, 1, 0, 0, 0, 0, 0, "", tries, "b2", "ok", "", 1, 1, "", (0, 0), verdicts)


def test_nothing_is_guessed_before_as_many_have_ended_as_were_under_way() -> None:
    clock = Clock()
    progress = Progress(100, clock)
    clock.now = 30.0  # the backend was loading
    for under_way in (1, 2, 3, 4):
        progress.begin(under_way)
    assert progress.left_s is None
    for done in (1, 2, 3):
        clock.now += 1
        progress.done = done
        assert progress.left_s is None
        assert "? left" in [*progress.facts()]
    clock.now = 40.0
    progress.done = 4
    assert progress.left_s == pytest.approx(10 / 4 * 96)
    assert "4:00 left" in [*progress.facts()]
    progress.done = 100
    assert not [fact for fact in progress.facts() if "left" in fact]


def test_matches_without_a_model_take_no_time_beside_those_with_one() -> None:
    clock = Clock()
    progress = Progress(1000, clock, asking=10)
    progress.begin(1)
    clock.now += 50
    progress.done, progress.done_asking = 900, 0
    assert progress.left_s is None
    progress.done, progress.done_asking = 905, 5
    assert progress.left_s == pytest.approx(50)


@given(st.integers(1, 16), st.integers(20, 300), st.floats(0.5, 100))
def test_at_an_even_pace_the_guess_comes_true(at_once: int, total: int, each_s: float) -> None:
    """Matches of one length, so many at the same time: right but for one wave of them."""
    clock = Clock()
    progress = Progress(total, clock)
    for under_way in range(1, at_once + 1):
        progress.begin(under_way)
    waves = -(-total // at_once)
    for wave in range(1, waves):
        clock.now = wave * each_s
        progress.done = wave * at_once
        left = progress.left_s
        assert left is not None
        assert abs(left - (waves - wave) * each_s) <= each_s


def test_calls_are_counted_judged_and_priced() -> None:
    clock = Clock()
    progress = Progress(2, clock)
    progress.begin(1)
    clock.now = 4.0
    verdicts: tuple[dict[str, bool | None], ...] = (
        {"ttft_s": True, "tpot_s": None},
        {"ttft_s": False},
        {"ttft_s": None},
    )
    progress.land(head(), [played([call(), call(), call()], verdicts)])
    facts = [*progress.facts()]
    assert (progress.judged, progress.met) == (2, 1)
    # Three calls of 10 tokens at 1 $/M, and 1 at 4 $/M.
    assert facts == ["0/2 matches", "0:04", "? left", "0.75 calls/s", "50% in SLO", "$0.0000"]
    assert progress.usd == pytest.approx(3 * 14e-6)
    big = replace(call(), usage=Usage(1_000_000, 0))
    progress.land(head(), [played([big, replace(call(), usage=Usage())], ())])
    assert [*progress.facts()][-1] == "$1.00+"  # and one of unknown cost


def test_without_prices_or_calls_nothing_is_said_of_them() -> None:
    progress = Progress(2, Clock())
    progress.land(head([]), [played([], ())])
    assert [*progress.facts()] == ["0/2 matches", "0:00", "1 decision"]
    progress.land(head([]), [played([call()], ())])
    assert not [fact for fact in progress.facts() if "$" in fact or "SLO" in fact]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (minutes(9.9), "0:09"),
        (minutes(3599), "59:59"),
        (minutes(3600), "1:00:00"),
        (minutes(36125), "10:02:05"),
        (number(0.5), "0.50"),
        (number(12.34), "12.3"),
        (number(2345.6), "2,346"),
        (count(1, "match", "matches"), "1 match"),
        (count(1200, "match", "matches"), "1,200 matches"),
    ],
)
def test_how_it_is_written(text: str, expected: str) -> None:
    assert text == expected
