from __future__ import annotations

from pathlib import Path

import pytest

from lmgame.agent import Decision
from lmgame.errors import ConfigError, NameNotFound, StateError
from lmgame.game import Turn
from lmgame.games.tetris import Tetris
from lmgame.race import Race
from lmgame.record import Result
from lmgame.replay import verify
from lmgame.testing import check_game
from tests.table import Table, first, spread


@pytest.mark.parametrize("by", ["score", "time"])
def test_a_race_keeps_the_contract(by: str) -> None:
    check_game(lambda: Race("tetris", by, {"actions": "placements", "level": 5}), seeds=(0, 1))


def test_both_seats_begin_with_the_same_world() -> None:
    race, alone = Race("Tetris-v1"), Tetris()
    race.reset(5)
    alone.reset(5)
    assert race.text(0) == race.text(1) == alone.text(0)
    assert race.actions(0) == race.actions(1) == alone.actions(0)


def test_worlds_have_no_bearing_on_each_other() -> None:
    race, alone = Race(), Tetris()
    race.reset(3)
    alone.reset(3)
    before = race.text(1)
    for _ in range(5):
        action = race.actions(0).choices[0]
        race.apply({0: action})
        alone.apply({0: action})
    assert race.text(0) == alone.text(0)
    assert race.text(1) == before


def test_the_higher_score_wins(tmp_path: Path) -> None:
    def drops(turn: Turn) -> Decision:
        return Decision(turn.actions.choices[turn.number % 9])

    table = Table(lambda: Race("tetris"), [first, drops], tmp_path / "log")
    table.changes = {"max_decisions": None}
    result = table.play()
    assert isinstance(result, Result)
    assert result.winner == int(result.scores[1] > result.scores[0])


def test_equal_play_is_a_draw(tmp_path: Path) -> None:
    table = Table(lambda: Race("tetris"), [first, first], tmp_path / "log")
    result = table.play()
    assert isinstance(result, Result)
    assert result.winner is None
    assert result.scores[0] == result.scores[1]


def test_by_time_whoever_ends_first_wins() -> None:
    race = Race("tetris", by="time", arguments={"level": 20})
    race.reset(0)
    while race.outcome() is None:
        race.apply({1: "press drop"})
    outcome = race.outcome()
    assert outcome is not None
    assert outcome.winner == 1
    assert race.acting() == ()


def test_a_race_of_two_continues_and_replays(tmp_path: Path) -> None:
    table = Table(lambda: Race("tetris"), [spread, spread], tmp_path / "log")
    table.play()
    verify(table.log(), Race("tetris"))


def test_mistakes_say_what_to_do() -> None:
    with pytest.raises(NameNotFound, match="did you mean 'tetris'"):
        Race("tetriss")
    with pytest.raises(ConfigError, match="a race takes one"):
        Race("tetris_versus")
    with pytest.raises(ConfigError, match="score or time"):
        Race(by="luck")
    with pytest.raises(ConfigError, match="did you mean 'level'"):
        Race(arguments={"levl": 3})


def test_a_state_that_is_half_right_changes_nothing() -> None:
    race = Race()
    race.reset(1)
    before = race.fingerprint()
    state = race.save()
    worlds = state["worlds"]
    assert isinstance(worlds, list)
    with pytest.raises(StateError):
        race.restore({**state, "worlds": [worlds[0], {}]})
    with pytest.raises(StateError):
        race.restore(Race("tetris", "time").save())
    assert race.fingerprint() == before


def test_a_race_waits_for_the_hand_that_takes_longest() -> None:
    race = Race("platformer")
    race.reset(1)
    race.apply({0: "right 50", 1: "wait 3"})
    assert race.pace() == 50
