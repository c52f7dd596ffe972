"""Who is ranked, and what it is called."""

from __future__ import annotations

from pathlib import Path

import pytest

from lmgame import config
from lmgame.board.table import Board
from tests.board.forge import ALONE, board, forge, header, seat

SPLIT = {"kind": "embedded", "mode": "disaggregated", "prefill_workers": 1, "decode_workers": 1}
TOGETHER = {**SPLIT, "mode": "colocated", "schedule": "chunked", "replicas": 3}


def harness(name: str, *more: str) -> object:
    return config.load(["agent=llm", f"harness={name}", *more]).agent.settings["harness"]


def units(folder: Path, *players: tuple[dict[str, object], dict[str, object]]) -> Board:
    for number, (settings, backend) in enumerate(players):
        one = seat("llm", "m", **settings)
        forge(folder, header(ALONE, [one], number, backend=backend), [1.0])
    return board(folder)


def named(made: Board) -> set[str]:
    return {unit.label for unit in made.units.values()}


def test_a_label_says_what_differs_and_no_more(tmp_path: Path) -> None:
    off: dict[str, object] = {"harness": harness("off")}
    full: dict[str, object] = {"harness": harness("full")}
    assert named(units(tmp_path / "1", (off, SPLIT))) == {"m"}
    assert named(units(tmp_path / "2", (off, SPLIT), (full, SPLIT))) == {
        "m · off",
        "m · full",
    }
    assert named(units(tmp_path / "3", (off, SPLIT), (off, TOGETHER))) == {
        "m · split",
        "m · colocated",
    }
    two = {**SPLIT, "decode_workers": 2}
    assert named(units(tmp_path / "4", (off, SPLIT), (off, two))) == {
        "m · split 1P1D",
        "m · split 1P2D",
    }


def test_a_harness_of_ones_own_says_what_is_different(tmp_path: Path) -> None:
    own = harness("lmgame", "agent.harness.memory.last=3")
    (unit,) = units(tmp_path, ({"harness": own}, SPLIT)).units.values()
    assert unit.harness == "custom (lmgame with memory.last=3)"


def test_other_settings_tell_apart_what_nothing_else_does(tmp_path: Path) -> None:
    made = units(tmp_path, ({"temperature": 0.0}, SPLIT), ({"temperature": 0.7}, SPLIT))
    assert named(made) == {"m · temperature=0.0", "m · temperature=0.7"}


def test_where_a_server_is_makes_nobody_else(tmp_path: Path) -> None:
    one: dict[str, object] = {"kind": "openai", "base_url": "http://gpu7.internal/v1", "model": "m"}
    made = units(tmp_path, ({}, one), ({}, {**one, "base_url": "http://elsewhere/v1"}))
    (unit,) = made.units.values()
    assert "internal" not in repr(unit)


@pytest.mark.parametrize(
    ("changes", "serving"),
    [
        ({}, "vllm split 1P1D"),
        ({"prefill_workers": 2}, "vllm split 2P1D"),
        ({"mode": "colocated"}, "vllm colocated 2x"),
        ({"kind": "dynamo_pd", "engine": "mocker"}, "dynamo/mocker split 1P1D"),
    ],
)
def test_launched_servers_are_told_by_their_split(
    tmp_path: Path, changes: dict[str, object], serving: str
) -> None:
    one: dict[str, object] = {"kind": "vllm_pd", "mode": "disaggregated", "python": "/x/python"}
    one |= {"prefill_workers": 1, "decode_workers": 1, "prefill_hosts": ["gpu7"], **changes}
    (unit,) = units(tmp_path, ({}, one)).units.values()
    assert unit.serving == serving
    assert "gpu7" not in repr(unit)
    assert "/x" not in repr(unit)


@pytest.mark.parametrize("model", ["m\x1b[31m", "a\nb", "<script>", "x" * 5000])
def test_a_strange_name_is_one_short_line(tmp_path: Path, model: str) -> None:
    forge(tmp_path, header(ALONE, [seat("llm", model)], 1), [1.0])
    (unit,) = board(tmp_path).units.values()
    assert unit.label.isprintable()
    assert len(unit.label) < 100


def test_only_random_and_greedy_are_anchors(tmp_path: Path) -> None:
    for agent in ("random", "greedy", "outside", "human"):
        forge(tmp_path, header(ALONE, [seat(agent)], 1), [1.0])
    made = board(tmp_path)
    assert {u.agent for u in made.units.values() if u.anchor} == {"random", "greedy"}


def test_a_key_is_the_same_in_every_board(tmp_path: Path) -> None:
    one = units(tmp_path / "1", ({}, SPLIT))
    both = units(tmp_path / "2", ({}, SPLIT), ({}, TOGETHER))
    assert set(one.units) < set(both.units)
