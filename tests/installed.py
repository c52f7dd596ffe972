"""Games that need what is not installed everywhere: their tests are skipped, with the reason."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from lmgame import registry
from lmgame.errors import MissingExtra, RomError
from lmgame.game import Game


def make_or_skip(name: str, arguments: Mapping[str, object] | None = None) -> Game:
    """A game by its id; where its extra or its ROM is missing, the test is skipped."""
    try:
        return registry.games.make(name, arguments or {})
    except (MissingExtra, RomError) as error:
        pytest.skip(str(error))
