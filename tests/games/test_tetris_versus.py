"""Garbage and how a match for two ends, by example, on both implementations."""

from __future__ import annotations

from lmgame.games.tetris import TetrisVersus, parse_text
from lmgame.rng import Rng

from .tetris_pair import Pair, drawn, seat_state


def test_a_tetris_sends_four_rows_which_rise_with_one_hole() -> None:
    board = "\n".join(["#........."] + ["#########."] * 4)
    pair = Pair(3, 1, 2, drawn(board), "I")
    pair.play({0: ["cw", "right", "right", "right", "right", "drop"], 1: ["wait"]})
    assert parse_text(pair.fast.text(1)).own.garbage == 4
    assert parse_text(pair.fast.text(0)).own.garbage == 0
    pair.play({1: ["left"] * 3 + ["drop"]})
    seen = parse_text(pair.fast.text(1)).own
    assert seen.garbage == 0
    rows = seen.rows[:4]
    assert len(set(rows)) == 1
    assert sorted(rows[0]) == [".", *"XXXXXXXXX"]


def test_own_attack_cancels_waiting_garbage_first() -> None:
    board = "\n".join(["#........."] + ["#########."] * 4)
    pair = Pair(3, 1, 2, drawn(board), "I")
    for seat in pair.slow.seats:
        pair.give(seat, "I", [1, 2])
    pair.play({0: ["cw", "right", "right", "right", "right", "drop"]})
    assert parse_text(pair.fast.text(0)).own.garbage == 0
    assert parse_text(pair.fast.text(1)).own.garbage == 4


def test_at_most_eight_rows_rise_at_once() -> None:
    pair = Pair(3, 1, 2)
    pair.give(pair.slow.seats[0], pending=[5, 6])
    pair.play({0: ["drop"]})
    assert parse_text(pair.fast.text(0)).own.garbage == 3


def test_garbage_that_pushes_blocks_out_loses() -> None:
    board = "\n".join(["#........."] * 33)
    pair = Pair(3, 1, 2, drawn(board))
    pair.give(pair.slow.seats[1], pending=[8])
    pair.play({1: ["drop"]})
    outcome = pair.fast.outcome()
    assert outcome is not None
    assert outcome.winner == 0
    assert outcome.scores == (1.0, 0.0)
    assert outcome.reason == "topped out: top out"


def test_both_out_at_the_same_moment_is_a_draw() -> None:
    board = "\n".join(["...####..."] * 20)
    pair = Pair(3, 1, 2, drawn(board), "O")
    assert pair.fast.scores() == (0.5, 0.5)
    pair.play({0: ["drop"], 1: ["drop"]})
    outcome = pair.fast.outcome()
    assert outcome is not None
    assert (outcome.winner, outcome.scores) == (None, (0.5, 0.5))


def test_both_out_at_the_same_tick_is_a_draw() -> None:
    game = TetrisVersus()
    game.reset(9)
    game.advance(10**9)
    outcome = game.outcome()
    assert outcome is not None
    assert outcome.winner is None


def test_holes_come_in_the_same_order_for_both() -> None:
    assert Rng(3).split(1).below(10) == Rng(3).split(1).below(10)
    pair = Pair(8, 1, 2)
    for seat in (0, 1):
        pair.give(pair.slow.seats[seat], pending=[2])
        pair.play({seat: ["drop"]})
    first, second = (seat_state(pair.fast, seat)["cells"] for seat in (0, 1))
    assert first == second
