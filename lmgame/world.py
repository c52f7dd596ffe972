"""A game under way: whose turn it is, and what happens when decisions land.

Match, continuation and replay all move a game through this one class, so a log
replays exactly because the same code runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from lmgame.errors import IllegalAction
from lmgame.game import Game, Turn


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of one landed action.

    Attributes:
        action: The action that was applied.
        refused: Why the one that was asked for was not, or "".
    """

    action: str
    refused: str = ""


class World:
    """A seeded game with the turns that are outstanding.

    Args:
        game: A game; it is reset.
        seed: The match seed.

    Attributes:
        turns: The turn each acting seat is deciding on. A seat keeps its turn,
            however the world moves, until its decision lands.
        counts: Decisions landed so far, by seat.
        moved: Called whenever time has passed.
    """

    def __init__(self, game: Game, seed: int) -> None:
        self.game = game
        self.turns: dict[int, Turn] = {}
        self.counts = [0] * len(game.spec.seats)
        self.moved: Callable[[], None] = _unseen
        game.reset(seed)

    @property
    def tick(self) -> int:
        """The game's tick."""
        return self.game.tick

    @property
    def hz(self) -> int | None:
        """The game's ticks a second."""
        return self.game.spec.hz

    @property
    def pace(self) -> int:
        """Ticks that the decisions just applied take."""
        return self.game.pace()

    @property
    def over(self) -> bool:
        """Whether the match has ended by the rules."""
        return self.game.outcome() is not None

    def advance(self, ticks: int) -> None:
        """Let time pass for everybody."""
        if ticks > 0 and not self.over:
            self.game.advance(ticks)
            self.moved()

    def offer(self, deadline_s: Callable[[int], float | None]) -> None:
        """Give a turn to every acting seat that has none."""
        acting = self.game.acting()
        for seat in [seat for seat in self.turns if seat not in acting]:
            del self.turns[seat]
        for seat in acting:
            if seat not in self.turns:
                self.turns[seat] = self._turn(seat, deadline_s(seat))

    def _turn(self, seat: int, deadline_s: float | None) -> Turn:
        game = self.game
        return Turn(
            game=game.spec.id,
            seat=seat,
            number=self.counts[seat],
            observation=game.observe(seat),
            actions=game.actions(seat),
            rules=game.rules,
            tick=game.tick,
            deadline_s=deadline_s,
            canonical=partial(game.canonical, seat),
            find=game.find,
        )

    def land(self, wanted: Mapping[int, str | None]) -> dict[int, Applied]:
        """Apply the decisions that land at this moment, together.

        Args:
            wanted: An action by seat; None asks for the game's default. One
                that is not legal now gives way to the default as well, with
                the reason.

        Returns:
            What was applied; a seat that may no longer act is left out.
        """
        acting = self.game.acting()
        applied = {
            seat: self._legal(self.turns[seat], action)
            for seat, action in wanted.items()
            if seat in acting
        }
        if applied:
            self.game.apply({seat: one.action for seat, one in applied.items()})
        for seat in wanted:
            self.skip(seat)
        return applied

    def skip(self, seat: int) -> None:
        """Count a decision of which nothing was applied, and end its turn."""
        self.counts[seat] += 1
        self.turns.pop(seat, None)

    def _legal(self, turn: Turn, action: str | None) -> Applied:
        default = turn.actions.default
        if action is None:
            return Applied(default)
        try:
            return Applied(turn.canonical(action))
        except IllegalAction as error:
            return Applied(default, str(error))


def _unseen() -> None:
    """Nobody looks on."""
