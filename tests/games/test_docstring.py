"""A game's docstring is its documentation page: the same sections, none empty."""

from __future__ import annotations

import inspect
import re

import pytest

from lmgame import registry
from lmgame.game import Game

GAMES = [registry.games.load(name) for name in registry.games.names()]
SECTIONS = [
    "Description",
    "Observation (text)",
    "Observation (image)",
    "Actions",
    "Score",
    "Starting state",
    "End",
    "Illegal actions",
    "Time",
    "Arguments",
    "Version history",
]


def sections(game: type[Game]) -> dict[str, str]:
    page = inspect.getdoc(game) or ""
    parts = re.split(r"^([A-Z][^\n:]*):$", page, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("game", GAMES)
def test_pages_have_every_section_in_order(game: type[Game]) -> None:
    found = sections(game)
    assert list(found) == SECTIONS
    assert all(len(text.split()) >= 3 for text in found.values())


@pytest.mark.parametrize("game", GAMES)
def test_pages_name_every_argument_and_the_version(game: type[Game]) -> None:
    found = sections(game)
    told = re.findall(r"^    (\w+) \(\w+\):", found["Arguments"], re.MULTILINE)
    assert told == [*inspect.signature(game).parameters]
    version = game.spec.id.rpartition("-")[2]
    assert re.findall(r"^    (v\d+):", found["Version history"], re.MULTILINE)[-1] == version
