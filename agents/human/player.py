"""A seat at the window: what the keys mean, and what is to be seen."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import pygame

from lmgame.agent import ReadingOutcome, Sight
from lmgame.errors import IllegalAction
from lmgame.game import GameSpec, Outcome, Turn
from lmgame.reader import read

from .hand import Hand
from .keys import Bindings
from .line import Line
from .scene import Scene, Tone

ENTER = (pygame.K_RETURN, pygame.K_KP_ENTER)
MOVES = {pygame.K_UP: -1, pygame.K_DOWN: 1, pygame.K_PAGEUP: -10, pygame.K_PAGEDOWN: 10}
PRESSED_ANYWAY = (pygame.K_LSHIFT, pygame.K_RSHIFT, pygame.K_LCTRL, pygame.K_RCTRL,
                  pygame.K_LALT, pygame.K_RALT, pygame.K_LGUI, pygame.K_RGUI)  # fmt: skip
"""Keys that change windows or take pictures of them: no sign that the player is ready."""


class Player:
    """One seat of a match, played by a person.

    Args:
        game: What is played.
        seat: Which seat.
        bindings: The game's keys.
        timer: Monotonic seconds.

    Attributes:
        leave: Called when the player wants to stop.
    """

    def __init__(
        self,
        game: GameSpec,
        seat: int,
        bindings: Bindings,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._game, self._seat, self._timer = game, seat, timer
        self._hints = tuple(bindings.hints())
        self._hand = Hand(bindings, game.hz)
        self._line = Line()
        self._typing = not self._hints
        self._reads_rules = False
        self._turn: Turn | None = None
        self._rules = ""
        self._choices: tuple[str, ...] = ()
        self._sight: Sight | None = None
        self._answer: asyncio.Future[str] | None = None
        self._any_key: asyncio.Future[None] | None = None
        self._trouble = ""
        self._last: tuple[str, Tone] = ("", "faint")
        self.leave: Callable[[], None] = lambda: None

    @property
    def picture_size(self) -> tuple[int, int]:
        """Width and height of the game's picture; a guess before one was seen."""
        return (480, 360) if self._sight is None else self._sight.observation.picture.size

    @property
    def over(self) -> bool:
        """Whether the match has ended by the rules."""
        return self._sight is not None and self._sight.outcome is not None

    def ask(self, turn: Turn) -> asyncio.Future[str]:
        """Begin to wait for a decision on a turn."""
        self._turn, self._rules, self._choices = turn, turn.rules, turn.actions.choices
        if turn.feedback:
            self._trouble = turn.feedback
        self._line.chosen = None
        self._answer = asyncio.get_running_loop().create_future()
        self.act()
        return self._answer

    def stop_asking(self) -> None:
        """The turn is over."""
        self._turn = self._answer = None

    def show(self, sight: Sight) -> None:
        """Learn what the seat sees."""
        self._sight = sight

    def tell(self, action: str, outcome: ReadingOutcome) -> None:
        """Learn what became of a decision."""
        if outcome == "ok":
            self._last = (f"last: {action}", "faint")
        else:
            self._last = (f"{outcome}: {action} was done instead", "bad")

    def key_to_begin(self) -> asyncio.Future[None]:
        """Begin to wait for a key before the match."""
        self._any_key = asyncio.get_running_loop().create_future()
        return self._any_key

    key_to_end = key_to_begin

    def key(self, key: int, text: str) -> None:
        """A key went down, or stays down."""
        if self._any_key is not None:
            self._begin_or_end(key)
            return
        self._trouble = ""
        if key == pygame.K_F1 or self._reads_rules:
            self._reads_rules = not self._reads_rules
        elif key == pygame.K_ESCAPE:
            self._escape()
        elif not self._typing and self._hand.press(key, self._may_wait()):
            if self._turn is None and not self._may_wait():
                self._trouble = "it is not your turn yet"
        elif key in ENTER and self._typing:
            self._send()
        elif key in (*ENTER, pygame.K_TAB) and not self._typing:
            self._typing = True
            self._hand.let_go()
        elif self._typing:
            self._edit(key, text)

    def _may_wait(self) -> bool:
        """Whether a press may wait for the turn: it comes by itself, and soon."""
        return self._turn is not None or self._game.hz is not None or len(self._game.seats) == 1

    def _begin_or_end(self, key: int) -> None:
        # The end comes while keys are still being pressed: not each of them may take it away.
        goes_on = key in (*ENTER, pygame.K_ESCAPE) if self.over else key not in PRESSED_ANYWAY
        if key == pygame.K_ESCAPE and not self.over:
            self.leave()
        elif goes_on and self._any_key is not None:
            if not self._any_key.done():
                self._any_key.set_result(None)
            self._any_key = None

    def _escape(self) -> None:
        if self._typing and (self._line.text or self._hints):
            self._line.clear()
            self._typing = not self._hints
        else:
            self.leave()

    def _edit(self, key: int, text: str) -> None:
        if key in MOVES:
            self._line.move(MOVES[key], self._choices)
        elif key == pygame.K_TAB:
            self._line.complete(self._choices)
        elif key == pygame.K_BACKSPACE:
            self._line.rub()
        else:
            self._line.type(text)

    def _send(self) -> None:
        """Send what is typed, if it is the player's turn and the rules take it."""
        text = self._line.answer(self._choices)
        if self._turn is None or self._answer is None or self._answer.done():
            self._trouble = "it is not your turn yet"
        elif not text:
            self._trouble = "type an action, or choose one with Up and Down"
        else:
            reading = read(text, self._turn)
            if reading.action is None:
                self._trouble = reading.reason
                return
            self._line.clear()
            self._typing = not self._hints
            self._answer.set_result(reading.action)

    def key_up(self, key: int) -> None:
        """A key went up."""
        self._hand.release(key)

    def away(self) -> None:
        """The window lost the keyboard: no key will be seen to go up."""
        self._hand.let_go()

    def close_window(self) -> None:
        """The window was closed."""
        if self.over and self._any_key is not None:
            self._begin_or_end(pygame.K_ESCAPE)
        else:
            self.leave()

    def act(self) -> None:
        """Decide on the turn if a hand is on the keys."""
        if self._turn is None or self._answer is None or self._answer.done():
            return
        try:
            action = self._hand.action(self._turn, self._timer())
        except IllegalAction as error:
            self._trouble = str(error)
            return
        if action is not None:
            self._answer.set_result(action)

    def scene(self) -> Scene:
        """What the window shows."""
        sight = self._sight
        offered = self._line.offered(self._choices) if self._typing and self._turn else []
        return Scene(
            picture=None if sight is None else sight.observation.picture,
            game=self._game.id,
            seat=self._game.seats[self._seat],
            scores=self._scores(),
            status=self._status(),
            last=self._last,
            hints=self._hints,
            choices=tuple(offered),
            chosen=self._line.chosen,
            line=self._line.text if self._typing and not self.over else None,
            prompt="Enter: close the window" if self.over else "Enter: type an action",
            trouble=self._trouble,
            footer=self._footer(),
            rules=_plain(self._rules) if self._reads_rules else None,
            banner=self._banner(),
        )

    def _scores(self) -> tuple[tuple[str, float], ...]:
        if self._sight is None:
            return ()
        seats = self._game.seats
        if len(seats) == 1:
            return ((self._game.score, self._sight.scores[0]),)
        order = [self._seat, *(seat for seat in range(len(seats)) if seat != self._seat)]
        return tuple((seats[seat], self._sight.scores[seat]) for seat in order)

    def _status(self) -> tuple[str, Tone]:
        outcome = None if self._sight is None else self._sight.outcome
        if outcome is not None:
            return self._ending(outcome)
        if self._game.hz is not None:
            return "", "faint"
        if self._turn is None:
            return "the others think", "faint"
        left_s = self._turn.deadline_s
        return "your turn" + ("" if left_s is None else f", {left_s:.0f} s left"), "good"

    def _ending(self, outcome: Outcome) -> tuple[str, Tone]:
        if len(self._game.seats) == 1:
            return f"over: {outcome.reason}", "ink"
        if outcome.winner is None:
            return f"a draw: {outcome.reason}", "ink"
        won = outcome.winner == self._seat
        return f"you {'win' if won else 'lose'}: {outcome.reason}", "good" if won else "bad"

    def _footer(self) -> str:
        if self.over:
            return "what you played is in the run's log"
        if self._typing:
            back = "Esc back to the keys" if self._hints else "F1 rules  |  Esc quit"
            return f"Enter send  |  Tab complete  |  Up, Down choose  |  {back}"
        return "F1 rules  |  Esc quit; the match is kept and can go on"

    def _banner(self) -> tuple[str, ...]:
        if self._any_key is None or self.over:
            return ()
        return "Ready?", "Press a key, and time begins to run."


def _plain(rules: str) -> str:
    """Rules without the marks of Markdown."""
    return rules.replace("`", "").replace("# ", "")
