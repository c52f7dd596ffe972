"""Who meets whom, in which game and on which seed.

A schedule is a function of the agents, the game and one seed; the order in which
agents are named does not matter. Two agents always meet in pairs of matches that
share a seed and swap seats, so neither the seed nor the seat favours anybody.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

from lmgame.errors import ConfigError
from lmgame.rng import Rng


@dataclass(frozen=True, slots=True)
class Pairing:
    """One match to come.

    Attributes:
        game: Which game, as the tournament calls it.
        seed: The match seed.
        seats: Who plays, by seat.
        pair: Matches with the same one share a seed and swap seats.
        repeat: Counts matches that are otherwise the same.
    """

    game: str
    seed: int
    seats: tuple[str, ...]
    pair: str
    repeat: int = 0


def check_pool(agents: Sequence[str]) -> None:
    """Refuse a pool that nothing can be played with.

    Raises:
        ConfigError: It is empty, or somebody is in it twice.
    """
    if not agents:
        raise ConfigError("nobody takes part: write agents=[random,greedy]")
    twice = sorted({name for name in agents if agents.count(name) > 1})
    if twice:
        raise ConfigError(f"agents: {twice[0]} is named twice: name everybody once")


def check_seats(game: str, seats: int, agents: Sequence[str], schedule: str) -> None:
    """Refuse a game that a schedule has no use for.

    Args:
        game: Its name.
        seats: How many it has.
        agents: Who takes part.
        schedule: Its name; games with one seat are played alone under any.

    Raises:
        ConfigError: The wrong number of seats, or too few agents for them.
    """
    if seats > 2 or (seats > 1 and schedule == "single"):
        fit = "games with one seat" if schedule == "single" else "games with one seat or two"
        raise ConfigError(f"{game} has {seats} seats; schedule={schedule} is for {fit}")
    if len(agents) < seats:
        raise ConfigError(
            f"{game} has {seats} seats and there is nobody to play against {agents[0]}: "
            f"write agents=[{agents[0]},{'greedy' if agents[0] == 'random' else 'random'}]"
        )


def single(
    game: str, agents: Sequence[str], seed: int, seeds: int, repeats: int = 1
) -> list[Pairing]:
    """Each agent alone.

    Args:
        game: A game with one seat.
        agents: Who takes part.
        seed: The first match seed.
        seeds: How many seeds, the same for everybody.
        repeats: How often each agent plays each.
    """
    check_pool(agents)
    return [
        Pairing(game, number, (name,), f"s{number}", repeat)
        for number in range(seed, seed + seeds)
        for repeat in range(repeats)
        for name in sorted(agents)
    ]


def round_robin(game: str, agents: Sequence[str], seed: int, seeds: int) -> list[Pairing]:
    """Every two agents, on every seed, in both seats.

    Args:
        game: A game with two seats.
        agents: Who takes part.
        seed: The first match seed.
        seeds: How many seeds, the same for every two.
    """
    check_pool(agents)
    check_seats(game, 2, agents, "round_robin")
    return [
        pairing
        for number in range(seed, seed + seeds)
        for one, other in combinations(sorted(agents), 2)
        for pairing in both_ways(game, number, one, other)
    ]


def gauntlet(
    game: str, agents: Sequence[str], anchors: Sequence[str], seed: int, seeds: int
) -> list[Pairing]:
    """Every agent against each anchor, and the anchors among themselves.

    Agents that are no anchors do not meet: they are compared by how they fare against
    the same opponents, as new engines are in computer chess.

    Args:
        game: A game with two seats.
        agents: Who takes part, anchors included.
        anchors: Whom everybody meets.
        seed: The first match seed.
        seeds: How many seeds, the same for every two.

    Raises:
        ConfigError: There is no anchor.
    """
    check_pool(agents)
    check_seats(game, 2, agents, "gauntlet")
    meetings = gauntlet_meetings(agents, anchors)
    return [
        pairing
        for number in range(seed, seed + seeds)
        for one, other in meetings
        for pairing in both_ways(game, number, one, other)
    ]


def gauntlet_meetings(agents: Sequence[str], anchors: Sequence[str]) -> list[tuple[str, str]]:
    """Who meets whom in a gauntlet.

    Raises:
        ConfigError: There is no anchor.
    """
    if not anchors:
        raise ConfigError(
            "schedule=gauntlet: everybody meets the anchors, and there are none: "
            "write anchors=[random,greedy]"
        )
    return [two for two in combinations(sorted(agents), 2) if not set(anchors).isdisjoint(two)]


def swiss(
    game: str,
    agents: Sequence[str],
    seed: int,
    seeds: int,
    number: int,
    points: Mapping[Pairing, tuple[float, float]],
) -> list[Pairing]:
    """One round of a Swiss tournament: neighbours in the standings meet.

    Who is equal on points is ordered by lot; nobody meets anybody again, or goes
    without a match again, while that can be avoided. Going without counts like
    winning every match of the round.

    Args:
        game: A game with two seats.
        agents: Who takes part.
        seed: The lot's; the first match seed too. A round has ``seeds`` of its own.
        seeds: How many pairs of matches two agents play when they meet.
        number: Which round, from 0.
        points: What each match of the rounds before brought to its seats.
    """
    check_pool(agents)
    check_seats(game, 2, agents, "swiss")
    order = sorted(agents)
    Rng(seed).shuffle(order)
    standing = dict.fromkeys(order, 0.0)
    for pairing, gained in points.items():
        for name, one in zip(pairing.seats, gained, strict=True):
            standing[name] += one
    met, rested = _history(order, points)
    for name in order:
        standing[name] += 2.0 * seeds * rested[name]
    order.sort(key=lambda name: -standing[name])
    first = seed + number * seeds
    return [
        pairing
        for each in range(first, first + seeds)
        for one, other in _neighbours(order, met, rested)
        for pairing in both_ways(game, each, one, other)
    ]


def both_ways(game: str, seed: int, one: str, other: str) -> Iterator[Pairing]:
    """The pair of matches of two agents on one seed."""
    pair = f"{one}~{other}~s{seed}"
    yield Pairing(game, seed, (one, other), pair)
    yield Pairing(game, seed, (other, one), pair)


def _history(
    agents: Sequence[str], points: Mapping[Pairing, tuple[float, float]]
) -> tuple[dict[frozenset[str], int], dict[str, int]]:
    """On how many seeds each two have met, and on how many each sat out."""
    by_pair = {pairing.pair: pairing for pairing in points}.values()
    met: dict[frozenset[str], int] = {}
    present: dict[int, set[str]] = {}
    for pairing in by_pair:
        both = frozenset(pairing.seats)
        met[both] = met.get(both, 0) + 1
        present.setdefault(pairing.seed, set()).update(both)
    rested = {name: sum(name not in them for them in present.values()) for name in agents}
    return met, rested


def _neighbours(
    order: Sequence[str], met: Mapping[frozenset[str], int], rested: Mapping[str, int]
) -> list[tuple[str, str]]:
    """The pairing with the fewest repetitions, and then the nearest neighbours.

    A minimum-cost perfect matching. Where the number is odd, going without is one
    more place at the end of the standings.
    """
    size = len(order) + len(order) % 2
    edges = list(combinations(range(size), 2))
    again = [
        rested[order[i]] if j == len(order) else met.get(frozenset((order[i], order[j])), 0)
        for i, j in edges
    ]
    cost = [size**3 * times + (j - i) ** 2 for times, (i, j) in zip(again, edges, strict=True)]
    once = np.zeros((size, len(edges)))
    for column, (i, j) in enumerate(edges):
        once[i, column] = once[j, column] = 1
    found = milp(
        cost,
        integrality=np.ones(len(edges), int),
        bounds=Bounds(0, 1),
        constraints=LinearConstraint(once, 1, 1),
        options={"mip_rel_gap": 0},
    )
    shares = np.asarray(found.x)
    chosen = [edge for edge, share in zip(edges, shares, strict=True) if share > 0.5]
    return [(order[i], order[j]) for i, j in chosen if j < len(order)]
