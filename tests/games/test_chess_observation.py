"""Text and image describe the same position, and nothing else."""

from __future__ import annotations

from functools import cache
from random import Random

import pytest

from lmgame.games.chess import Chess, Snapshot, parse_text, read_fen, render
from lmgame.games.chess.table import NAME, PIECE
from lmgame.picture import Picture
from lmgame.picture.glyph import bitmap

from .test_chess_rules import PUBLISHED, started

STATES = 240
PASSANT = "7k/8/8/3pP3/8/8/8/K7 w - d6 0 1"
SIGNS = {bitmap(sign, 2).tobytes(): sign for sign in "0123456789/WHITEBLACK"}
LOOKS = {
    (ground, render.tile(piece, ground + 2 * check).tobytes()): (letter, "check" * check)
    for ground in (0, 1)
    for letter, piece in PIECE.items()
    for check in (0, 1)
} | {(ground, render.ring_tile(ground).tobytes()): (".", "passant") for ground in (0, 1)}


@cache
def states() -> list[tuple[str, Picture]]:
    """What both seats saw at random moments of random games, over and not."""
    random, seed = Random(5), 0
    found: list[tuple[str, Picture]] = []
    while len(found) < STATES:
        seed += 1
        game = Chess(opening=seed % 9, limit=random.randint(10, 1000))
        game.reset(seed)
        if seed % 3 == 0:
            game = started(read_fen([*PUBLISHED, (PASSANT, [])][seed // 3 % 7][0]))
        for _ in range(random.choice((0, 0, 1, 2, 5, 30, 80))):
            if game.acting():
                seat = game.acting()[0]
                choices = game.actions(seat).choices
                back = [one for one in choices if one[2:] + one[:2] in game._moves]
                game.apply({seat: random.choice(back or choices)})
        for seat in (0, 1):
            seen = game.observe(seat)
            found.append((seen.text, seen.picture))
    return found


# A reader of the image, which knows only where things are and what they look like.


class Reader:
    def __init__(self, picture: Picture) -> None:
        self.pixels = picture.pixels

    def snapshot(self) -> Snapshot:
        rows, marks = [], {"check": "", "passant": "-"}
        for row in range(8):
            letters = ""
            for file in range(8):
                letter, mark = self.square(file, row)
                letters += letter
                if mark:
                    marks[mark] = NAME[8 * (7 - row) + file]
            rows.append(letters)
        clock = self.words(render.PANEL, render.CLOCK_Y)
        ply, limit = self.words(render.PANEL, render.PLY_Y).split("/")
        seen = Snapshot(
            you=self.words(render.PANEL + 26, render.YOU_Y + 2).lower(),
            rows=tuple(rows),
            mover=self.words(render.PANEL + 26, render.MOVER_Y + 2).lower(),
            check=marks["check"],
            rights=self.rights(),
            passant=marks["passant"],
            clock=int(clock),
            ply=int(ply),
            limit=int(limit),
            seen=int(self.words(render.PANEL, render.SEEN_Y)),
        )
        assert int(self.words(render.PANEL, render.MOVE_Y)) == seen.number
        return seen

    def square(self, file: int, row: int) -> tuple[str, str]:
        x, y = render.LEFT + file * render.CELL, render.TOP + row * render.CELL
        cell = self.pixels[y : y + render.CELL, x : x + render.CELL]
        # The corner at h1 is light.
        return LOOKS[(file + row) & 1, cell.tobytes()]

    def rights(self) -> str:
        found = ""
        for place, name in enumerate("KQkq"):
            x = render.PANEL + 20 + 18 * (place & 1) + 70 * (place >> 1)
            region = self.pixels[render.RIGHTS_Y : render.RIGHTS_Y + 14, x : x + 12]
            dots = bitmap(name.upper(), 2)
            colours = {int(colour) for colour in region[dots]}
            assert colours in ({render.VALUE}, {render.FADED})
            found += name if colours == {render.VALUE} else ""
        return found or "-"

    def words(self, x: int, y: int) -> str:
        text = ""
        while True:
            region = self.pixels[y : y + 14, x : x + 12] == render.VALUE
            sign = SIGNS.get(region.tobytes())
            if sign is None:
                return text
            text += sign
            x += 12


def test_the_image_read_back_is_the_text() -> None:
    for text, picture in states():
        assert Reader(picture).snapshot() == parse_text(text)


def test_the_states_are_varied() -> None:
    seen = {parse_text(text) for text, _ in states()}
    assert len(seen) >= 200
    assert {one.mover for one in seen} == {"white", "black"}
    assert any(one.check for one in seen)
    assert any(one.passant != "-" for one in seen)
    assert any(one.seen > 1 for one in seen)
    assert len({one.rights for one in seen}) > 4
    assert {letter for one in seen for row in one.rows for letter in row} == set(PIECE)


def test_no_two_tiles_look_alike() -> None:
    for ground in range(4):
        tiles = [render.tile(piece, ground) for piece in PIECE.values()]
        tiles += [render.ring_tile(ground)] if ground < 2 else []
        looks = {render.PALETTE[tile].tobytes() for tile in tiles}
        assert len(looks) == len(tiles)


def test_neither_shows_the_moves_that_led_there() -> None:
    one, other = Chess(opening=0), Chess(opening=0)
    for game, moves in ((one, "Nf3 d5 d4 Nf6"), (other, "d4 Nf6 Nf3 d5")):
        for move in moves.split():
            game.apply({game.acting()[0]: move})
        game._position.clock = 0  # all that the order of moves leaves behind
    assert one.text(0) == other.text(0)
    assert one.observe(1).png == other.observe(1).png
    assert one.fingerprint() != other.fingerprint()


def test_an_observation_stays_true_after_the_game_has_moved_on() -> None:
    game = Chess()
    now, later = game.observe(0), game.observe(0)
    before = now.png
    game.apply({0: game.actions(0).default})
    assert later.png == before
    assert game.observe(0).png != before


def test_the_text_is_short() -> None:
    assert max(len(text) for text, _ in states()) <= 460


def test_pictures_have_the_size_that_is_documented() -> None:
    width, height = Chess().observe(0).picture.size
    assert f"{width} by {height} pixels" in " ".join((Chess.__doc__ or "").split())


def test_what_is_no_observation_is_refused() -> None:
    text = Chess(opening=0).text(0)
    assert parse_text(text).fen.startswith("rnbqkbnr/pppppppp/8/8")
    wrong = (
        "", "you are white", text + "\n", text.replace("castling KQkq", "castling KQk"),
        text.replace("to move", "to move, in check"), text.replace("8 r n", "8 n r"),
    )  # fmt: skip
    for one in wrong:
        with pytest.raises(ValueError, match=r"chess observation|king"):
            parse_text(one)
