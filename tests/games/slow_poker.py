"""The ranking of poker hands again, slowly: every five of seven cards, looked at one by one."""

from __future__ import annotations

from itertools import combinations

RANKS = "23456789TJQKA"
NAMES = [
    "high card", "pair", "two pair", "three of a kind", "straight", "flush", "full house",
    "four of a kind", "straight flush",
]  # fmt: skip


def five(cards: tuple[str, ...]) -> tuple[int, list[int]]:
    """What five cards are worth: the kind of hand, and the ranks that decide within it."""
    ranks = sorted((RANKS.index(card[0]) for card in cards), reverse=True)
    flush = len({card[1] for card in cards}) == 1
    straight = ranks == list(range(ranks[0], ranks[0] - 5, -1))
    if ranks == [12, 3, 2, 1, 0]:  # the ace counts as one
        straight, ranks = True, [3, 2, 1, 0, -1]
    groups = sorted((ranks.count(rank) for rank in set(ranks)), reverse=True)
    ordered = sorted(ranks, key=lambda rank: (ranks.count(rank), rank), reverse=True)
    if straight and flush:
        kind = 8
    elif groups == [4, 1]:
        kind = 7
    elif groups == [3, 2]:
        kind = 6
    elif flush:
        kind = 5
    elif straight:
        kind = 4
    elif groups == [3, 1, 1]:
        kind = 3
    elif groups == [2, 2, 1]:
        kind = 2
    elif groups == [2, 1, 1, 1]:
        kind = 1
    else:
        kind = 0
    return kind, ordered


def best_five(cards: tuple[str, ...]) -> tuple[int, list[int]]:
    """What the best five of all cards are worth."""
    return max(five(chosen) for chosen in combinations(cards, 5))


def winner(one: tuple[str, ...], other: tuple[str, ...], board: tuple[str, ...]) -> int:
    """1 if the first wins, -1 if the other, 0 if they share."""
    mine, theirs = best_five(one + board), best_five(other + board)
    return (mine > theirs) - (mine < theirs)
