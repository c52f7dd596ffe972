"""Any one-seat game as a race between two: the same seed in both seats."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from lmgame import registry
from lmgame.errors import ConfigError, IllegalAction, NameNotFound, StateError
from lmgame.game import Actions, Game, GameSpec, Outcome, State
from lmgame.picture import Picture

SEATS = ("first", "second")


class Race(Game):
    """Two players, each in a world of their own that began the same.

    Description:
        Both seats play the same one-seat game with the same seed, at the same
        time and without a bearing on each other. Who ends with more wins.

    Observation (text):
        The game's own, of the seat's own world. The opponent's is not seen.

    Observation (image):
        The game's own, of the seat's own world.

    Actions:
        The game's own.

    Score:
        The game's own, for each seat.

    Starting state:
        The game's own, the same in both seats.

    End:
        When both worlds have ended; with ``by="time"`` as soon as one has. The
        seat with the higher score wins; with ``by="time"`` the one whose world
        ended first, and the score decides where both end at once.

    Illegal actions:
        The game's own refusals. A seat whose world has ended may not act.

    Time:
        The game's own; both worlds share one clock.

    Arguments:
        of (str): The game, as ``tetris`` or ``Tetris-v1``.
        by (str): What wins: ``score`` or ``time``. Default ``score``.
        arguments (dict): The game's own settings. Default none.

    Version history:
        v1: First version.
    """

    spec = GameSpec(id="Race-v1", seats=SEATS, simultaneous=True)

    def __init__(
        self, of: str = "tetris", by: str = "score", arguments: Mapping[str, object] | None = None
    ) -> None:
        if by not in ("score", "time"):
            raise ConfigError(f"by={by!r}: use score or time")
        self.of, self.by = _game_id(of), by
        self._worlds = [registry.games.make(self.of, arguments or {}) for _ in SEATS]
        inner = self._worlds[0].spec
        if len(inner.seats) != 1:
            raise ConfigError(
                f"of={of!r}: {inner.id} has {len(inner.seats)} seats, a race takes one"
            )
        # What a race is depends on what is raced, so this game's spec is the instance's.
        self.spec = replace(  # type: ignore[misc] # a class variable in every other game
            Race.spec,
            hz=inner.hz,
            pace=inner.pace,
            score=inner.score,
            menu=inner.menu,
            decisions=inner.decisions,
            wraps=inner.id,
            needs_image=inner.needs_image,
            scenery=inner.scenery,
            title=inner.title,
        )
        self.rules = f"{_PREFACE[by]}\n\n{self._worlds[0].rules}"

    def reset(self, seed: int) -> None:
        """Begin both worlds with the same seed."""
        for world in self._worlds:
            world.reset(seed)

    def acting(self) -> tuple[int, ...]:
        """Every seat whose world goes on, until the race is over."""
        going = tuple(seat for seat, world in enumerate(self._worlds) if world.acting())
        return () if self.by == "time" and len(going) < len(SEATS) else going

    def actions(self, seat: int) -> Actions:
        """The game's own."""
        return self._worlds[seat].actions(0)

    def canonical(self, seat: int, text: str) -> str:
        """The game's own spelling."""
        if seat not in self.acting():
            raise IllegalAction("this seat's race is run")
        return self._worlds[seat].canonical(0, text)

    def find(self, reply: str) -> list[str]:
        """The game's own reading."""
        return self._worlds[0].find(reply)

    def apply(self, actions: Mapping[int, str]) -> None:
        """Apply each seat's action to its own world, all or none."""
        if not actions:
            raise IllegalAction("no action was given")
        plain = {seat: self.canonical(seat, text) for seat, text in actions.items()}
        for seat, text in plain.items():
            self._worlds[seat].apply({0: text})

    def advance(self, ticks: int) -> None:
        """Let time pass in both worlds; with ``by="time"`` to the first end at most."""
        if self.spec.hz is None:
            super().advance(ticks)
        if self.by == "time":
            ticks = self._until_first_end(ticks)
        for world in self._worlds:
            if world.outcome() is None:
                world.advance(ticks)

    def _until_first_end(self, ticks: int) -> int:
        """How many of these ticks pass before a world ends by itself."""
        if not self.acting():
            return 0
        least = ticks
        for world in self._worlds:
            before, start = world.save(), world.tick
            world.advance(ticks)
            if world.outcome() is not None:
                least = min(least, world.tick - start)
            world.restore(before)
        return least

    def pace(self) -> int:
        """As long as the world that takes longest."""
        return max(
            (world.pace() for world in self._worlds if world.acting()), default=self.spec.pace
        )

    def text(self, seat: int) -> str:
        """The seat's own world."""
        return self._worlds[seat].text(0)

    def drawing(self, seat: int) -> Callable[[], Picture]:
        """The seat's own world."""
        return self._worlds[seat].drawing(0)

    @property
    def tick(self) -> int:
        """The clock that both worlds share."""
        return max(world.tick for world in self._worlds)

    def scores(self) -> tuple[float, ...]:
        """Each seat's own."""
        return tuple(world.scores()[0] for world in self._worlds)

    def statistics(self, seat: int) -> dict[str, float]:
        """The seat's own."""
        return self._worlds[seat].statistics(0)

    def outcome(self) -> Outcome | None:
        """Who won, once the race is over."""
        if self.acting():
            return None
        scores = self.scores()
        ended = [seat for seat, world in enumerate(self._worlds) if world.outcome() is not None]
        if self.by == "time" and len(ended) == 1:
            return Outcome(scores, ended[0], "was there first")
        if scores[0] == scores[1]:
            return Outcome(scores, None, "equal scores")
        return Outcome(scores, int(scores[1] > scores[0]), "the higher score")

    def save(self) -> State:
        """Both worlds."""
        worlds = [world.save() for world in self._worlds]
        return {"game": self.spec.id, "of": self.of, "by": self.by, "worlds": [*worlds]}

    def restore(self, state: State) -> None:
        """Return to a saved state; nothing changes if it is refused."""
        mine = {"game": self.spec.id, "of": self.of, "by": self.by}
        worlds = state.get("worlds")
        if any(state.get(key) != value for key, value in mine.items()):
            raise StateError(f"the state is not of {self.spec.id} of={self.of} by={self.by}")
        if not isinstance(worlds, list) or len(worlds) != len(SEATS):
            raise StateError(f"a race's state holds {len(SEATS)} worlds")
        before = [world.save() for world in self._worlds]
        try:
            for world, saved in zip(self._worlds, worlds, strict=True):
                world.restore(saved if isinstance(saved, dict) else {})
        except StateError:
            for world, saved in zip(self._worlds, before, strict=True):
                world.restore(saved)
            raise


_PREFACE = {
    "score": "You race an opponent: both play the game below from the same start, each in a "
    "world of their own. Who ends with more points wins.",
    "time": "You race an opponent: both play the game below from the same start, each in a "
    "world of their own. Whose game ends first wins.",
}


def _game_id(name: str) -> str:
    ids = {registry.config_name(one): one for one in registry.games.names() if one != "Race-v1"}
    found = ids.get(name) or (name if name in ids.values() else None)
    if found is None:
        raise NameNotFound("game", name, ids)
    return found
