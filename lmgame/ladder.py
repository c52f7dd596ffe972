"""The ladder: the meetings that tell most come next.

A meeting's worth is the expected gain of information about the ratings,
``log(1 + n I V) / 2`` nats for n pairs of matches: V is the variance of the difference
of the two strengths and I the Fisher information of a pair, both under the
Bradley-Terry model of :mod:`lmgame.rating` with what was played so far. It is large for
two agents who are about equal and little known. Choosing the largest is the greedy
D-optimal design (Lindley, Annals of Mathematical Statistics 27 (1956); Chaloner and
Verdinelli, Statistical Science 10 (1995)).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np

from lmgame.rating import Belief, Match, Winner, believe
from lmgame.rng import Rng
from lmgame.schedule import Pairing, both_ways, check_pool, check_seats

DIGITS = 9
"""Worths that agree to so many decimals are equal, so that the last bit of a sum,
which differs between machines, decides nothing."""


def ladder(
    game: str,
    agents: Sequence[str],
    seed: int,
    seeds: int,
    number: int,
    points: Mapping[Pairing, tuple[float, float]],
) -> list[Pairing]:
    """One stage: as many meetings as half the agents, each worth most after those before.

    Which of equally good meetings comes first is decided by lot. In one stage nobody
    meets anybody twice; an agent may meet several others, or nobody.

    Args:
        game: A game with two seats.
        agents: Who takes part.
        seed: The lot's; the first match seed too. A stage has ``seeds`` of its own.
        seeds: How many pairs of matches two agents play when they meet.
        number: Which stage, from 0.
        points: What each match of the stages before brought to its seats.
    """
    check_pool(agents)
    check_seats(game, 2, agents, "ladder")
    belief = believe([_match(one, gained) for one, gained in points.items()], agents)
    first = seed + number * seeds
    meetings = _meetings(belief, seeds, Rng(seed).split(number))
    return [
        pairing
        for each in range(first, first + seeds)
        for one, other in meetings
        for pairing in both_ways(game, each, one, other)
    ]


def _meetings(belief: Belief, pairs: int, lot: Rng) -> list[tuple[str, str]]:
    names, chosen = belief.agents, []
    free = list(combinations(range(len(names)), 2))
    lot.shuffle(free)
    for _ in range(len(names) // 2):
        gain = np.log1p(pairs * belief.information * belief.variance)
        one, other = max(free, key=lambda two: round(float(gain[two]), DIGITS))
        free.remove((one, other))
        chosen.append((names[one], names[other]))
        belief = belief.met(one, other, pairs)
    return chosen


def _match(pairing: Pairing, gained: tuple[float, float]) -> Match:
    ahead = gained[0] - gained[1]
    winner: Winner = "draw" if not ahead else "first" if ahead > 0 else "second"
    return Match(pairing.game, pairing.seats[0], pairing.seats[1], winner, pairing.pair)
