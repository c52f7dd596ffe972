"""From keys to actions: a press is an action, and what is held is renewed."""

from __future__ import annotations

from collections import deque

from lmgame.errors import IllegalAction
from lmgame.game import Turn

from .keys import Bindings

WAITING = 8
"""Presses that are kept until the seat may act again."""


class Hand:
    """The player's hand on the bound keys.

    Args:
        bindings: The game's keys.
        hz: The game's ticks a second, or None.
    """

    def __init__(self, bindings: Bindings, hz: int | None) -> None:
        self._press = bindings.codes(bindings.press)
        self._again = bindings.again_codes
        self._hold = bindings.codes(bindings.hold)
        self._bindings = bindings
        self._renew_s = bindings.renew / hz if bindings.renew and hz else None
        self._down: list[int] = []
        self._tapped: list[int] = []
        self._presses: deque[str] = deque(maxlen=WAITING)
        self._held: tuple[str, ...] = ()
        self._due = 0.0

    def press(self, key: int, waits: bool) -> bool:
        """A key went down, or stays down long enough to count again.

        Args:
            key: pygame's number of the key.
            waits: Whether a press may wait for the next turn.

        Returns:
            Whether the key is bound.
        """
        repeated = key in self._down
        if not repeated:
            self._down.append(key)
        if key in self._hold:
            if not repeated:
                self._tapped.append(key)
            return True
        if key in self._press and waits and (not repeated or key in self._again):
            self._presses.append(self._press[key])
        return key in self._press

    def release(self, key: int) -> None:
        """A key went up."""
        if key in self._down:
            self._down.remove(key)

    def let_go(self) -> None:
        """Nothing is held any more: the window lost the keyboard."""
        self._down.clear()

    def action(self, turn: Turn, now: float) -> str | None:
        """What the hand does on this turn, if anything.

        Args:
            turn: Its actions judge what is pressed.
            now: Seconds.

        Raises:
            IllegalAction: What was pressed is not legal now.
        """
        if self._presses:
            return turn.canonical(self._presses.popleft())
        return self._holding(turn, now) if self._hold else None

    def _holding(self, turn: Turn, now: float) -> str | None:
        buttons, action = self._buttons(turn)
        due = self._renew_s is not None and now >= self._due
        if buttons == self._held and not (buttons and due):
            return None
        self._held = buttons
        self._due = now + (self._renew_s or 0.0)
        self._tapped.clear()
        return action

    def _buttons(self, turn: Turn) -> tuple[tuple[str, ...], str]:
        """What is held together; where the game refuses that, the latest keys count."""
        keys = [key for key in self._tapped if key not in self._down]
        keys += [key for key in self._down if key in self._hold]
        buttons = tuple(dict.fromkeys(self._hold[key] for key in keys))
        if self._together(turn, buttons) is None:  # perhaps for one that there is not
            buttons = tuple(one for one in buttons if self._together(turn, (one,)))
        while buttons:
            action = self._together(turn, buttons)
            if action is not None:
                return buttons, action
            buttons = buttons[1:]
        return (), turn.canonical(self._bindings.released or turn.actions.default)

    def _together(self, turn: Turn, buttons: tuple[str, ...]) -> str | None:
        """The action that holds these buttons, if the game takes it."""
        try:
            return turn.canonical(self._bindings.held.replace("{buttons}", "+".join(buttons)))
        except IllegalAction:
            return None
