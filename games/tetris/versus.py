"""Tetris for two seats."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from lmgame.game import GameSpec, Outcome
from lmgame.picture import Picture

from .game import PACE, TetrisGame
from .notation import MENU
from .render import draw_pair
from .scoring import HZ
from .text import snapshot, write_pair


class TetrisVersus(TetrisGame):
    """Tetris for two seats: who tops out last wins.

    Description:
        Two fields by the rules of Tetris-v1, side by side on one clock. Both
        seats get the same pieces in the same order. Clearing lines sends garbage
        to the other seat. Seats act at the same moment and independently.

    Observation (text):
        Two lines as in Tetris-v1, begun by ``you:`` and ``opponent:`` and ended
        by ``garbage N``, the rows that wait to rise; then both fields, one's own
        on the left, as in Tetris-v1 with ``X`` for garbage. ``piece -`` is a seat
        that has topped out. ``parse_text`` reads it.

    Observation (image):
        The same facts, 524 by 408 pixels: as in Tetris-v1 for each seat, one's
        own on the left, with waiting garbage as a number and as a red bar, one
        block a row, beside the field (20 blocks at most).

    Actions:
        As in Tetris-v1; any subset of the seats may act at a moment.

    Score:
        1 for the winner, 0 for the loser; 0.5 each for a draw and while the
        match goes on, so a match that is cut short is a draw. Points and garbage
        sent are statistics. Garbage: 2, 3, 4 lines send 1, 2, 4; T-spins of 1, 2,
        3 lines 2, 4, 6; a mini of 2 lines 1; 1 more for back-to-back; 0 0 1 1 2 2
        3 3 4 4 4 5 by the combo; 10 more for a perfect clear. It first cancels
        what waits for the sender, oldest first. What waits rises when a piece of
        the receiver locks and clears nothing, at most 8 rows at a time; the rows
        of one attack share one hole, and the holes come in the same order for
        both seats.

    Starting state:
        As in Tetris-v1, for both seats.

    End:
        When a seat tops out: ``block out`` and ``lock out`` as in Tetris-v1, or
        ``top out``: garbage pushed blocks out of the 40 rows. Both at the same
        tick, or by actions applied together, is a draw.

    Illegal actions:
        As in Tetris-v1. When one of the actions applied together is illegal,
        none is applied.

    Time:
        As in Tetris-v1; the level rises with one's own lines. Garbage sent at a
        tick arrives after every seat's part of that tick is done, so the order
        of the seats never matters.

    Arguments:
        level (int): The level to start at, 1 to 20; default 1.
        queue (int): How many coming pieces are shown, 0 to 6; default 5.
        actions (str): ``all``, ``placements`` or ``inputs`` as in Tetris-v1.

    Version history:
        v1: First version.
    """

    spec: ClassVar[GameSpec] = GameSpec(
        id="TetrisVersus-v1",
        seats=("first", "second"),
        hz=HZ,
        pace=PACE,
        simultaneous=True,
        score="wins",
        menu=MENU,
    )
    _rules_file = "rules_versus.md"

    def _settle(self) -> None:
        """Garbage travels at the end of a moment, so that the order of seats is nothing."""
        first, second = self._fields
        for sender, receiver in ((first, second), (second, first)):
            if sender.outgoing:
                receiver.pending += sender.outgoing
                sender.outgoing = []
        super()._settle()

    def text(self, seat: int) -> str:
        """See the class, "Observation (text)"."""
        fields = self._fields
        return write_pair(
            snapshot(fields[seat], self.queue), snapshot(fields[1 - seat], self.queue)
        )

    def drawing(self, seat: int) -> Callable[[], Picture]:
        """See the class, "Observation (image)"."""
        own = snapshot(self._fields[seat], self.queue)
        opponent = snapshot(self._fields[1 - seat], self.queue)
        return lambda: draw_pair(own, opponent)

    def scores(self) -> tuple[float, ...]:
        """1 for the winner, 0 for the loser; 0.5 each in a draw and while it goes on."""
        lost = [bool(field.over) for field in self._fields]
        if lost[0] == lost[1]:
            return 0.5, 0.5
        return float(lost[1]), float(lost[0])

    def outcome(self) -> Outcome | None:
        """Who is left, and in which way the other topped out."""
        if not self._over:
            return None
        first, second = (field.over for field in self._fields)
        if first and second:
            return Outcome(self.scores(), None, f"both topped out: {first}, {second}")
        return Outcome(self.scores(), 1 if first else 0, f"topped out: {first or second}")
