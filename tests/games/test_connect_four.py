"""Connect Four against a slow twin, published counts and published solved positions."""

from __future__ import annotations

from functools import cache
from itertools import combinations
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmgame.agents.scripted.connect_four import BUDGET, WIN, Search, best
from lmgame.errors import IllegalAction
from lmgame.games.connect_four import (
    BOARD,
    COLUMNS,
    ROWS,
    ConnectFour,
    View,
    columns,
    discs,
    four,
    notation,
    open_fours,
    parse_text,
    render,
)
from lmgame.picture import Picture
from lmgame.world import World

from .board_match import walk
from .slow_boards import SlowConnectFour, has_line, solve

# Positions after 0, 1, 2, ... discs: OEIS A212693.
POSITIONS = (1, 7, 49, 238, 1120, 4263, 16422, 54859)

# Solved positions and their scores, from the sets "End-Easy" and "Begin-Easy" of
# Pascal Pons' solver (http://blog.gamesolver.org, part 2): 22 less the winner's
# discs at the end, negative when the winner is not to move, 0 for a draw.
LATE = {
    "2252576253462244111563365343671351441": -1,
    "7422341735647741166133573473242566": 1,
    "23163416124767223154467471272416755633": 0,
    "71255763773133525731261364622167124446454": 0,
    "65214673556155731566316327373221417": -1,
    "3135151421347443544172316522225776773566": 0,
    "562154564361751726662253737734213275114": 0,
    "233377345754465174223731671122611552": 1,
    "211376455663355325112113664364524722": 0,
}
EARLIER = {
    "6763525635134453444361412671365712": -1,
    "3146762114467714356347741621375222": -1,
    "67152117737262713366376314254": 6,
    "2762751722231276466633475674533": 5,
    "44455554221": -15,
    "4455": 18,
    "6146": 18,
    "4737": 18,
    "22144426444": 15,
    "243335424257": 12,
    "43745416472735": -13,
}
DRAWN = "71255763773133525731261364622167124446454"


def position(moves: str) -> ConnectFour:
    game = ConnectFour(0)
    game.restore({"game": "ConnectFour-v1", "opening": 0, "moves": moves})
    return game


def bits(game: ConnectFour) -> tuple[int, int]:
    """The discs of whoever is to move, and the other's."""
    view = parse_text(game.text(0))
    red, yellow = discs(view.cells, "R"), discs(view.cells, "Y")
    return (red, yellow) if view.turn == "R" else (yellow, red)


# Rules -------------------------------------------------------------------


def test_published_numbers_of_positions_by_bitboard() -> None:
    floor = BOARD & ~(BOARD << 1)
    layer = {(0, 0)}
    for ply, count in enumerate(POSITIONS):
        assert len(layer) == count
        if ply + 1 < len(POSITIONS):
            after = set()
            for own, other in layer:
                free = ((own | other) + floor) & BOARD
                while free:
                    bit = free & -free
                    free ^= bit
                    after.add((other, own | bit))
            layer = after


def test_published_numbers_of_positions_by_the_game_and_by_its_slow_twin() -> None:
    layer = {"": ""}
    for count in POSITIONS[:5]:
        assert len(layer) == count
        after: dict[str, str] = {}
        for moves in layer.values():
            game, slow = position(moves), SlowConnectFour(moves)
            assert game.text(0).partition("\n")[2] == slow.shown()
            choices = game.actions(game.acting()[0]).choices
            assert [choice[-1] for choice in choices] == slow.legal()
            for digit in slow.legal():
                slow.play(digit)
                after[slow.shown()] = slow.moves
                slow.undo()
        layer = after


def test_random_matches_go_as_the_slow_twin_says() -> None:
    ends = set()
    for seed in range(50):
        slow: SlowConnectFour | None = None
        for game in walk(ConnectFour(seed % 7), seed, Random(seed)):
            moves = game.save()["moves"]
            assert isinstance(moves, str)
            slow = SlowConnectFour(moves)
            turn = "-" if slow.over else slow.mover
            for seat, you in enumerate("RY"):
                assert game.text(seat) == f"you {you}, turn {turn}\n{slow.shown()}"
            offered = [game.actions(seat).choices for seat in game.acting()]
            legal = [tuple(f"drop {digit}" for digit in slow.legal())]
            assert offered == ([] if slow.over else legal)
            outcome = game.outcome()
            assert (outcome is None) == (not slow.over)
            if outcome is not None:
                winner = None if outcome.winner is None else "RY"[outcome.winner]
                assert (winner or "") == slow.winner
                assert outcome.reason == ("four in a row" if slow.winner else "board full")
                assert outcome.scores == {"": (0.5, 0.5), "R": (1, 0), "Y": (0, 1)}[slow.winner]
                ends.add(slow.winner)
    assert ends >= {"R", "Y"}


def test_a_full_board_without_four_is_a_draw() -> None:
    game = position(DRAWN)
    (only,) = game.actions(1).choices
    game.apply({1: only})
    outcome = game.outcome()
    assert outcome is not None
    assert (outcome.scores, outcome.winner, outcome.reason) == ((0.5, 0.5), None, "board full")
    assert game.acting() == ()


def test_the_last_disc_can_win() -> None:
    slow = SlowConnectFour("2252576253462244111563365343671351441")
    while not slow.over:
        slow.play(slow.legal()[-1])
    game = position(slow.moves)
    assert game.outcome() is not None
    assert game.scores() == ((1.0, 0.0) if slow.winner == "R" else (0.0, 1.0))


LINES = [
    frozenset((x + dx * i, y + dy * i) for i in range(4))
    for x in range(COLUMNS)
    for y in range(ROWS)
    for dx, dy in ((1, 0), (0, 1), (1, 1), (1, -1))
    if x + 3 * dx < COLUMNS and 0 <= y + 3 * dy < ROWS
]


def bit(x: int, y: int) -> int:
    return 1 << 7 * x + y


def test_there_are_69_lines_and_each_wins() -> None:
    """24 across, 21 up, 24 diagonal."""
    assert len(set(LINES)) == 69
    for line in LINES:
        assert four(sum(bit(x, y) for x, y in line))
        for three in combinations(line, 3):
            assert not four(sum(bit(x, y) for x, y in three))


heaps = st.lists(st.text("RY", max_size=6), min_size=7, max_size=7)


@settings(max_examples=75, deadline=None)
@given(heaps)
def test_lines_and_open_fours_on_any_heap(heap: list[str]) -> None:
    cells = "".join(
        heap[x][y] if y < len(heap[x]) else "." for y in reversed(range(6)) for x in range(7)
    )
    own, other = discs(cells, "R"), discs(cells, "Y")
    grid = {(i % 7, 5 - i // 7): cell for i, cell in enumerate(cells)}
    assert four(own) == has_line(grid, "R", 4)
    completing = [
        [cell for cell in line if grid[cell] == "."]
        for line in LINES
        if sorted(grid[cell] for cell in line) == [".", "R", "R", "R"]
    ]
    assert open_fours(own, other) == sum(bit(*cell) for cell in {one for (one,) in completing})
    assert columns(own) == [x for x in range(7) if "R" in heap[x]]


# Solved positions --------------------------------------------------------


@pytest.mark.parametrize("moves", LATE)
def test_solved_positions_by_the_slow_twin(moves: str) -> None:
    value = solve(SlowConnectFour(moves))
    assert value == (LATE[moves] > 0) - (LATE[moves] < 0)


@pytest.mark.parametrize("moves", LATE | EARLIER)
def test_solved_positions_by_the_anchors_search(moves: str) -> None:
    search = Search(*bits(position(moves)), budget=20_000)
    search.best()
    score, value = (LATE | EARLIER)[moves], search.value
    if score == 0:
        assert abs(value) < WIN // 2
    else:
        played = WIN - abs(value)  # discs before the winning one
        assert 22 - (played // 2 + 1) == abs(score)
        assert (value > 0) == (score > 0)


def test_the_anchor_begins_in_the_middle_as_the_solution_does() -> None:
    """Only the middle column wins (Allen 1988; Allis 1988)."""
    assert Search(0, 0, BUDGET).best() == 3


def anchored(moves: str) -> str:
    world = World(ConnectFour(0), 0)
    world.game.restore(position(moves).save())
    world.offer(lambda seat: None)
    (turn,) = world.turns.values()
    return best(turn)[-1]


@pytest.mark.parametrize(
    ("moves", "column"),
    [("121212", "1"), ("112233", "4"), ("445566", "37"), ("71727", "7"), ("3344", "25")],
)
def test_the_anchor_completes_fours_stops_fours_and_makes_double_threats(
    moves: str, column: str
) -> None:
    assert anchored(moves) in column


@pytest.mark.parametrize("moves", ["121212", "112233", "445566", "41424"])
def test_the_anchor_wins_or_saves_what_can_be_won_or_saved_now(moves: str) -> None:
    slow = SlowConnectFour(moves)
    mover, other = slow.mover, "RY"["YR".index(slow.mover)]
    after = SlowConnectFour(moves + anchored(moves))
    if after.winner == mover:
        return
    for digit in after.legal():
        assert SlowConnectFour(after.moves + digit).winner != other


def test_the_anchor_is_deterministic_and_mirrored_positions_are_worth_the_same() -> None:
    for moves in ("4", "445", "3326", "12"):
        searches = [Search(*bits(position(moves)), budget=1000) for _ in range(2)]
        assert searches[0].best() == searches[1].best()
        assert searches[0].value == searches[1].value


# Observations ------------------------------------------------------------


def nearest(picture: Picture, x: int, y: int, colours: dict[str, tuple[int, int, int]]) -> str:
    """Which of the named colours a pixel has."""
    assert picture.palette is not None
    pixel = tuple(int(value) for value in picture.palette[picture.pixels[y, x]])
    (name,) = [name for name, colour in colours.items() if colour == pixel]
    return name


def read(picture: Picture) -> View:
    """A reader of the image that knows only where things are and their colours."""
    faces = {letter: face for letter, (face, _) in render.DISCS.items()}
    half, chip = render.CELL // 2, render.CHIP // 2
    cells = "".join(
        nearest(
            picture,
            render.LEFT + render.CELL * column + half + 9,
            render.TOP + render.CELL * row + half,
            {**faces, ".": render.HOLE},
        )
        for row in range(ROWS)
        for column in range(COLUMNS)
    )
    you, turn = (
        nearest(picture, x + chip + 6, y + chip, {**faces, "-": render.GROUND})
        for x, y in (render.CHIPS["you"], render.CHIPS["turn"])
    )
    return View(you, turn, cells)


@cache
def moments() -> list[tuple[str, Picture]]:
    return [
        (game.text(seat), game.observe(seat).picture)
        for seed in range(9)
        for game in walk(ConnectFour(), seed, Random(seed))
        for seat in (0, 1)
    ]


def test_the_image_read_back_is_the_text() -> None:
    for text, picture in moments():
        assert read(picture) == parse_text(text)
    assert len({text for text, _ in moments()}) >= 200
    assert {parse_text(text).turn for text, _ in moments()} == set("RY-")


def test_the_image_shows_nothing_else() -> None:
    """What lies outside the cells and the two small discs never changes."""
    first = moments()[0][1]
    changing = np.zeros(first.pixels.shape, bool)
    changing[
        render.TOP : render.TOP + ROWS * render.CELL,
        render.LEFT : render.LEFT + COLUMNS * render.CELL,
    ] = True
    for x, y in render.CHIPS.values():
        changing[y : y + render.CHIP, x : x + render.CHIP] = True
    for _, picture in moments():
        assert ((picture.pixels == first.pixels) | changing).all()


def test_text_in_full() -> None:
    assert position("44543").text(1) == (
        "you Y, turn Y\n"
        ". . . . . . .\n"
        ". . . . . . .\n"
        ". . . . . . .\n"
        ". . . Y . . .\n"
        ". . . Y . . .\n"
        ". . R R R . .\n"
        "1 2 3 4 5 6 7"
    )


@pytest.mark.parametrize(
    "text",
    ["", "you R, turn R", "you R, turn R\n" + "R" * 42 + "\n1 2 3 4 5 6 7", "x" * 10_000, "\n" * 9],
)
def test_what_is_no_observation_is_refused(text: str) -> None:
    for wrong in (text, position("").text(0).replace(".", "X", 1), position("").text(0) + "\n"):
        with pytest.raises(ValueError, match="not a Connect Four observation"):
            parse_text(wrong)


# What a player may write -------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "found"),
    [
        ("drop 4", ["drop 4"]),
        ("Drop(4)", ["Drop(4)"]),
        ("I will DROP: 4.", ["DROP: 4"]),
        ("**drop 4**", ["drop 4"]),
        ("`drop 1` or rather `drop 7`", ["drop 1", "drop 7"]),
        ("drop in column 4", ["drop in column 4"]),
        ("drop into col 4!", ["drop into col 4"]),
        ("drop column=4", ["drop column=4"]),
        ("4", ["4"]),
        (" **4**.\n", ["4"]),
        ("-4", ["-4"]),
        ("drop 99", ["drop 99"]),
        ("drop 3 4", ["drop 3 4"]),
        ("drop 3, 4", ["drop 3, 4"]),
        ("drop 3\n1 2 3", ["drop 3"]),
        ("drop 4.5", []),
        ("column 4", []),
        ("I choose 4", []),
        ("raindrop 4", []),
        ("drop 1234", []),
        ("drop four", []),
        ("", []),
    ],
)
def test_find(reply: str, found: list[str]) -> None:
    assert ConnectFour().find(reply) == found


@pytest.mark.parametrize(
    ("text", "canonical"),
    [("drop 4", "drop 4"), (" Drop(4)\n", "drop 4"), ("drop 04", "drop 4"), ("7", "drop 7"),
     ("drop in column 1", "drop 1"), ("DROP [2]", "drop 2")],
)  # fmt: skip
def test_canonical(text: str, canonical: str) -> None:
    assert ConnectFour().canonical(0, text) == canonical


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("drop 8", "there is no column 8: columns are 1 to 7"),
        ("drop 0", "there is no column 0"),
        ("drop -1", "there is no column -1"),
        ("drop 3 4", "'drop 3 4' names two numbers: a column is one, 1 to 7"),
        ("drop 4", "column 4 is full: choose from drop 1, drop 2, drop 3, drop 5, drop 6, drop 7"),
        ("drop", "'drop' is not an action: write 'drop N', e.g. 'drop 4'"),
        ("jump 4", "'jump 4' is not an action"),
        ("", "'' is not an action"),
        ("drop 1 drop 2", "is not an action"),
        ("drop ١", "is not an action"),
        ("x" * 10_000_000, r"'x{40}\.\.\.' is not an action"),
        ("drop 1" + " " * 10_000_000, "is not an action"),
    ],
)
def test_refusals_say_what_to_do(text: str, reason: str) -> None:
    game = position("444444")
    before = game.fingerprint()
    for call in (lambda: game.canonical(0, text), lambda: game.apply({0: text})):
        with pytest.raises(IllegalAction, match=reason) as error:
            call()
        assert len(str(error.value)) < 200
    assert game.fingerprint() == before


@settings(max_examples=50, deadline=None)
@given(st.text() | st.text("drop 0123456789-,()[].:", max_size=12))
def test_canonical_raises_nothing_but_illegal_action(text: str) -> None:
    game = ConnectFour()
    for passage in [text, *game.find(text)]:
        try:
            assert game.canonical(0, passage) in notation.MENU
        except IllegalAction:
            continue


@pytest.mark.parametrize("hostile", ["drop ", "drop in ", "drop 1 ", "drop((", "*", "1", "drop 1,"])
def test_hostile_text_is_read_in_linear_work(hostile: str) -> None:
    found = ConnectFour().find(hostile * (300_000 // len(hostile)))
    assert all(len(passage) <= 40 for passage in found)
