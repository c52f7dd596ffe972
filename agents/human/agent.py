"""Lets a person play with the keyboard, in a window."""

from __future__ import annotations

import asyncio
import json
from typing import ClassVar, TypeVar

from lmgame.agent import Agent, Decision, ReadingOutcome, Seating, Sight
from lmgame.client.call import Call
from lmgame.errors import ConfigError
from lmgame.game import GameSpec, Turn

from .desk import Desk
from .keys import bindings
from .player import Player
from .window import Window, check_screen

T = TypeVar("T")

_desks: list[Desk] = []
"""The desk in use, if any: there is one keyboard, so there is one window."""


class HumanAgent(Agent):
    """A person at the keyboard.

    Keys that the game has bindings for act at once; every action can be chosen
    or typed. What the rules refuse is told to the player and is no decision.

    Args:
        seating: Where it sits.
        keys: A file with key bindings of one's own; ``keys.yaml`` says how.
        scale: Enlarges the picture by a whole factor, 1 to 8; None for what fits.

    Raises:
        ConfigError: There is no screen, or a setting that cannot be used.
    """

    name: ClassVar[str] = "human"
    live: ClassVar[bool] = True

    def __init__(self, seating: Seating, keys: str | None = None, scale: int | None = None) -> None:
        if scale is not None and (type(scale) is not int or not 1 <= scale <= 8):
            raise ConfigError(f"agent.scale={scale!r}: write a whole number from 1 to 8, or null")
        check_screen()
        self._game, self._scale = seating.game, scale
        self._player = Player(seating.game, seating.seat, bindings(seating.game, keys))
        self._desk: Desk | None = None

    @classmethod
    def prefers(cls, game: GameSpec) -> dict[str, str]:
        """Time that runs, no end but the game's, no yardsticks, what suits a keyboard."""
        place = "game.arguments" if game.wraps else "game"
        settings = bindings(game, None).settings
        return {
            "max_decisions": "null",
            "anchors": "[]",
            **({"clock": "realtime"} if game.hz else {}),
            **{f"++{place}.{key}": json.dumps(value) for key, value in settings.items()},
        }

    async def ready(self) -> None:
        """Sit down; where time runs, it begins to when a key is pressed."""
        desk = self._sit()
        if self._game.hz is not None:
            await _unless_broken(desk, self._player.key_to_begin())

    async def decide(self, turn: Turn) -> Decision:
        """Wait for a key or a typed action."""
        desk = self._sit()
        desk.bring(self._player)
        try:
            action = await _unless_broken(desk, self._player.ask(turn))
            return Decision(action)
        finally:
            self._player.stop_asking()

    def see(self, sight: Sight) -> None:
        """Show what there is to see."""
        self._player.show(sight)
        if self._desk is not None:
            self._desk.refresh()

    def remember(
        self, turn: Turn, action: str, outcome: ReadingOutcome, calls: tuple[Call, ...] = ()
    ) -> None:
        """Show what became of the decision."""
        self._player.tell(action, outcome)

    async def close(self) -> None:
        """Stand up; after the end of a match, when the player has seen it."""
        desk, self._desk = self._desk, None
        if desk is None:
            return
        try:
            if desk.front is self._player and self._player.over and not desk.left:
                await _unless_broken(desk, self._player.key_to_end())
        finally:
            if desk.stand_up(self._player):
                _desks.remove(desk)

    def _sit(self) -> Desk:
        if self._desk is None:
            if not _desks:
                title = f"lmgame: {self._game.id}"
                _desks.append(Desk(Window(title, self._player.picture_size, self._scale)))
            self._desk = _desks[0]
            self._desk.sit(self._player)
            self._player.leave = self._desk.leave
        return self._desk


async def _unless_broken(desk: Desk, wanted: asyncio.Future[T]) -> T:
    """What is waited for; if the window breaks first, its error."""
    await asyncio.wait((wanted, desk.pump), return_when=asyncio.FIRST_COMPLETED)
    if not wanted.done():
        desk.pump.result()
    return await wanted
