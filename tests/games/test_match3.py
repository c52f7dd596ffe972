"""Match three: the rules against a slow second implementation, what is seen and saved."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import groupby
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmgame.agents.scripted import match3 as anchor
from lmgame.errors import ConfigError, IllegalAction, StateError
from lmgame.game import State
from lmgame.games.match3 import Match3, parse_text, render
from lmgame.games.match3.board import (
    cascade,
    deal,
    matched,
    movable,
    nothing_fresh,
    pack,
    shift,
    swapped,
    unpack,
)
from lmgame.games.match3.text import View, write
from lmgame.picture import Picture
from lmgame.picture.glyph import bitmap
from lmgame.rng import Rng
from lmgame.testing import check_game
from lmgame.world import World

from .slow_match3 import ALL, SWAPS, Grid, lines, matching, rest, spelled, swap

QUICK = settings(max_examples=40, deadline=None)
LETTERS = st.text("RGBY", min_size=64, max_size=64)
# No swap makes a line: every other row is moved by two.
STUCK = ("RGBY" * 2 + "BYRG" * 2) * 4


def grid_of(text: str) -> Grid:
    """The board, read from the text by other means than the game's own reader."""
    return [line.split()[1:] for line in text.split("\n")[2:]]


def joined(grid: Grid) -> str:
    return "".join("".join(row) for row in grid)


def rows(cells: str) -> Grid:
    return [[*cells[i : i + 8]] for i in range(0, 64, 8)]


def test_one_move_alone_keeps_the_contract() -> None:
    check_game(lambda: Match3(moves=1), seeds=(4,))


# Rules -------------------------------------------------------------------


@QUICK
@given(LETTERS)
def test_lines_are_those_of_the_slow_game(cells: str) -> None:
    found = unpack(matched(pack(cells)))
    assert unpack(pack(cells)) == cells
    assert {(i // 8, i % 8) for i, letter in enumerate(found) if letter != "."} == lines(
        rows(cells)
    )
    assert all(letter in (".", cells[i]) for i, letter in enumerate(found))


@QUICK
@given(LETTERS, st.sampled_from(SWAPS))
def test_swaps_and_falls_are_those_of_the_slow_game(
    cells: str, pair: tuple[tuple[int, int], tuple[int, int]]
) -> None:
    after = swapped(pack(cells), shift(*pair[0]), shift(*pair[1]))
    assert unpack(after) == joined(swap(rows(cells), *pair))
    board, cleared, steps = cascade(after, nothing_fresh)
    assert (rows(unpack(board)), cleared, steps) == rest(rows(unpack(after)), lambda column: ".")


@QUICK
@given(st.integers(0, 2**64), st.integers(0, 60))
def test_movable_is_that_of_the_slow_game(seed: int, changed: int) -> None:
    """Near the stuck board and near boards at rest, so that both answers occur."""
    random = Random(seed)
    cells = [*(STUCK if seed % 2 else unpack(deal(Rng(seed))))]
    for _ in range(changed % 4 if seed % 2 else changed):
        cells[random.randrange(64)] = random.choice("RGBY")
    grid = rows("".join(cells))
    if not lines(grid):
        assert movable(pack("".join(cells))) == bool(matching(grid))


def test_every_single_way_to_a_line_is_seen() -> None:
    """Three tiles on a board that is stuck otherwise: each place, each swap, alone."""
    plain = rows(("RGRG" * 2 + "GRGR" * 2) * 4)  # no line, whatever is swapped in it
    board = [["RG".index(letter) for letter in row] for row in plain]
    seen = 0
    for one, other in SWAPS:
        for line in around(other, one):
            grid = [["RG"[value] for value in row] for row in board]
            for y, x in [*line, one]:
                grid[y][x] = "B"
            expected = matching(grid)
            assert movable(pack(joined(grid))) == bool(expected)
            assert (one, other) in expected
            seen += 1
    assert seen > 300


def around(goal: tuple[int, int], start: tuple[int, int]) -> Iterator[list[tuple[int, int]]]:
    """The pairs of cells that make a line with ``goal``, without ``start``."""
    for dy, dx in ((0, 1), (1, 0)):
        for first in (-2, -1, 0):
            line = [(goal[0] + i * dy, goal[1] + i * dx) for i in range(first, first + 3)]
            if all(cell in ALL for cell in line) and start not in line:
                yield [cell for cell in line if cell != goal]


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**64), played=st.randoms(use_true_random=False))
def test_a_match_is_that_of_the_slow_game(seed: int, played: Random) -> None:
    game = Match3(moves=30)
    game.reset(seed)
    streams = [Rng(seed).split(column) for column in range(8)]
    total = made = 0
    while game.acting():
        grid = grid_of(game.text(0))
        good = matching(grid)
        assert good
        assert not lines(grid)
        pair = played.choice(good) if played.random() < 0.6 else played.choice(SWAPS)
        game.apply({0: spelled(*pair)})
        if pair in good:
            made += 1
            grid, cleared, _ = rest(
                swap(grid, *pair), lambda column: "RGBY"[streams[column].next() >> 62]
            )
            total += cleared
        if game.statistics(0)["deals"]:
            break  # boards dealt anew have a test of their own
        assert grid_of(game.text(0)) == grid
        assert game.scores() == (total,)
        assert game.statistics(0)["matches"] == made
    assert game.tick == 30


def test_a_swap_without_a_line_costs_the_move_and_nothing_else() -> None:
    game = Match3(moves=3)
    game.reset(5)
    board = game.save()["board"]
    good = [spelled(*pair) for pair in matching(grid_of(game.text(0)))]
    futile = next(text for text in game.actions(0).choices if text not in good)
    for left, text in ((2, futile), (1, "swap nothing")):
        game.apply({0: text})
        assert game.save()["board"] == board
        assert game.text(0).startswith(f"moves left {left}\n")
    assert game.scores() == (0.0,)
    assert game.outcome() is None
    game.apply({0: good[0]})
    outcome = game.outcome()
    assert outcome is not None
    assert (outcome.reason, outcome.winner, outcome.scores) == (
        "no moves left",
        None,
        game.scores(),
    )
    assert game.scores()[0] >= 3
    for call in (lambda: game.apply({0: good[0]}), lambda: game.actions(0)):
        with pytest.raises(IllegalAction, match="the match is over"):
            call()


def test_long_lines_and_crosses_count_each_tile_once() -> None:
    grid = rows(("GYGY" * 2 + "YGYG" * 2) * 4)
    cross = {(3, x) for x in range(1, 6)} | {(y, 3) for y in range(1, 6)}
    for y, x in cross:
        grid[y][x] = "R"
    assert lines(grid) == cross
    assert matched(pack(joined(grid))).bit_count() == 9
    grid = [["G"] * 8 for _ in range(8)]
    assert cascade(pack(joined(grid)), nothing_fresh) == (0, 64, 1)


def test_a_stuck_board_is_dealt_anew() -> None:
    assert not matching(rows(STUCK))
    assert not movable(pack(STUCK))
    # A board from which a swap in the top row leads to the stuck one: the three
    # tiles that fall must be the right ones, so generators are tried until they are.
    letters = "GGYG" + STUCK[4:]
    assert not lines(rows(letters))
    swap_away = "swap 0 2 right"
    wanted = STUCK[:3]
    game = Match3()
    falls = [
        next(n for n in range(1000) if "RGBY"[Rng(n).next() >> 62] == letter) for letter in wanted
    ]
    saved = game.save()
    assert isinstance(saved["falls"], list)
    game.restore({**saved, "board": letters, "falls": [*falls, *saved["falls"][3:]]})
    dealer = Rng(0).split(8)
    deal(dealer)
    game.apply({0: swap_away})
    assert game.statistics(0)["deals"] == 1
    assert game.scores() == (3.0,)
    assert game.save()["board"] == unpack(deal(dealer))
    assert game.text(0).startswith("moves left 49\n")


def test_deals_are_at_rest_varied_and_have_a_move() -> None:
    counts = dict.fromkeys("RGBY", 0)
    for seed in range(60):
        cells = unpack(deal(Rng(seed)))
        assert not lines(rows(cells))
        assert matching(rows(cells))
        for letter, run in groupby(sorted(cells)):
            counts[letter] += len(list(run))
    assert all(abs(count - 60 * 16) < 150 for count in counts.values())


def test_the_same_tiles_fall_to_every_player_of_a_seed() -> None:
    """The n-th tile that falls into a column is the same, whatever was cleared."""
    fallen = []
    for way in (0, -1):
        game = Match3(moves=25)
        game.reset(11)
        drawn: list[list[str]] = [[] for _ in range(8)]
        fresh = game._fresh

        def noted(column: int, count: int) -> str:
            tiles = fresh(column, count)  # noqa: B023 # called within this turn of the loop only
            drawn[column] += reversed(tiles)  # noqa: B023 # as above
            return tiles

        game._fresh = noted  # type: ignore[method-assign] # to look over its shoulder
        while game.acting():
            game.apply({0: spelled(*matching(grid_of(game.text(0)))[way])})
        fallen.append(drawn)
    for one, other in zip(*fallen, strict=True):
        both = min(len(one), len(other))
        assert one[:both] == other[:both]
    assert sum(map(len, fallen[0])) > 75


def test_random_play_is_near_the_papers() -> None:
    """Lmgame-Bench, table 1: 116.5 ± 51.5 over 30 runs, a standard error of 9.4."""
    game = Match3()
    scores = []
    for seed in range(100):
        game.reset(seed)
        rng = Rng(seed).split(1)
        while game.acting():
            game.apply({0: rng.choice(game.actions(0).choices)})
        scores.append(game.scores()[0])
    assert 100 < np.mean(scores) < 140
    assert 35 < np.std(scores) < 65


def test_the_anchor_is_better_than_random_play() -> None:
    for seed in range(3):
        world = World(Match3(), seed)
        while not world.over:
            world.offer(lambda seat: None)
            world.land({0: anchor.best(world.turns[0])})
        assert world.game.scores()[0] > 600
        assert world.game.statistics(0)["matches"] == 50


@pytest.mark.parametrize("moves", [0, -1, 10_001, True, 1.5, "50", None])
def test_bad_arguments(moves: object) -> None:
    with pytest.raises(ConfigError, match="is not a whole number from 1 to 10000"):
        Match3(moves=moves)  # type: ignore[arg-type]  # what a user might write


# Reading -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "found"),
    [
        ("swap 2 5 right", ["swap 2 5 right"]),
        ("I will **Swap 2 5 DOWN**.", ["Swap 2 5 DOWN"]),
        ("swap (2,5) right", ["swap (2,5) right"]),
        ("swap (2, 5) with (2, 6)", ["swap (2, 5) with (2, 6)"]),
        ("swap 2 5 and 3 5 to make a line", ["swap 2 5 and 3 5"]),
        (
            "swap row 2, column 5 with row 3, column 5",
            ["swap row 2, column 5 with row 3, column 5"],
        ),
        ("move: ((2,5),(2,6))", ["((2,5),(2,6))"]),
        ("swap (2,5) <-> (2,6)", ["swap (2,5) <-> (2,6)"]),
        ("swap [0, 0] -> [1, 0].", ["swap [0, 0] -> [1, 0]"]),
        ("So I swap 2 5 with 2 6.", ["swap 2 5 with 2 6"]),
        ("swap 2.5 with 2.6", []),
        ("swap 9 9 right", ["swap 9 9 right"]),
        ("swap -1 0 down", ["swap -1 0 down"]),
        ("swap nothing", ["swap nothing"]),
        ("swap 2 5 right\nswap 3 1 down", ["swap 2 5 right", "swap 3 1 down"]),
        ("swap 2 5", []),
        ("swap the red tile right", []),
        ("swap 2 5 rightmost", []),
        ("R is at (2,5), (2,6) and (1,7).", []),
        ("the tile at (2,5)", []),
        ("", []),
    ],
)
def test_find(reply: str, found: list[str]) -> None:
    assert Match3().find(reply) == found


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("swap 2 5 right", "swap 2 5 right"),
        (" Swap  2, 5 RIGHT\n", "swap 2 5 right"),
        ("swap 2 6 left", "swap 2 5 right"),
        ("swap 3 5 up", "swap 2 5 down"),
        ("swap (2,5) (2,6)", "swap 2 5 right"),
        ("swap (2,6) with (2,5)", "swap 2 5 right"),
        ("swap((2,5),(3,5))", "swap 2 5 down"),
        ("((3,5),(2,5))", "swap 2 5 down"),
        ("swap row 2 column 5 to row 2 column 6", "swap 2 5 right"),
        ("swap r=2 c=5 down", "swap 2 5 down"),
        ("SWAP NOTHING", "swap nothing"),
    ],
)
def test_canonical(text: str, canonical: str) -> None:
    game = Match3()
    assert game.canonical(0, text) == canonical
    assert [game.canonical(0, one) for one in game.find(text)] == [canonical]
    other = Match3()
    game.apply({0: text})
    other.apply({0: canonical})
    assert game.save() == other.save()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("swap 2 7 right", "row 2, column 8 is not on the board: both are 0 to 7"),
        ("swap 7 0 down", "row 8, column 0 is not on the board"),
        ("swap 8 0 up", "row 8, column 0 is not on the board"),
        ("swap 0 -1 right", "row 0, column -1 is not on the board"),
        ("swap (2,5) (4,5)", "row 2, column 5 and row 4, column 5 are not neighbours: write 'swap"),
        ("swap (2,5) (2,5)", "are not neighbours"),
        ("swap (2,5) (3,6)", "are not neighbours"),
        ("swap 2 5", "'swap 2 5' is not an action: write 'swap R C right' or 'swap R C down'"),
        ("swap 2 5 right swap 2 5 right", "is not an action"),
        ("swap 2 5 6", "is not an action"),
        ("", "'' is not an action"),
        ("x" * 10_000_000, r"'x{40}\.\.\.' is not an action"),
    ],
)
def test_refusals_say_what_to_do(text: str, reason: str) -> None:
    game = Match3()
    before = game.fingerprint()
    for call in (lambda: game.canonical(0, text), lambda: game.apply({0: text})):
        with pytest.raises(IllegalAction, match=reason) as error:
            call()
        assert len(str(error.value)) < 200
    assert game.fingerprint() == before


def test_other_seats_and_no_action_are_refused() -> None:
    game = Match3()
    before = game.fingerprint()
    with pytest.raises(IllegalAction, match="no seat 1"):
        game.apply({0: "swap 0 0 right", 1: "swap 0 0 right"})
    with pytest.raises(IllegalAction, match="no action"):
        game.apply({})
    assert game.fingerprint() == before


@QUICK
@given(
    st.text()
    | st.from_regex(r"(?i)swap[ (]\S{0,4}[ ,]\S{0,4}\)? (right|up|\(\d,\d\))", fullmatch=True)
)
def test_canonical_raises_nothing_but_illegal_action(text: str) -> None:
    game = Match3()
    for passage in [text, *game.find(text)]:
        try:
            assert game.canonical(0, passage) in (game.spec.menu or ())
        except IllegalAction:
            continue


@pytest.mark.parametrize(
    "hostile",
    ["swap ", "swap 1 1 ", "swap 1 ", "((((", "(1,1)", "(1,1) ", "swap (1,1) (", "swap((((1", "1 ",
     "swap 1,1,,,,,", "swap row 1 column ", "swap 1 1)))))with", "[0,0]-"],
)  # fmt: skip
def test_find_reads_hostile_text_in_bounded_steps(hostile: str) -> None:
    found = Match3().find(hostile * (300_000 // len(hostile)))
    assert all(len(passage) <= 100 for passage in found)


# What is told and seen -----------------------------------------------------


def test_rules_name_every_action_and_only_actions() -> None:
    game = Match3()
    bullets = [line.split("`")[1] for line in game.rules.split("\n") if line.startswith("- ")]
    assert bullets == ["swap R C right", "swap R C down", "swap nothing"]
    named = {
        form.replace("R", str(row)).replace("C", str(column))
        for form in bullets
        for row, column in ALL
        if (row, column)[form.endswith("down") - 1] < 7
    }
    assert named == set(game.spec.menu or ())
    assert [*(game.spec.menu or ())] == [*game.actions(0).choices, game.actions(0).default]
    assert game.actions(0).choices == tuple(spelled(*pair) for pair in SWAPS)
    found = game.find(game.rules)
    assert found == ["swap 2 5 right", "swap 4 0 down", "swap nothing"]
    for text in named:
        assert game.canonical(0, text) == text


def states() -> Iterator[Match3]:
    random = Random(6)
    for seed in range(220):
        game = Match3(moves=random.choice((1, 50, 50, 999, 10_000)))
        game.reset(seed)
        for _ in range(random.randint(0, 45)):
            if game.acting():
                game.apply({0: random.choice(game.actions(0).choices)})
        yield game


def number_at(picture: Picture, x: int, y: int) -> int:
    digits = ""
    while True:
        region = picture.pixels[y : y + 21, x : x + 18] == render.VALUE
        match = [d for d in "0123456789" if np.array_equal(bitmap(d, 3), region)]
        if not match:
            return int(digits)
        digits += match[0]
        x += 18


def seen_in(picture: Picture) -> View:
    """What the picture shows, from the colours of the cells' middles and the number."""
    at = [render.CELL // 2 + render.CELL * n for n in range(8)]
    middles = [picture.pixels[render.TOP + y, render.LEFT + x] for y in at for x in at]
    cells = "".join(
        "RGBY"[(int(middle) - render.shade(0, 0)) // render.SHADES] for middle in middles
    )
    return View(cells, number_at(picture, render.LEFT + 132, render.MARGIN))


def test_image_and_text_are_the_same_state() -> None:
    seen = set()
    for game in states():
        view = parse_text(game.text(0))
        assert seen_in(game.observe(0).picture) == view
        assert write(view.board, view.left) == game.text(0)
        assert (view.cells, view.left) == (game.save()["board"], game.save()["left"])
        seen.add(view)
    assert len(seen) >= 200


def test_colours_have_shapes_of_their_own() -> None:
    """Told apart without colour: what each stone covers of its cell."""
    shapes = {(render.gem(colour) > render.shade(colour, 0)).tobytes() for colour in range(4)}
    assert len(shapes) == 4


def test_neither_shows_score_statistics_or_chance() -> None:
    game = Match3()
    text, png = game.text(0), game.observe(0).png
    game.restore({**game.save(), "counted": [99, 9, 9, 9, 0], "dealer": 7, "falls": [1] * 8})
    assert game.scores() == (99.0,)
    assert (game.text(0), game.observe(0).png) == (text, png)


def test_an_observation_is_of_its_moment_small_and_of_the_size_that_is_documented() -> None:
    game = Match3()
    seen = game.observe(0)
    before = game.observe(0).png
    game.apply({0: "swap 0 0 right"})
    assert seen.png == before != game.observe(0).png
    width, height = seen.picture.size
    assert f"{width} by {height} pixels" in " ".join((Match3.__doc__ or "").split())
    assert len(game.text(0)) < 180
    assert len(before) < 20_000


@pytest.mark.parametrize(
    "broken",
    [
        lambda text: "",
        lambda text: text.replace("moves", "move"),
        lambda text: text.replace("0 1 2", "0 2 1"),
        lambda text: text[:-2],
        lambda text: text + "\n8 R R R R R R R R",
        lambda text: text[:-1] + "Q",
    ],
)
def test_what_is_no_observation_is_refused(broken: object) -> None:
    assert callable(broken)
    with pytest.raises(ValueError, match="not an observation of match three"):
        parse_text(broken(Match3().text(0)))


# Saving ------------------------------------------------------------------


def test_a_restored_match_goes_on_the_same() -> None:
    game, copy = Match3(), Match3()
    game.reset(3)
    for number in range(50):
        if number % 7 == 0:
            copy.restore(json.loads(json.dumps(game.save())))
        move = spelled(*matching(grid_of(game.text(0)))[0])
        game.apply({0: move})
        copy.apply({0: move})
        assert game.save() == copy.save()
        assert game.statistics(0) == copy.statistics(0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"game": "Match3-v2"}, "this is Match3-v1, but the state was saved by 'Match3-v2'"),
        ({"more": 1}, "wrong keys"),
        ({"moves": 49}, "saved with moves=49; this game has 50"),
        ({"left": 51}, "saved left is 51, not an integer from 0 to 50"),
        ({"left": True}, "saved left is True"),
        ({"board": "R" * 63}, "not 64 letters of RGBY"),
        ({"board": "." * 64}, "not 64 letters of RGBY"),
        ({"board": ["R"] * 64}, "not 64 letters of RGBY"),
        ({"board": "R" * 64}, "not at rest"),
        ({"board": STUCK}, "no swap makes a line"),
        ({"falls": [1] * 7}, "saved falls is not a list of 8 integers"),
        ({"falls": [-1] * 8}, "saved falls is -1"),
        ({"dealer": 1.5}, "saved dealer is 1.5"),
        ({"counted": {}}, "saved counted is not a list of 5 integers"),
        ({"counted": [None] * 5}, "saved counted is None"),
    ],
)
def test_damaged_states_are_refused(change: State, message: str) -> None:
    game = Match3()
    before = game.fingerprint()
    with pytest.raises(StateError, match=message):
        game.restore({**game.save(), **change})
    with pytest.raises(StateError, match="this is Match3-v1"):
        game.restore([])  # type: ignore[arg-type]  # what a damaged log might hold
    assert game.fingerprint() == before
