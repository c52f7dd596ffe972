"""Text and image describe the same state, and that state alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from random import Random

import numpy as np
import pytest

from lmgame.errors import IllegalAction
from lmgame.game import Game
from lmgame.games.tetris import BoardView, Snapshot, Tetris, TetrisVersus, parse_text, render
from lmgame.picture import Picture, Pixels
from lmgame.picture.glyph import bitmap

from .tetris_pair import Pair, random_move, slots, written

STATES = 220
LETTERS = "IJLOSTZ"


@cache
def states(seats: int) -> list[tuple[Game, int]]:
    """Random moments of random games, every seat of each, over and not."""
    found: list[tuple[Game, int]] = []
    random = Random(seats)
    seed = 0
    while len(found) < STATES:
        seed += 1
        blocks = slots(random.randint(0, 9), random.choices(range(1, 8), k=random.randint(0, 16)))
        pair = Pair(seed, random.randint(1, 20), seats, blocks)
        for seat in range(seats):
            if random.random() < 0.5 and seats == 2:
                pair.give(pair.slow.seats[seat], pending=[random.randint(1, 30)])
        for _ in range(random.randint(0, 25)):
            for seat in pair.fast.acting():
                move = (
                    random_move(random, pair, seat) if random.random() < 0.8 else ["hold", "left"]
                )
                with suppress(IllegalAction):
                    if isinstance(move, int):
                        pair.fast.advance(move)
                    else:
                        pair.fast.apply({seat: written(move)})
                if not pair.fast.acting():
                    break
        found += [(pair.fast, seat) for seat in range(seats)]
    return found


def views() -> Iterator[tuple[Game, int, BoardView]]:
    for seats in (1, 2):
        for game, seat in states(seats):
            yield game, seat, parse_text(game.text(seat))


# A reader of the image, which knows only where things are and their colours.


class Reader:
    def __init__(self, picture: Picture, pair: bool) -> None:
        assert picture.palette is not None
        self.pixels: Pixels = picture.pixels
        self.pair = pair
        self.top = render.MARGIN + render.HEADER * pair

    def view(self) -> BoardView:
        lefts = render._columns() if self.pair else (render.MARGIN,)
        seats = [self.seat(left) for left in lefts]
        return BoardView(seats[0], seats[1] if self.pair else None)

    def seat(self, left: int) -> Snapshot:
        cells, kinds = "", set()
        for row in range(22):
            for column in range(10):
                mark, kind = self.cell(left + column * 16, self.row_top(row))
                cells += mark
                kinds |= {kind} - {""}
        assert len(kinds) <= 1
        panel = left + 160 + render.GAP
        hold, free = self.mini(panel, self.top + render.HOLD_Y)
        coming = [self.mini(panel, self.top + render.NEXT_Y + 31 * i)[0] for i in range(6)]
        garbage = self.number(panel, self.top + render.GARBAGE_Y) if self.pair else None
        if garbage is not None:
            assert self.bar(left) == min(garbage, 20)
        return Snapshot(
            cells,
            kinds.pop() if kinds else "-",
            hold,
            free,
            "".join(letter for letter in coming if letter != "-"),
            self.number(panel, self.top + render.LEVEL_Y),
            garbage,
        )

    def row_top(self, row: int) -> int:
        return self.top + (21 - row) * 16 + (2 if row < 20 else 0)

    def cell(self, x: int, y: int) -> tuple[str, str]:
        """The mark in a cell, and the kind of a moving piece."""
        corner, middle, ring = (int(self.pixels[y + d, x + d]) for d in (0, 7, 2))
        if corner in (render.WELL, render.SKY):
            for kind, letter in enumerate(LETTERS):
                if ring == render.tone(kind, render.DIM):
                    return "+", letter
            assert middle == corner
            return ".", ""
        kind = (middle - render.tone(0, 0)) // 4
        assert middle == render.tone(kind, render.BASE)
        if corner == render.GLARE:
            return "@", LETTERS[kind]
        assert corner == render.tone(kind, render.LIGHT)
        return "IJLOSTZX"[kind], ""

    def mini(self, x: int, y: int) -> tuple[str, bool]:
        region = self.pixels[y : y + 22, x : x + render.PANEL]
        if (region == render.GROUND).all():
            return "-", True
        for sprites, free in ((render.MINIS, True), (render.USED_MINIS, False)):
            for letter, sprite in zip(LETTERS, sprites, strict=True):
                height, width = sprite.shape
                top, side = (22 - height) // 2, (render.PANEL - width) // 2
                if np.array_equal(region[top : top + height, side : side + width], sprite):
                    return letter, free
        raise AssertionError("no piece that is known")

    def number(self, x: int, y: int) -> int:
        digits = ""
        while True:
            region = self.pixels[y : y + 14, x : x + 12] == render.VALUE
            match = [d for d in "0123456789" if np.array_equal(bitmap(d, 2), region)]
            if not match:
                return int(digits)
            digits += match[0]
            x += 12

    def bar(self, left: int) -> int:
        bottom = self.top + render.BOARD_HEIGHT
        column = self.pixels[:bottom, left - 6]
        return sum(column[bottom - 8 - 16 * i] == render.RISING for i in range(20))


def test_text_read_back_says_what_was_written() -> None:
    from lmgame.games.tetris.text import write, write_pair

    for game, seat, view in views():
        text = game.text(seat)
        again = write_pair(view.own, view.opponent) if view.opponent else write(view.own)
        assert again == text


def test_the_image_read_back_is_the_text() -> None:
    seen = set()
    for game, seat, view in views():
        picture = game.observe(seat).picture
        assert Reader(picture, view.opponent is not None).view() == view
        seen.add(view)
    assert len(seen) >= 2 * 200


def test_the_states_are_varied() -> None:
    own = [view.own for _, _, view in views()]
    assert {snapshot.piece for snapshot in own} == set("IJLOSTZ-")
    assert {snapshot.hold_free for snapshot in own} == {True, False}
    assert len({snapshot.level for snapshot in own}) == 20
    assert max(snapshot.garbage or 0 for snapshot in own) > 20
    assert any("X" in snapshot.cells for snapshot in own)
    assert any(letter.isalpha() for snapshot in own for letter in snapshot.cells[200:])


@pytest.mark.parametrize("queue", range(7))
def test_queue_is_what_is_shown(queue: int) -> None:
    game = Tetris(queue=queue)
    view = parse_text(game.text(0))
    assert len(view.own.next) == queue
    assert Reader(game.observe(0).picture, False).view() == view


def test_neither_shows_score_statistics_or_time() -> None:
    for game in (Tetris(), TetrisVersus()):
        game.reset(2)
        game.apply({0: "press left"})
        text, png = game.text(0), game.observe(0).png
        state = game.save()
        state["tick"] = 999
        seats = state["seats"]
        assert isinstance(seats, list)
        for seat in seats:
            assert isinstance(seat, dict)
            hidden = ("score", "pieces", "combo", "attack", "sent", "tspins", "max_combo", "fall")
            seat |= dict.fromkeys(hidden, 77)
            seat["b2b"] = True
        game.restore(state)
        assert (game.text(0), game.observe(0).png) == (text, png)


def test_an_observation_stays_true_after_the_game_has_moved_on() -> None:
    for game in (Tetris(), TetrisVersus()):
        game.reset(4)
        now, later = game.observe(0), game.observe(0)
        before = now.png
        game.apply({0: "place 0 1"})
        assert later.png == before
        assert game.observe(0).png != before


def test_each_seat_sees_itself_on_the_left() -> None:
    for game, seat in states(2):
        mine, theirs = parse_text(game.text(seat)), parse_text(game.text(1 - seat))
        assert mine.own == theirs.opponent
        assert mine.opponent == theirs.own


def test_the_text_is_short() -> None:
    assert max(len(game.text(seat)) for game, seat in states(1)) <= 450
    assert max(len(game.text(seat)) for game, seat in states(2)) <= 750


def test_pictures_have_the_size_that_is_documented() -> None:
    for game in (Tetris(), TetrisVersus()):
        width, height = game.observe(0).picture.size
        assert f"{width} by {height} pixels" in " ".join((type(game).__doc__ or "").split())


@pytest.mark.parametrize(
    "text",
    ["", "piece T", "hello\nworld", "piece T, hold - (free), next -, level 1\n.........."],
)
def test_what_is_no_observation_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="Tetris observation"):
        parse_text(text)
    game = Tetris()
    with pytest.raises(ValueError, match="first line"):
        parse_text(game.text(0).replace("piece", "peace"))
