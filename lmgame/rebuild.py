"""Builds the requests of a log again: what each logged call had asked.

A log holds replies, not prompts: a prompt is a function of the log, the game and the
agent. Fresh agents are led through the match as they were when it was played, with a
client that answers from the log. Every request that they make is compared with the
digest in the log, so a request is either exactly the one that was sent or not there.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace

from lmgame import registry
from lmgame.agent import Agent, Decision, ReadingOutcome, Seating
from lmgame.client.body import digest
from lmgame.client.call import Call, Failure, Request, Timing
from lmgame.errors import LmgameError
from lmgame.game import Turn
from lmgame.record import Log
from lmgame.replay import begin, follow

_STEPS = 5
"""Turns of the event loop in which a background task takes up what it waited for."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A logged call and what it had asked.

    Attributes:
        seat: Whose call.
        call: As logged.
        request: What was asked; None where that cannot be told any more.
    """

    seat: int
    call: Call
    request: Request | None


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """The calls of a match.

    Attributes:
        sent: All of them, in the order of their decisions, seat by seat.
        problem: Why some requests are missing, or "".
    """

    sent: tuple[Sent, ...]
    problem: str = ""


@dataclass(frozen=True, slots=True)
class _Thought:
    """A decision as it was taken: on which of the seat's turns, and whether it landed."""

    turn: int
    tries: tuple[Decision, ...]
    landed: bool


def rebuild(log: Log) -> Rebuilt:
    """Build every request of a match again."""
    thoughts = [_thoughts(log, seat) for seat in range(len(log.header.seats))]
    calls = [
        (seat, call)
        for seat, taken in enumerate(thoughts)
        for thought in taken
        for one in thought.tries
        for call in one.calls
    ]
    found: dict[int, Request] = {}
    problem = ""
    if calls:
        try:
            asyncio.run(_lead(log, thoughts, found))
        except LmgameError as error:
            problem = str(error)
    sent = tuple(Sent(seat, call, found.get(id(call))) for seat, call in calls)
    missing = sorted({log.header.seats[one.seat].agent for one in sent if one.request is None})
    if missing and not problem:
        problem = (
            f"{log.path}: agent {', '.join(missing)} asks otherwise today than when this was "
            "played: its prompts or its harness have changed"
        )
    return Rebuilt(sent, problem)


def _thoughts(log: Log, seat: int) -> list[_Thought]:
    """A seat's decisions in the order in which they were taken."""
    stopped = [one for one in log.suspended if one.seat == seat]
    found = []
    for played in (one for one in log.played if one.seat == seat):
        found += [
            _Thought(one.turn, one.tries, False) for one in stopped if one.turn == played.turn
        ]
        stopped = [one for one in stopped if one.turn != played.turn]
        found.append(_Thought(played.turn, played.tries, True))
    found += [_Thought(one.turn, one.tries, False) for one in stopped]
    last = found[-1].turn + 1 if found else 0
    for left in log.result.abandoned if log.result else ():
        if left.seat == seat:
            found.append(_Thought(last, left.tries, False))
    return found


class _Answers:
    """A client that answers from the log."""

    images = True
    structured = "off"

    def __init__(self, model: str, thoughts: list[_Thought], found: dict[int, Request]) -> None:
        self.model, self.found = model, found
        self.decision = -1
        self.deciding: asyncio.Task[Decision] | None = None
        self._reached: dict[int, asyncio.Event] = defaultdict(asyncio.Event)
        self._calls: dict[tuple[str, str], deque[tuple[int, Call]]] = defaultdict(deque)
        for number, thought in enumerate(thoughts):
            for one in thought.tries:
                for call in one.calls:
                    self._calls[call.purpose, call.prompt_digest].append((number, call))

    async def complete(self, request: Request) -> Call:
        """The logged call that asked this; not before the decision it stands with."""
        asked = digest(request)
        waiting = self._calls[request.purpose, asked]
        later = bool(waiting) and waiting[0][0] > self.decision
        if not waiting or (later and asyncio.current_task() is self.deciding):
            # It was made, but its end is not in the log, or it was never made.
            failure = Failure("cancelled", "the log does not hold this call")
            return Call(self.model, asked, "", Timing(0, 0), failure=failure)
        number, call = waiting.popleft()
        self.found[id(call)] = request
        await self._reached[number].wait()
        return call

    async def reach(self, number: int) -> None:
        """Go on to a decision; what the background was waiting for has come."""
        self.decision = number
        self._reached[number].set()
        for _ in range(_STEPS):
            await asyncio.sleep(0)


@dataclass
class _Seat:
    """One seat led through its decisions."""

    log: Log
    number: int
    thoughts: list[_Thought]
    answers: _Answers
    agent: Agent
    next: int = 0
    told: list[tuple[Turn, str, ReadingOutcome, tuple[Call, ...]]] = field(default_factory=list)

    async def think(self, turn: Turn) -> None:
        """Take the decisions of a turn again: those that were cut short, and the last."""
        while self.next < len(self.thoughts) and self.thoughts[self.next].turn <= turn.number:
            thought = self.thoughts[self.next]
            await self.answers.reach(self.next)
            self.next += 1
            await self._decide(turn, thought)
            if not thought.landed:  # whoever went on with the match was told it from its log
                await self.agent.close()
                self.agent = _agent(self.log, self.number, self.answers)
                for each in self.told:
                    self.agent.remember(*each)

    async def _decide(self, turn: Turn, thought: _Thought) -> None:
        asked = turn
        for one in thought.tries:
            task = asyncio.create_task(self.agent.decide(asked))
            self.answers.deciding = task
            with suppress(Exception):  # an agent that broke then breaks now
                await task
            if one.outcome != "failed":
                asked = replace(turn, feedback=one.reason)

    def remember(self, turn: Turn, action: str, outcome: ReadingOutcome) -> None:
        """Tell the agent what landed."""
        tries = self.thoughts[self.next - 1].tries
        self.told.append((turn, action, outcome, tuple(c for one in tries for c in one.calls)))
        self.agent.remember(*self.told[-1])


async def _lead(log: Log, thoughts: list[list[_Thought]], found: dict[int, Request]) -> None:
    """Lead the agents that asked a model through the match.

    Raises:
        LmgameError: The rules and the log disagree, or an agent cannot be made.
    """
    world = begin(log.header)
    seats: dict[int, _Seat] = {}
    for number, taken in enumerate(thoughts):
        if any(one.calls for thought in taken for one in thought.tries):
            answers = _Answers(log.header.seats[number].model, taken, found)
            seats[number] = _Seat(log, number, taken, answers, _agent(log, number, answers))
    outstanding: Mapping[int, Turn] = {}
    try:
        for step in follow(world, log):
            for played in step.played:
                if played.seat in seats:
                    turn = step.turns[played.seat]
                    await seats[played.seat].think(turn)
                    if played.action is not None:
                        seats[played.seat].remember(turn, played.action, played.outcome)
            outstanding = dict(world.turns)
        for number, seat in seats.items():
            last = world.turns.get(number) or outstanding.get(number)
            if last is not None:
                await seat.think(last)
    finally:
        for seat in seats.values():
            await seat.agent.close()


def _agent(log: Log, number: int, answers: _Answers) -> Agent:
    seat = log.header.seats[number]
    game = registry.games.load(log.header.game).spec
    seating = Seating(game, number, log.header.seed, answers)
    return registry.agents.make(seat.agent, {"seating": seating, **seat.settings})
