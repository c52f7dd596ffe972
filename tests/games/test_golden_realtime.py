"""Golden playthroughs and documentation pages of the games that run by the clock."""

from __future__ import annotations

import inspect
import re

import pytest

from lmgame.game import Game

from .golden_realtime import GAMES, path, write
from .test_docstring import SECTIONS, sections


@pytest.mark.parametrize("game", GAMES)
def test_the_playthrough_is_as_it_was(game: type[Game]) -> None:
    then, now = path(game).read_text(encoding="utf-8").split("\n"), write(game).split("\n")
    for number, (old, new) in enumerate(zip(then, now, strict=False), 1):
        assert new == old, f"{path(game).name}, line {number}: see golden_realtime.py"
    assert len(now) == len(then)


@pytest.mark.parametrize("game", GAMES)
def test_pages_have_every_section_argument_and_the_version(game: type[Game]) -> None:
    found = sections(game)
    assert list(found) == SECTIONS
    assert all(len(text.split()) >= 3 for text in found.values())
    told = re.findall(r"^    (\w+) \(\w+\):", found["Arguments"], re.MULTILINE)
    assert told == [*inspect.signature(game).parameters]
    version = game.spec.id.rpartition("-")[2]
    assert re.findall(r"^    (v\d+):", found["Version history"], re.MULTILINE)[-1] == version
