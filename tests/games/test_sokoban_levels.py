"""The generator against an independent search, and level files that are refused."""

from __future__ import annotations

import re
from pathlib import Path
from random import Random

import pytest

from lmgame.errors import ConfigError
from lmgame.games.sokoban import GRADES, Sokoban, generate, generator, parse_text, solve

from .slow_sokoban import SlowSokoban, fewest_pushes

# Seeds by difficulty: as many levels as the unpruned search of the tests can afford.
SEARCHED = {1: range(25), 2: range(20), 3: range(12), 4: (0, 8, 10), 5: (7,)}
MADE = {1: 30, 2: 30, 3: 25, 4: 10, 5: 6}


@pytest.mark.parametrize("difficulty", GRADES)
def test_generated_levels_need_as_many_pushes_as_is_said(difficulty: int) -> None:
    for seed in SEARCHED[difficulty]:
        level = generate(seed, difficulty)
        assert fewest_pushes(level.board) == level.pushes


@pytest.mark.parametrize("difficulty", GRADES)
def test_generated_levels_are_solved_by_their_proof(difficulty: int) -> None:
    grade = GRADES[difficulty]
    boards, enough = set(), 0
    for seed in range(MADE[difficulty]):
        level = generate(seed, difficulty)
        slow = SlowSokoban(level.board)
        assert (slow.wide, slow.high) == (grade.width, grade.height)
        assert len(slow.boxes) == len(slow.goals) == grade.boxes
        assert slow.placed == 0
        pushes = 0
        for move in level.proof:
            assert not slow.solved
            before = set(slow.boxes)
            slow.go(move)
            pushes += before != slow.boxes
        assert slow.solved
        assert pushes == level.pushes
        assert len(level.proof) <= generator.MOST_MOVES
        boards.add(level.board)
        enough += level.pushes >= grade.pushes
    assert len(boards) == MADE[difficulty]
    assert enough >= MADE[difficulty] // 3


def test_difficulties_rise() -> None:
    totals = [sum(generate(seed, d).pushes for seed in range(MADE[5])) for d in GRADES]
    assert totals == sorted(set(totals))


def test_the_same_seed_makes_the_same_level() -> None:
    first = generate(12, 3)
    generate.cache_clear()
    assert generate(12, 3) == first
    assert generate(13, 3) != first


def test_a_seed_whose_rooms_all_fail_gives_the_last_resort(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(generator, "_ROOMS", 0)
    level = generate.__wrapped__(1, 5)
    assert fewest_pushes(level.board) == level.pushes == 1
    slow = SlowSokoban(level.board)
    slow.go(level.proof[0])
    assert slow.solved


def test_the_solver_agrees_with_the_slow_one_on_random_boards() -> None:
    random = Random(3)
    verdicts: list[bool] = []
    while len(verdicts) < 150:
        cells = ["-" if random.random() < 0.8 else "#" for _ in range(20)]
        spots = random.sample(range(20), 5)
        for spot, letter in zip(spots, "@$$..", strict=True):
            cells[spot] = letter
        if random.random() < 0.2:
            cells[spots[1]] = "*"
            cells[spots[3]] = "-"
        rows = ["".join(cells[start : start + 5]) for start in range(0, 20, 5)]
        board = "\n".join(["#" * 7, *(f"#{row}#" for row in rows), "#" * 7])
        expected = fewest_pushes(board)
        best, quick = solve(board, 100_000), solve(board, 100_000, weight=4)
        assert best.complete
        assert quick.complete
        assert best.solved == quick.solved == (expected is not None)
        if expected is not None:
            assert len(best.pushes) == expected <= len(quick.pushes)
        verdicts.append(best.solved)
    assert 20 < sum(verdicts) < 120


def test_a_bounded_search_says_that_it_proves_nothing() -> None:
    board = generate(3, 5).board
    found = solve(board, 10)
    assert (found.solved, found.complete, found.states) == (False, False, 10)


# Files ---------------------------------------------------------------------


def made(tmp_path: Path, text: str | bytes, **arguments: int) -> Sokoban:
    path = tmp_path / "levels.xsb"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return Sokoban(file=str(path), **arguments)


GOOD = "#####\n#@$.#\n#####\n"


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        GOOD.rstrip(),
        GOOD.replace("\n", "\r\n"),
        "\ufeff" + GOOD,
        "; a comment\nTitle: one\n\n" + GOOD + "Author: nobody\n",
        "-----\n::\n\n" + GOOD,
        "#####\n#@$.####\n#####\n",
        "__#####\n--#@$.#\n  #####   \n",
    ],
)
def test_files_in_every_style_are_read(tmp_path: Path, text: str) -> None:
    game = made(tmp_path, text)
    assert game.levels == 1
    assert "#@$.#" in game.text(0)
    game.apply({0: "right"})
    assert game.scores() == (1,)


def test_levels_come_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = "1\n" + GOOD + "\n2\n" + GOOD.replace("@$.", "+$-") + "\n" + "#?#"
    text = text.replace("+$-", "@-$.").replace("#####", "######")
    game = made(tmp_path, text, levels=2)
    assert game.levels == 2
    game.reset(77)
    assert "#@$.#" in game.text(0)
    game.apply({0: "right"})
    assert "#@-$.#" in game.text(0)


def test_what_cannot_be_reached_becomes_wall(tmp_path: Path) -> None:
    text = "  #####\n  #   #\n###@$.##\n#*#   ##\n########\n"
    game = made(tmp_path, text)
    board = parse_text(game.text(0)).board
    assert board == "########\n###---##\n###@$.##\n###---##\n########"


def test_the_picture_is_as_large_as_the_largest_level(tmp_path: Path) -> None:
    wide = "#" * 30 + "\n#@$." + "-" * 25 + "#\n" + "#" * 30 + "\n"
    game = made(tmp_path, GOOD + "\n" + wide)
    size = game.observe(0).picture.size
    assert size == (30 * 24 + 24, 3 * 24 + 38)
    game.apply({0: "right"})
    assert game.observe(0).picture.size == size


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("#####\n#-$.#\n#####", 1, "the level has no players (@), not one"),
        ("x\n#####\n#@$.#\n#@--#\n#####", 4, "the level has 2 players (@), not one"),
        ("######\n#@$$.#\n######", 1, "the level has 2 boxes and 1 goals"),
        ("#####\n#@--#\n#####", 1, "the level has 0 boxes and 0 goals"),
        ("#####\n#@$x#\n#####", 2, "column 4: 'x' is not one of #@+$*. -_"),
        ("#####\n#@\t.#\n#####", 2, "column 3: '\\t' is not one of"),
        ("#####\n#@$.\n#####", 2, "column 4: the level is not enclosed by walls here"),
        ("#####\n#@$.#\n##-##", 3, "column 3: the level is not enclosed by walls here"),
        ("## ##\n#@$.#\n#####\n", 1, "column 3: the level is not enclosed"),
        ("#####\n#@$ #\n# . #", 3, "column 2: the level is not enclosed"),
        ("######\n#@$#.#\n######", 2, "the player cannot reach the goal in column 5"),
        ("########\n#@.##$##\n########", 2, "the player cannot reach the box in column 6"),
        ("#####\n#@-##\n###*#\n#####", 1, "the player cannot reach any box"),
        ("####\n#@*#\n####", 1, "every box is on a goal already"),
        ("#####\n#-@-#\n#$.-#\n#####", 1, "the level cannot be solved"),
        ("######\n#@--.#\n#-$$-#\n#-$$.#\n#..--#\n######", 1, "the level cannot be solved"),
        (GOOD + "\n\n" + GOOD.replace("@$.", "$@."), 6, "the level cannot be solved"),
        ("#" * 41, 1, "41 columns by 1 rows are too many: at most 40 by 40"),
        ("#####\n" * 41, 1, "5 columns by 41 rows are too many"),
    ],
)
def test_levels_that_cannot_be_played_are_refused(
    tmp_path: Path, text: str, line: int, reason: str
) -> None:
    with pytest.raises(ConfigError, match=re.escape(f"levels.xsb, line {line}: {reason}")):
        made(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "holds no level"),
        ("no level\nat all\n", "holds no level"),
        (b"\xff\xfe#####", "it is not text in UTF-8"),
        (b"#" * 1_000_001, "larger than 1000000 bytes"),
    ],
)
def test_files_that_are_none_are_refused(tmp_path: Path, text: str | bytes, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        made(tmp_path, text)


def test_files_that_are_not_there_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none.xsb' cannot be read: No such file"):
        Sokoban(file=str(tmp_path / "none.xsb"))
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        Sokoban(file=str(tmp_path))
