"""The contract of a game: rules only.

A game is a seeded, saveable state machine for one or more seats. It knows
nothing of agents, prompts beyond its own ``rules.md``, clocks or networks.
One-seat and many-seat games are the same thing, and so are simultaneous and
turn-based ones: they differ only in who must act (:meth:`Game.acting`).

Time. A game with a rate (``spec.hz``) also moves when nobody acts:
:meth:`Game.advance` runs it for a number of ticks under the input that is held
or the default one. Applying an action takes no time: how many ticks pass
between decisions is the clock's business.
"""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar, TypeAlias

from typing_extensions import TypeAliasType

from lmgame.picture import Picture

_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"))

Json = TypeAliasType("Json", "bool | int | float | str | list[Json] | dict[str, Json] | None")
"""Any JSON value; a named alias, so that pydantic can check recursive values too."""

State: TypeAlias = dict[str, Json]
"""A saved state: JSON values only, so that a log can carry it for years."""


@dataclass(frozen=True, slots=True)
class GameSpec:
    """What is known of a game before it is made.

    Attributes:
        id: ``Name-vN``. Any change that could change a result bumps N.
        seats: The names of the seats, in seat order.
        hz: Ticks a second, or None for a game without time of its own.
        pace: Ticks that a decision takes at least under a clock that runs: how
            long a hand takes. See also Game.pace.
        simultaneous: Whether several seats may act at the same moment.
        score: What one point of score is, e.g. ``"points"``.
        menu: Every action text there can ever be, in a fixed order, when that
            list is finite and short; the Gymnasium face is Discrete over it.
        decisions: How many decisions a seat is given by default. It bounds matches
            that might never end, and games that end by themselves need more of
            them than any sensible match.
        wraps: The id of the game whose observations and actions these are, in a
            game made of another one.
        needs_image: Whether the text leaves out what only the image shows, so
            that a player who is given the text alone is blind.
        scenery: Whether the image shows more than the text tells, such as scenery
            and animation: one text may have several images.
        local: Arguments that say where something lies on this machine: they are
            used, but not written into logs.
        title: Which title an instance plays, in a game that plays many.
        heavy: Whether a start or a step may compute for many milliseconds, so that
            matches without a model are better played in a process of their own.
    """

    id: str
    seats: tuple[str, ...]
    hz: int | None = None
    pace: int = 0
    simultaneous: bool = False
    score: str = "points"
    menu: tuple[str, ...] | None = None
    decisions: int = 200
    wraps: str | None = None
    needs_image: bool = False
    scenery: bool = False
    local: tuple[str, ...] = ()
    title: str = ""
    heavy: bool = False


@dataclass(frozen=True, slots=True)
class Actions:
    """What a seat may write now.

    Attributes:
        choices: Legal actions as text. All of them when ``complete``; otherwise
            a finite selection that is enough to play well (Tetris: every whole
            placement, but not every sequence of inputs).
        default: The action taken for a seat that gives none; always legal,
            offered or not.
        complete: Whether ``choices`` and the default are everything that is legal.
        grammar: A GBNF grammar of everything that is legal, when not complete.
    """

    choices: tuple[str, ...]
    default: str
    complete: bool = True
    grammar: str | None = None


class Observation:
    """What a seat sees: text always, an image only when somebody asks for it."""

    __slots__ = ("__dict__", "_draw", "text")

    def __init__(self, text: str, draw: Callable[[], Picture]) -> None:
        self.text = text
        self._draw = draw

    @cached_property
    def picture(self) -> Picture:
        """The image observation, drawn at the first call.

        A game draws from a copy of what it needs, so the picture is of the
        moment the observation was taken however late it is asked for.
        """
        return self._draw()

    @cached_property
    def png(self) -> bytes:
        """The image observation as a PNG file, encoded once."""
        return self.picture.png()

    @property
    def digest(self) -> str:
        """A short stable hash of the text (BLAKE2b, 16 hex digits)."""
        return digest(self.text.encode())


@dataclass(frozen=True, slots=True)
class Turn:
    """What a seat sees when it must decide.

    Attributes:
        game: The id of the game.
        seat: Which seat must decide.
        number: How many decisions this seat has taken before.
        observation: What it sees.
        actions: What it may write.
        rules: The game's ``rules.md``: what every player is told.
        tick: The game's tick when the observation was taken.
        deadline_s: Seconds until a decision is too late, or None.
        canonical: Turns a written action into the game's own spelling, or
            raises IllegalAction with a reason that the writer can act on.
        find: Lists the actions written in a reply, in order; see Game.find.
        feedback: Why the last reply to this same turn was not taken, if so.
    """

    game: str
    seat: int
    number: int
    observation: Observation
    actions: Actions
    rules: str
    tick: int
    deadline_s: float | None
    canonical: Callable[[str], str] = field(repr=False)
    find: Callable[[str], list[str]] = field(repr=False)
    feedback: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a match ended.

    Attributes:
        scores: A score per seat.
        winner: The winning seat; None for a draw or a one-seat game.
        reason: In a few words, e.g. ``"topped out"``.
    """

    scores: tuple[float, ...]
    winner: int | None
    reason: str


class Game(ABC):
    """Rules. See the module docstring; every subclass passes testing.check_game."""

    spec: ClassVar[GameSpec]
    rules: str
    """What a player is told, from the folder's ``rules.md``; an instance whose
    settings leave something out may leave it out here as well."""

    @abstractmethod
    def reset(self, seed: int) -> None:
        """Begin a new match; the same seed begins the same match."""

    @abstractmethod
    def acting(self) -> tuple[int, ...]:
        """The seats that must act now, ascending; empty when the match is over."""

    @abstractmethod
    def actions(self, seat: int) -> Actions:
        """What ``seat`` may write now."""

    @abstractmethod
    def canonical(self, seat: int, text: str) -> str:
        """The game's own spelling of one written action.

        Raises:
            IllegalAction: It is not an action, or not legal now.
        """

    @abstractmethod
    def find(self, reply: str) -> list[str]:
        """The passages of ``reply`` that read like an action, in order.

        Legality is not judged here: "place 3 99" is found, and refused later
        by :meth:`canonical`, so that a reader can tell illegal from unreadable.
        """

    @abstractmethod
    def apply(self, actions: Mapping[int, str]) -> None:
        """Apply one action for each given seat, at the same moment.

        Args:
            actions: Canonical or merely legal spellings by seat. In a
                simultaneous game any non-empty subset of :meth:`acting`.

        Raises:
            IllegalAction: One of them is illegal; the state is unchanged.
        """

    def advance(self, ticks: int) -> None:
        """Let time pass: ``ticks`` ticks under the held or default input."""
        raise NotImplementedError(f"{self.spec.id} has no time of its own")

    def pace(self) -> int:
        """Ticks that pass with the actions just applied while the world waits.

        Under the paused clock and in the Gymnasium face. A game whose actions
        hold buttons for a while lets that while pass; by default it is
        ``spec.pace``.
        """
        return self.spec.pace

    @abstractmethod
    def text(self, seat: int) -> str:
        """What ``seat`` sees, as text."""

    @abstractmethod
    def drawing(self, seat: int) -> Callable[[], Picture]:
        """A function that draws what ``seat`` sees now, even when called later."""

    @property
    @abstractmethod
    def tick(self) -> int:
        """Ticks since the reset; in a game without time, moves since the reset."""

    @abstractmethod
    def scores(self) -> tuple[float, ...]:
        """A score per seat, at any moment."""

    @abstractmethod
    def outcome(self) -> Outcome | None:
        """How the match ended, or None while it goes on."""

    def statistics(self, seat: int) -> dict[str, float]:
        """Named numbers worth logging beside the score, e.g. lines cleared."""
        return {}

    @abstractmethod
    def save(self) -> State:
        """The whole state, including the random generator's."""

    @abstractmethod
    def restore(self, state: State) -> None:
        """Return to a saved state.

        Raises:
            StateError: It was not saved by this game and version.
        """

    def observe(self, seat: int) -> Observation:
        """What ``seat`` sees now; stays true after the game has moved on."""
        return Observation(self.text(seat), self.drawing(seat))

    def fingerprint(self) -> str:
        """A stable hash of the whole state (BLAKE2b, 16 hex digits)."""
        return digest(_ENCODER.encode(self.save()).encode())


def digest(data: bytes) -> str:
    """The hash used for observations and states: BLAKE2b, 8 bytes, in hex."""
    return hashlib.blake2b(data, digest_size=8).hexdigest()
