"""Ratings against an independent fit, and against tournaments whose truth is known."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from lmgame.errors import UsageError
from lmgame.rating import ELO, Match, Table, Winner, rate

RESULTS: tuple[Winner, ...] = ("first", "second", "draw")


def tournament(
    strengths: dict[str, float],
    pairs: int,
    seed: int,
    seat: float = 0.0,
    draw: float | None = None,
    game: str = "g",
) -> list[Match]:
    """Every two agents play so many pairs with swapped seats."""
    random, found = Random(seed), []
    names = sorted(strengths)
    for i, one in enumerate(names):
        for other in names[i + 1 :]:
            for number in range(pairs):
                for first, second in ((one, other), (other, one)):
                    a, b = strengths[first] + seat, strengths[second]
                    weights = [np.exp(a), np.exp(b)]
                    weights.append(0.0 if draw is None else np.exp(draw + (a + b) / 2))
                    winner = random.choices(RESULTS, weights)[0]
                    found.append(Match(game, first, second, winner, (one, other, number)))
    return found


def strengths(table: Table) -> dict[str, float]:
    return {one.agent: one.strength for one in table.ratings}


def test_without_ties_and_seats_it_is_plain_bradley_terry() -> None:
    """As choix fits it: the penalised likelihood, maximised by another method."""
    matches = tournament({"a": 0.0, "b": 0.7, "c": -0.4, "d": 1.5}, 6, 3)
    names = sorted({one.first for one in matches})

    def objective(theta: np.ndarray) -> float:
        value = float((theta**2).sum()) / (2 * 2.0**2)
        for one in matches:
            gap = theta[names.index(one.first)] - theta[names.index(one.second)]
            value += float(np.logaddexp(0, -gap if one.winner == "first" else gap))
        return value

    expected = minimize(objective, np.zeros(4), tol=1e-14, method="BFGS").x
    expected -= expected.mean()
    found = strengths(rate(matches, rounds=0, prior_sd=2.0, seat_term=False))
    assert [found[name] for name in names] == pytest.approx(list(expected), abs=1e-6)


def test_equal_to_choix() -> None:
    choix = pytest.importorskip("choix", reason="choix is not installed: pip install choix")
    matches = tournament({"a": 0.0, "b": 0.7, "c": -0.4, "d": 1.5, "e": 0.1}, 5, 8)
    names = sorted({one.first for one in matches})
    won = [
        (names.index(one.first), names.index(one.second))
        if one.winner == "first"
        else (names.index(one.second), names.index(one.first))
        for one in matches
    ]
    expected = choix.opt_pairwise(len(names), won, alpha=1 / (2 * 3.0**2), tol=1e-12)
    expected -= expected.mean()
    found = strengths(rate(matches, rounds=0, prior_sd=3.0, seat_term=False))
    assert [found[name] for name in names] == pytest.approx(list(expected), abs=1e-6)


def test_ties_and_the_first_seat_are_recovered() -> None:
    truth = {"a": 1.0, "b": 0.0, "c": -1.0}
    table = rate(tournament(truth, 1500, 5, seat=0.6, draw=0.3), rounds=0)
    assert table.seat["g"] == pytest.approx(0.6, abs=0.1)
    for name, strength in strengths(table).items():
        assert strength == pytest.approx(truth[name], abs=0.1)


def test_each_game_has_its_own_seat_term() -> None:
    truth = {"a": 0.5, "b": -0.5}
    one = tournament(truth, 1000, 1, seat=1.0, game="one")
    other = tournament(truth, 1000, 2, seat=-1.0, game="other")
    table = rate([*one, *other], rounds=0)
    assert table.seat["one"] == pytest.approx(1.0, abs=0.2)
    assert table.seat["other"] == pytest.approx(-1.0, abs=0.2)


def test_games_weigh_the_same_however_often_they_were_played() -> None:
    many = tournament({"a": 0.5, "b": -0.5}, 1000, 1, game="many")
    few = tournament({"a": -0.5, "b": 0.5}, 100, 2, game="few")
    assert abs(strengths(rate([*many, *few], rounds=0))["a"]) < 0.2


@settings(max_examples=20, deadline=None)
@given(st.randoms(use_true_random=False))
def test_the_order_of_the_results_is_nothing(random: Random) -> None:
    matches = tournament({"a": 0.3, "b": 0.0, "c": -0.3}, 4, 1, seat=0.2, draw=0.0)
    table = rate(matches, rounds=20)
    random.shuffle(matches)
    assert rate(matches, rounds=20) == table


def test_a_cycle_rates_everybody_equal() -> None:
    cycle = [("a", "b"), ("b", "c"), ("c", "a")]
    matches = [Match("g", *seats, "first", n) for n, seats in enumerate(cycle)]
    matches += [Match("g", b, a, "second", n) for n, (a, b) in enumerate(cycle)]
    assert set(np.round(list(strengths(rate(matches, rounds=0)).values()), 9)) == {0.0}


def test_who_won_everything_stays_finite_and_is_told() -> None:
    matches = tournament({"b": 0.0, "c": 0.0}, 10, 1)
    matches += [Match("g", "a", other, "first", (other, n)) for other in "bc" for n in range(10)]
    matches += [Match("g", other, "a", "second", (other, n)) for other in "bc" for n in range(10)]
    best = rate(matches, rounds=50).ratings[0]
    assert best.agent == "a"
    assert np.isfinite([best.strength, best.low, best.high]).all()
    assert "won everything" in best.note
    assert (best.rank, best.matches, best.wins, best.draws) == (1, 40, 40, 0)


def test_who_was_never_compared_is_told() -> None:
    matches = tournament({"a": 0.0, "b": 0.0}, 5, 1) + tournament({"c": 0.0, "d": 0.0}, 5, 2)
    table = rate(matches, rounds=10)
    assert table.groups == (("a", "b"), ("c", "d"))
    assert all("not everybody is connected" in one.note for one in table.ratings)


def test_ranks_are_shared_where_intervals_overlap() -> None:
    matches = tournament({"a": 3.0, "b": 0.02, "c": 0.0}, 40, 4)
    table = rate(matches, rounds=200)
    assert [one.rank for one in table.ratings] == [1, 2, 2]


def coverage(simulations: int, rounds: int) -> float:
    """How often the interval of a strength holds the truth."""
    truth = {"a": 0.8, "b": 0.2, "c": -0.3, "d": -0.7}
    hits = 0
    for number in range(simulations):
        table = rate(tournament(truth, 25, number, seat=0.3, draw=-0.5), rounds=rounds, seed=number)
        hits += sum(one.low <= truth[one.agent] <= one.high for one in table.ratings)
    return hits / (len(truth) * simulations)


def test_intervals_cover_about_as_often_as_they_say() -> None:
    assert 0.85 < coverage(25, 100) <= 1.0


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_intervals_cover_95_percent() -> None:
    assert 0.93 <= coverage(500, 200) <= 0.97


def test_nobody_and_oneself_cannot_be_rated() -> None:
    with pytest.raises(UsageError, match="no matches"):
        rate([])
    with pytest.raises(UsageError, match="plays against itself"):
        rate([Match("g", "a", "a", "draw", 0)])


def test_the_elo_scale() -> None:
    assert pytest.approx(400) == ELO * np.log(10)
