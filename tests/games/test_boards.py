"""What tic-tac-toe and Connect Four have in common: states, pages, arguments."""

from __future__ import annotations

import inspect
import re
from itertools import islice
from random import Random

import pytest
import yaml

from lmgame import configs
from lmgame.errors import ConfigError, IllegalAction, StateError
from lmgame.game import Json
from lmgame.registry import config_name
from lmgame.testing import check_game

from .board_match import BEST, GAMES, Board, match, rambler, walk
from .test_docstring import SECTIONS, sections

MOST = {"ConnectFour-v1": 6, "TicTacToe-v1": 4}
each = pytest.mark.parametrize("kind", GAMES)


@each
def test_the_contract_holds_with_the_longest_opening(kind: type[Board]) -> None:
    check_game(lambda: kind(MOST[kind.spec.id]), seeds=(4,))


@each
def test_an_opening_is_the_seeds_alone_and_never_decides(kind: type[Board]) -> None:
    most = MOST[kind.spec.id]
    for opening in range(most + 1):
        starts = set()
        for seed in range(120):
            game, again = kind(opening), kind(opening)
            game.reset(seed)
            again.reset(seed)
            assert game.save() == again.save()
            assert game.outcome() is None
            assert game.tick == 0
            assert game.acting() == (opening % 2,)
            assert game.scores() == (0.5, 0.5)
            assert game.actions(opening % 2).choices
            starts.add(game.fingerprint())
        first = len(game.spec.menu or ())
        assert len(starts) >= (1, first, 31)[min(opening, 2)]


@each
@pytest.mark.parametrize("opening", [-1, 99, True, "2", 1.0, None])
def test_bad_arguments(kind: type[Board], opening: object) -> None:
    with pytest.raises(ConfigError, match=r"opening=.* is not a whole number from 0 to [46]"):
        kind(opening)  # type: ignore[arg-type]  # what a user might write


@each
def test_who_may_act(kind: type[Board]) -> None:
    game = kind(0)
    first, second = game.spec.seats
    only = game.actions(0).default
    before = game.fingerprint()
    for call in (game.canonical, lambda seat, text: game.apply({seat: text})):
        with pytest.raises(IllegalAction, match=f"it is {first}'s turn, seat 0"):
            call(1, only)
    for seat in (1, 2, -1):
        with pytest.raises(IllegalAction, match=r"it is .*'s turn"):
            game.actions(seat)
    with pytest.raises(IllegalAction, match="one seat moves at a time, but 2 actions"):
        game.apply({0: only, 1: only})
    with pytest.raises(IllegalAction, match="but 0 actions"):
        game.apply({})
    assert game.fingerprint() == before
    game.apply({0: only})
    with pytest.raises(IllegalAction, match=f"it is {second}'s turn, seat 1"):
        game.canonical(0, only)
    *_, last = walk(game, 1, Random(1))
    with pytest.raises(IllegalAction, match="the match is over"):
        last.actions(0)


@each
def test_restore_refuses_what_no_match_saved_and_changes_nothing(kind: type[Board]) -> None:
    game = kind(2)
    game.reset(5)
    seat = game.acting()[0]
    game.apply({seat: game.actions(seat).default})
    good, before = game.save(), game.fingerprint()
    won = "1425367" if kind is GAMES[1] else "12121212"
    bad: list[tuple[object, str]] = [
        (None, "saved by None"),
        ([], "saved by"),
        ({"game": "Tetris-v1"}, "saved by 'Tetris-v1'"),
        ({**good, "more": 1}, "wrong keys"),
        ({"game": good["game"], "opening": 2}, "wrong keys"),
        ({**good, "opening": 3}, "saved with opening=3; this game has 2"),
        ({**good, "opening": True}, "saved with opening=True"),
        ({**good, "opening": None}, "saved with opening=None"),
        ({**good, "moves": [1, 2]}, "saved moves"),
        ({**good, "moves": "1"}, "saved moves are '1', not 2 to"),
        ({**good, "moves": "1" * 99}, "saved moves"),
        ({**good, "moves": "10"}, "not digits"),
        ({**good, "moves": "1²"}, "not digits"),
        ({**good, "moves": "1111111"}, "saved move [27], .* is not possible there"),
        ({**good, "moves": won}, "saved move"),
    ]
    for state, reason in bad:
        with pytest.raises(StateError, match=reason):
            game.restore(state)  # type: ignore[arg-type]  # a damaged file
        assert game.fingerprint() == before
    game.restore(good)
    assert game.fingerprint() == before


@each
def test_a_saved_state_is_the_moves(kind: type[Board]) -> None:
    game = kind(1)
    for moment, each in enumerate(walk(game, 3, Random(3))):
        moves = each.save()["moves"]
        assert isinstance(moves, str)
        assert len(moves) == moment + 1
        assert each.tick == moment
        counted = [sum(each.statistics(seat).values()) for seat in (0, 1)]
        assert counted == [(moment + 2) // 2, (moment + 1) // 2]


@each
def test_the_image_is_drawn_from_what_the_text_says(kind: type[Board]) -> None:
    """Equal texts have equal pictures, whoever made the state and however."""
    seen: dict[str, bytes] = {}
    pictures = set()
    for seed in range(14):
        for game in walk(kind(), seed, Random(seed)):
            for seat in (0, 1):
                picture = game.observe(seat).picture.pixels.tobytes()
                assert seen.setdefault(game.text(seat), picture) == picture
                pictures.add(picture)
    assert len(pictures) == len(seen) >= 180


@each
def test_seats_differ_only_in_who_they_are(kind: type[Board]) -> None:
    for game in walk(kind(), 2, Random(4)):
        mine, theirs = game.text(0), game.text(1)
        assert mine[:5] != theirs[:5]
        assert mine[5:] == theirs[5:]
        assert len(mine) < 120


@each
def test_pages_have_every_section_and_every_fact(kind: type[Board]) -> None:
    found = sections(kind)
    assert list(found) == SECTIONS
    assert all(len(text.split()) >= 3 for text in found.values())
    told = re.findall(r"^    (\w+) \(\w+\):", found["Arguments"], re.MULTILINE)
    assert told == [*inspect.signature(kind).parameters] == ["opening"]
    default = inspect.signature(kind).parameters["opening"].default
    assert f"0 to {MOST[kind.spec.id]}; default {default}" in " ".join(found["Arguments"].split())
    width, height = kind().observe(0).picture.size
    assert f"{width} by {height} pixels" in found["Observation (image)"]


@each
def test_the_preset_makes_the_default_game(kind: type[Board]) -> None:
    path = configs.__path__[0] + f"/game/{config_name(kind.spec.id)}.yaml"
    with open(path, encoding="utf-8") as file:
        preset: dict[str, Json] = yaml.safe_load(file)
    assert preset.pop("id") == kind.spec.id
    assert preset == {"opening": kind().opening}


@each
def test_rules_are_short_and_name_every_action(kind: type[Board]) -> None:
    game = kind(0)
    menu = game.spec.menu or ()
    assert game.actions(0).choices == menu
    named = game.find(game.rules)
    assert len(named) == 1
    assert game.canonical(0, named[0]) == named[0]
    pattern = re.search(r"`(\w+) N` .*\(1-(\d)\)", game.rules)
    assert pattern is not None
    assert menu == tuple(f"{pattern[1]} {n}" for n in range(1, int(pattern[2]) + 1))
    assert len(game.rules) < 1100  # about 280 tokens


@each
def test_the_anchor_beats_chance_from_both_seats(kind: type[Board]) -> None:
    scores = []
    for seed in range(4):
        chance, anchor = rambler(Random(seed)), BEST[kind]
        scores.append(match(kind(), seed, (anchor, chance))[0])
        scores.append(match(kind(), seed, (chance, anchor))[1])
    assert sum(scores) / len(scores) > 0.85
    assert min(scores[::2]) > 0


@each
def test_an_observation_stays_true_after_the_game_has_moved_on(kind: type[Board]) -> None:
    game = kind()
    now, later = game.observe(0), game.observe(0)
    before = now.png
    for _ in islice(walk(game, 0, Random(0)), 3):
        pass
    assert later.png == before != game.observe(0).png
