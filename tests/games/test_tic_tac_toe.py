"""Tic-tac-toe against a slow twin, published counts and perfect play."""

from __future__ import annotations

from collections import Counter
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmgame.agents.scripted.tic_tac_toe import best, value
from lmgame.errors import IllegalAction
from lmgame.games.tic_tac_toe import CELLS, LINES, TicTacToe, View, notation, parse_text, render
from lmgame.picture import Picture
from lmgame.world import World

from .slow_boards import SlowTicTacToe


def position(moves: str) -> TicTacToe:
    game = TicTacToe(0)
    game.restore({"game": "TicTacToe-v1", "opening": 0, "moves": moves})
    return game


@cache
def reachable() -> dict[str, str]:
    """Every position that a match can reach, as shown, with moves that lead there."""
    found, layer = {}, {SlowTicTacToe().shown(): ""}
    while layer:
        found.update(layer)
        after = {}
        for moves in layer.values():
            for digit in SlowTicTacToe(moves).legal():
                board = SlowTicTacToe(moves + digit)
                after[board.shown()] = board.moves
        layer = after
    return found


# Rules -------------------------------------------------------------------


def test_published_number_of_positions_and_every_one_as_the_slow_twin_says() -> None:
    """5,478 positions, those that are over included: Wikipedia, "Game complexity"."""
    assert len(reachable()) == 5478
    for shown, moves in reachable().items():
        game, slow = position(moves), SlowTicTacToe(moves)
        turn = "-" if slow.over else slow.mover
        assert game.text(0) == f"you X, turn {turn}\n{shown}"
        outcome = game.outcome()
        if slow.over:
            assert outcome is not None
            assert outcome.reason == ("three in a row" if slow.winner else "board full")
            assert outcome.scores == {"": (0.5, 0.5), "X": (1, 0), "O": (0, 1)}[slow.winner]
            assert game.acting() == ()
        else:
            assert outcome is None
            (seat,) = game.acting()
            assert "XO"[seat] == slow.mover
            assert game.actions(seat).choices == tuple(f"mark {digit}" for digit in slow.legal())


def test_positions_up_to_symmetry() -> None:
    """765 essentially different positions, 138 of them over (Schaefer 2002, MathRec)."""
    turns: list[tuple[int, ...]] = [(0, 1, 2, 3, 4, 5, 6, 7, 8)]
    for _ in range(3):
        turns.append(tuple(turns[-1][i] for i in (6, 3, 0, 7, 4, 1, 8, 5, 2)))
    turns += [tuple(turn[i] for i in (2, 1, 0, 5, 4, 3, 8, 7, 6)) for turn in turns]
    kinds = {}
    for moves in reachable().values():
        cells = parse_text(position(moves).text(0)).cells
        kinds[min("".join(cells[i] for i in turn) for turn in turns)] = SlowTicTacToe(moves).over
    assert len(kinds) == 765
    assert sum(kinds.values()) == 138


def test_published_numbers_of_matches() -> None:
    """255,168 matches: 131,184 won by X, 77,904 by O, 46,080 drawn (Schaefer 2002)."""

    @cache
    def ends(shown: str) -> Counter[int | None]:
        game = position(reachable()[shown])
        outcome = game.outcome()
        if outcome is not None:
            return Counter([outcome.winner])
        (seat,), state = game.acting(), game.save()
        total: Counter[int | None] = Counter()
        for choice in game.actions(seat).choices:
            game.restore(state)
            game.apply({seat: choice})
            total += ends(game.text(0).partition("\n")[2])
        return total

    assert ends(SlowTicTacToe().shown()) == {0: 131_184, 1: 77_904, None: 46_080}


def test_every_line_wins_for_either_mark() -> None:
    for line in LINES:
        own = [str(cell + 1) for cell in line]
        others = [str(cell + 1) for cell in range(CELLS) if cell not in line]
        a, b, c, d = others[0], others[2], others[3], others[5]
        for winner, moves in ((0, own[0] + a + own[1] + b + own[2]), (1, a + own[0] + b + own[1])):
            if winner:
                other = next(extra for extra in (c, d) if not SlowTicTacToe(moves + extra).over)
                moves += other + own[2]
            outcome = position(moves).outcome()
            assert outcome is not None
            assert outcome.winner == winner


# Perfect play ------------------------------------------------------------


def marks(moves: str) -> tuple[int, int]:
    """The bits of whoever is to move, and the other's."""
    first = sum(1 << int(digit) - 1 for digit in moves[0::2])
    second = sum(1 << int(digit) - 1 for digit in moves[1::2])
    return (second, first) if len(moves) % 2 else (first, second)


@cache
def slow_value(shown: str) -> int:
    """The mover's result with perfect play: 1, 0 or -1."""
    board = SlowTicTacToe(reachable()[shown])
    legal = board.legal()
    if not legal:
        return -1 if board.winner else 0
    return max(-slow_value(SlowTicTacToe(board.moves + digit).shown()) for digit in legal)


def test_the_anchors_values_are_the_slow_twins_everywhere() -> None:
    assert value(0, 0) == 0
    for shown, moves in reachable().items():
        assert np.sign(value(*marks(moves))) == slow_value(shown)


def test_the_anchor_never_loses_whatever_the_other_does() -> None:
    met = Counter[float]()

    def explore(game: TicTacToe, seat: int) -> None:
        if game.outcome() is not None:
            met[game.scores()[seat]] += 1
            assert game.scores()[seat] > 0
            return
        (mover,), state = game.acting(), game.save()
        choices = game.actions(mover).choices
        if mover == seat:
            world = World(TicTacToe(0), 0)
            world.game.restore(state)
            world.offer(lambda seat: None)
            choices = (best(world.turns[seat]),)
        for choice in choices:
            game.restore(state)
            game.apply({mover: choice})
            explore(game, seat)

    for seat in (0, 1):
        explore(TicTacToe(0), seat)
    assert met[1.0] > met[0.5] > 0


def test_why_one_opening_mark_is_the_default() -> None:
    """Every opening of one mark is a draw with perfect play; of two, some are lost."""
    ones = {value(*marks(str(cell))) for cell in range(1, 10)}
    assert ones == {0}
    twos = [value(*marks(moves)) for moves in reachable().values() if len(moves) == 2]
    assert any(twos)


# Observations ------------------------------------------------------------


def test_text_in_full() -> None:
    assert position("51").text(1) == "you O, turn X\nO 2 3\n4 X 6\n7 8 9"


def read(picture: Picture) -> View:
    """A reader of the image that knows only where things are and their colours."""
    assert picture.palette is not None
    palette = [tuple(colour) for colour in picture.palette.tolist()]
    inks = {letter: palette.index(colour) for letter, colour in render.MARKS.items()}

    def mark(x: int, y: int, half: int, free: str) -> str:
        """A cross is coloured in its middle, a ring only around it."""
        region = picture.pixels[y : y + 2 * half, x : x + 2 * half]
        has = {letter: bool((region == ink).any()) for letter, ink in inks.items()}
        assert sum(has.values()) <= 1
        assert has["X"] == (region[half, half] == inks["X"])
        return "X" if has["X"] else "O" if has["O"] else free

    cells = [mark(*render.corner(cell), render.CELL // 2, ".") for cell in range(CELLS)]
    you, turn = (mark(*render.CHIPS[name], render.CHIP // 2, "-") for name in ("you", "turn"))
    return View(you, turn, "".join(cells))


def test_the_image_read_back_is_the_text() -> None:
    some = list(reachable().values())[::23]
    assert len(some) >= 200
    for number, moves in enumerate(some):
        game = position(moves)
        seat = number % 2
        view = parse_text(game.text(seat))
        assert read(game.observe(seat).picture) == view
        assert view.you == "XO"[seat]


def test_the_image_of_a_free_cell_is_its_number() -> None:
    """Each number is drawn once, all differ, and marks leave nothing of them."""
    empty = position("").observe(0).picture.pixels
    full = position("125364879").observe(0).picture.pixels
    size = render.CELL
    tiles = [
        empty[y : y + size, x : x + size].tobytes() for x, y in map(render.corner, range(CELLS))
    ]
    assert len(set(tiles)) == CELLS
    marked = {full[y : y + size, x : x + size].tobytes() for x, y in map(render.corner, range(9))}
    assert len(marked) == 2


@pytest.mark.parametrize("text", ["", "you X", "you X, turn X\nX X X", "you Z, turn X\n1 2 3"])
def test_what_is_no_observation_is_refused(text: str) -> None:
    good = position("1").text(0)
    for wrong in (text, good.replace("2", "3"), good.replace("2", "."), good + "\n"):
        with pytest.raises(ValueError, match="not a tic-tac-toe observation"):
            parse_text(wrong)


# What a player may write -------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "found"),
    [
        ("mark 5", ["mark 5"]),
        ("Mark(5)", ["Mark(5)"]),
        ("I MARK: 5.", ["MARK: 5"]),
        ("**mark 5**", ["mark 5"]),
        ("`mark 1` or `mark 9`", ["mark 1", "mark 9"]),
        ("mark cell 5", ["mark cell 5"]),
        ("mark square=5", ["mark square=5"]),
        ("5", ["5"]),
        ("`5`", ["5"]),
        ("mark 0", ["mark 0"]),
        ("mark 2 3", ["mark 2 3"]),
        ("mark 2,3", ["mark 2,3"]),
        ("mark 5\n1 2 3\n4 X 6", ["mark 5"]),
        ("cell 5", []),
        ("remark 5", []),
        ("benchmark 5", []),
        ("mark 5.5", []),
        ("mark my words", []),
        ("", []),
    ],
)
def test_find(reply: str, found: list[str]) -> None:
    assert TicTacToe().find(reply) == found


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("mark 10", "there is no cell 10: cells are 1 to 9"),
        ("mark 0", "there is no cell 0"),
        ("-3", "there is no cell -3"),
        ("mark 2 3", "'mark 2 3' names two numbers: a cell is one, 1 to 9"),
        ("mark 5", "cell 5 already holds X: choose from mark 2, mark 3, mark 4, mark 6"),
        ("1", "cell 1 already holds O"),
        ("place 5", "'place 5' is not an action: write 'mark N', e.g. 'mark 5'"),
        ("", "'' is not an action"),
        ("mark 1 mark 2", "is not an action"),
        ("mark ²", "is not an action"),
        ("x" * 10_000_000, r"'x{40}\.\.\.' is not an action"),
    ],
)
def test_refusals_say_what_to_do(text: str, reason: str) -> None:
    game = position("51")
    before = game.fingerprint()
    for call in (lambda: game.canonical(0, text), lambda: game.apply({0: text})):
        with pytest.raises(IllegalAction, match=reason) as error:
            call()
        assert len(str(error.value)) < 200
    assert game.fingerprint() == before


@pytest.mark.parametrize(
    "text", ["mark 2", " Mark(2)\n", "mark 02", "2", "MARK [2]", "mark cell 2"]
)
def test_canonical(text: str) -> None:
    assert position("51").canonical(0, text) == "mark 2"


@settings(max_examples=100, deadline=None)
@given(st.text() | st.text("mark 0123456789-,()[].:", max_size=12))
def test_canonical_raises_nothing_but_illegal_action(text: str) -> None:
    game = TicTacToe(0)
    for passage in [text, *game.find(text)]:
        try:
            assert game.canonical(0, passage) in notation.MENU
        except IllegalAction:
            continue


@pytest.mark.parametrize(
    "hostile", ["mark ", "mark cell ", "mark 1 ", "mark((", "*", "1", "mark 1,"]
)
def test_hostile_text_is_read_in_linear_work(hostile: str) -> None:
    found = TicTacToe().find(hostile * (300_000 // len(hostile)))
    assert all(len(passage) <= 40 for passage in found)
