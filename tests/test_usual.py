"""Limits that the user did not set: usual ones, and the game's own deadline."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from lmgame import config, registry
from lmgame.bench.settings import load as load_bench
from lmgame.errors import ConfigError
from lmgame.game import GameSpec
from lmgame.plan import limits_of
from lmgame.settings import ClockSettings, SloSettings
from lmgame.slo import Slo
from lmgame.usual import game_deadline, in_numbers, limits


def asked(**fields: object) -> SloSettings:
    """Settings of limits; what is not given is null."""
    return SloSettings.model_validate(fields)


def clock(**fields: object) -> ClockSettings:
    """Settings of a clock."""
    return ClockSettings.model_validate(fields)


USUAL = asked(ttft_s="usual", tpot_s="usual", time_to_action_s="usual", deadline_s="usual")
TICKS = GameSpec("Ticks-v1", ("player",), hz=60, pace=12)
TURNS = GameSpec("Turns-v1", ("player",))
PAUSED, RUNNING = clock(kind="paused"), clock(kind="realtime")


def test_where_the_world_waits_limits_are_the_usual_ones() -> None:
    found = limits(USUAL, PAUSED, TICKS)
    assert found.slo == Slo(ttft_s=5.0, tpot_s=0.1, time_to_action_s=6.0)
    assert set(found.source.values()) == {"usual"}
    assert limits(USUAL).slo == found.slo


@pytest.mark.parametrize("kind", ["realtime", "simulated"])
def test_where_it_runs_on_the_deadline_is_what_the_hand_takes(kind: str) -> None:
    found = limits(USUAL, clock(kind=kind), TICKS)
    assert found.slo == Slo(ttft_s=0.2, tpot_s=0.1, time_to_action_s=0.2, deadline_s=0.2)
    assert found.source["deadline_s"] == "12 ticks at 60 a second (Ticks-v1)"
    assert found.source["time_to_action_s"] == found.source["deadline_s"]
    assert found.source["ttft_s"] == "usual"


def test_the_clocks_pace_comes_before_the_games() -> None:
    own = clock(kind="realtime", pace=30)
    assert game_deadline(own, TICKS) == (0.5, "30 ticks at 60 a second (clock.pace)")
    at_once = clock(kind="realtime", pace=0)
    assert game_deadline(at_once, TICKS) == (1 / 60, "1 tick at 60 a second (clock.pace)")


def test_without_ticks_the_time_bank_is_the_deadline() -> None:
    assert game_deadline(RUNNING, TURNS) is None
    bank = clock(kind="realtime", bank_s=30)
    found = limits(USUAL, bank, TURNS)
    assert found.slo == Slo(ttft_s=5.0, tpot_s=0.1, time_to_action_s=6.0, deadline_s=30.0)
    assert found.source["deadline_s"] == "the time bank of 30 s (clock.bank_s)"


def test_what_the_user_sets_stands() -> None:
    wanted = asked(ttft_s=1.0, tpot_s=None, itl_s=0.05, itl_percentile=0.9,
                        time_to_action_s="usual", deadline_s=None)  # fmt: skip
    found = limits(wanted, RUNNING, TICKS)
    assert found.slo == Slo(
        ttft_s=1.0, itl_s=0.05, itl_percentile=0.9, time_to_action_s=0.2, deadline_s=None
    )
    assert (found.source["ttft_s"], found.source["itl_s"]) == ("set", "set")
    assert "tpot_s" not in found.source


@pytest.mark.parametrize(
    ("wanted", "running", "message"),
    [
        (
            asked(ttft_s=2.0, time_to_action_s=1.0),
            RUNNING,
            "slo.ttft_s=2 is longer than slo.time_to_action_s=1: a call that needs all of its TTFT "
            "cannot bring an action in time, so the two cannot be met together; write "
            "slo.ttft_s=1 or less, or null",
        ),
        (asked(itl_s=0.5, deadline_s=0.2), RUNNING, "slo.itl_s=0.5 is longer than"),
        (asked(tpot_s=0.5, deadline_s=0.2), RUNNING, "slo.tpot_s=0.5 is longer than"),
        (
            asked(tpot_s=0.1, itl_s=0.05, itl_percentile=1.0),
            PAUSED,
            "the mean of waits is not above the longest; write slo.tpot_s=0.05 or less",
        ),
        (
            asked(deadline_s=0.2),
            PAUSED,
            "slo.deadline_s=0.2: nothing in the game is late, as its world waits",
        ),
    ],
)
def test_limits_that_cannot_be_met_together_are_refused(
    wanted: SloSettings, running: ClockSettings, message: str
) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        limits(wanted, running, TICKS)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("slo.ttft_s=-1", "slo.ttft_s=-1: write seconds above 0, usual, or null"),
        ("slo.ttft_s=0", "write seconds above 0"),
        ("slo.deadline_s=nan", "write seconds above 0"),
        ("slo.time_to_action_s=soon", "slo.time_to_action_s='soon': write seconds above 0"),
        ("slo.itl_s=0", "slo.itl_s=0: Input should be greater than 0"),
        ("slo.itl_percentile=99", "slo.itl_percentile=99: Input should be less than or equal to 1"),
    ],
)
def test_limits_that_are_no_limits_are_refused_with_what_would_be(
    override: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        config.load([override])


def test_every_game_with_ticks_has_a_deadline_of_its_own() -> None:
    """Of the instance: one game may have ticks under some rules and none under others."""
    tetris = limits_of(config.load(["game=tetris", "clock=realtime"]))
    assert tetris.slo.deadline_s == tetris.slo.time_to_action_s == 0.2
    stepped = limits_of(config.load(["game=tetris_lmgame", "clock=realtime"]))
    assert (stepped.slo.deadline_s, stepped.slo.time_to_action_s) == (None, 6.0)
    for name in ("pong", "platformer"):
        spec = registry.games.load(config.load([f"game={name}"]).game.id).spec
        assert spec.hz is not None
        found = limits_of(config.load([f"game={name}", "clock=simulated"]))
        assert found.slo.deadline_s == spec.pace / spec.hz


def test_a_bench_has_no_game_and_takes_the_usual_limits_in_numbers() -> None:
    backend = ["backend=any", "backend.base_url=http://127.0.0.1:1/v1", "backend.model=m"]
    found = load_bench(backend).slo
    assert (found.ttft_s, found.tpot_s, found.time_to_action_s) == (5.0, 0.1, None)
    assert Slo(**found.model_dump()) == Slo(ttft_s=5.0, tpot_s=0.1)
    with pytest.raises(ConfigError, match="there is no game"):
        load_bench([*backend, "slo.deadline_s=1"])


def test_limits_as_settings_again() -> None:
    found = limits(USUAL, RUNNING, TICKS)
    again = in_numbers(found)
    assert limits(again, RUNNING, TICKS).slo == found.slo


def test_a_settings_file_holds_what_was_asked_for(tmp_path: Path) -> None:
    settings = config.load(["slo.ttft_s=1"])
    plain = json.loads(settings.model_dump_json())
    assert plain["slo"]["ttft_s"] == 1.0
    assert plain["slo"]["deadline_s"] == "usual"
