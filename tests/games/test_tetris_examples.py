"""Single rules by example: drawn boards, what is pressed, what must come of it.

Every example runs on the fast and the slow Tetris at once.
"""

from __future__ import annotations

from random import Random

import pytest

from lmgame.games.tetris import Snapshot, Tetris, TetrisVersus, parse_text, rank_placements
from lmgame.games.tetris.scoring import GRAVITY
from lmgame.games.tetris.srs import CELLS, FLOOR, KINDS, MASKS, PAD, turn

from .slow_tetris import SlowSeat, speed
from .tetris_pair import Pair, drawn, seat_state

# The overhang at column 2 stops the second and third kick test; the fifth works.
TRIPLE_BOARD = """
    ..#.......
    ##......##
    ##.#######
    ##..######
    ##.#######
    """


def active(game: Tetris | TetrisVersus) -> list[tuple[int, int]]:
    cells = parse_text(game.text(0)).own.cells
    return sorted((i % 10, i // 10) for i, mark in enumerate(cells) if mark == "@")


def play(kind: str, board: str, inputs: str, level: int = 1) -> Pair:
    pair = Pair(7, level, blocks=drawn(board), kind=kind)
    pair.play({0: inputs.split()})
    return pair


def points(pair: Pair) -> int:
    return int(pair.fast.statistics(0)["points"])


# Spawning ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "cells"),
    [
        ("I", [(3, 19), (4, 19), (5, 19), (6, 19)]),
        ("J", [(3, 19), (3, 20), (4, 19), (5, 19)]),
        ("L", [(3, 19), (4, 19), (5, 19), (5, 20)]),
        ("O", [(4, 19), (4, 20), (5, 19), (5, 20)]),
        ("S", [(3, 19), (4, 19), (4, 20), (5, 20)]),
        ("T", [(3, 19), (4, 19), (4, 20), (5, 19)]),
        ("Z", [(3, 20), (4, 19), (4, 20), (5, 19)]),
    ],
)
def test_pieces_appear_where_the_guideline_says(kind: str, cells: list[tuple[int, int]]) -> None:
    assert active(Pair(1, kind=kind).fast) == cells


def test_a_piece_stays_above_the_skyline_when_the_row_below_is_taken() -> None:
    board = "\n".join(["....#....."] * 20)
    assert min(y for _, y in active(Pair(1, blocks=drawn(board), kind="T").fast)) == 20


def test_bags_hold_every_piece_once() -> None:
    game = Tetris()
    game.reset(11)
    kinds = ""
    for _ in range(70):
        view = parse_text(game.text(0))
        kinds += view.own.piece
        game.apply({0: rank_placements(view, game.actions(0).choices)[0][0]})
    bags = [kinds[start : start + 7] for start in range(0, 70, 7)]
    assert all(sorted(bag) == sorted("IJLOSTZ") for bag in bags)
    assert len(set(bags)) > 5


# Turning -----------------------------------------------------------------


def test_every_turn_in_the_open_needs_no_kick_and_four_make_a_circle() -> None:
    for kind in "IJLOSTZ":
        for word in ("cw", "ccw"):
            pair = Pair(1, kind=kind)
            pair.play({0: ["down"] * 5})
            before = active(pair.fast)
            for _ in range(4):
                pair.play({0: [word]})
            assert active(pair.fast) == before


def test_the_i_kicks_off_the_right_wall() -> None:
    # Upright at the right wall (state R, column 9) turned cw: test 2, one left,
    # would leave the field on the right; tetris.wiki R->2: (-1,0) is the first
    # that fits.
    pair = play("I", "..........", "down down down cw right right right right")
    assert [x for x, _ in active(pair.fast)] == [9] * 4
    pair.play({0: ["cw"]})
    assert [x for x, _ in active(pair.fast)] == [6, 7, 8, 9]


def test_the_i_kicks_off_the_left_wall() -> None:
    # State L at column 0, turned cw to spawn: L->0 test 2 is (+1, 0).
    pair = play("I", "..........", "down down down ccw left left left left left")
    assert [x for x, _ in active(pair.fast)] == [0] * 4
    pair.play({0: ["cw"]})
    assert [x for x, _ in active(pair.fast)] == [0, 1, 2, 3]


def test_the_i_kicks_off_the_floor() -> None:
    # Flat on the floor, spawn -> R: tests 1 to 4 end in the floor; test 5 is (+1, +2).
    pair = play("I", "..........", "down " * 19)
    assert active(pair.fast) == [(3, 0), (4, 0), (5, 0), (6, 0)]
    pair.play({0: ["cw"]})
    assert active(pair.fast) == [(6, 0), (6, 1), (6, 2), (6, 3)]


def test_the_t_kicks_off_the_walls() -> None:
    pair = play("T", "..........", "cw left left left left left left")
    assert min(x for x, _ in active(pair.fast)) == 0
    pair.play({0: ["ccw"]})  # R -> 0 at the left wall: test 2, one to the right
    assert sorted({x for x, _ in active(pair.fast)}) == [0, 1, 2]


def test_a_blocked_turn_does_nothing() -> None:
    board = "\n".join(["####.#####"] * 16)
    pair = play("I", board, "cw left down down down down down down down down")
    before = active(pair.fast)
    assert [x for x, _ in before] == [4] * 4
    pair.play({0: ["cw"]})
    assert active(pair.fast) == before


def test_kicks_are_those_of_the_offset_tables() -> None:
    random = Random(9)
    succeeded = {kind: set[int]() for kind in KINDS}
    slow = SlowSeat(0, 1)
    board = FLOOR
    for number in range(20_000):
        if number % 40 == 0:
            part = random.uniform(0.2, 0.6)
            slow.blocks = {
                (x, y): "J" for x in range(10) for y in range(9) if random.random() < part
            }
            board = FLOOR | sum(1 << (10 * (y + PAD) + x) for x, y in slow.blocks)
        shape, x, y = random.randrange(28), random.randrange(2, 13), random.randrange(2, 12)
        mask = MASKS[shape][x] << (10 * y)
        if not mask or board & mask:
            continue
        cells = {(x + dx - PAD, y + dy - PAD) for dx, dy in CELLS[shape]}
        slow.kind, slow.state, slow.lowest = KINDS[shape // 4], shape % 4, 0
        slow.cx, slow.cy = next(c for c in cells if set(slow.cells(*c, shape % 4)) == cells)
        clockwise = random.random() < 0.5
        after = turn(board, shape, x, y, clockwise)
        assert slow.turn(1 if clockwise else 3) == (after is not None)
        if after is not None:
            shape, x, y, test = after
            cells = {(x + dx - PAD, y + dy - PAD) for dx, dy in CELLS[shape]}
            assert (cells, test) == (set(slow.active), slow.last_turn)
            succeeded[slow.kind].add(test)
    assert succeeded.pop("O") == {0}
    assert {kind: len(tests) for kind, tests in succeeded.items()} == dict.fromkeys("IJLSTZ", 5)


# Scoring -----------------------------------------------------------------


@pytest.mark.parametrize(("lines", "value"), [(1, 100), (2, 300), (3, 500), (4, 800)])
@pytest.mark.parametrize("level", [1, 4])
def test_line_clears(lines: int, value: int, level: int) -> None:
    board = "\n".join(["#........."] * (5 - lines) + ["#########."] * lines)
    pair = play("I", board, "cw right right right right", level)
    height = min(y for _, y in active(pair.fast))
    pair.play({0: ["drop"]})
    assert points(pair) == value * level + 2 * height


def test_soft_drop_is_one_a_row_and_hard_drop_two() -> None:
    pair = play("O", "..........", "down down down")
    assert points(pair) == 3
    pair.play({0: ["drop"]})
    assert points(pair) == 3 + 2 * 16


def test_back_to_back_and_combo() -> None:
    board = "\n".join(["#........."] + ["#########."] * 8)
    pair = play("I", board, "cw right right right right drop")
    assert points(pair) == 800 + 34  # 17 rows down
    pair.give(pair.slow.seats[0], "I")
    pair.play({0: ["cw", "right", "right", "right", "right", "drop"]})
    assert points(pair) == 800 + 34 + 1200 + 50 + 34  # 800 * 1.5, first combo
    assert pair.fast.statistics(0)["max_combo"] == 1


@pytest.mark.parametrize(
    ("kind", "board", "inputs", "lines", "value"),
    [
        ("I", "...####...", "drop", 0, 0),
        ("I", "###....###", "drop", 1, 900),
        ("O", "####..####\n####..####", "drop", 2, 1500),
        (
            "L",
            "########..\n#########.\n#########.",
            "ccw right right right right right drop",
            3,
            500 + 1800,
        ),
        ("I", "#########.\n" * 4, "cw right right right right drop", 4, 2800),
    ],
)
def test_perfect_clears(kind: str, board: str, inputs: str, lines: int, value: int) -> None:
    pair = play(kind, board, inputs)
    counted = pair.fast.statistics(0)
    assert counted["lines"] == lines
    assert counted["perfect"] == (lines > 0)
    dropped = 18 if not lines else 0
    fallen = points(pair) - value
    assert fallen % 2 == 0
    assert dropped <= fallen <= 38


def test_t_spin_triple_by_the_fifth_kick() -> None:
    pair = play("T", TRIPLE_BOARD, "right " + "down " * 16 + "left left")
    assert active(pair.fast) == [(2, 3), (3, 3), (3, 4), (4, 3)]
    before = points(pair)
    pair.play({0: ["cw"]})
    assert active(pair.fast) == [(2, 0), (2, 1), (2, 2), (3, 1)]
    pair.play({0: ["drop"]})
    assert points(pair) - before == 1600
    assert "full3" in pair.events


@pytest.mark.parametrize(
    ("board", "inputs", "event", "value"),
    [
        # https://tetris.wiki/T-Spin: the double's slot, an overhang on the left.
        ("...#......\n###...####\n####.#####", "cw " + "down " * 18 + "cw", "full2", 1200),
        # The same with a gap in the floor's row, and in both rows.
        ("...#......\n###...####\n####.####.", "cw " + "down " * 18 + "cw", "full1", 800),
        ("...#......\n###...###.\n####.####.", "cw " + "down " * 18 + "cw", "full0", 400),
    ],
)  # fmt: skip
def test_t_spins(board: str, inputs: str, event: str, value: int) -> None:
    pair = play("T", board, inputs)
    before = points(pair)
    pair.play({0: ["drop"]})
    assert event in pair.events
    assert points(pair) - before == value


def test_a_t_that_merely_drops_into_its_slot_is_no_spin() -> None:
    board = "###...####\n####.#####"
    pair = play("T", board, "cw cw drop")
    assert "2" in pair.events


def test_a_mini_points_at_an_open_corner() -> None:
    # The third kick test puts the T upright on the floor: both corners behind it
    # are floor, but only one of those it points at is filled.
    board = "#..#......\n...#######"
    pair = play("T", board, "ccw left left " + "down " * 18)
    before = points(pair)
    pair.play({0: ["cw", "drop"]})
    assert "mini1" in pair.events
    assert points(pair) - before == 200


# Holding -----------------------------------------------------------------


def test_hold_swaps_once_per_piece() -> None:
    pair = Pair(5)
    first, second = pair.slow.seats[0].kind, pair.slow.seats[0].queue[0]
    pair.play({0: ["hold"]})
    seen: Snapshot = parse_text(pair.fast.text(0)).own
    assert (seen.hold, seen.piece, seen.hold_free) == (first, second, False)
    pair.play({0: ["hold"]})  # refused, as the pair checks
    assert parse_text(pair.fast.text(0)).own == seen
    pair.play({0: ["drop", "hold"]})
    seen = parse_text(pair.fast.text(0)).own
    assert (seen.piece, seen.hold_free) == (first, False)


# Time --------------------------------------------------------------------


def test_gravity_table_is_the_guidelines_formula() -> None:
    assert tuple(speed(level) for level in range(1, 21)) == GRAVITY


def test_level_one_falls_a_row_a_second() -> None:
    game = Tetris()
    game.reset(1)
    top = active(game)
    game.advance(60)
    assert active(game) == top
    game.advance(1)  # 2**20 / 60 is not whole: the row comes one tick late
    assert active(game) == [(x, y - 1) for x, y in top]


def test_a_resting_piece_locks_after_thirty_ticks() -> None:
    pair = play("O", "..........", "down " * 19)
    pair.play({0: 29})
    assert pair.fast.statistics(0)["pieces"] == 0
    pair.play({0: 1})
    assert pair.fast.statistics(0)["pieces"] == 1


def test_fifteen_moves_keep_a_piece_alive_and_no_more() -> None:
    pair = play("O", "..........", "down " * 19)
    pair.play({0: 20})
    for move in range(15):
        pair.play({0: ["left" if move % 2 else "right"]})
        pair.play({0: 20})
    assert pair.fast.statistics(0)["pieces"] == 0
    pair.play({0: ["left"]})
    pair.play({0: 10})
    assert pair.fast.statistics(0)["pieces"] == 1


def test_a_piece_that_has_used_its_moves_keeps_its_timer_in_the_air() -> None:
    pair = play("T", "..........", "down " * 19)
    pair.play({0: 1})
    for move in range(15):
        pair.play({0: ["left" if move % 2 else "right"]})
    pair.play({0: 5})
    pair.play({0: ["cw", "ccw"]})  # kicked off the floor, and flat one row above it
    assert min(y for _, y in active(pair.fast)) == 1
    assert seat_state(pair.fast, 0)["timer"] == 5
    pair.play({0: 300})


def test_the_level_rises_every_ten_lines_and_stops_at_twenty() -> None:
    for level, lines, after in ((1, 9, 2), (3, 19, 5), (20, 9, 20)):
        pair = play("I", "###....###", "wait", level)
        pair.slow.seats[0].lines = lines
        pair.give(pair.slow.seats[0])
        pair.play({0: ["drop"]})
        assert pair.fast.statistics(0)["level"] == after


def test_advancing_costs_the_same_however_long() -> None:
    game = Tetris(level=20)
    game.advance(10**12)
    assert game.outcome() is not None
    assert game.tick < 10_000


# Ends --------------------------------------------------------------------


def test_block_out() -> None:
    board = "\n".join(["...####..."] * 19)
    pair = play("I", board, "cw left drop")
    outcome = pair.fast.outcome()
    assert outcome is not None
    assert (outcome.reason, outcome.winner) == ("block out", None)


def test_lock_out() -> None:
    board = "\n".join(["...####..."] * 20)
    pair = play("O", board, "drop")
    outcome = pair.fast.outcome()
    assert outcome is not None
    assert outcome.reason == "lock out"


def test_after_the_end_nothing_is_accepted() -> None:
    game = Tetris()
    while game.acting():
        game.apply({0: "press drop"})
    score = game.scores()
    game.advance(100)
    assert game.scores() == score
    for call in (
        lambda: game.apply({0: "press wait"}),
        lambda: game.apply({0: "press hold drop"}),
        lambda: game.canonical(0, "press wait"),
        lambda: game.actions(0),
    ):
        with pytest.raises(Exception, match="the match is over"):
            call()
    assert parse_text(game.text(0)).own.piece == "-"
