"""The contract of an agent: what sits in a seat.

An agent is given a Turn and returns a Decision. It never reaches into the game:
everything it may know is in the turns it was given and in what it was told of
their outcome (:meth:`Agent.remember`), so a match can be continued from its log
by telling a fresh agent the same things in the same order.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, ParamSpec, Protocol, TypeVar

from lmgame.client.call import Call, Request
from lmgame.game import GameSpec, Observation, Outcome, Turn

P = ParamSpec("P")
T = TypeVar("T")

ReadingOutcome = Literal[
    "ok",  # one legal action
    "empty",  # nothing but white space
    "truncated",  # the reply hit its token limit before an action
    "unparsable",  # text without an action
    "ambiguous",  # two different legal actions, neither marked as the answer
    "illegal",  # an action that the rules refuse now
    "late",  # legal when seen, too late when it landed
    "failed",  # the backend gave no reply
]


@dataclass(frozen=True, slots=True)
class Decision:
    """What an agent made of one turn.

    Attributes:
        action: The action in the game's own spelling; None unless ``ok``.
        outcome: How the reply was read.
        reason: Why it is not ``ok``, in words the agent can act on.
        calls: The model calls that led to it, in order.
    """

    action: str | None
    outcome: ReadingOutcome = "ok"
    reason: str = ""
    calls: tuple[Call, ...] = ()


class Client(Protocol):
    """What an agent needs of a client; lmgame.client.Client is one."""

    @property
    def model(self) -> str:
        """The model it asks for."""

    @property
    def images(self) -> bool:
        """Whether that model takes images."""

    @property
    def structured(self) -> str:
        """How the server can be held to choices: ``"off"`` or ``"choice"``."""

    async def complete(self, request: Request) -> Call:
        """Make one call; whatever goes wrong is in the Call."""


class Offload(Protocol):
    """Where an agent may compute without holding up others; lmgame.workers.Workers is one."""

    async def run(
        self, function: Callable[P, T], *arguments: P.args, **named: P.kwargs
    ) -> tuple[T, float]:
        """Call a function of a module in another process.

        Returns:
            Its value, and the seconds that were lost around it; see Agent.waited_s.
        """


@dataclass(frozen=True, slots=True)
class Seating:
    """What an agent is told when it sits down.

    Attributes:
        game: What is known of the game.
        seat: Its seat.
        seed: The match seed; an agent's own randomness comes from it.
        client: The run's client, or None when no backend was asked for.
        workers: Where to compute what takes long; None to do it here.
    """

    game: GameSpec
    seat: int
    seed: int
    client: Client | None = None
    workers: Offload | None = None


@dataclass(frozen=True, slots=True)
class Sight:
    """What a live agent is shown, whether or not it must decide.

    Attributes:
        observation: What its seat sees now.
        scores: A score per seat.
        outcome: How the match ended, or None while it goes on.
    """

    observation: Observation
    scores: tuple[float, ...]
    outcome: Outcome | None


class Agent(ABC):
    """What sits in a seat. One instance plays one seat of one match.

    A class is made as ``cls(seating, **settings)``, with the settings of its
    preset in ``configs/agent/``.

    Attributes:
        name: What boards call it.
        model: The model it asks, or "" for an agent without one.
        asks: Whether it needs a backend.
        live: Whether it lives by the wall clock, as a person does: it is shown
            the world whenever that moves (:meth:`see`), its own hand is as fast
            as it is, whatever the game's pace, and it plays one match at a time.
        waited_s: Seconds that it has lost, in all its decisions so far, to our own
            machinery: until a worker was free, and for the way there and back. No
            clock charges them, and the log's times leave them out.
    """

    name: ClassVar[str]
    asks: ClassVar[bool] = False
    live: ClassVar[bool] = False
    model: str = ""
    waited_s: float = 0.0

    @classmethod
    def heavy(cls, game: GameSpec) -> bool:
        """Whether it computes for about a millisecond or more for a decision in a game.

        Where no model is asked, a match with such an agent is played in a process of
        its own; elsewhere the agent should compute in Seating.workers.
        """
        return False

    @classmethod
    def prompt_hash(cls, settings: Mapping[str, object]) -> str:
        """A hash of the prompts it would use with these settings, or ""; for the log."""
        return ""

    @classmethod
    def prefers(cls, game: GameSpec) -> dict[str, str]:
        """Settings that a run has if this agent plays, unless it is told otherwise.

        Args:
            game: What will be played.

        Returns:
            Values by key, as they would be written on the command line.
        """
        return {}

    async def ready(self) -> None:  # noqa: B027 - a hook: most agents are ready at once
        """Get ready; a match begins, or goes on, when all its agents are."""

    @abstractmethod
    async def decide(self, turn: Turn) -> Decision:
        """Take a decision.

        A bad reply or a dead server is a Decision that says so, not an error.
        """

    def remember(  # noqa: B027 - a hook: most agents have no memory
        self,
        turn: Turn,
        action: str,
        outcome: ReadingOutcome,
        calls: tuple[Call, ...] = (),
    ) -> None:
        """Learn which action landed for a turn and how the reply was read.

        Called for every decision in order, also when a match is continued: then
        ``calls``, those of all its tries, tell what the agent itself had thought.
        """

    def see(self, sight: Sight) -> None:  # noqa: B027 - a hook: only live agents are shown anything
        """Be shown the world; called for a live agent after everything that happens."""

    async def close(self) -> None:  # noqa: B027 - a hook: most agents hold nothing open
        """Let go of connections."""
