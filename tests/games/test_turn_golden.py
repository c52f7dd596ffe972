"""A golden playthrough per game version; see turn_golden.py for how to renew them."""

from __future__ import annotations

import pytest

from .turn_golden import GAMES, path, write


@pytest.mark.parametrize("game", GAMES)
def test_the_playthrough_is_as_it_was(game: str) -> None:
    then, now = path(game).read_text(encoding="utf-8").split("\n"), write(game).split("\n")
    for number, (old, new) in enumerate(zip(then, now, strict=False), 1):
        assert new == old, f"{path(game).name}, line {number}: see turn_golden.py"
    assert len(now) == len(then)
