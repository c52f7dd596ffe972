"""The text observation, and its reader.

``parse_text(write(...))`` gives back everything that was written; the image
shows the same facts (see render.py).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .hand import BIG_BLIND, NOBODY, SMALL_BLIND, STREETS, Hand

YOU, OPPONENT, NEITHER = "you", "opponent", "-"
_CARD = "[2-9TJQKA][cdhs]"
_HEAD = re.compile(
    r"hand (?P<hand>\d+) of (?P<hands>\d+), (?P<street>preflop|flop|turn|river), "
    r"to act: (?P<actor>you|opponent|-)\n"
    rf"button: (?P<button>you|opponent), blinds {SMALL_BLIND} and {BIG_BLIND}\n"
    rf"your cards: (?P<cards>{_CARD} {_CARD})\n"
    rf"board: (?P<board>-|(?:{_CARD} ){{2,4}}{_CARD})\n"
    r"pot \d+, to call \d+\n"
    r"stacks: you (?P<own>\d+), opponent (?P<other>\d+)\n"
    r"chips put in, raises, last raise by:\n"
    r"(?P<rows>(?:[a-z]+: you \d+, opponent \d+, raises \d+, "
    r"last (?:you|opponent|-)(?:\n|$)){1,4})",
    re.ASCII,
)
_ROW = re.compile(r"([a-z]+): you (\d+), opponent (\d+), raises (\d+), last (you|opponent|-)")


@dataclass(frozen=True, slots=True)
class Street:
    """What both put in on one street, how often it was raised, and by whom last."""

    own: int
    other: int
    raises: int
    last: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a seat sees of a hand.

    Attributes:
        hand: The number of the hand, from 1.
        hands: Hands in the match.
        actor: ``you``, ``opponent``, or ``-`` at the end.
        button: ``you`` or ``opponent``.
        cards: One's own two cards.
        board: The cards on the board.
        own, other: The stacks, without what was put in.
        streets: The streets so far.
    """

    hand: int
    hands: int
    actor: str
    button: str
    cards: tuple[str, ...]
    board: tuple[str, ...]
    own: int
    other: int
    streets: tuple[Street, ...]

    @property
    def street(self) -> str:
        """The street that the board has come to."""
        return STREETS[len(self.streets) - 1]

    @property
    def pot(self) -> int:
        """Everything that was put in."""
        return sum(street.own + street.other for street in self.streets)

    @property
    def to_call(self) -> int:
        """What one must add to stay in."""
        return max(0, self.streets[-1].other - self.streets[-1].own)


def snapshot(hand: Hand, seat: int, number: int, hands: int) -> Snapshot:
    """What a seat sees; the other's cards do not come into it."""
    names = {seat: YOU, 1 - seat: OPPONENT, NOBODY: NEITHER}
    return Snapshot(
        hand=number,
        hands=hands,
        actor=names[hand.actor],
        button=names[hand.button],
        cards=hand.cards[seat],
        board=hand.board,
        own=hand.stack(seat),
        other=hand.stack(1 - seat),
        streets=tuple(
            Street(one.put[seat], one.put[1 - seat], one.raises, names[one.last])
            for one in hand.streets
        ),
    )


def write(seen: Snapshot) -> str:
    """The observation."""
    lines = [
        f"hand {seen.hand} of {seen.hands}, {seen.street}, to act: {seen.actor}",
        f"button: {seen.button}, blinds {SMALL_BLIND} and {BIG_BLIND}",
        f"your cards: {' '.join(seen.cards)}",
        f"board: {' '.join(seen.board) or '-'}",
        f"pot {seen.pot}, to call {seen.to_call}",
        f"stacks: you {seen.own}, opponent {seen.other}",
        "chips put in, raises, last raise by:",
    ]
    lines += [
        f"{name}: you {one.own}, opponent {one.other}, raises {one.raises}, last {one.last}"
        for name, one in zip(STREETS, seen.streets, strict=False)
    ]
    return "\n".join(lines)


def parse_text(text: str) -> Snapshot:
    """Read a text observation.

    Raises:
        ValueError: It is not one.
    """
    match = _HEAD.fullmatch(text)
    if match is None:
        raise ValueError(f"not a hold'em observation: {text[:80]!r}")
    found = Snapshot(
        hand=int(match["hand"]),
        hands=int(match["hands"]),
        actor=match["actor"],
        button=match["button"],
        cards=tuple(match["cards"].split()),
        board=() if match["board"] == "-" else tuple(match["board"].split()),
        own=int(match["own"]),
        other=int(match["other"]),
        streets=tuple(
            Street(int(own), int(other), int(raises), last)
            for _, own, other, raises, last in _ROW.findall(match["rows"])
        ),
    )
    if write(found) != text:
        raise ValueError(f"the lines of this hold'em observation disagree: {text[:80]!r}")
    return found
