"""A golden playthrough per game version; see golden.py for how to renew them."""

from __future__ import annotations

import pytest

from tests.installed import each, make_or_skip

from .golden import FOLDER, VARIANTS, names, path, write


@pytest.mark.parametrize("name", each(names()))
def test_the_playthrough_is_as_it_was(name: str) -> None:
    game = make_or_skip(*VARIANTS.get(name, (name, {})))
    if game.statistics(0).get("europe") == 0:
        pytest.skip("this playthrough was written with the European edition of the game")
    then, now = path(name).read_text(encoding="utf-8").split("\n"), write(name).split("\n")
    for number, (old, new) in enumerate(zip(then, now, strict=False), 1):
        assert new == old, f"{path(name).name}, line {number}: see golden.py"
    assert len(now) == len(then)


def test_every_playthrough_belongs_to_a_game() -> None:
    assert {one.stem for one in FOLDER.iterdir()} == set(names())
