"""What games and agents may be made with."""

from __future__ import annotations

import pytest

from lmgame import registry
from lmgame.agent import Seating
from lmgame.errors import ConfigError
from lmgame.games.tic_tac_toe import TicTacToe
from tests.test_llm_agent import Model

SEATING = Seating(TicTacToe.spec, 0, 1, Model(lambda request, number: "b2"))


def test_an_agent_takes_the_settings_of_the_one_it_extends() -> None:
    settings = {"seating": SEATING, "plan_tokens": 50, "max_tokens": 8, "harness": {}}
    assert registry.agents.make("deliberate", settings).name == "deliberate"


@pytest.mark.parametrize("name", ["llm", "deliberate"])
def test_a_setting_that_nobody_knows_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="has no setting 'max_token'; did you mean 'max_tokens'"):
        registry.agents.make(name, {"seating": SEATING, "max_token": 8})
    with pytest.raises(ConfigError, match="has no setting 'settings'"):
        registry.agents.make(name, {"seating": SEATING, "settings": {}})
