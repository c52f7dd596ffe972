"""Plays one match: the only loop.

The loop asks every seat with an outstanding turn, lets the clock say whose
decisions land and when, applies them, and appends them to the log. It knows
nothing of models, prompts or rules.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple, Protocol

from lmgame.agent import Agent, Decision, ReadingOutcome, Sight
from lmgame.client.call import Call
from lmgame.clock import Clock, Landing, Thinking, Thought
from lmgame.game import Game, Turn
from lmgame.record import Abandoned, Header, Log, Played, Result, Suspended, Writer
from lmgame.replay import follow
from lmgame.world import Applied, World

LONGEST_WAIT_S = 60.0
"""A server that asks for more patience than this is asked again all the same."""

Judge = Callable[[Call, float, float, str], dict[str, bool | None]]
"""Which limits a call met, given its decision's time to action and what the clock charged,
both in seconds, and how it counted."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What happens with replies that are no action, and with failed calls.

    Attributes:
        retries: How often a seat is asked again, with the reason, after a reply
            that is no legal action.
        then: What follows the last bad reply: the game's default action, or
            the seat forfeits the match.
        attempts: How often a failed call is made in all; one that the server
            refuses for what it asks is not made again.
        backoff_s: Seconds before the second attempt; doubles each time, and is
            never less than the server asks for (Retry-After).
        failed: What follows the last failed attempt: the match is suspended (it
            continues from there when started again), or the default action.
    """

    retries: int = 1
    then: Literal["default", "forfeit"] = "default"
    attempts: int = 3
    backoff_s: float = 0.5
    failed: Literal["suspend", "default"] = "suspend"


class Observer(Protocol):
    """Watches a match; used for progress."""

    def played(self, world: World, lines: Sequence[Played]) -> None:
        """Decisions have landed."""


class _Asked(NamedTuple):
    """A seat that was asked: at which tick, when (monotonic seconds), and its task."""

    since: int
    start: float
    task: asyncio.Task[Thought]


@dataclass
class Match:
    """One match, to be played once.

    Attributes:
        header: What is played; the log's first line.
        game: The rules.
        agents: Who sits in each seat.
        clock: How long thinking takes.
        policy: What happens with bad replies.
        writer: The log, or None to keep no log.
        judge: Which limits a call met.
        observer: Who is told of each landing.
        timer: Monotonic seconds.
    """

    header: Header
    game: Game
    agents: Sequence[Agent]
    clock: Clock
    policy: Policy = Policy()
    writer: Writer | None = None
    judge: Judge = lambda call, seconds, charged_s, outcome: {}
    observer: Observer | None = None
    timer: Callable[[], float] = time.perf_counter
    _number: int = 0
    _landing: int = 0
    _tasks: dict[int, _Asked] = field(default_factory=dict)
    _broke: set[int] = field(default_factory=set)  # seats whose call the budget did not allow

    async def play(self, log: Log | None = None) -> Result | Suspended:
        """Play to the end.

        Args:
            log: The unfinished log of this same match, to continue from; the
                writer must append to it.

        Returns:
            How it ended, or why it is suspended. Both are in the log.

        Raises:
            ReplayMismatch: The log to continue does not fit the rules.
            LogError: The log cannot be written.
        """
        world = World(self.game, self.header.seed)
        if log is not None:
            self._continue(world, log)
        world.moved = self._show
        self._show()
        await asyncio.gather(*(agent.ready() for agent in self.agents))
        if log is None:
            self._write([self.header])
            world.offer(self.clock.deadline_s)
        try:
            return await self._loop(world)
        finally:
            await self._stop_thinking(list(self._tasks))

    def _continue(self, world: World, log: Log) -> None:
        """Bring the world, the clock and the agents to the end of a log."""
        for step in follow(world, log, self.clock.deadline_s):
            for one in step.played:
                self.clock.recall(one.seat, one.charged_s)
                self._remember(step.turns[one.seat], one)
        self._number = len(log.played)
        self._landing = len(log.landings)
        world.offer(self.clock.deadline_s)

    def _show(self) -> None:
        """Let live agents see what has become of the world."""
        for seat, agent in enumerate(self.agents):
            if agent.live:
                game = self.game
                agent.see(Sight(game.observe(seat), game.scores(), game.outcome()))

    async def _loop(self, world: World) -> Result | Suspended:
        bound = self.header.max_decisions
        while not world.over:
            if bound is not None and min(world.counts) >= bound:
                return self._finish(world, "max_decisions", None, "the most decisions there may be")
            if gone := [seat for seat in self._tasks if seat not in world.turns]:
                await self._stop_thinking(gone)
            landing = await self.clock.landing(self._think(world), world)
            if not landing.seats:  # the match ended while everybody was thinking
                continue
            ended = self._land(world, landing)
            if ended is not None:
                return ended
        outcome = self.game.outcome()
        assert outcome is not None
        return self._finish(world, "over", outcome.winner, outcome.reason)

    def _think(self, world: World) -> Mapping[int, Thinking]:
        for seat, turn in world.turns.items():
            if seat not in self._tasks:
                task = asyncio.create_task(self._consider(seat, turn))
                self._tasks[seat] = _Asked(turn.tick, self.timer(), task)
        return {seat: Thinking(asked.since, asked.task) for seat, asked in self._tasks.items()}

    async def _stop_thinking(self, seats: Sequence[int]) -> None:
        tasks = [self._tasks.pop(seat).task for seat in seats]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _consider(self, seat: int, turn: Turn) -> Thought:
        """Ask a seat until it gives a legal action or the policy has enough."""
        agent = self.agents[seat]
        start, waited_s = self.timer(), agent.waited_s
        tries: list[Decision] = []
        bad = failed = 0
        while True:
            decision = await self._decide(agent, turn)
            if any(map(_unmade, decision.calls)):  # only calls that were made are logged
                made = tuple(call for call in decision.calls if not _unmade(call))
                decision = replace(decision, calls=made)
                if decision.outcome != "ok":
                    self._broke.add(seat)
            tries.append(decision)
            if seat in self._broke:
                break
            if decision.outcome == "failed":
                failed += 1
                wait_s = _wait_s(decision, self.policy.backoff_s * 2 ** (failed - 1))
                if failed >= self.policy.attempts or wait_s is None:
                    break
                await asyncio.sleep(wait_s)
            elif decision.outcome == "ok" or bad >= self.policy.retries:
                break
            else:
                bad += 1
                turn = replace(turn, feedback=decision.reason)
        seconds = self.timer() - start - (agent.waited_s - waited_s)
        return Thought(seconds, tuple(tries))

    async def _decide(self, agent: Agent, turn: Turn) -> Decision:
        try:
            return await agent.decide(turn)
        except Exception as error:  # the one place where an agent's own fault is caught
            return Decision(None, "failed", f"agent {agent.name} broke: {error!r}")

    def _land(self, world: World, landing: Landing) -> Result | Suspended | None:
        thoughts = {seat: self._tasks[seat].task.result() for seat in landing.seats}
        for seat, thought in thoughts.items():
            failed = thought.tries[-1].outcome == "failed" and self.policy.failed == "suspend"
            if failed or seat in self._broke:  # no policy may play on what was not paid for
                return self._suspend(world, seat, thought)
        for seat in landing.seats:
            del self._tasks[seat]
        forfeits = [seat for seat in thoughts if self._forfeits(thoughts[seat])]
        turns = {seat: world.turns[seat] for seat in landing.seats}
        tick = world.tick
        applied: dict[int, Applied] = {}
        if forfeits:
            for seat in landing.seats:
                world.skip(seat)
        else:
            applied = world.land(
                {
                    seat: None if seat in landing.late else thought.tries[-1].action
                    for seat, thought in thoughts.items()
                }
            )
            self.clock.settle(world)
        lines = self._lines(world, landing, turns, thoughts, applied, tick)
        self._write(lines)
        for line in lines:
            self._remember(turns[line.seat], line)
        self._show()
        if self.observer is not None:
            self.observer.played(world, lines)
        if forfeits:
            return self._forfeit(world, forfeits, lines)
        world.offer(self.clock.deadline_s)
        return None

    def _forfeits(self, thought: Thought) -> bool:
        outcome = thought.tries[-1].outcome
        return self.policy.then == "forfeit" and outcome not in ("ok", "failed")

    def _lines(
        self,
        world: World,
        landing: Landing,
        turns: Mapping[int, Turn],
        thoughts: Mapping[int, Thought],
        applied: Mapping[int, Applied],
        tick: int,
    ) -> list[Played]:
        state, scores = self.game.fingerprint(), self.game.scores()
        lines = []
        for seat in landing.seats:
            thought, turn, done = thoughts[seat], turns[seat], applied.get(seat)
            charged_s = landing.charged_s[seat]
            outcome, reason = _verdict(thought.tries[-1], turn, done, tick, seat in landing.late)
            lines.append(
                Played(
                    number=self._number,
                    landing=self._landing,
                    of=len(landing.seats),
                    seat=seat,
                    turn=turn.number,
                    seen=turn.tick,
                    tick=tick,
                    until=world.tick,
                    observation=turn.observation.digest,
                    tries=thought.tries,
                    action=None if done is None else done.action,
                    outcome=outcome,
                    reason=reason,
                    seconds=round(thought.seconds, 6),
                    charged_s=charged_s,
                    state=state,
                    scores=scores,
                    verdicts=tuple(
                        self.judge(call, thought.seconds, charged_s, outcome)
                        for call in thought.calls
                    ),
                )
            )
            self._number += 1
        self._landing += 1
        return lines

    def _suspend(self, world: World, seat: int, thought: Thought) -> Suspended:
        reason = thought.tries[-1].reason
        line = Suspended(
            seat, world.turns[seat].number, reason, thought.tries, round(thought.seconds, 6)
        )
        self._write([line])
        return line

    def _forfeit(self, world: World, seats: Sequence[int], lines: Sequence[Played]) -> Result:
        others = [seat for seat in range(len(world.counts)) if seat not in seats]
        why = "; ".join(f"seat {line.seat}: {line.reason}" for line in lines if line.seat in seats)
        return self._finish(world, "forfeit", others[0] if len(others) == 1 else None, why)

    def _finish(
        self,
        world: World,
        end: Literal["over", "max_decisions", "forfeit"],
        winner: int | None,
        reason: str,
    ) -> Result:
        game = self.game
        result = Result(
            end=end,
            scores=game.scores(),
            winner=winner,
            reason=reason,
            decisions=tuple(world.counts),
            ticks=game.tick,
            statistics=tuple(game.statistics(seat) for seat in range(len(world.counts))),
            state=game.fingerprint(),
            abandoned=tuple(self._abandoned(seat) for seat in self._tasks),
        )
        self._write([result])
        return result

    def _abandoned(self, seat: int) -> Abandoned:
        """A decision that is finished but has not landed, or is still being taken."""
        asked = self._tasks[seat]
        thought = (
            asked.task.result() if asked.task.done() else Thought(self.timer() - asked.start, ())
        )
        return Abandoned(seat, thought.tries, round(thought.seconds, 6))

    def _remember(self, turn: Turn, line: Played) -> None:
        if line.action is not None:
            calls = tuple(call for one in line.tries for call in one.calls)
            self.agents[line.seat].remember(turn, line.action, line.outcome, calls)

    def _write(self, lines: Sequence[Header | Played | Suspended | Result]) -> None:
        if self.writer is not None:
            self.writer.write(lines)


def _unmade(call: Call) -> bool:
    return call.failure is not None and call.failure.kind == "budget"


def _wait_s(failed: Decision, backoff_s: float) -> float | None:
    """Seconds before a failed call is made again; None where that is of no use."""
    failure = failed.calls[-1].failure if failed.calls else None
    if failure is None:
        return backoff_s
    if failure.permanent:
        return None
    return max(backoff_s, min(failure.retry_after_s or 0.0, LONGEST_WAIT_S))


def _verdict(
    last: Decision, turn: Turn, done: Applied | None, tick: int, late: bool
) -> tuple[ReadingOutcome, str]:
    """How the last try counts, now that it has landed."""
    if last.outcome != "ok":
        return last.outcome, last.reason
    if late:
        return "late", "the time bank was overdrawn"
    if done is None:
        return "late", "the seat could no longer act when the decision landed"
    if done.refused and tick == turn.tick:
        return "illegal", done.refused
    if done.refused:
        return "late", f"legal when seen, not {tick - turn.tick} ticks later: {done.refused}"
    return "ok", ""
