"""Determinism, saving, time that adds up, and the symmetry of the two seats."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmgame.errors import StateError
from lmgame.game import State
from lmgame.games.tetris import Tetris, TetrisVersus, parse_text, rank_placements

from .tetris_pair import INPUTS, Move, moves, written

GAMES: list[type[Tetris] | type[TetrisVersus]] = [Tetris, TetrisVersus]
Played = list[tuple[Move, Move]]
PLAYED = st.lists(st.tuples(moves(), moves()), max_size=12)
QUICK = settings(max_examples=80, deadline=None)


def step(game: Tetris | TetrisVersus, both: tuple[Move, Move], swapped: bool = False) -> None:
    """One moment: what is legal is applied together, ticks pass afterwards."""
    seats = game.acting()
    actions = {}
    for index, move in enumerate(both[: len(seats)]):
        seat = 1 - index if swapped else index
        if not isinstance(move, int) and allowed(game, seat, written(move)):
            actions[seat] = written(move)
    if actions:
        game.apply(actions)
    game.advance(sum(move for move in both if isinstance(move, int)))


def allowed(game: Tetris | TetrisVersus, seat: int, text: str) -> bool:
    try:
        game.canonical(seat, text)
    except Exception:
        return False
    return True


@pytest.mark.parametrize("game", GAMES)
@QUICK
@given(seed=st.integers(), played=PLAYED)
def test_the_same_seed_and_actions_give_the_same_match(
    game: type[Tetris] | type[TetrisVersus], seed: int, played: Played
) -> None:
    first, second = game(), game()
    second.reset(seed + 1)
    second.apply({0: "press drop"})
    first.reset(seed)
    second.reset(seed)
    for both in played:
        step(first, both)
        step(second, both)
        assert first.fingerprint() == second.fingerprint()
        assert first.text(0) == second.text(0)


@pytest.mark.parametrize("game", GAMES)
@QUICK
@given(seed=st.integers(), played=PLAYED, at=st.integers(0, 12))
def test_a_restored_match_goes_on_the_same(
    game: type[Tetris] | type[TetrisVersus], seed: int, played: Played, at: int
) -> None:
    first, second = game(), game()
    first.reset(seed)
    for both in played[:at]:
        step(first, both)
    state = json.loads(json.dumps(first.save()))
    second.restore(state)
    for both in [(0, 0), *played[at:]]:
        step(first, both)
        step(second, both)
        assert first.save() == second.save()
        assert first.outcome() == second.outcome()
        for seat in first.acting():
            assert first.actions(seat) == second.actions(seat)
            assert first.statistics(seat) == second.statistics(seat)


@pytest.mark.parametrize("game", GAMES)
@QUICK
@given(
    seed=st.integers(),
    level=st.integers(1, 20),
    played=PLAYED,
    parts=st.lists(st.integers(0, 300), max_size=12),
)
def test_time_adds_up(
    game: type[Tetris] | type[TetrisVersus],
    seed: int,
    level: int,
    played: Played,
    parts: list[int],
) -> None:
    whole, pieces = game(level=level), game(level=level)
    whole.reset(seed)
    for both in played:
        step(whole, both)
    pieces.restore(whole.save())
    whole.advance(sum(parts))
    for part in parts:
        pieces.advance(part)
    assert whole.fingerprint() == pieces.fingerprint()


@QUICK
@given(seed=st.integers(), played=PLAYED)
def test_swapping_the_seats_mirrors_the_match(seed: int, played: Played) -> None:
    match, mirror = TetrisVersus(), TetrisVersus()
    match.reset(seed)
    mirror.reset(seed)
    for both in played:
        step(match, both)
        step(mirror, both, swapped=True)
        assert match.text(0) == mirror.text(1)
        assert match.text(1) == mirror.text(0)
        assert match.scores() == mirror.scores()[::-1]
    state, other = match.save(), mirror.save()
    assert isinstance(other["seats"], list)
    assert state["seats"] == other["seats"][::-1]


def test_the_order_of_a_mapping_is_nothing() -> None:
    first, second = TetrisVersus(), TetrisVersus()
    for turn in range(30):
        texts = {seat: greedy(first, seat, turn) for seat in first.acting()}
        first.apply(texts)
        second.apply(dict(reversed(texts.items())))
        assert first.fingerprint() == second.fingerprint()


def greedy(game: Tetris | TetrisVersus, seat: int, salt: int) -> str:
    ranked = rank_placements(parse_text(game.text(seat)), game.actions(seat).choices)
    return ranked[Random(salt * 2 + seat).choice((0, 0, 1, 3)) % len(ranked)][0]


def test_negative_time_is_refused() -> None:
    with pytest.raises(ValueError, match="ticks must not be negative"):
        Tetris().advance(-1)


def test_saved_states_are_small() -> None:
    game = TetrisVersus()
    for turn in range(40):
        game.apply({seat: greedy(game, seat, turn) for seat in game.acting()})
    assert len(json.dumps(game.save())) < 2000


# Damaged states ----------------------------------------------------------


def damaged(game: Tetris | TetrisVersus, path: str, value: object) -> State:
    state: Any = json.loads(json.dumps(game.save()))
    place = state if "." not in path else state["seats"][0]
    place[path.rpartition(".")[2]] = value
    return dict(state)


DAMAGE: list[tuple[str, object, str]] = [
    ("game", "Tetris-v2", "this is Tetris-v1, but the state was saved by 'Tetris-v2'"),
    ("game", None, "saved by None"),
    ("arguments", [2, 5, "all"], r"other arguments: \[2, 5, 'all'\]; this game has \[1, 5"),
    ("tick", -1, "saved tick is -1"),
    ("tick", True, "saved tick is True"),
    ("more", 1, "unknown keys"),
    ("seats", [], r"does not have 1 seat\(s\)"),
    ("seats", [None], "wrong keys"),
    ("seats.more", 1, "wrong keys"),
    ("seats.cells", "Q", "saved cells is not a string of"),
    ("seats.cells", "I" * 401, "more than the field has"),
    ("seats.cells", 7, "saved cells is not a string of"),
    ("seats.cells", "I" * 200, "overlaps"),
    ("seats.piece", [20, 7], r"not \[shape, x, y\]"),
    ("seats.piece", [28, 7, 22], "saved shape is 28, not an integer from -1 to 27"),
    ("seats.piece", [20, 0, 22], "overlaps a wall"),
    ("seats.piece", [-1, 7, 22], "if and only if it is not out"),
    ("seats.over", "bored", "not a way to lose"),
    ("seats.over", "lock out", "if and only if it is not out"),
    ("seats.timer", 30, "saved timer is 30, not an integer from 0 to 29"),
    ("seats.score", 1.5, "saved score is 1.5"),
    ("seats.held", 1, "saved held is 1, not true or false"),
    ("seats.next", "TT", "too few or too many"),
    ("seats.next", ["T"] * 7, "saved next is not a string of"),
    ("seats.pending", 3, "pending garbage is not a list"),
    ("seats.pending", [0], "saved pending is 0"),
    ("seats.bag", -1, "saved bag is -1"),
]


@pytest.mark.parametrize(("path", "value", "message"), DAMAGE)
def test_damaged_states_are_refused(path: str, value: object, message: str) -> None:
    game = Tetris()
    game.reset(1)
    state = damaged(game, path, value)
    before = game.fingerprint()
    with pytest.raises(StateError, match=message):
        game.restore(state)
    assert game.fingerprint() == before


def test_the_other_game_is_refused() -> None:
    with pytest.raises(StateError, match="this is TetrisVersus-v1"):
        TetrisVersus().restore(Tetris().save())
    with pytest.raises(StateError, match="this is Tetris-v1"):
        Tetris().restore([])  # type: ignore[arg-type]  # what a damaged log might hold


@QUICK
@given(
    st.sampled_from(["", "seats."]),
    st.sampled_from([*Tetris().save(), *(path[6:] for path, _, _ in DAMAGE if path[5:6] == ".")]),
    st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.lists(st.integers()),
)
def test_no_damage_raises_anything_else(prefix: str, key: str, value: object) -> None:
    game = Tetris()
    try:
        game.restore(damaged(game, prefix + key, value))
    except StateError:
        return
    for name in INPUTS:
        if game.acting() and f"press {name}" in game.actions(0).choices:
            game.apply({0: f"press {name}"})
    game.advance(100)
