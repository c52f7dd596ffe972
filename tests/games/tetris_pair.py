"""Plays the fast and the slow Tetris side by side and compares them."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest
from hypothesis import strategies as st

from lmgame.errors import IllegalAction
from lmgame.games.tetris import Snapshot, Tetris, TetrisVersus, parse_text, rank_placements

from .slow_tetris import ORDER, SlowMatch, SlowSeat

INPUTS = ["left", "right", "down", "cw", "ccw", "hold", "drop", "wait"]
Move = list[str] | tuple[int, int] | int
"""Inputs, a placement, or ticks to let pass."""


def seat_state(game: Tetris | TetrisVersus, seat: int) -> dict[str, Any]:
    seats: Any = game.save()["seats"]
    return dict(seats[seat])


def preload(game: Tetris | TetrisVersus, slow: SlowMatch) -> None:
    """Give the fast game the blocks, active pieces and garbage of the slow one."""
    state: Any = game.save()
    for saved, seat in zip(state["seats"], slow.seats, strict=True):
        rows = 1 + max((y for _, y in seat.blocks), default=-1)
        cells = "".join(seat.blocks.get((x, y), ".") for y in range(rows) for x in range(10))
        saved["cells"] = cells.rstrip(".")
        saved["pending"] = list(seat.pending)
        saved["lines"] = seat.lines
        # Boxes are counted from four rows and columns outside the field.
        saved["lowest"] = seat.lowest + 4
        saved["piece"] = [4 * ORDER.index(seat.kind), 7, seat.lowest + 4]
    game.restore(state)


def legal(seat: SlowSeat, move: Move) -> bool:
    """The rule of hold, and whether a placement can be done."""
    if isinstance(move, tuple):
        return seat.place(move[0], move[1], commit=False)
    assert isinstance(move, list)
    used = seat.hold_used
    for name in move:
        if name == "hold":
            if used:
                return False
            used = True
        if name == "drop":
            used = False
    return True


def written(move: list[str] | tuple[int, int]) -> str:
    return f"place {move[0]} {move[1]}" if isinstance(move, tuple) else "press " + " ".join(move)


@dataclass
class Pair:
    """Both implementations of one match.

    Attributes:
        events: Everything notable that the slow one saw.
    """

    seed: int
    level: int = 1
    seats: int = 1
    blocks: dict[tuple[int, int], str] = field(default_factory=dict)
    kind: str = ""

    def __post_init__(self) -> None:
        made = Tetris(level=self.level) if self.seats == 1 else TetrisVersus(level=self.level)
        self.fast: Tetris | TetrisVersus = made
        self.fast.reset(self.seed)
        self.slow = SlowMatch(self.seed, self.level, self.seats)
        for seat in self.slow.seats:
            seat.blocks = dict(self.blocks)
            self.give(seat, self.kind or seat.kind)
        self.check()

    def give(self, seat: SlowSeat, kind: str = "", pending: list[int] | None = None) -> None:
        """Change what a seat of the slow game has, and copy it to the fast one."""
        seat.pending = pending or []
        seat.new_piece(kind or seat.kind)
        assert not seat.over
        preload(self.fast, self.slow)

    @property
    def events(self) -> set[str]:
        seen = {event for seat in self.slow.seats for event in seat.events}
        return seen | {seat.over for seat in self.slow.seats}

    def play(self, moves: dict[int, Move]) -> None:
        """One move for some seats, at the same moment; illegal ones are left out."""
        if self.slow.over:
            return
        actions: dict[int, list[str] | tuple[int, int]] = {}
        for seat, move in moves.items():
            if isinstance(move, int):
                continue
            if legal(self.slow.seats[seat], move):
                assert self.fast.canonical(seat, written(move)) == written(move)
                actions[seat] = move
            else:
                self.refused(seat, written(move))
        if actions:
            self.fast.apply({seat: written(move) for seat, move in actions.items()})
            self.slow.act(actions)
            self.check()
        ticks = [move for move in moves.values() if isinstance(move, int)]
        if ticks:
            self.fast.advance(ticks[0])
            self.slow.advance(ticks[0])
            self.check()

    def refused(self, seat: int, text: str) -> None:
        before = self.fast.fingerprint()
        for refuse in (
            lambda: self.fast.canonical(seat, text),
            lambda: self.fast.apply({seat: text}),
        ):
            with pytest.raises(IllegalAction, match=r"^.{20,}$"):
                refuse()
        assert self.fast.fingerprint() == before

    def check(self) -> None:
        assert self.fast.tick == self.slow.tick
        assert (self.fast.outcome() is not None) == self.slow.over
        assert self.fast.acting() == (() if self.slow.over else tuple(range(self.seats)))
        for index, seat in enumerate(self.slow.seats):
            view = parse_text(self.fast.text(index)).own
            same_seat(seat_state(self.fast, index), self.fast.statistics(index), seat)
            same_view(view, seat)


def same_seat(saved: dict[str, Any], counted: dict[str, float], seat: SlowSeat) -> None:
    board = {(i % 10, i // 10): letter for i, letter in enumerate(saved["cells"]) if letter != "."}
    assert board == seat.blocks
    assert saved["over"] == seat.over
    assert counted["points"] == seat.score
    assert counted["lines"] == seat.lines
    assert counted["level"] == seat.level
    assert counted["pieces"] == seat.pieces
    assert counted["attack"] == seat.attack
    assert counted["garbage"] == seat.risen
    assert saved["combo"] == seat.combo
    assert saved["b2b"] == seat.back_to_back
    assert saved["pending"] == seat.pending
    assert list(saved["next"]) == seat.queue
    assert saved["hold"] == (-1 if seat.held_piece is None else ORDER.index(seat.held_piece))
    assert saved["held"] == seat.hold_used
    if not seat.over:
        assert (saved["timer"], saved["resets"]) == (seat.rest, seat.resets)
        assert saved["fall"] == seat.fraction


def same_view(view: Snapshot, seat: SlowSeat) -> None:
    marks = {mark: set[tuple[int, int]]() for mark in "@+"}
    for i, letter in enumerate(view.cells):
        if letter in marks:
            marks[letter].add((i % 10, i // 10))
    active = set(seat.active)
    assert marks["@"] == {(x, y) for x, y in active if y < 22}
    ghost = set(seat.ghost()) - active if active else set()
    assert marks["+"] == {(x, y) for x, y in ghost if y < 22}
    assert view.piece == ("-" if seat.over else seat.kind)
    assert view.next == "".join(seat.queue[:5])


# Boards on which something happens: nearly full rows with gaps near one column.


def drawn(picture: str) -> dict[tuple[int, int], str]:
    """Blocks from rows of ``.`` and letters (or ``#``), the lowest last."""
    rows = picture.split()[::-1]
    assert all(len(row) == 10 for row in rows)
    return {
        (x, y): "J" if row[x] == "#" else row[x]
        for y, row in enumerate(rows)
        for x in range(10)
        if row[x] != "."
    }


@st.composite
def slotted(draw: st.DrawFn, most: int = 14) -> dict[tuple[int, int], str]:
    column = draw(st.integers(0, 9))
    gaps = draw(st.lists(st.integers(1, 7), max_size=most))
    return slots(column, gaps)


def slots(column: int, gaps: list[int]) -> dict[tuple[int, int], str]:
    """Rows that lack the cells named by three bits around a column."""
    blocks = {}
    for y, gap in enumerate(gaps):
        missing = {column + i - 1 for i in range(3) if gap >> i & 1}
        if not missing & set(range(10)):
            missing = {column}
        blocks.update({(x, y): ORDER[(x + y) % 7] for x in range(10) if x not in missing})
    return blocks


def moves(most_ticks: int = 90) -> st.SearchStrategy[Move]:
    inputs: st.SearchStrategy[Move] = st.lists(st.sampled_from(INPUTS), min_size=1, max_size=10)
    places: st.SearchStrategy[Move] = st.tuples(st.integers(0, 9), st.integers(0, 3))
    return st.one_of(inputs, places, st.integers(0, most_ticks))


def random_move(random: Random, pair: Pair, seat: int = 0) -> Move:
    """A move for long runs: sensible often enough for the match to last."""
    draw = random.random()
    if draw < 0.5:
        choices = pair.fast.actions(seat).choices
        best = rank_placements(parse_text(pair.fast.text(seat)), choices)[0][0].split()
        return int(best[1]), int(best[2])
    if draw < 0.65:
        return random.randint(0, 9), random.randint(0, 3)
    if draw < 0.85:  # to the ground, turned there
        way = [random.choice(("left", "right"))] * random.randint(0, 5)
        turns = [random.choice(("cw", "ccw")) for _ in range(random.randint(1, 3))]
        first = random.choice(([], ["cw"], ["ccw"]))
        return [*first, *way, *["down"] * 19, *turns, "drop"][-32:]
    if draw < 0.92:
        return [random.choice(INPUTS) for _ in range(random.randint(1, 9))]
    return random.randint(0, 120)
