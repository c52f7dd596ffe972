"""What is published is what its logs say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lmgame import config
from lmgame.board.check import check

BOARDS = sorted((Path(__file__).parents[2] / "leaderboards").glob("*/board.json"))


def test_there_is_a_board() -> None:
    assert BOARDS


@pytest.mark.slow  # plays every log again
@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.parent.name)
def test_a_published_board_is_what_its_logs_say(board: Path) -> None:
    assert check(board.parent, verify=True) is None


def test_the_preset_is_what_was_published() -> None:
    """Who plays experiment=published gets the published board's games and agents."""
    board = next(one for one in BOARDS if one.parent.name == "embedded")
    content = json.loads(board.read_text())
    settings, games = config.load_tournament(["experiment=published"])
    assert len(content["games"]) == len(games)
    agents = [config.entrant(settings, words, [], "tournament") for words in settings.agents or ()]
    assert len(content["units"]) == len(agents) + len(settings.anchors)
    anchors = {key for key, unit in content["units"].items() if unit["anchor"]}
    for game in content["games"]:
        assert {row["seeds"] for row in game["rows"] if row["unit"] in anchors} == {
            settings.anchor_seeds
        }
        assert {row["seeds"] for row in game["rows"] if row["unit"] not in anchors} == {
            settings.seeds
        }
