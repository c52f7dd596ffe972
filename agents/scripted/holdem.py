"""The scripted hold'em player: tight and aggressive, by its equity against any two cards."""

from __future__ import annotations

from lmgame.game import Turn
from lmgame.games.holdem import Snapshot, parse_text
from lmgame.rng import Rng

HEAVY = True

TRIALS = 120
"""Deals tried for one estimate; its standard error is about 0.045."""
_RANKS = "23456789TJQKA"
_WHEEL = 0b1000000001111  # A 2 3 4 5
_RUNS = tuple((top, 0b11111 << (top - 4)) for top in range(12, 3, -1))

Card = tuple[int, str]
"""Rank from 0 for a two to 12 for an ace, and suit."""
Rank = tuple[int, ...]


def strength(cards: list[Card]) -> Rank:
    """What five to seven cards are worth: larger is better, equal is equal.

    The kind of hand (0 high card to 8 straight flush), then what decides
    between two of that kind.
    """
    counts = [0] * 13
    suits = {"c": 0, "d": 0, "h": 0, "s": 0}
    for rank, suit in cards:
        counts[rank] += 1
        suits[suit] |= 1 << rank
    mask = suits["c"] | suits["d"] | suits["h"] | suits["s"]
    flush = next((ranks for ranks in suits.values() if ranks.bit_count() >= 5), 0)
    if flush and (top := _straight(flush)) >= 0:
        return 8, top
    grouped = sorted([(counts[rank], rank) for rank in range(13) if counts[rank]], reverse=True)
    most, high = grouped[0]
    second = grouped[1][0]
    if most == 4:
        return 7, high, max(rank for _, rank in grouped[1:])
    if most == 3 and second >= 2:
        return 6, high, grouped[1][1]
    if flush:
        return 5, *[rank for rank in range(12, -1, -1) if flush >> rank & 1][:5]
    if (top := _straight(mask)) >= 0:
        return 4, top
    if most == 3:
        return 3, *[rank for _, rank in grouped[:3]]
    if most == 2 and second == 2:
        return 2, high, grouped[1][1], max(rank for _, rank in grouped[2:])
    if most == 2:
        return 1, *[rank for _, rank in grouped[:4]]
    return 0, *[rank for _, rank in grouped[:5]]


def _straight(mask: int) -> int:
    """The top rank of the best straight, or -1."""
    for top, run in _RUNS:
        if mask & run == run:
            return top
    return 3 if mask & _WHEEL == _WHEEL else -1


def equity(own: tuple[str, ...], board: tuple[str, ...]) -> float:
    """The share of the pot that two cards win on average against any others.

    By trying deals; the same cards always give the same number.
    """
    known = [(_RANKS.index(card[0]), card[1]) for card in own + board]
    rest = [(rank, suit) for suit in "cdhs" for rank in range(13) if (rank, suit) not in known]
    rng = Rng(int.from_bytes("".join(own + board).encode()))
    mine, open_, share = known[:2], known[2:], 0.0
    missing = 5 - len(open_)
    for _ in range(TRIALS):
        dealt: list[Card] = []
        while len(dealt) < 2 + missing:
            card = rest[rng.below(len(rest))]
            if card not in dealt:
                dealt.append(card)
        table = open_ + dealt[2:]
        one, other = strength(mine + table), strength(dealt[:2] + table)
        share += 1.0 if one > other else 0.5 if one == other else 0.0
    return share / TRIALS


def best(turn: Turn) -> str:
    """Bet good hands, call when the price is right, and let the others go."""
    seen = parse_text(turn.observation.text)
    chance = equity(seen.cards, seen.board)
    choices = turn.actions.choices
    raises = [int(text.rpartition(" ")[2]) for text in choices if text.startswith("raise to")]
    if raises and _raises(seen, chance):
        return f"raise to {_size(seen, chance, raises)}"
    if "check" in choices:
        return "check"
    # Whoever raises has more than any two cards.
    doubt = 0.06 * min(3, sum(one.raises for one in seen.streets if one.last != "you"))
    price = seen.to_call / (seen.pot + seen.to_call)
    return "call" if chance > price + doubt else "fold"


def _raises(seen: Snapshot, chance: float) -> bool:
    raised = seen.streets[-1].raises
    if not seen.board:
        return chance > (0.5, 0.6, 0.68, 0.76)[min(raised, 3)]
    return chance > (0.6, 0.78, 0.88, 0.93)[min(raised, 3)]


def _size(seen: Snapshot, chance: float, raises: list[int]) -> int:
    """Half the pot, or the pot with a strong hand: whichever offered size is nearest."""
    highest = max(seen.streets[-1].own, seen.streets[-1].other)
    pot = seen.pot + seen.to_call
    wanted = highest + (pot if chance > 0.72 else pot // 2)
    return min(raises, key=lambda size: (abs(size - wanted), size))
