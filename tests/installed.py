"""Games that need what is not installed everywhere: their tests are skipped, with the reason."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import pytest
from _pytest.mark.structures import ParameterSet

from lmgame import registry
from lmgame.errors import MissingExtra, RomError
from lmgame.game import Game

SHORT: dict[str, dict[str, object]] = {"SuperMarioBros-v1": {"stage": "1-2", "lives": 1}}
"""Settings with which matches end soon, of games whose emulator makes them slow.

The general checks of these games are slow tests; their own have quicker ones.
"""


def make_or_skip(name: str, arguments: Mapping[str, object] | None = None) -> Game:
    """A game by its id; where its extra or its ROM is missing, the test is skipped."""
    try:
        return registry.games.make(name, arguments or {})
    except (MissingExtra, RomError) as error:
        pytest.skip(str(error))


def each(names: Collection[str]) -> list[ParameterSet]:
    """Games by id as a test's parameters."""
    return [pytest.param(one, marks=pytest.mark.slow if one in SHORT else ()) for one in names]
