"""Moments of Super Mario Bros. for the tests: played, and flown through without dying."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import cast

from lmgame.agents.scripted.super_mario_bros import best
from lmgame.game import Turn
from lmgame.games.super_mario_bros import SuperMarioBros
from lmgame.games.super_mario_bros.memory import SHELF, camera, tiles
from tests.installed import make_or_skip

NAME = "SuperMarioBros-v1"
HIDDEN = (0x5F, 0x60)
RUN_RIGHT = 0x41


def made(**arguments: object) -> SuperMarioBros:
    """The game; where it cannot be made, the test is skipped."""
    game = make_or_skip(NAME, arguments)
    assert isinstance(game, SuperMarioBros)
    return game


def anchored(game: SuperMarioBros) -> str:
    return best(cast(Turn, SimpleNamespace(observation=game.observe(0))))


def step(game: SuperMarioBros, action: str) -> None:
    game.apply({0: action})
    game.advance(game.pace())


def flown(stage: str, frames: int, every: int, row: int = 3) -> Iterator[SuperMarioBros]:
    """Moments of a stage through which the player is carried, unbeatable, to its end.

    It keeps to a row without walls, so that most of a stage comes by; what is on
    the screen is as in any match.
    """
    game = made(stage=stage, lives=9)
    console = game._console
    for frame in range(frames):
        memory = console.memory
        row = _free_row(memory, row)
        change = {0x79F: 0x10, 0xB5: 1, 0xCE: SHELF + 16 * row - 16, 0x9F: 0, 0x433: 0, 0x7F8: 3}
        for address, value in change.items():
            console.set(address, value)
        console.frame(RUN_RIGHT)
        if console.memory[0x0E] not in (8, 9, 10, 12):
            return  # a pipe, the flagpole or the axe
        if frame % every == 0:
            yield game


def _free_row(memory: bytes, row: int) -> int:
    """The row nearest to ``row`` without a wall in front of the player."""
    column = (memory[0x6D] * 256 + memory[0x86]) // 16
    free = []
    for other in range(1, 12):
        codes = [
            memory[0x500 + (one >> 4 & 1) * 208 + other * 16 + (one & 15)]
            for one in range(column, column + 3)
        ]
        letters = [tiles_letter(memory, one, other) for one in range(column, column + 3)]
        if not set(codes) & set(HIDDEN) and not set(letters) & set("#B?|C"):
            free.append((abs(other - row), other))
    return min(free)[1] if free else row


def tiles_letter(memory: bytes, column: int, row: int) -> str:
    """The letter of one tile by its column in the area, ``.`` off the screen."""
    shown = column - camera(memory) // 16
    line = tiles(memory)[row]
    return line[shown] if 0 <= shown < len(line) else "."
