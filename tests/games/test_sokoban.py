"""The rules, the notation and saved states."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from random import Random
from typing import Any, cast

import pytest

from lmgame.errors import ConfigError, IllegalAction, StateError
from lmgame.game import Json
from lmgame.games.sokoban import Sokoban, generate, parse_text
from lmgame.testing import check_game

from .slow_sokoban import STEPS, SlowSokoban
from .sokoban_solution import solution
from .test_docstring import SECTIONS, sections

TWO = """
#######
#@-$-.#
#######

#######
#.$--@#
#--*--#
#######
"""


@pytest.fixture
def two(tmp_path: Path) -> str:
    """A file of two levels."""
    path = tmp_path / "two.xsb"
    path.write_text(TWO)
    return str(path)


def play(game: Sokoban, moves: str) -> None:
    for move in moves.split():
        game.apply({0: move})


def board(game: Sokoban) -> str:
    return parse_text(game.text(0)).board


# The contract --------------------------------------------------------------


def test_it_keeps_the_contract() -> None:
    check_game(Sokoban, seeds=(0, 1))
    check_game(lambda: Sokoban(difficulty=5, levels=1, limit=60), seeds=(3,), seeded=False)


def test_a_file_keeps_the_contract(two: str) -> None:
    check_game(lambda: Sokoban(file=two, limit=40), seeded=False)


def test_the_page_has_every_section_argument_and_version() -> None:
    found = sections(Sokoban)
    assert list(found) == SECTIONS
    named = re.findall(r"^    (\w+) \(\w+\):", found["Arguments"], re.MULTILINE)
    assert named == ["difficulty", "levels", "limit", "file"]
    assert "v1:" in found["Version history"]


# Rules ---------------------------------------------------------------------


def test_it_plays_like_the_slow_one() -> None:
    random = Random(5)
    for seed in range(40):
        game = Sokoban(difficulty=1 + seed % 4, levels=2, limit=60)
        game.reset(seed)
        slow, level, pushed = SlowSokoban(board(game)), 1, 0
        while game.acting():
            assert board(game) == slow.board()
            legal = tuple(move for move in STEPS if slow.can(move))
            assert game.actions(0).choices == legal
            for move in STEPS:
                assert accepted(game, move) == (move in legal)
            plan = solution(slow.board()) if random.random() < 0.1 else []
            move = plan[0] if plan else random.choice(legal)
            before = set(slow.boxes)
            slow.go(move)
            pushed += before != slow.boxes
            game.apply({0: move})
            if parse_text(game.text(0)).level != level:
                assert slow.solved
                slow, level = SlowSokoban(board(game)), level + 1
            done = sum(generated(game, seed, earlier) for earlier in range(level - 1))
            assert game.scores() == (done + slow.placed,)
            assert game.statistics(0)["pushes"] == pushed
        assert board(game) == slow.board()
        outcome = game.outcome()
        assert outcome is not None
        assert (outcome.reason == "all levels solved") == slow.solved


def generated(game: Sokoban, seed: int, level: int) -> int:
    """How many boxes a level has that was played before."""
    other = Sokoban(game.difficulty, game.levels, game.limit)
    other.reset(seed)
    for _ in range(level):
        play(other, " ".join(solution(board(other))))
    return len(SlowSokoban(board(other)).boxes)


def accepted(game: Sokoban, text: str) -> bool:
    try:
        game.canonical(0, text)
    except IllegalAction:
        return False
    return True


def test_the_next_level_begins_when_one_is_solved(two: str) -> None:
    game = Sokoban(file=two)
    assert game.text(0) == "level 1 of 2, 200 moves left\n#######\n#@-$-.#\n#######"
    play(game, "right right")
    assert game.text(0) == "level 1 of 2, 198 moves left\n#######\n#--@$.#\n#######"
    assert game.scores() == (0,)
    play(game, "right")
    assert game.text(0) == "level 2 of 2, 200 moves left\n#######\n#.$--@#\n#--*--#\n#######"
    assert game.scores() == (2,)  # one of the first level, and one that stands on its goal
    play(game, "left left left")
    assert game.scores() == (3,)
    outcome = game.outcome()
    assert outcome is not None
    assert (outcome.reason, outcome.scores) == ("all levels solved", (3,))
    assert game.statistics(0) == {"solved": 2, "moves": 6, "pushes": 3}
    assert board(game) == "#######\n#*@---#\n#--*--#\n#######"
    assert game.acting() == ()
    assert game.tick == 6


def test_a_level_that_is_not_solved_in_time_ends_the_match(two: str) -> None:
    game = Sokoban(file=two, limit=5)
    play(game, "stay right left right stay")
    outcome = game.outcome()
    assert outcome is not None
    assert (outcome.reason, outcome.scores) == ("out of moves", (0,))
    assert game.statistics(0)["solved"] == 0


def test_the_last_move_may_solve(two: str) -> None:
    game = Sokoban(file=two, limit=3)
    play(game, "right right right left left left")
    outcome = game.outcome()
    assert outcome is not None
    assert outcome.reason == "all levels solved"


def test_a_box_leaves_its_goal_and_the_score_falls(two: str) -> None:
    game = Sokoban(file=two)
    play(game, "right right right")  # the second level
    play(game, "left down")
    assert game.scores() == (2,)
    play(game, "left")
    assert board(game) == "#######\n#.$---#\n#-$+--#\n#######"
    assert game.scores() == (1,)
    play(game, "right")
    assert board(game) == "#######\n#.$---#\n#-$.@-#\n#######"


def test_what_blocks_is_said(two: str) -> None:
    game = Sokoban(file=two)
    with pytest.raises(IllegalAction, match=r"^left is blocked: there is a wall$"):
        game.canonical(0, "left")
    play(game, "right right right left down")
    assert game.canonical(0, "left") == "left"
    play(game, "left left")
    assert board(game) == "#######\n#.$---#\n#$@.--#\n#######"
    with pytest.raises(IllegalAction, match="left is blocked: the box cannot be pushed, a wall"):
        game.apply({0: "left"})
    with pytest.raises(IllegalAction, match="up is blocked: the box cannot be pushed, a wall"):
        game.apply({0: "push up"})


def test_two_boxes_in_a_row_are_too_heavy(tmp_path: Path) -> None:
    path = tmp_path / "row.xsb"
    path.write_text("########\n#------#\n#@$$-..#\n#------#\n#------#\n########")
    game = Sokoban(file=str(path))
    with pytest.raises(IllegalAction, match="another box is behind it"):
        game.canonical(0, "right")
    assert game.actions(0).choices == ("up", "down")


def test_a_dead_position_plays_on(two: str) -> None:
    game = Sokoban(file=two, limit=30)
    play(game, "right right right left down left left right")
    assert solution(board(game)) == []
    assert game.outcome() is None
    while game.acting():
        play(game, "stay")
    assert game.tick == 33


def test_levels_get_harder() -> None:
    game = Sokoban()
    game.reset(9)
    boxes = []
    for _ in range(6):
        boxes.append(len(SlowSokoban(board(game)).boxes))
        play(game, " ".join(solution(board(game))))
    assert boxes == [1, 1, 2, 2, 3, 4]
    assert game.scores() == (13,)


def test_a_step_is_fast() -> None:
    game = Sokoban(difficulty=1, limit=10_000)
    start = time.process_time()
    for number in range(2000):
        game.apply({0: game.actions(0).choices[number % 2]} if number % 3 else {0: "stay"})
        if game.outcome():
            game.reset(number)
    assert time.process_time() - start < 1


# Notation ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "action"),
    [
        ("right", "right"),
        (" Right\n", "right"),
        ("push right", "right"),
        ("MOVE  right", "right"),
        ("stay", "stay"),
    ],
)
def test_spellings(two: str, text: str, action: str) -> None:
    game = Sokoban(file=two)
    assert game.canonical(0, text) == action
    assert game.find(text)
    game.apply({0: text})
    assert game.tick == 1


@pytest.mark.parametrize(
    "text", ["", "north", "upright", "up right", "u", "right right", "ｒight", "push", "right" * 99]
)
def test_what_is_no_action_is_refused(two: str, text: str) -> None:
    game = Sokoban(file=two)
    with pytest.raises(IllegalAction, match="is not an action: write up, down, left or right"):
        game.canonical(0, text)
    before = game.fingerprint()
    with pytest.raises(IllegalAction):
        game.apply({0: text})
    assert game.fingerprint() == before


@pytest.mark.parametrize("actions", [{}, {1: "right"}, {0: "right", 1: "right"}])
def test_only_the_one_seat_acts(two: str, actions: dict[int, str]) -> None:
    with pytest.raises(IllegalAction, match="seat"):
        Sokoban(file=two).apply(actions)


def test_actions_are_found_in_prose() -> None:
    find = Sokoban(difficulty=1).find
    assert find("I go left, then I push up. Action: **up**") == ["go left", "push up", "up"]
    assert find("The upright figure at the bottom-left is right-handed; cup, left_1.") == []
    assert find("Up!") == ["Up"]


def test_hostile_replies_are_read_in_linear_time() -> None:
    game = Sokoban(difficulty=1)
    start = time.process_time()
    for bad in ("push " * 40_000, "up" * 100_000, "go" + " " * 200_000, "-" * 200_000):
        game.find(bad)
        assert not accepted(game, bad)
    assert time.process_time() - start < 2


def test_what_is_told_is_what_is_accepted() -> None:
    told = re.findall(r"`([a-z]+)`", Sokoban(difficulty=1).rules)
    assert sorted(told) == sorted(Sokoban.spec.menu or ())
    letters = re.findall(r"^- `(.)` ", Sokoban(difficulty=1).rules, re.MULTILINE)
    assert letters == [*"#-.$*@+"]
    assert len(Sokoban(difficulty=1).rules) < 1400


# Arguments -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("difficulty", 6),
        ("difficulty", -1),
        ("difficulty", "1"),
        ("levels", 0),
        ("levels", True),
        ("levels", 1001),
        ("limit", 0),
        ("limit", 2.0),
        ("file", 7),
    ],
)
def test_arguments_are_checked(name: str, value: object) -> None:
    with pytest.raises(ConfigError, match=re.escape(f"{name}={value!r} is not")):
        Sokoban(**cast(dict[str, Any], {name: value}))


# Saved states --------------------------------------------------------------


def test_a_restored_match_goes_on_the_same() -> None:
    random = Random(1)
    for seed in range(6):
        one, other = (Sokoban(3, levels=2, limit=40 + 10 * seed) for _ in range(2))
        one.reset(seed)
        while one.acting():
            plan = solution(board(one))
            one.apply({0: plan[0] if plan else "stay"})
            if random.random() < 0.1:
                other.restore(json.loads(json.dumps(one.save())))
                assert other.save() == one.save()
                assert (other.text(0), other.scores()) == (one.text(0), one.scores())
                assert other.outcome() == one.outcome()
                one, other = other, one
        other.restore(one.save())
        assert other.outcome() == one.outcome()


DAMAGE: list[tuple[str, Json, str]] = [
    ("game", "Sokoban-v2", "this is Sokoban-v1, but the state was saved by 'Sokoban-v2'"),
    ("arguments", [1, 2, 3, None], r"this game has \[0, 6, 200, None\]"),
    ("more", 1, "wrong keys"),
    ("seed", -1, "saved seed is -1"),
    ("level", 6, "saved level is 6, not a whole number from 0 to 5"),
    ("moves", 2, "saved moves is 2, not a whole number from 0 to 1"),
    ("tick", True, "saved tick is True"),
    ("pushes", 1.5, "saved pushes is 1.5"),
    ("done", None, "saved done is None"),
    ("board", 1, "not rows of cells"),
    ("board", "#?#", "not rows of cells"),
    ("board", "###\n#@#\n###", "other walls or goals"),
]


@pytest.mark.parametrize(("key", "value", "message"), DAMAGE)
def test_damaged_states_are_refused(key: str, value: Json, message: str) -> None:
    game = Sokoban()
    play(game, "stay")
    state = game.save()
    before = game.fingerprint()
    with pytest.raises(StateError, match=message):
        game.restore({**state, key: value})
    assert game.fingerprint() == before


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("#--$-.#", "has 0 players and 1 boxes"),
        ("#@@$-.#", "has 2 players and 1 boxes"),
        ("#@---.#", "has 1 players and 0 boxes"),
        ("#@$$-.#", "has 1 players and 2 boxes"),
        ("#@---*#", "level 0 is solved, but not the last"),
    ],
)
def test_boards_that_cannot_be_are_refused(two: str, row: str, reason: str) -> None:
    game = Sokoban(file=two)
    with pytest.raises(StateError, match=reason):
        game.restore({**game.save(), "board": f"#######\n{row}\n#######"})


def test_states_of_other_levels_are_refused(two: str) -> None:
    mine = Sokoban(file=two)
    other = Path(two).with_name("other.xsb")
    other.write_text(TWO.replace("#@-$-.#", "#@--$.#"))
    with pytest.raises(StateError, match="difficulty, levels, limit, file"):
        mine.restore(Sokoban(file=str(other)).save())
    moved = Path(two).with_name("moved.xsb")
    moved.write_text("; the same levels\n" + TWO)
    mine.restore(Sokoban(file=str(moved)).save())


def test_levels_are_made_once() -> None:
    generate.cache_clear()
    for _ in range(5):
        Sokoban().reset(3)
    assert generate.cache_info().misses == 2
