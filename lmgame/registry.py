"""Finds games and agents by name through entry points, and imports them late.

A game or an agent of a third party is found exactly like our own: its package
declares an entry point in the group ``lmgame.games`` or ``lmgame.agents``.
Listing names imports nothing.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Generic, TypeVar

from lmgame.agent import Agent
from lmgame.errors import ConfigError, NameNotFound, suggest
from lmgame.game import Game

T = TypeVar("T")

ID = re.compile(r"[A-Z][A-Za-z0-9]*-v[1-9][0-9]*")
"""The form of a game's id, as in Gymnasium: ``Name-vN``."""


class Registry(Generic[T]):
    """Names of one entry-point group.

    Args:
        kind: What an entry is, for messages: ``"game"``.
        group: The entry-point group, ``"lmgame.games"``.
    """

    def __init__(self, kind: str, group: str) -> None:
        self.kind = kind
        self.group = group

    def names(self) -> list[str]:
        """All names, sorted."""
        return sorted(_points(self.group))

    def load(self, name: str) -> type[T]:
        """Import the class behind a name.

        Raises:
            NameNotFound: Nothing has that name; the nearest are offered.
        """
        points = _points(self.group)
        if name not in points:
            raise NameNotFound(self.kind, name, points)
        loaded: type[T] = points[name].load()
        return loaded

    def make(self, name: str, arguments: Mapping[str, object]) -> T:
        """Make an instance, checking the arguments' names first.

        Raises:
            NameNotFound: Nothing has that name.
            ConfigError: An argument the class does not take, or refuses.
        """
        maker: Callable[..., T] = self.load(name)
        known = _settings(self.load(name))
        for key in arguments:
            if key not in known:
                settings = [one for one in known if one != "seating"]
                told = suggest(key, settings) if settings else "it has none"
                raise ConfigError(f"{name} has no setting {key!r}; {told}")
        return maker(**arguments)


def _settings(kind: type[object]) -> list[str]:
    """What a class may be made with; ``**settings`` are those of the class it extends."""
    known: list[str] = []
    for one in kind.__mro__:
        parameters = inspect.signature(one).parameters.values()
        known += [each.name for each in parameters if each.kind is not each.VAR_KEYWORD]
        if all(each.kind is not each.VAR_KEYWORD for each in parameters):
            break
    return known


@cache
def _points(group: str) -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=group)}


games: Registry[Game] = Registry("game", "lmgame.games")
agents: Registry[Agent] = Registry("agent", "lmgame.agents")


def config_name(game_id: str) -> str:
    """The name a user types for a game: ``TetrisVersus-v1`` is ``tetris_versus``."""
    stem, _, version = game_id.rpartition("-v")
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", stem).lower()
    return snake if version == "1" else f"{snake}_v{version}"
