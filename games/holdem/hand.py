"""One hand between two seats, played on PokerKit.

PokerKit (https://pokerkit.readthedocs.io, MIT) knows the rules: blinds, legal
raises, all-ins, who wins. Here the deck is stacked from the match seed, and
the actions are translated.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from functools import cache

from pokerkit import Automation, Card, NoLimitTexasHoldem, State

SMALL_BLIND, BIG_BLIND = 1, 2
STREETS = ("preflop", "flop", "turn", "river")
RANKS, SUITS = "23456789TJQKA", "cdhs"
DECK = tuple(rank + suit for suit in SUITS for rank in RANKS)
FOLD, CHECK, CALL, RAISE = "fold", "check", "call", "raise to"
NOBODY = -1

Action = tuple[str, int]
"""What is done and, for a raise, the total bet on this street; else 0."""

_AUTOMATIONS = (
    Automation.ANTE_POSTING,
    Automation.BET_COLLECTION,
    Automation.BLIND_OR_STRADDLE_POSTING,
    Automation.CARD_BURNING,
    Automation.HOLE_CARDS_SHOWING_OR_MUCKING,
    Automation.HAND_KILLING,
    Automation.CHIPS_PUSHING,
    Automation.CHIPS_PULLING,
)


@dataclass(slots=True)
class Betting:
    """What happened on one street.

    Attributes:
        put: Chips put in by each seat, blinds included.
        raises: Bets and raises, blinds not counted.
        last: The seat that bet or raised last, or ``NOBODY``.
    """

    put: list[int]
    raises: int = 0
    last: int = NOBODY


@cache
def _card(name: str) -> Card:
    (card,) = Card.parse(name)
    return card


class Hand:
    """One hand.

    Args:
        deck: Cards in the order they are dealt: two for the first seat, two for
            the second, then the board; thirteen or more. Who has the button
            makes no difference to who gets which cards.
        button: The seat with the button: it posts the small blind, acts first
            before the flop and last after it.
        stack: What each seat begins with, in chips.

    Attributes:
        cards: The two cards of each seat.
        streets: What happened on every street so far.
        actions: Everything done since the blinds.
    """

    def __init__(self, deck: tuple[str, ...], button: int, stack: int) -> None:
        self.button = button
        self.cards = (deck[0:2], deck[2:4])
        self.actions: list[Action] = []
        self._stack = stack
        self._flop = deck[4:9]
        blinds = [SMALL_BLIND if seat == button else BIG_BLIND for seat in (0, 1)]
        self.streets = [Betting(blinds)]
        self._state = self._begin(deck)

    def _begin(self, deck: tuple[str, ...]) -> State:
        # PokerKit's second player has the button when there are two.
        state = NoLimitTexasHoldem.create_state(
            _AUTOMATIONS, True, 0, (SMALL_BLIND, BIG_BLIND), BIG_BLIND, self._stack, 2
        )
        other, burnt = self.cards[1 - self.button], deck[9:12]
        board = (burnt[0], *deck[4:7], burnt[1], deck[7], burnt[2], deck[8])
        order = (*other, *self.cards[self.button], *board)
        state.deck_cards = deque(map(_card, order))
        state.deal_hole(2)
        state.deal_hole(2)
        return state

    def _player(self, seat: int) -> int:
        """PokerKit's number of a seat."""
        return 1 if seat == self.button else 0

    @property
    def over(self) -> bool:
        """Whether the chips have gone to whoever won them."""
        return not self._state.status

    @property
    def actor(self) -> int:
        """The seat to act, or ``NOBODY``."""
        player = self._state.actor_index
        if player is None:
            return NOBODY
        return self.button if player else 1 - self.button

    @property
    def board(self) -> tuple[str, ...]:
        """The cards on the board."""
        return self._flop[: len(self._state.board_cards)]

    @property
    def street(self) -> str:
        """The street that the board has come to."""
        return STREETS[max(0, len(self.board) - 2)]

    @property
    def pot(self) -> int:
        """Everything that was put in so far."""
        return sum(sum(street.put) for street in self.streets)

    def stack(self, seat: int) -> int:
        """What a seat has left, bets and blinds taken off and winnings not added."""
        return self._stack - sum(street.put[seat] for street in self.streets)

    def to_call(self, seat: int) -> int:
        """What a seat must add to stay in."""
        put = self.streets[-1].put
        return max(0, put[1 - seat] - put[seat])

    def raises(self) -> range:
        """The total bets that the seat to act can raise to; empty if it cannot."""
        low = self._state.min_completion_betting_or_raising_to_amount
        high = self._state.max_completion_betting_or_raising_to_amount
        if low is None or high is None:
            return range(0)
        return range(int(low), int(high) + 1)

    def act(self, action: Action) -> None:
        """Do what is known to be legal for the seat to act."""
        kind, amount = action
        seat, state, street = self.actor, self._state, self.streets[-1]
        if kind == RAISE:
            state.complete_bet_or_raise_to(amount)
            street.put[seat] = amount
            street.raises, street.last = street.raises + 1, seat
        elif kind == FOLD:
            state.fold()
        else:
            street.put[seat] += self.to_call(seat)
            state.check_or_call()
        self.actions.append(action)
        while state.can_deal_board():
            state.deal_board()
            self.streets.append(Betting([0, 0]))

    def won(self, seat: int) -> int:
        """What a seat has won (or lost, below 0) by the hand; 0 until it is over."""
        return int(self._state.payoffs[self._player(seat)]) if self.over else 0

    @property
    def showdown(self) -> bool:
        """Whether the hand went to its end without a fold."""
        return self.over and self.actions[-1][0] != FOLD
