"""Heads-up no-limit Texas hold'em."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar

from lmgame.errors import ConfigError, IllegalAction, StateError
from lmgame.game import Actions, Game, GameSpec, Json, Outcome, State
from lmgame.picture import Picture
from lmgame.rng import Rng

from .hand import CALL, DECK, FOLD, RAISE, Action, Hand
from .notation import find, offer, parse, spell
from .render import draw
from .text import Snapshot, snapshot, write

MOST_HANDS = 1000
SHALLOWEST, DEEPEST = 10, 999
_SEED = (1 << 64) - 1
_COUNTS = ("won", "showdowns", "folds", "calls", "raises", "all_ins")


class Holdem(Game):
    """Heads-up no-limit Texas hold'em: a number of hands, and chips won.

    Description:
        Two seats play hands of no-limit Texas hold'em with blinds of 1 and 2. The
        button posts the small blind, acts first before the flop and last after
        it; it alternates, beginning with the first seat. Both begin every hand
        with the same stack, so no hand depends on another. Rules of betting and
        the ranking of hands are PokerKit's.

    Observation (text):
        ``hand 1 of 10, flop, to act: you``; who has the button; one's own cards
        and the board as ``Ah`` or ``Td`` (``-`` for an empty board); the pot with
        all bets in it and what there is to call; both stacks; and for every
        street what each put in, how often it was raised and by whom last. The
        other's cards are never seen, nor anything of earlier hands.
        ``parse_text`` reads it.

    Observation (image):
        The same facts, 640 by 300 pixels, palette colours: the table with one's
        own cards below, the other's cards face down above, the board and the pot
        between, a white disc with D at the button; at its right the hand, the
        street, who is to act, what there is to call and a table of the streets.

    Actions:
        ``fold``, ``check``, ``call`` and ``raise to N``, N the total that one's
        bet on this street becomes; a first bet is a raise too. Read as well:
        ``bet N`` where nobody has bet, and ``all in``. ``choices`` offer the
        smallest raise, one to half the pot, one to the pot and all in; the
        grammar gives every legal N. The default is ``check``, or else ``fold``.

    Score:
        Chips won less chips lost over the hands played to their end; the two
        scores add up to 0. Played on one seed with the seats swapped, two equal
        deterministic agents end at 0 over the pair, so a pair of matches measures
        skill without most of the luck of the deal.

    Starting state:
        The first hand, blinds posted. The seed decides all cards: in hand h of a
        seed a seat gets the same two cards, board and button whatever was done
        before, so with seats swapped each agent gets what the other had.

    End:
        After the last hand (``10 hands played``); who has won chips wins.

    Illegal actions:
        Refused with a reason, the state unchanged: text that is no action,
        checking or folding at the wrong moment, ``raise N`` (by or to?), a raise
        out of range, any raise when the other is all in.

    Time:
        None; seats act in turn, and a tick is an action.

    Arguments:
        hands (int): Hands in the match, 1 to 1000; default 10. An even number
            gives each seat the button equally often.
        stack (int): Chips at the start of every hand, 10 to 999; default 200,
            which is a hundred big blinds.

    Version history:
        v1: First version.
    """

    spec: ClassVar[GameSpec] = GameSpec(id="Holdem-v1", seats=("first", "second"), score="chips")
    rules = Path(__file__).with_name("rules.md").read_text(encoding="utf-8")

    def __init__(self, hands: int = 10, stack: int = 200) -> None:
        _require("hands", hands, 1, MOST_HANDS)
        _require("stack", stack, SHALLOWEST, DEEPEST)
        self.hands, self.stack = hands, stack
        self.reset(0)

    def reset(self, seed: int) -> None:
        """Deal the first hand."""
        self._seed = seed & _SEED
        self._tick = 0
        self._chips = [0, 0]
        self._counts = {name: [0, 0] for name in _COUNTS}
        self._deal(0)

    def _deal(self, number: int) -> None:
        """Begin hand ``number``, counted from 0."""
        self._number = number
        deck = list(DECK)
        Rng(self._seed).split(number).shuffle(deck)
        self._hand = Hand(tuple(deck), number % 2, self.stack)

    def acting(self) -> tuple[int, ...]:
        """The seat to act, until the last hand is over."""
        return () if self._hand.over else (self._hand.actor,)

    def actions(self, seat: int) -> Actions:
        """Fold, check, call and four sizes of raise; see the class."""
        self._require_turn(seat)
        return offer(self._hand)

    def canonical(self, seat: int, text: str) -> str:
        """``fold``, ``check``, ``call`` or ``raise to N``."""
        self._require_turn(seat)
        return spell(parse(self._hand, text))

    def find(self, reply: str) -> list[str]:
        """Passages like "fold", "Raise to 12", "bet 4" or "all-in"."""
        return find(reply)

    def apply(self, actions: Mapping[int, str]) -> None:
        """Do what the seat to act does; the next hand is dealt when this one is over."""
        if len(actions) != 1:
            raise IllegalAction("one seat acts at a time: give one action")
        for seat, text in actions.items():
            self._require_turn(seat)
            action = parse(self._hand, text)
            self._count(seat, action)
            self._hand.act(action)
            self._tick += 1
        if self._hand.over:
            self._finish()

    def _count(self, seat: int, action: Action) -> None:
        kind, amount = action
        hand, counts = self._hand, self._counts
        put = amount - hand.streets[-1].put[seat] if kind == RAISE else hand.to_call(seat)
        for name, counted in (("folds", FOLD), ("calls", CALL), ("raises", RAISE)):
            counts[name][seat] += kind == counted
        counts["all_ins"][seat] += kind != FOLD and 0 < put == hand.stack(seat)

    def _finish(self) -> None:
        hand, counts = self._hand, self._counts
        for seat in (0, 1):
            counts["won"][seat] += hand.won(seat) > 0
            counts["showdowns"][seat] += hand.showdown
        if self._number + 1 < self.hands:
            for seat in (0, 1):
                self._chips[seat] += hand.won(seat)
            self._deal(self._number + 1)

    def _require_turn(self, seat: int) -> None:
        if self._hand.over:
            raise IllegalAction("the match is over")
        if seat != self._hand.actor:
            raise IllegalAction(f"it is the turn of the {self.spec.seats[self._hand.actor]} seat")

    def _snapshot(self, seat: int) -> Snapshot:
        return snapshot(self._hand, seat, self._number + 1, self.hands)

    def text(self, seat: int) -> str:
        """See the class, "Observation (text)"."""
        return write(self._snapshot(seat))

    def drawing(self, seat: int) -> Callable[[], Picture]:
        """See the class, "Observation (image)"."""
        seen = self._snapshot(seat)
        return lambda: draw(seen)

    @property
    def tick(self) -> int:
        """Actions since the reset."""
        return self._tick

    def scores(self) -> tuple[float, ...]:
        """Chips won in the hands that are over."""
        return tuple(float(self._chips[seat] + self._hand.won(seat)) for seat in (0, 1))

    def outcome(self) -> Outcome | None:
        """Who has won chips."""
        if not self._hand.over:
            return None
        scores = self.scores()
        winner = None if scores[0] == scores[1] else int(scores[1] > scores[0])
        return Outcome(scores, winner, f"{self.hands} hands played")

    def statistics(self, seat: int) -> dict[str, float]:
        """Hands played, won and shown down, and what the seat did."""
        counts: dict[str, float] = {"hands": self._number + self._hand.over}
        return counts | {name: self._counts[name][seat] for name in _COUNTS}

    def save(self) -> State:
        """The seed, the hand, what was done in it, and what came before."""
        return {
            "game": self.spec.id,
            "arguments": [self.hands, self.stack],
            "seed": self._seed,
            "hand": self._number,
            "actions": [spell(action) for action in self._hand.actions],
            "chips": [*self._chips],
            "tick": self._tick,
            "counts": {name: [*counted] for name, counted in self._counts.items()},
        }

    def restore(self, state: State) -> None:
        """Return to a saved state; nothing changes if it is refused."""
        if not isinstance(state, dict) or state.get("game") != self.spec.id:
            other = state.get("game") if isinstance(state, dict) else state
            raise StateError(f"this is {self.spec.id}, but the state was saved by {other!r:.60}")
        mine = [self.hands, self.stack]
        if state.get("arguments") != mine or state.keys() != self.save().keys():
            raise StateError(
                f"the state was saved with hands, stack = {state.get('arguments')!r:.60}; this "
                f"game has {mine!r}; or its keys are not the ones that are saved"
            )
        copy = Holdem(self.hands, self.stack)
        copy._seed = _integer(state["seed"], "seed", 0, _SEED)
        copy._tick = _integer(state["tick"], "tick", 0, _SEED)
        number = _integer(state["hand"], "hand", 0, self.hands - 1)
        most = number * self.stack
        copy._chips = _pair(state["chips"], "chips", -most, most)
        if sum(copy._chips):
            raise StateError(f"saved chips {copy._chips} do not add up to 0")
        counts = state["counts"]
        if not isinstance(counts, dict) or counts.keys() != copy._counts.keys():
            raise StateError("saved counts have the wrong names")
        copy._counts = {name: _pair(counts[name], name, 0, _SEED) for name in _COUNTS}
        copy._deal(number)
        copy._replay(state["actions"])
        self.__dict__.update(copy.__dict__)

    def _replay(self, actions: Json) -> None:
        if not isinstance(actions, list):
            raise StateError("saved actions are not a list")
        for text in actions:
            if self._hand.over or not isinstance(text, str):
                raise StateError(f"saved action {text!r:.40} comes after the end or is no text")
            try:
                self._hand.act(parse(self._hand, text))
            except IllegalAction as error:
                raise StateError(f"saved action {text!r:.40} is not legal there") from error
        if self._hand.over and self._number + 1 < self.hands:
            raise StateError("the saved hand is over and not the last")


def _require(name: str, value: int, least: int, most: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise ConfigError(f"{name}={value!r} is not a whole number from {least} to {most}")


def _integer(value: Json, name: str, least: int, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise StateError(f"saved {name} is {value!r:.40}, not an integer from {least} to {most}")
    return value


def _pair(value: Json, name: str, least: int, most: int) -> list[int]:
    if not isinstance(value, list) or len(value) != 2:
        raise StateError(f"saved {name} is not a number for each of two seats")
    return [_integer(one, name, least, most) for one in value]
