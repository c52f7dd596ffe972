"""Tetris by Lmgame-Bench's rules."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmgame import config
from lmgame.errors import ConfigError, IllegalAction, StateError
from lmgame.games.tetris import Tetris, parse_text, rank_inputs, rank_placements
from lmgame.games.tetris.render import LABEL, MARGIN
from lmgame.games.tetris.text import write
from lmgame.testing import check_game

from .slow_tetris_lmgame import SlowGame
from .test_tetris_observation import Reader

INPUTS = ("left", "right", "down", "cw", "ccw", "drop", "wait")
GRAVITY_ONLY = ("left", "right", "down", "cw", "ccw", "wait")


def lmgame(actions: str = "all") -> Tetris:
    return Tetris(queue=4, actions=actions, rules="lmgame")


def compare(fast: Tetris, slow: SlowGame) -> None:
    cells = parse_text(fast.text(0)).own.cells
    rows = [cells[i : i + 10] for i in range(190, -10, -10)]
    active = {(r, c) for r, row in enumerate(rows) for c, letter in enumerate(row) if letter == "@"}
    locked = [row.replace("@", ".").replace("+", ".") for row in rows]
    assert locked == slow.rows
    assert active == {(r, c) for r, c, _ in slow.active()}
    assert fast.scores() == (slow.score,)
    assert (fast.outcome() is not None) == slow.over


@pytest.mark.parametrize("actions", ["all", "placements", "inputs"])
def test_the_contract(actions: str) -> None:
    check_game(lambda: lmgame(actions))


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**64 - 1), st.lists(st.sampled_from(INPUTS), max_size=120))
def test_every_input_does_what_a_second_implementation_does(seed: int, pressed: list[str]) -> None:
    fast, slow = lmgame(), SlowGame(seed)
    fast.reset(seed)
    for name in pressed:
        if slow.over:
            break
        fast.apply({0: f"press {name}"})
        slow.press(name)
        compare(fast, slow)


def played(seed: int) -> Iterator[tuple[Tetris, SlowGame]]:
    """The moments of a match that goes well for a while: lines are cleared in it."""
    random, fast, slow = Random(seed), lmgame(), SlowGame(seed)
    fast.reset(seed)
    while not slow.over and fast.tick < 150:
        yield fast, slow
        ranked = rank_inputs(parse_text(fast.text(0)))
        text = ranked[0][0] if ranked and random.random() < 0.7 else "press wait"
        if random.random() < 0.1:
            text = "press " + " ".join(random.choices(INPUTS, k=random.randint(1, 5)))
        fast.apply({0: text})
        for name in text.split()[1:]:
            if not slow.over:
                slow.press(name)
    yield fast, slow


def test_whole_matches_are_the_same_and_clear_lines() -> None:
    lines = 0.0
    for seed in range(3):
        for fast, slow in played(seed):
            compare(fast, slow)
        lines += fast.statistics(0)["lines"]
    assert lines > 20


def test_placements_are_those_that_their_inputs_reach() -> None:
    compared = 0
    for seed in range(3):
        for fast, slow in played(seed):
            if slow.over or compared % 3:
                compared += 1
                continue
            compared += 1
            for column in range(10):
                for turns in range(4):
                    try:
                        fast.canonical(0, f"place {column} {turns}")
                        legal = True
                    except IllegalAction:
                        legal = False
                    assert legal == slow.can_place(column, turns), (column, turns)
    assert compared > 100


def test_text_and_image_tell_the_same_and_show_no_hold() -> None:
    seen = set()
    for seed in range(2):
        for fast, _ in played(seed):
            view = parse_text(fast.text(0))
            assert write(view.own) == fast.text(0)
            picture = fast.observe(0).picture
            shown = Reader(picture, False).view()
            assert replace(shown.own, hold="", hold_free=False) == view.own
            assert not (picture.pixels[MARGIN : MARGIN + 20, 180:] == LABEL).any()
            seen.add(view)
    assert len(seen) >= 200
    assert "hold" not in fast.text(0) + fast.rules


def test_a_new_piece_is_where_the_paper_puts_it() -> None:
    spawns = set()
    for seed in range(40):
        game = lmgame()
        game.reset(seed)
        view = parse_text(game.text(0)).own
        columns = sorted({i % 10 for i, letter in enumerate(view.cells) if letter == "@"})
        spawns.add((view.piece, columns[0], columns[-1]))
    assert spawns == {("I", 3, 6), ("O", 4, 5)} | {(kind, 4, 6) for kind in "JLSTZ"}


def test_hold_is_refused_and_not_offered() -> None:
    game = lmgame()
    with pytest.raises(IllegalAction, match="no hold in these rules"):
        game.canonical(0, "press drop hold")
    actions = game.actions(0)
    assert not any("hold" in choice for choice in actions.choices)
    assert actions.grammar is not None
    assert "hold" not in actions.grammar
    assert game.spec.menu is not None
    assert "press hold" not in game.spec.menu


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"rules": "nes"}, "not one of guideline, lmgame"),
        ({"rules": "lmgame", "level": 3}, "the level is 1"),
    ],
)
def test_settings_that_make_no_sense(arguments: dict[str, object], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        Tetris(**arguments)  # type: ignore[arg-type] # that is the point


def test_states_of_the_other_rules_are_refused() -> None:
    with pytest.raises(StateError, match="other arguments"):
        lmgame().restore(Tetris(queue=4).save())
    with pytest.raises(StateError, match="other arguments"):
        Tetris(queue=4).restore(lmgame().save())


def test_the_config_is_the_papers() -> None:
    game = config.load(["game=tetris_lmgame"]).game
    assert game.id == "Tetris-v1"
    assert Tetris(**game.arguments).save()["arguments"] == [1, 4, "inputs", "lmgame"]  # type: ignore[arg-type] # checked by the class


def test_inputs_rank_as_the_placements_they_stand_for() -> None:
    for make in (Tetris, lmgame):
        game = make()
        for seed in range(20):
            game.reset(seed)
            view = parse_text(game.text(0))
            places = rank_placements(view, game.actions(0).choices)
            inputs = rank_inputs(view)
            assert [value for _, value in inputs] == [value for _, value in places]
            state = game.save()
            game.apply({0: inputs[0][0]})
            one = parse_text(game.text(0)).own.cells
            game.restore(state)
            game.apply({0: places[0][0]})
            assert parse_text(game.text(0)).own.cells == one
