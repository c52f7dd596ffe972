"""The language of buttons, and saved states; nothing here needs an emulator."""

from __future__ import annotations

import json
from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmgame.errors import ConfigError, IllegalAction, StateError
from lmgame.game import State
from lmgame.games.retro.pad import Pad
from lmgame.games.retro.state import Course, read, write

NES = Pad(
    ("B", None, "SELECT", "START", "UP", "DOWN", "LEFT", "RIGHT", "A"),
    [[[], ["UP"], ["DOWN"]], [[], ["LEFT"], ["RIGHT"]], [[], ["A"], ["B"], ["A", "B"]]],
)
N64 = Pad(
    ("A", "B", None, "START", "UP", "DOWN", "LEFT", "RIGHT", "C-RIGHT", "C-UP"),
    [[[], ["UP"], ["DOWN"]], [[], ["A"], ["C-UP"], ["C-RIGHT"], ["START"]]],
)
PC_ENGINE = Pad(("II", "III", "SELECT", "RUN", "UP", "DOWN", "LEFT", "RIGHT", "I"),
                [[[], ["I"], ["II"], ["III"], ["I", "II"]]])  # fmt: skip


@pytest.mark.parametrize(
    ("pad", "text", "plain", "buttons"),
    [
        (NES, "right+B 20", "right+B 20", 0b10000001),
        (NES, " b + RIGHT: 20", "right+B 20", 0b10000001),
        (NES, "A, b, up = 1", "up+B+A 1", 0b100010001),
        (NES, "wait (60)", "wait 60", 0),
        (NES, "a 007", "A 7", 0b100000000),
        (N64, "c-up 5", "C-UP 5", 0b1000000000),
        (N64, "up&C-UP 5", "up+C-UP 5", 0b1000010000),
        (N64, "start 2", "START 2", 0b1000),
        (PC_ENGINE, "ii+i 3", "II+I 3", 0b100000001),
        (PC_ENGINE, "III 3", "III 3", 0b10),
    ],
)
def test_actions_are_read(pad: Pad, text: str, plain: str, buttons: int) -> None:
    spelling, code, frames = pad.read(text)
    assert (spelling, code, frames) == (plain, buttons, int(plain.split()[1]))
    assert pad.read(spelling)[0] == spelling


@pytest.mark.parametrize(
    ("pad", "text", "reason"),
    [
        (NES, "left+right 5", "left and right cannot be held together"),
        (NES, "UP+down+A 5", "up and down cannot be held together"),
        (NES, "A 0", "0 frames: buttons are held for 1 to 60"),
        (NES, "A 61", "61 frames"),
        (NES, "wait+A 5", "'wait' holds no buttons"),
        (NES, "START 5", "is not an action.*buttons: up, down, left, right, B, A"),
        (NES, "A", "is not an action"),
        (NES, "A 5 B 5", "is not an action"),
        (NES, "A " * 500 + "5", "is not an action"),
        (N64, "A+START 5", r"A\+START cannot be held together in this game"),
        (PC_ENGINE, "up 5", "is not an action"),
    ],
)
def test_what_cannot_be_held_is_refused_with_a_reason(pad: Pad, text: str, reason: str) -> None:
    with pytest.raises(IllegalAction, match=reason):
        pad.read(text)


@pytest.mark.parametrize(
    ("reply", "found"),
    [
        ("I press right+B 20.", ["right+B 20"]),
        ("`B 5`, then **wait 10**", ["B 5", "wait 10"]),
        ("up for 20, left 1.5 or BA 3 or A 12345", []),
        ("left+right 99", ["left+right 99"]),
        ("Answer: A(4)", ["A(4)"]),
    ],
)
def test_actions_are_found_in_a_reply(reply: str, found: list[str]) -> None:
    assert NES.find(reply) == found


@given(st.text(alphabet="AB+, wait0123456789upleft\n(:=*", max_size=60))
def test_what_is_found_is_read_or_refused(reply: str) -> None:
    for text in NES.find(reply):
        try:
            spelling = NES.read(text)[0]
        except IllegalAction as error:
            spelling, reason = "", str(error)
        if spelling:
            assert NES.find(spelling) == [spelling]
        else:
            assert "is not an action" not in reason


@pytest.mark.parametrize("hostile", ["A+" * 500_000, "A + B " * 150_000, "up+" * 300_000 + " " * 9])
def test_a_hostile_reply_is_read_in_no_time(hostile: str) -> None:
    start = perf_counter()
    NES.find(hostile)
    assert perf_counter() - start < 2


def test_offers_and_grammar_are_what_may_be_held() -> None:
    for pad in (NES, N64, PC_ENGINE):
        offered = [pad.read(text) for text in pad.actions.choices]
        assert [text for text, _, _ in offered] == list(pad.actions.choices)
        assert {code for _, code, _ in offered} <= pad.codes
        assert pad.read(pad.actions.default)[0] == pad.actions.default
        named = pad.actions.grammar.split("\n")[1].split(" ::= ")[1] if pad.actions.grammar else ""
        spelt = [one.strip('"') for one in named.split(" | ")]
        assert {pad.read(f"{one} 1")[1] for one in spelt} == pad.codes
    assert len(NES.codes) == 36, "as many as stable-retro's own table allows"


def test_a_scenario_may_not_name_buttons_that_are_not_there() -> None:
    with pytest.raises(ConfigError, match="actions name 'Q'; this console has B, SELECT, START"):
        Pad(("B", None, "SELECT", "START"), [[["Q"]]])


IDENTITY = {"title": "Game", "rom": "00"}
COURSE = Course(seed=3, tick=30, buttons=1, left=5, score=1.5, inputs=[(1, 10, 20), (0, 0, 10)])


def saved(**changes: object) -> State:
    state = json.loads(json.dumps(write("Retro-v1", IDENTITY, COURSE, b"machine")))
    return {**state, **changes}


def test_a_course_is_read_as_it_was_written() -> None:
    course, machine = read(saved(), "Retro-v1", IDENTITY, NES.codes, ("over",))
    assert (course, machine) == (COURSE, b"machine")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"game": "Tetris-v1"}, "saved by 'Tetris-v1'"),
        ({"more": 1}, "wrong keys"),
        ({"identity": {"title": "Other", "rom": "00"}}, "saved with title 'Other'; here it is"),
        ({"identity": []}, "wrong keys"),
        ({"seed": -1}, "saved seed"),
        ({"tick": True}, "saved tick"),
        ({"buttons": 1 << 1}, "cannot be held"),
        ({"left": 61}, "saved left"),
        ({"score": float("nan")}, "saved score"),
        ({"score": "9"}, "saved score"),
        ({"over": "bored"}, "saved over"),
        ({"over": ["over"]}, "saved over"),
        ({"inputs": 3}, "saved inputs"),
        ({"inputs": [[1, 2]]}, "saved inputs"),
        ({"inputs": [[1, 2, 3]]}, "do not fit together"),
        ({"machine": 5}, "damaged"),
        ({"machine": "0123456789abcdef"}, "damaged"),
        ({"machine": "0123456789abcdefMTIz"}, "damaged"),
        ({"machine": "ü" * 40}, "damaged"),
    ],
)
def test_states_that_no_match_saved_are_refused(changes: State, reason: str) -> None:
    with pytest.raises(StateError, match=reason):
        read(saved(**changes), "Retro-v1", IDENTITY, NES.codes, ("over",))
