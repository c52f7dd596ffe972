"""What a board holds: plain values, worked out once and only shown afterwards.

Every name ending in ``_s`` is in seconds, ``_rps`` per second of serving.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lmgame.game import State
from lmgame.rating import Rating
from lmgame.slo import ServingSummary
from lmgame.summary import Score


@dataclass(frozen=True, slots=True)
class Unit:
    """What is ranked: an agent with its model, harness and serving configuration.

    Attributes:
        key: A short hash of all of them: the same in every board.
        label: What to call it here: no longer than it takes to tell it from the others.
        agent: The agent's name.
        model: Its model, or "".
        harness: What surrounds the model, or "".
        serving: Where completions came from, and how they were served, or "".
        settings: The agent's settings; ``backend`` the serving configuration's.
        anchor: Whether it is a yardstick: random or the scripted anchor, asking no model.
    """

    key: str
    label: str
    agent: str
    model: str
    harness: str
    serving: str
    settings: State
    backend: State
    anchor: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One unit in one game, or (``games``) over all of them.

    Attributes:
        unit: Its key.
        seeds: How many different seeds.
        score: Of finished matches, over seeds: matches on one seed are averaged first.
            In a game with two seats, of the unit's seat.
        glass_delta: Distance of the mean from random's, in random's standard
            deviations; None for two seats, or where it is not defined.
        anchor_share: (mean - random's) / (scripted anchor's - random's): 0 plays like
            random, 1 like the scripted anchor; None where it is not defined.
        wins, draws, losses: In games with two seats.
        rating: In games with two seats.
        matches: Finished ones.
        unfinished: Begun and not finished: a failing backend, a budget used up.
        forfeits: Lost by replies that were no legal action.
        truncated: Ended by ``max_decisions`` and not by the rules.
        decisions: How many landed; ``outcomes`` how they were read.
        serving: What its calls were like; None for a unit that makes none.
        usd: What its calls of known cost came to; None where there are none.
    """

    unit: str
    seeds: int
    score: Score
    glass_delta: float | None
    anchor_share: float | None
    wins: int
    draws: int
    losses: int
    rating: Rating | None
    matches: int
    unfinished: int
    forfeits: int
    truncated: int
    decisions: int
    outcomes: Mapping[str, int]
    serving: ServingSummary | None
    usd: float | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two units on the same seeds of one game.

    Attributes:
        one, other: Their keys.
        n: How many seeds both have played.
        difference: Mean of one's score minus the other's.
        low, high: Its 95 % interval; None below two seeds.
        p: Two-sided, of the paired t-test; None where it is not defined.
        p_rank: Two-sided, of Wilcoxon's signed-rank test; None where it is not defined.
    """

    one: str
    other: str
    n: int
    difference: float
    low: float | None
    high: float | None
    p: float | None
    p_rank: float | None


@dataclass(frozen=True, slots=True)
class Meeting:
    """What one unit did against another in a game with two seats, from its side.

    Attributes:
        one, other: Their keys.
        wins, draws, losses: Of ``one``.
        first_wins: Wins of ``one`` from the first seat.
        first: Matches that ``one`` played from the first seat.
    """

    one: str
    other: str
    wins: int
    draws: int
    losses: int
    first_wins: int
    first: int


@dataclass(frozen=True, slots=True)
class MatchRow:
    """One match.

    Attributes:
        match: Its key; ``log`` its log's name within the board's source.
        seed: Its seed; ``repeat`` counts matches that are otherwise the same.
        units: Keys, by seat.
        scores: By seat; empty before the first decision.
        winner: The winning seat, or None.
        end: ``over``, ``max_decisions``, ``forfeit``, or ``unfinished``.
        decisions: How many landed, by seat.
        seconds: Time that the agents took, in all, interruptions and decisions that
            never landed included.
    """

    match: str
    log: str
    seed: int
    repeat: int
    units: tuple[str, ...]
    scores: tuple[float, ...]
    winner: int | None
    end: str
    decisions: tuple[int, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class GameTable:
    """One game under one set of rules.

    Attributes:
        name: What to call it, unique in the board, fit for a file's name.
        game: Its id; ``title`` for people.
        score: What the score counts.
        arguments, clock, policy, max_decisions, slo: What its matches were played under.
        seats: How many.
        rows: Best first.
        comparisons: One seat: every two units that shared seeds.
        meetings: Two seats: every two units that met, once from each side.
        seat_term: The first seat's advantage in log-odds, or None.
        groups: Sets of units nobody has played across; one, if ratings compare.
        matches: In the order of game, seed, units.
    """

    name: str
    game: str
    title: str
    score: str
    arguments: State
    clock: State
    policy: State
    max_decisions: int | None
    slo: State
    seats: int
    rows: tuple[Row, ...]
    comparisons: tuple[Comparison, ...]
    meetings: tuple[Meeting, ...]
    seat_term: float | None
    groups: tuple[tuple[str, ...], ...]
    matches: tuple[MatchRow, ...]


@dataclass(frozen=True, slots=True)
class Overall:
    """One unit over the games, each with the same weight.

    Attributes:
        unit: Its key.
        games: In how many games it has a finished match.
        anchor_share: Mean over games with one seat; ``low`` and ``high`` its 95 %
            interval by bootstrap over seeds, within games; None where nothing defines it.
        rating: Over the games with two seats; None where it played none.
        rank: By anchor share, then rating: 1 + how many are better beyond doubt.
        matches, unfinished, forfeits, truncated, decisions, illegal: Sums; ``illegal``
            counts decisions that were read as anything but ok.
        serving: Over all its calls, without limits where its matches were judged by
            several; None for a unit that makes none.
        usd: What its calls of known cost came to; None where there are none.
    """

    unit: str
    games: int
    anchor_share: float | None
    low: float | None
    high: float | None
    rating: Rating | None
    rank: int
    matches: int
    unfinished: int
    forfeits: int
    truncated: int
    decisions: int
    illegal: int
    serving: ServingSummary | None
    usd: float | None


@dataclass(frozen=True, slots=True)
class Board:
    """Everything that is published.

    Attributes:
        name: The board's.
        title: For people.
        units: By key.
        overall: Best first.
        games: By name.
        groups: As in :class:`GameTable`, over all games.
        protocol: How it was played, in sentences.
        sources: The runs: ``name``, ``logs`` (how many) and ``sum`` (a hash over them).
        versions: Package versions that played, each with the values seen.
        machines: What the runs' ``environment.json`` say of the machine.
    """

    name: str
    title: str
    units: Mapping[str, Unit]
    overall: tuple[Overall, ...]
    games: tuple[GameTable, ...]
    groups: tuple[tuple[str, ...], ...]
    protocol: tuple[str, ...]
    sources: tuple[Mapping[str, object], ...]
    versions: Mapping[str, tuple[str, ...]]
    machines: tuple[str, ...]
