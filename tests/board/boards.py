"""Boards for tests of the site: made up, but like real ones, with some real logs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np

from lmgame.agent import Decision
from lmgame.board.table import (
    Board,
    Comparison,
    GameTable,
    MatchRow,
    Meeting,
    Overall,
    Row,
    Unit,
)
from lmgame.client.call import Call, Timing, Usage
from lmgame.game import Turn, digest
from lmgame.games.tetris import Tetris
from lmgame.games.tic_tac_toe import TicTacToe
from lmgame.rating import Rating
from lmgame.record import Log, Seat
from lmgame.slo import ServingSummary, Slo, summarise
from lmgame.summary import Score
from tests.table import Table

LIMITS = Slo(ttft_s=1.2, time_to_action_s=2.0)
SERVING = {
    "model full disagg": 1.3, "model full coloc": 1.9, "model off disagg": 0.6,
    "model off coloc": 0.9,
}  # fmt: skip
SKILL = {"greedy": 1.0, "model full disagg": 0.42, "model full coloc": 0.4,
         "model off disagg": 0.16, "model off coloc": 0.13, "random": 0.0}  # fmt: skip


def units(labels: Sequence[str] = tuple(SKILL)) -> dict[str, Unit]:
    """Units by key; those whose label begins with "model" ask a model."""
    found = {}
    for label in labels:
        asks = label.startswith("model")
        _, harness, mode = [*label.split(), "", ""][:3] if asks else ("", "", "")
        found[digest(label.encode())] = Unit(
            key=digest(label.encode()),
            label=label,
            agent="llm" if asks else label,
            model="SmolLM2-135M-Instruct" if asks else "",
            harness=harness,
            serving=f"embedded, {mode}" if asks else "",
            settings={"temperature": 0.0, "retries": 1} if asks else {},
            backend={"mode": mode, "prefill_workers": 1, "decode_workers": 1} if asks else {},
            anchor=not asks,
        )
    return found


def said(reply: str, seconds: float = 0.4, tokens: int = 9) -> Call:
    """A finished call that took so long."""
    first = 0.7 * seconds
    timing = Timing(0.0, seconds, 0.001, first, first, first, seconds, (first, seconds))
    stages = {"prefill_queue_s": 0.3 * seconds, "prefill_s": 0.35 * seconds,
              "transfer_s": 0.01 * seconds, "decode_s": 0.3 * seconds}  # fmt: skip
    return Call("m", "0" * 16, reply, timing, Usage(310, tokens), stages=stages)


def serving(seconds: float, calls: int = 200) -> ServingSummary:
    """What calls of about so many seconds were like."""
    rng = np.random.Generator(np.random.PCG64(7))
    made, at = [], 0.0
    for factor in rng.lognormal(0, 0.3, calls):
        call = said("x", seconds * float(factor))
        made.append((call.timing.end, [replace(call, timing=replace(call.timing, at=at))]))
        at += call.timing.end
    return summarise(made, LIMITS)


def rating(agent: str, skill: float, rank: int, note: str = "") -> Rating:
    """A rating whose strength is about a skill between 0 and 1."""
    strength = 4 * skill - 1.5
    return Rating(agent, strength, strength - 0.4, strength + 0.5, rank, 40, 10, 5, note)


def _row(unit: Unit, skill: float, seats: int, rank: int, runs: int) -> Row:
    scores = [100 + 900 * skill + 37 * (number % 5 - 2) for number in range(runs)]
    wins, draws = round(runs * skill), runs // 10
    draws = min(draws, runs - wins)
    return Row(
        unit=unit.key,
        seeds=runs,
        score=Score.of(scores if seats == 1 else [skill] * runs),
        glass_delta=12.5 * skill if seats == 1 else None,
        anchor_share=skill if seats == 1 else None,
        wins=wins if seats > 1 else 0,
        draws=draws if seats > 1 else 0,
        losses=runs - wins - draws if seats > 1 else 0,
        rating=rating(unit.key, skill, rank) if seats > 1 else None,
        matches=runs,
        unfinished=0 if unit.anchor else 1,
        forfeits=0 if unit.anchor else 2,
        truncated=runs // 2,
        decisions=20 * runs,
        outcomes={"ok": 20 * runs} if unit.anchor else {"ok": 17 * runs, "illegal": 2 * runs,
                                                        "unparsable": runs},
        serving=None if unit.anchor else serving(SERVING.get(unit.label, 1.0)),
        usd=None if unit.anchor else 0.0123 * runs,
    )  # fmt: skip


def match_row(log: Log, keys: Sequence[str]) -> MatchRow:
    """The row of a real log, with these units in its seats."""
    result = log.result
    return MatchRow(
        match=log.header.match,
        log=f"demo/{log.path.name}",
        seed=log.header.seed,
        repeat=log.header.repeat,
        units=tuple(keys),
        scores=result.scores if result else (),
        winner=result.winner if result else None,
        end=result.end if result else "unfinished",
        decisions=tuple(sum(p.seat == seat for p in log.played) for seat in range(len(keys))),
        seconds=sum(one.seconds for one in log.played),
    )


def made_up(game: str, keys: Sequence[str], seed: int, winner: int | None = None) -> MatchRow:
    """The row of a match that nobody played."""
    key = digest(f"{game} {keys} {seed}".encode())
    ends = ("over", "over", "max_decisions", "forfeit", "unfinished")
    scores = tuple(float(100 + (seed * 37 + number * 11) % 900) for number in range(len(keys)))
    return MatchRow(key, f"demo/{game}_s{seed}_{key[:8]}.jsonl", seed, 0, tuple(keys), scores,
                    winner, ends[seed % 5], tuple(20 + seed % 7 for _ in keys),
                    1.5 + seed % 11)  # fmt: skip


def alone(
    who: Mapping[str, Unit], logs: Mapping[str, Log], runs: int = 20, name: str = "tetris"
) -> GameTable:
    """A game with one seat; the logs are the last unit's but one."""
    keys = list(who)
    rows = [_row(unit, SKILL.get(unit.label, 0.2), 1, 1, runs) for unit in who.values()]
    found = [made_up(name, [key], seed) for seed in range(runs) for key in keys]
    found += [match_row(log, [keys[1]]) for log in logs.values() if len(log.header.seats) == 1]
    return GameTable(
        name=name,
        game="Tetris-v1",
        title="Tetris",
        score="points",
        arguments={"rules": "guideline", "level": 1},
        clock={"kind": "paused"},
        policy={"retries": 1, "then": "default"},
        max_decisions=40,
        slo={"ttft_s": 1.2, "tpot_s": None, "time_to_action_s": 2.0},
        seats=1,
        rows=tuple(rows),
        comparisons=tuple(
            Comparison(one, other, runs, 900 * (0.3 - 0.1 * n), 10.0 - 5 * n, 500.0, 0.0004, 0.031)
            for n, (one, other) in enumerate(combinations(keys, 2))
        ),
        meetings=(),
        seat_term=None,
        groups=(),
        matches=tuple(found),
    )


def against(
    who: Mapping[str, Unit], logs: Mapping[str, Log], runs: int = 4, name: str = "tic_tac_toe"
) -> GameTable:
    """A game with two seats; the logs are of the second unit against the last."""
    keys = list(who)
    rows = [
        _row(unit, SKILL.get(unit.label, 0.2), 2, rank, 20)
        for rank, unit in enumerate(who.values(), start=1)
    ]
    found = [
        made_up(name, [one, other], seed, None if seed % 3 == 0 else seed % 2)
        for seed in range(runs)
        for one in keys
        for other in keys
        if one != other
    ]
    found += [
        match_row(log, [keys[1], keys[-1]]) for log in logs.values() if len(log.header.seats) == 2
    ]
    meetings = []
    for i, one in enumerate(keys):
        for j, other in enumerate(keys):
            if i != j:
                wins = max(0, min(10, 5 + 2 * (j - i)))
                draws = min(2, 10 - wins)
                meetings.append(
                    Meeting(one, other, wins, draws, 10 - wins - draws, (wins + 1) // 2, 5)
                )
    return GameTable(
        name=name,
        game="TicTacToe-v1",
        title="Tic-tac-toe",
        score="wins",
        arguments={},
        clock={"kind": "paused"},
        policy={"retries": 1, "then": "forfeit"},
        max_decisions=None,
        slo={},
        seats=2,
        rows=tuple(rows),
        comparisons=(),
        meetings=tuple(meetings),
        seat_term=0.35,
        groups=(tuple(keys),),
        matches=tuple(found),
    )


def board(
    logs: Mapping[str, Log] | None = None,
    who: Mapping[str, Unit] | None = None,
    runs: int = 20,
    title: str = "A board for tests",
) -> Board:
    """A board of two games."""
    who, logs = who or units(), logs or {}
    overall = []
    for rank, unit in enumerate(who.values(), start=1):
        skill = SKILL.get(unit.label, 0.2)
        overall.append(
            Overall(
                unit=unit.key,
                games=2,
                anchor_share=skill,
                low=skill - 0.05,
                high=skill + 0.06,
                rating=rating(unit.key, skill, rank),
                rank=rank if rank < 4 else 4,
                matches=40,
                unfinished=0 if unit.anchor else 2,
                forfeits=0 if unit.anchor else 4,
                truncated=10,
                decisions=800,
                illegal=0 if unit.anchor else 120,
                serving=None if unit.anchor else serving(SERVING.get(unit.label, 1.0)),
                usd=None if unit.anchor else 0.492,
            )
        )
    return Board(
        name="demo",
        title=title,
        units=who,
        overall=tuple(overall),
        games=(alone(who, logs, runs), against(who, logs)),
        groups=(tuple(who),),
        protocol=("Every unit plays the same seeds.", "Anchors play at least 50 seeds."),
        sources=({"name": "demo", "logs": 120, "sum": "0123456789abcdef"},),
        versions={"lmgame": ("0.1.0",), "xllamacpp": ("2026.10.11549",)},
        machines=("AMD EPYC, 2 cores, Linux, Python 3.11",),
    )


def played(folder: Path, reply: Callable[[Turn], str] | None = None) -> dict[str, Log]:
    """Real logs by match key: of Tetris, and of tic-tac-toe against random."""

    def asks(turn: Turn) -> Decision:
        number = int(turn.observation.digest, 16) % len(turn.actions.choices)
        action = turn.actions.choices[number]
        return Decision(action, calls=(said(reply(turn) if reply else f"I choose {action}."),))

    def silent(turn: Turn) -> Decision:
        return Decision(turn.actions.choices[-1])

    seats = (Seat("player", "llm", "SmolLM2", {}),)
    tables = [
        Table(Tetris, [asks], folder / "tetris.jsonl", changes={"max_decisions": 12,
                                                                "seats": seats}),
        Table(TicTacToe, [asks, silent], folder / "tic_tac_toe.jsonl"),
    ]  # fmt: skip
    found = {}
    for table in tables:
        table.play()
        log = table.log()
        found[log.header.match] = log
    return found
