"""Plays a log again, without any model: verifies it, continues it, draws it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from lmgame import registry
from lmgame.errors import LogError, ReplayMismatch
from lmgame.game import Game, Turn
from lmgame.record import Header, Log, Played, Result, match_key
from lmgame.world import World

NoDeadline = Callable[[int], float | None]


@dataclass(frozen=True, slots=True)
class Step:
    """A landing that was played again.

    Attributes:
        turns: The turn each of its decisions was taken on, by seat.
        played: The decisions, as logged.
        line: Line number in the log of the first of them.
    """

    turns: dict[int, Turn]
    played: tuple[Played, ...]
    line: int


def begin(header: Header, game: Game | None = None) -> World:
    """The world at the start of a logged match.

    Raises:
        NameNotFound: The game is not installed.
    """
    if game is None:
        game = registry.games.make(header.game, header.arguments)
    return World(game, header.seed)


def _check_header(log: Log) -> None:
    key = match_key(log.header)
    if key != log.header.match:
        raise ReplayMismatch(
            f"{log.path}:1: the header describes match {key}, but says it is {log.header.match}"
        )


def follow(world: World, log: Log, deadline_s: NoDeadline = lambda seat: None) -> Iterator[Step]:
    """Move a world through a log, checking every landing against it.

    Args:
        world: At the start of the match; moved along.
        log: What happened.
        deadline_s: The clock's deadlines, where the turns matter afterwards.

    Raises:
        ReplayMismatch: The rules and the log disagree; names the line.
    """
    world.offer(deadline_s)
    for played, line in zip(log.landings, log.lines, strict=True):
        where = f"{log.path}:{line}"
        try:
            yield Step(_land(world, played, where), played, line)
        except (KeyError, IndexError, NotImplementedError) as error:
            raise ReplayMismatch(f"{where}: this decision cannot be played: {error!r}") from None
        world.offer(deadline_s)


def _land(world: World, played: tuple[Played, ...], where: str) -> dict[int, Turn]:
    turns = {one.seat: world.turns[one.seat] for one in played}
    for one in played:
        _check_tries(one, turns[one.seat], where)
        if turns[one.seat].observation.digest != one.observation:
            raise ReplayMismatch(
                f"{where}: seat {one.seat} sees observation {turns[one.seat].observation.digest}, "
                f"the log says {one.observation}"
            )
    world.advance(played[0].tick - world.tick)
    wanted = {one.seat: one.action for one in played if one.action is not None}
    applied = world.land(wanted)
    for seat, action in wanted.items():
        done = applied.get(seat)
        if done is None or done.action != action:
            why = "the seat may not act" if done is None else done.refused or repr(done.action)
            raise ReplayMismatch(
                f"{where}: seat {seat}: the log applied {action!r}, the rules say {why}"
            )
    for one in played:
        if one.action is None:
            world.skip(one.seat)
    world.advance(played[0].until - world.tick)
    if world.game.fingerprint() != played[0].state or world.game.scores() != played[0].scores:
        actions = ", ".join(repr(one.action) for one in played)
        raise ReplayMismatch(
            f"{where}: after {actions} the rules reach state {world.game.fingerprint()} with "
            f"scores {world.game.scores()}, the log says {played[0].state} with {played[0].scores}"
        )
    return turns


def _check_tries(one: Played, turn: Turn, where: str) -> None:
    """What a decision says of itself must fit together."""
    last = one.tries[-1] if one.tries else None
    if last is None or (one.seen, one.turn) != (turn.tick, turn.number):
        raise ReplayMismatch(
            f"{where}: seat {one.seat}: decision {one.turn} seen at tick {one.seen} with "
            f"{len(one.tries)} tries; the rules give turn {turn.number} at tick {turn.tick}"
        )
    if one.outcome == "ok" and (last.outcome, last.action) != ("ok", one.action):
        raise ReplayMismatch(
            f"{where}: seat {one.seat}: {one.action!r} was applied, the last try was "
            f"{last.action!r} ({last.outcome})"
        )
    if one.outcome != last.outcome and (last.outcome, one.outcome) not in (
        ("ok", "late"),
        ("ok", "illegal"),
    ):
        raise ReplayMismatch(
            f"{where}: seat {one.seat}: counted as {one.outcome}, the last try was {last.outcome}"
        )


def verify(log: Log, game: Game | None = None) -> Game:
    """Play a whole log again and compare every state, and the result.

    Returns:
        The game in its final state.

    Raises:
        ReplayMismatch: Something differs; names the line.
    """
    _check_header(log)
    world = begin(log.header, game)
    for _ in follow(world, log):
        pass
    if log.result is not None:
        # A match may end by itself while everybody is still thinking.
        world.advance(log.result.ticks - world.tick)
        _check_result(world, log, log.result)
    return world.game


def _check_result(world: World, log: Log, result: Result) -> None:
    game = world.game
    found = (
        game.fingerprint(),
        tuple(game.scores()),
        tuple(world.counts),
        game.tick,
        tuple(game.statistics(seat) for seat in range(len(world.counts))),
    )
    logged = (result.state, result.scores, result.decisions, result.ticks, result.statistics)
    names = ("state", "scores", "decisions", "ticks", "statistics")
    for name, ours, theirs in zip(names, found, logged, strict=True):
        if ours != theirs:
            raise ReplayMismatch(
                f"{log.path}: result line: {name}: the rules say {ours}, the log {theirs}"
            )
    if not _ended_like(log, world, result):
        raise ReplayMismatch(
            f"{log.path}: result line: end {result.end!r} with winner {result.winner} is not how "
            "this match ended"
        )


def _ended_like(log: Log, world: World, result: Result) -> bool:
    """Whether a match can have ended as its result says."""
    outcome = world.game.outcome()
    if outcome is not None:
        return (result.end, result.winner, result.reason) == (
            "over",
            outcome.winner,
            outcome.reason,
        )
    if result.end == "max_decisions":
        return result.winner is None and min(world.counts) >= (log.header.max_decisions or 0)
    last = log.landings[-1] if log.landings else ()
    return result.end == "forfeit" and all(one.action is None for one in last) and bool(last)


def find_logs(run: Path) -> list[Path]:
    """The match logs of a run folder, or the one log that is named.

    Raises:
        LogError: There is none.
    """
    if run.is_file():
        return [run]
    logs = sorted((run / "matches").glob("*.jsonl")) or sorted(run.glob("*.jsonl"))
    if not logs:
        raise LogError(f"no match logs in {run}: name a run folder (runs/NAME) or a .jsonl file")
    return logs
