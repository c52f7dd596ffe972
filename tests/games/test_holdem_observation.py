"""Text and image of hold'em describe the same hand, and neither gives a hidden card away."""

from __future__ import annotations

from functools import cache
from random import Random

import numpy as np
import pytest

from lmgame.games.holdem import Holdem, Snapshot, Street, parse_text, render
from lmgame.games.holdem.card import HIGH, WIDE, back, face, slot
from lmgame.games.holdem.hand import DECK, Hand
from lmgame.games.holdem.text import snapshot, write
from lmgame.picture import Picture
from lmgame.picture.glyph import bitmap

STATES = 240
FACES = {face(card).tobytes(): card for card in DECK} | {
    slot().tobytes(): "",
    back().tobytes(): "?",
}
SIGNS = {bitmap(sign, 2).tobytes(): sign for sign in " -/0123456789ACDEFHILNOPRSTUVY"}


def step(game: Holdem, random: Random) -> None:
    (seat,) = game.acting()
    choices = [one for one in game.actions(seat).choices if one != "fold" or random.random() < 0.2]
    game.apply({seat: random.choice(choices if random.random() < 0.2 else choices[:3])})


@cache
def states() -> list[tuple[str, Picture]]:
    """What both seats saw at random moments of random matches, over and not."""
    random = Random(5)
    found: list[tuple[str, Picture]] = []
    while len(found) < STATES:
        game = Holdem(hands=random.randint(1, 12), stack=random.randint(10, 999))
        game.reset(random.getrandbits(30))
        for _ in range(random.randint(0, 30)):
            if game.acting():
                step(game, random)
        for seat in (0, 1):
            seen = game.observe(seat)
            found.append((seen.text, seen.picture))
    return found


# A reader of the image, which knows only where things are and what they look like.


class Reader:
    def __init__(self, picture: Picture) -> None:
        self.pixels = picture.pixels

    def snapshot(self) -> Snapshot:
        pot = self.words(0, render.POT_Y, render.GOLD)
        number, hands = self.words(render.PANEL, render.HEAD_Y).split("/")
        assert self.cards(render.HAND_X, render.OPPONENT_Y, 2) == ("?", "?")
        seen = Snapshot(
            hand=int(number),
            hands=int(hands),
            actor=self.who(self.words(render.PANEL, render.ACT_Y, render.GOLD)),
            button=self.button(),
            cards=self.cards(render.HAND_X, render.OWN_Y, 2),
            board=tuple(card for card in self.cards(render.BOARD_X, render.BOARD_Y, 5) if card),
            own=int(self.words(render.STACK_X, render.OWN_STACK_Y)),
            other=int(self.words(render.STACK_X, render.OPPONENT_STACK_Y)),
            streets=tuple(street for row in range(4) if (street := self.street(row))),
        )
        assert pot == f"POT {seen.pot}"
        assert self.words(render.RIGHT, render.HEAD_Y) == seen.street.upper()
        assert self.words(render.RIGHT, render.ACT_Y) == str(seen.to_call)
        return seen

    def cards(self, x: int, y: int, count: int) -> tuple[str, ...]:
        lefts = [x + render.STEP * place for place in range(count)]
        return tuple(FACES[self.pixels[y : y + HIGH, x : x + WIDE].tobytes()] for x in lefts)

    def button(self) -> str:
        found = [
            name
            for name, y in (("you", render.OWN_BUTTON_Y), ("opponent", render.OPPONENT_BUTTON_Y))
            if self.pixels[y + 12, render.BUTTON_X] == render.GOLD
        ]
        assert len(found) == 1
        return found[0]

    def street(self, row: int) -> Street | None:
        y = render.TABLE_Y + 12 + render.ROW * row
        said = [
            self.words(x, y) for x in (render.OWN_X, render.OTHER_X, render.RAISES_X, render.LAST_X)
        ]
        if not any(said):
            return None
        return Street(int(said[0]), int(said[1]), int(said[2]), self.who(said[3]))

    def who(self, word: str) -> str:
        return {"YOU": "you", "OPP": "opponent", "-": "-"}[word]

    def words(self, x: int, y: int, colour: int = render.VALUE) -> str:
        """The large words that begin at x, or anywhere in the row for x = 0."""
        if not x:
            x = int(np.argmax((self.pixels[y : y + 14] == colour).any(axis=0)))
        text = ""
        while True:
            region = self.pixels[y : y + 14, x : x + 12] == colour
            sign = SIGNS.get(region.tobytes(), "")
            # "POT 12" has a gap; anywhere else it is the end.
            if not sign or (sign == " " and text != "POT"):
                return text
            text += sign
            x += 12


def test_the_image_read_back_is_the_text() -> None:
    for text, picture in states():
        assert Reader(picture).snapshot() == parse_text(text)


def test_the_states_are_varied() -> None:
    seen = {parse_text(text) for text, _ in states()}
    assert len(seen) >= 200
    assert {one.actor for one in seen} == {"you", "opponent", "-"}
    assert {one.button for one in seen} == {"you", "opponent"}
    assert {one.street for one in seen} == {"preflop", "flop", "turn", "river"}
    assert any(one.own == 0 for one in seen)
    assert max(one.pot for one in seen) > 500
    assert {card for one in seen for card in one.cards + one.board} == set(DECK)


def test_neither_depends_on_the_other_seats_cards() -> None:
    random = Random(3)
    for _ in range(60):
        game = Holdem(hands=1)
        game.reset(random.getrandbits(30))
        for _ in range(random.randint(0, 6)):
            if game.acting() and not game._hand.over:
                step(game, random)
        hand, seat = game._hand, random.randint(0, 1)
        own = hand.cards[seat]
        rest = [card for card in DECK if card not in own + hand._flop]
        random.shuffle(rest)
        pairs = (own, tuple(rest[:2])) if seat == 0 else (tuple(rest[:2]), own)
        other = Hand((*pairs[0], *pairs[1], *hand._flop, *rest[2:]), hand.button, 200)
        for action in hand.actions:
            other.act(action)
        assert other.cards[1 - seat] != hand.cards[1 - seat]
        one, two = snapshot(hand, seat, 1, 1), snapshot(other, seat, 1, 1)
        assert write(one) == write(two)
        assert render.draw(one).png() == render.draw(two).png()


def test_neither_shows_the_chips_won_or_the_hands_before() -> None:
    game = Holdem(hands=3)
    game.reset(1)
    game.apply({0: "fold"})
    other = Holdem(hands=3)
    other.reset(1)
    for action in ("raise to 20", "fold"):
        other.apply({other.acting()[0]: action})
    assert game.scores() != other.scores()
    for seat in (0, 1):
        assert game.text(seat) == other.text(seat)
        assert game.observe(seat).png == other.observe(seat).png


def test_both_seats_see_the_same_board_from_their_sides() -> None:
    random = Random(9)
    game = Holdem()
    while game.acting():
        one, other = (parse_text(game.text(seat)) for seat in (0, 1))
        assert (one.board, one.pot, one.hand) == (other.board, other.pot, other.hand)
        assert (one.own, one.other) == (other.other, other.own)
        assert not set(one.cards) & set(other.cards)
        assert {one.actor, other.actor} == {"you", "opponent"} == {one.button, other.button}
        step(game, random)


def test_cards_are_told_apart() -> None:
    assert len({face(card).tobytes() for card in DECK}) == 52
    looks = {render.PALETTE[face(card)].tobytes() for card in DECK}
    assert len(looks) == 52


def test_the_text_is_short() -> None:
    assert max(len(text) for text, _ in states()) <= 480


def test_pictures_have_the_size_that_is_documented() -> None:
    width, height = Holdem().observe(0).picture.size
    assert f"{width} by {height} pixels" in " ".join((Holdem.__doc__ or "").split())


def test_what_is_no_observation_is_refused() -> None:
    text = Holdem().text(0)
    assert parse_text(text).hand == 1
    wrong = ("", "hand 1 of 10", text + "\n", text.replace("pot 3", "pot 4"), text + "\n" + text)
    for one in wrong:
        with pytest.raises(ValueError, match="observation"):
            parse_text(one)
