"""What stands between a key and an action: bindings, the hand, the line."""

from __future__ import annotations

from pathlib import Path

import pygame
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmgame import registry
from lmgame.agents.human.face import Face
from lmgame.agents.human.hand import Hand
from lmgame.agents.human.keys import OURS, Bindings, bindings
from lmgame.agents.human.line import LONGEST, Line
from lmgame.errors import ConfigError, IllegalAction, LmgameError
from lmgame.game import Game, GameSpec, Turn
from lmgame.games.platformer import Platformer
from lmgame.games.pong import Pong
from lmgame.games.tetris import Tetris
from lmgame.games.twenty_forty_eight import TwentyFortyEight
from lmgame.world import World

LEFT, RIGHT, UP, DOWN = pygame.K_LEFT, pygame.K_RIGHT, pygame.K_UP, pygame.K_DOWN


def turn(game: Game) -> Turn:
    world = World(game, 1)
    world.offer(lambda seat: None)
    return world.turns[0]


def hand(game: Game) -> Hand:
    return Hand(bindings(game.spec, None), game.spec.hz)


@pytest.mark.parametrize("game_id", registry.games.names())
def test_every_key_is_an_action_of_its_game(game_id: str) -> None:
    kind = registry.games.load(game_id)
    keys = bindings(kind.spec, None)
    try:
        game = registry.games.make(game_id, keys.settings)
    except LmgameError as error:  # a game's own cartridge or emulator is not here
        pytest.skip(str(error))
    legal = set()
    for seed in range(8):  # what a wall or an edge forbids at one start, another allows
        game.reset(seed)
        seat = game.acting()[0]
        held = [keys.held.replace("{buttons}", one) for one in keys.hold.values()]
        for text in [*keys.press.values(), *held, *([keys.released] if keys.hold else [])]:
            try:
                legal.add((text, game.canonical(seat, text))[0])
            except IllegalAction:
                continue
        wanted = {*keys.press.values(), *held}
    if game_id == "Retro-v1":  # each console has some of the buttons
        wanted = {text for text in wanted if text.startswith(("left", "right", "up", "down"))}
    assert wanted <= legal
    if keys.renew:
        assert game.spec.hz


def test_a_press_is_an_action_and_waits_its_turn() -> None:
    game = Tetris(actions="all")
    now, keys = turn(game), hand(game)
    assert keys.action(now, 0.0) is None
    assert keys.press(LEFT, waits=True)
    assert keys.press(LEFT, waits=True)  # it stays down: left acts again
    assert keys.press(UP, waits=True)
    assert keys.press(UP, waits=True)  # a turn does not
    assert not keys.press(pygame.K_q, waits=True)
    done = [keys.action(now, 0.0) for _ in range(4)]
    assert done == ["press left", "press left", "press cw", None]
    keys.release(UP)
    assert keys.press(UP, waits=False)
    assert keys.action(now, 0.0) is None


def test_a_press_that_the_rules_refuse_says_why() -> None:
    game = TwentyFortyEight()
    now, keys = turn(game), hand(game)
    moves = {"up": UP, "down": DOWN, "left": LEFT, "right": RIGHT}
    for move, key in moves.items():
        keys.press(key, waits=True)
        if move in now.actions.choices:
            assert keys.action(now, 0.0) == move
        else:
            with pytest.raises(IllegalAction):
                keys.action(now, 0.0)


def test_what_is_held_is_renewed_and_let_go() -> None:
    game = Platformer()
    now, keys = turn(game), hand(game)
    keys.press(RIGHT, waits=True)
    assert keys.action(now, 10.0) == "right 8"
    assert keys.action(now, 10.05) is None
    assert keys.action(now, 10.1) == "right 8"
    keys.press(pygame.K_SPACE, waits=True)
    assert keys.action(now, 10.11) == "right+jump 8"
    keys.release(RIGHT)
    assert keys.action(now, 10.12) == "jump 8"
    keys.let_go()
    assert keys.action(now, 10.13) == "wait 1"
    assert keys.action(now, 20.0) is None


def test_a_tap_between_two_looks_is_not_lost() -> None:
    game = Platformer()
    now, keys = turn(game), hand(game)
    keys.press(UP, waits=True)
    keys.release(UP)
    assert keys.action(now, 0.0) == "jump 8"
    assert keys.action(now, 0.01) == "wait 1"


def test_of_opposite_keys_the_later_one_counts() -> None:
    for game, keys, first, both in (
        (Platformer(), (LEFT, RIGHT), "left 8", "right 8"),
        (Pong(), (DOWN, UP), "down", "up"),
    ):
        now, ours = turn(game), hand(game)
        ours.press(keys[0], waits=True)
        assert ours.action(now, 0.0) == first
        ours.press(keys[1], waits=True)
        assert ours.action(now, 0.01) == both
        ours.release(keys[1])
        assert ours.action(now, 0.02) == first


def test_a_button_that_a_console_lacks_holds_nothing_and_lets_nothing_go() -> None:
    lacks = Bindings(hold={"right": "right", "q": "L"}, held="{buttons} 8", released="wait 1")
    now, keys = turn(Platformer()), Hand(lacks, 60)
    keys.press(RIGHT, waits=True)
    assert keys.action(now, 0.0) == "right 8"
    keys.press(pygame.K_q, waits=True)
    assert keys.action(now, 0.1) is None
    keys.release(RIGHT)
    assert keys.action(now, 0.2) == "wait 1"


def test_keys_of_ones_own_replace_ours(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("Pong-v1: {press: {i: up, kp_5: stay}}\nOther-v1: {press: {x: go}}\n")
    assert bindings(Pong.spec, str(file)).press == {"i": "up", "kp_5": "stay"}
    assert bindings(Platformer.spec, str(file)) == bindings(Platformer.spec, None)
    assert bindings(GameSpec("Other-v1", ("one",)), str(file)).press == {"x": "go"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Pong-v1: {press: {upp: up}}", "there is no key 'upp'; did you mean 'up'"),
        ("Pong-v1: {press: {escape: up}}", "means the same in every game"),
        ("Pong-v1: {hold: {a: up}, renew: 0}", "Pong-v1.renew"),
        ("Pong-v1: {pres: {a: up}}", "Pong-v1.pres"),
        ("Pong-v1: [a]", "Pong-v1"),
        ("- a", "write a game's id and its keys"),
        ("a: [", "expected"),
        ("\x00", "special characters"),
    ],
)
def test_a_mistake_in_a_key_file_is_named(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=r"mine\.yaml") as error:
        bindings(Pong.spec, str(file))
    assert told in str(error.value)
    assert "\n" not in str(error.value)


def test_hints_put_keys_together_that_do_the_same() -> None:
    assert bindings(Platformer.spec, None).hints()[-1] == ("up space", "jump")
    assert Bindings().hints() == []
    assert OURS.exists()


FACE = Face()
CHOICES = ("fold", "call", "raise to 4", "raise to 6")


def test_a_line_completes_as_far_as_the_choices_agree() -> None:
    line = Line()
    line.type("R")
    line.complete(CHOICES)
    assert line.text == "raise to "
    line.type("6")
    assert line.offered(CHOICES) == ["raise to 6"]
    line.rub()
    assert line.answer(CHOICES) == "raise to"
    line.clear()
    assert line.offered(CHOICES) == list(CHOICES)


def test_arrows_choose_among_what_goes_with_the_text() -> None:
    line = Line()
    line.type("to")
    line.move(1, CHOICES)
    line.move(1, CHOICES)
    line.move(1, CHOICES)
    assert line.answer(CHOICES) == "raise to 6"
    line.complete(CHOICES)
    assert (line.text, line.chosen) == ("raise to 6", None)
    line.clear()
    line.move(-1, CHOICES)
    assert line.answer(CHOICES) == "raise to 6"
    line.move(1, ())
    assert Line().answer(()) == ""


@given(st.lists(st.text(max_size=30), max_size=20), st.lists(st.text(max_size=8), max_size=6))
def test_whatever_is_typed_the_line_holds_together(typed: list[str], choices: list[str]) -> None:
    line = Line()
    for number, text in enumerate(typed):
        line.type(text)
        (line.rub, lambda: line.complete(choices), lambda: line.move(1, choices))[number % 3]()
        assert len(line.text) <= max(LONGEST, *map(len, choices), 0)
        assert set(line.offered(choices)) <= set(choices)
        line.answer(choices)


@given(st.text(max_size=200), st.integers(20, 400))
def test_wrapped_lines_fit_and_lose_no_letter(text: str, width: int) -> None:
    rows = FACE.wrapped(text, 24, width)
    assert all(FACE.wide(row, 24) <= width or len(row) == 1 for row in rows)
    assert "".join(rows).replace(" ", "") == text.replace(" ", "")
    assert FACE.wide(FACE.end(text, 24, width), 24) <= width
