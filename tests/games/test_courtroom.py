"""The courtroom: penalties and points, the language of actions, saved states, the anchor."""

from __future__ import annotations

import asyncio
import json
from random import Random
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmgame import registry
from lmgame.agent import Seating
from lmgame.errors import ConfigError, IllegalAction, StateError
from lmgame.game import State
from lmgame.games.courtroom import Courtroom, notation, parse_text
from lmgame.games.courtroom.notation import NOTHING, Action
from lmgame.reader import read
from lmgame.world import World

TRIAL = ("press 2", "present E1 at 2", "present the receipt on statement 2")


def own(**arguments: object) -> Courtroom:
    """Our cases in their own words."""
    return Courtroom(paraphrase=False, **arguments)  # type: ignore[arg-type]  # by name


def play(game: Courtroom, *acts: str) -> Courtroom:
    for act in acts:
        game.apply({0: act})
    return game


# Rules ---------------------------------------------------------------------


def test_a_case_is_won_by_its_contradictions() -> None:
    game = own(cases=1)
    assert game.scores() == (0.0,)
    play(game, *TRIAL[:2])
    assert game.scores() == (1.0,)
    assert "testimony 2 of 2" in game.text(0)
    play(game, TRIAL[2])
    outcome = game.outcome()
    assert outcome is not None
    assert (outcome.scores, outcome.winner, outcome.reason) == ((2.0,), None, "1 of 1 cases won")
    assert game.statistics(0) == {"won": 1, "penalties": 0, "presses": 1}
    assert game.acting() == ()
    with pytest.raises(IllegalAction, match="over"):
        game.apply({0: "press 1"})


def test_penalties_lose_a_case_and_the_next_one_begins() -> None:
    game = play(own(cases=[1, 2]), *TRIAL[:2], "present E1 at 1", "say nothing")
    assert "penalties 2 of 5" in game.text(0)
    play(game, "present E1 at 2", "say nothing")
    assert "case 1 of 2" in game.text(0)
    play(game, "say nothing")
    assert game.text(0).startswith("case 2 of 2: The Keeper of Gull Point\n")
    assert "penalties 0 of 5" in game.text(0)
    assert game.scores() == (1.0,), "what was found stays found"
    play(game, *["say nothing"] * 5)
    outcome = game.outcome()
    assert outcome is not None
    assert (outcome.scores, outcome.reason) == ((1.0,), "0 of 2 cases won")
    assert game.statistics(0)["penalties"] == 10


def test_pressing_amends_adds_and_gives() -> None:
    game = own(cases=[2])
    before = parse_text(game.text(0))
    after = parse_text(play(game, "press 1").text(0))
    assert before.statements[0].text.startswith("I came over")
    assert after.statements[0].text.startswith("I walked over by the causeway at 20:15")
    assert after.statements[0].answers == ("How? On my own two feet.",)
    assert after.statements[1:] == before.statements[1:]
    play(game, "press 1")
    assert len(parse_text(game.text(0)).statements[0].answers) == 2
    with pytest.raises(IllegalAction, match="statement 1 cannot be pressed"):
        game.canonical(0, "press 1")

    game = play(own(cases=[3]), "present delivery note at 1", "press 2")
    assert parse_text(game.text(0)).statements[5].text.startswith("Lamb was lifting bottles")
    play(game, "present gloves at 6")
    assert len(parse_text(game.text(0)).record) == 5
    play(game, "press 3")
    assert parse_text(game.text(0)).record[5].name == "cart book"


def test_the_answer_counts_only_once_it_was_said() -> None:
    game = own(cases=[2])
    play(game, "present tide table at 1")
    assert game.scores() == (0.0,)
    assert "refused: E1 at 1" in game.text(0)
    with pytest.raises(IllegalAction, match="refused before"):
        game.canonical(0, "present E1 at 1")


def test_a_wrong_pair_is_refused_once_and_shown() -> None:
    game = own(cases=1)
    choices = game.actions(0).choices
    assert len(choices) == 4 + 4 * 4
    play(game, "present E3 at 1")
    assert set(choices) - set(game.actions(0).choices) == {"present E3 at 1"}
    play(game, "present E2 at 4")
    assert game.text(0).endswith("\nrefused: E3 at 1, E2 at 4")
    play(game, "present E1 at 2")
    assert "refused" not in game.text(0)
    assert "present E3 at 1" in game.actions(0).choices


def test_the_answer_to_an_amended_statement_after_it_was_refused() -> None:
    """A pair refused before the statement changed would be the answer now: it can be found."""
    game = own(cases=[2])
    play(game, "present E1 at 1", "press 1")
    assert "present E1 at 1" in game.actions(0).choices
    play(game, "present E1 at 1")
    assert game.scores() == (1.0,)


def test_cases_are_chosen_by_number() -> None:
    titles = [parse_text(own(cases=number).text(0)).title for number in range(1, 7)]
    assert len(set(titles)) == 6
    assert parse_text(own(cases=[3, 1]).text(0)).title == titles[2]
    assert parse_text(own().text(0)).cases == 6


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"cases": 0}, "cases=0 is not 'all', a number from 1 to 6"),
        ({"cases": 7}, "cases=7"),
        ({"cases": []}, "cases="),
        ({"cases": [1, 9]}, "cases="),
        ({"cases": "some"}, "cases='some'"),
        ({"cases": [True]}, "cases="),
        ({"cases": 2.5}, "cases=2.5"),
        ({"cases": ["1"]}, "cases="),
        ({"penalties": 0}, "penalties=0 is not from 1 to 9"),
        ({"penalties": 10}, "penalties=10"),
        ({"penalties": "5"}, "penalties='5'"),
        ({"penalties": True}, "penalties=True"),
        ({"paraphrase": "yes"}, "paraphrase='yes'"),
        ({"file": 5}, "file=5"),
    ],
)
def test_wrong_arguments_are_refused(arguments: dict[str, object], why: str) -> None:
    with pytest.raises(ConfigError) as caught:
        registry.games.make("Courtroom-v1", cast(State, arguments))
    assert why in str(caught.value)


# Language ------------------------------------------------------------------

NAMES = ("brass key", "cellar key", "the old key", "gate log", "letter")


@pytest.mark.parametrize(
    ("text", "action"),
    [
        ("press 2", "press 2"),
        ("Press statement 2", "press 2"),
        ("PRESS #2", "press 2"),
        ("press  the statement  no. 2", "press 2"),
        ("present E2 at 3", "present E2 at 3"),
        ("Present evidence 2 on statement 3", "present E2 at 3"),
        ("present exhibit E 4 against #1", "present E4 at 1"),
        ("present e5 to statement 3", "present E5 at 3"),
        ("present the gate log at 1", "present E4 at 1"),
        ("present log at 1", "present E4 at 1"),
        ("present the Old Key on 1", "present E3 at 1"),
        ("present brass key at 1", "present E1 at 1"),
        ("Say Nothing", "say nothing"),
    ],
)
def test_actions_are_read_in_many_spellings(text: str, action: str) -> None:
    assert notation.find(f"I will {text}.") == [text]
    assert notation.spell(notation.parse(text, NAMES, 3)) == action


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("press 4", "no statement 4: they are 1 to 3"),
        ("press 0", "no statement 0"),
        ("present E6 at 1", "no evidence E6: they are E1 to E5"),
        ("present E0 at 1", "no evidence E0"),
        ("present E1 at 9", "no statement 9"),
        ("present key at 1", r"'key' could be E1 \(brass key\) or E2 \(cellar key\) or E3"),
        ("present the umbrella at 1", "no evidence 'the umbrella': write its number"),
        ("present the at 1", "no evidence 'the'"),
        ("press", "is not an action: write 'press N'"),
        ("object", "is not an action"),
        ("present E1", "is not an action"),
        ("press 2 and 3", "is not an action"),
        ("press 2.5", "is not an action"),
        ("press 2222", "is not an action"),
        ("present " + "a" * 200 + " at 1", "is not an action"),
    ],
)
def test_what_cannot_be_done_is_refused_with_a_reason(text: str, why: str) -> None:
    with pytest.raises(IllegalAction, match=why):
        notation.parse(text, NAMES, 3)


@given(st.integers(-1, 4), st.integers(0, 2))
def test_spelling_and_reading_are_inverse(evidence: int, statement: int) -> None:
    action = Action(evidence, statement)
    assert notation.parse(notation.spell(action), NAMES, 3) == action
    assert notation.parse(notation.spell(NOTHING), NAMES, 3) == NOTHING


@settings(deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ["press ", "present ", "E2", " at ", " on ", "3", "statement ", "\n", "key", "say ",
             "nothing", ".", "#", "é", " "]
        ), max_size=30,
    ).map(''.join)
)  # fmt: skip
def test_whatever_is_found_is_read_or_refused(reply: str) -> None:
    for passage in notation.find(reply):
        assert passage in reply
        try:
            action = notation.parse(passage, NAMES, 3)
        except IllegalAction:
            continue
        assert notation.parse(notation.spell(action), NAMES, 3) == action


@pytest.mark.parametrize(
    "piece",
    ["press ", "present ", "present E1 ", "present a at ", "say ", "present \t", "press 1a "],
)
def test_hostile_replies_take_no_time(piece: str) -> None:
    game = own(cases=1)
    reply = piece * (400_000 // len(piece))
    assert not notation.find(reply)
    with pytest.raises(IllegalAction):
        game.canonical(0, reply)


def test_replies_are_read_as_players_write_them() -> None:
    world = World(own(cases=1), 0)
    world.offer(lambda seat: None)
    turn = world.turns[0]
    said = "It rained, so statement 2 is false.\n\nAction: present the weather report at 2"
    assert read(said, turn).action == "present E1 at 2"
    assert read("press 1", turn).action == "press 1"
    assert read("I could press 1 or press 2", turn).outcome == "ambiguous"
    assert read("The witness lies.", turn).outcome == "unparsable"
    reading = read("present the photo album at 2", turn)
    assert reading.outcome == "illegal"
    assert "write its number" in reading.reason


# Saved states --------------------------------------------------------------


def test_a_restored_match_goes_on_the_same() -> None:
    random = Random(4)
    for seed in range(12):
        game, other = Courtroom(), Courtroom()
        game.reset(seed)
        while game.acting():
            state = json.loads(json.dumps(game.save()))
            assert len(json.dumps(state)) < 2000
            other.restore(state)
            assert other.save() == game.save()
            assert other.text(0) == game.text(0)
            assert other.scores() == game.scores()
            assert other.statistics(0) == game.statistics(0)
            assert other.outcome() == game.outcome()
            play(game, random.choice((*game.actions(0).choices, "say nothing")))
        other.restore(game.save())
        assert other.outcome() == game.outcome()
        assert other.text(0) == game.text(0)
        assert other.save() == game.save()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"game": "Pong-v1"}, "saved by 'Pong-v1'"),
        ({"arguments": [5, True, "0"]}, "saved with penalties, paraphrase, cases"),
        ({"extra": 1}, "wrong keys"),
        ({"seed": -1}, "saved seed is -1"),
        ({"past": 3}, "saved past is 3"),
        ({"past": [9]}, "saved past is 9"),
        ({"past": [1] * 7}, "saved past"),
        ({"acts": "press 1"}, "saved acts"),
        ({"acts": ["press 1", 2]}, "saved acts"),
        ({"acts": ["press 1", "press 1"]}, "saved act 'press 1' is not legal"),
        ({"acts": ["say nothing"] * 6}, "go on after the end"),
        ({"acts": ["say nothing"] * 5}, "do not lead to the saved past"),
        ({"past": [0] * 6, "acts": []}, "do not lead to the saved past"),
        ({"tick": 0}, "saved tick is 0"),
        ({"tick": "1"}, "saved tick is '1'"),
        ({"presses": 0}, "saved presses is 0"),
        ({"penalties": -2}, "saved penalties is -2"),
    ],
)
def test_states_that_cannot_be_are_refused(change: State, why: str) -> None:
    game = play(own(), "press 1", "press 2")
    before = game.save()
    with pytest.raises(StateError) as caught:
        game.restore({**game.save(), **change})
    assert why in str(caught.value)
    assert game.save() == before


# Players -------------------------------------------------------------------


def match(agent: str, seed: int, **arguments: object) -> Courtroom:
    game = Courtroom(**arguments)  # type: ignore[arg-type]  # by name
    world = World(game, seed)
    player = registry.agents.make(agent, {"seating": Seating(game.spec, 0, seed)})
    while True:
        world.offer(lambda seat: None)
        if world.over:
            return game
        world.land({0: asyncio.run(player.decide(world.turns[0])).action})


def test_the_anchor_is_clearly_better_than_chance() -> None:
    chance = [match("random", seed).scores()[0] for seed in range(40)]
    anchor = [match("greedy", seed).scores()[0] for seed in range(12)]
    assert sum(chance) / 40 < 1.5
    assert max(chance) <= 5
    assert sum(anchor) / 12 > 5
    assert min(anchor) > 2


def test_exhaustive_presenting_is_bounded_by_the_penalties() -> None:
    """With every pair equally likely, at most five are tried in a case."""
    games = [match("random", seed) for seed in range(50)]
    assert sum(game.statistics(0)["won"] for game in games) / (6 * 50) < 0.05
    assert all(game.statistics(0)["penalties"] <= 30 for game in games)
    assert all(game.tick < 150 for game in games)
