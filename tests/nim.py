"""A tiny turn-based game for two seats: the harness must not know Tetris only."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import ClassVar

import numpy as np

from lmgame.errors import IllegalAction, StateError
from lmgame.game import Actions, Game, GameSpec, Outcome, State
from lmgame.picture import Picture
from lmgame.rng import Rng

PALETTE = np.array([[0, 0, 0], [255, 255, 255], [255, 0, 0]], dtype=np.uint8)


class Nim(Game):
    """Take one to three of a heap; who takes the last one wins."""

    spec: ClassVar[GameSpec] = GameSpec(
        id="Nim-v1", seats=("first", "second"), menu=("take 1", "take 2", "take 3")
    )
    rules = "Take 1, 2 or 3 of the heap: `take N`. Who takes the last one wins."

    def __init__(self, most: int = 30) -> None:
        self.most = most
        self.reset(0)

    def reset(self, seed: int) -> None:
        self.heap = 10 + Rng(seed).below(self.most - 10)
        self.moves = 0

    def acting(self) -> tuple[int, ...]:
        return (self.moves % 2,) if self.heap else ()

    def actions(self, seat: int) -> Actions:
        choices = tuple(f"take {count}" for count in (1, 2, 3) if count <= self.heap)
        return Actions(choices, "take 1")

    def canonical(self, seat: int, text: str) -> str:
        found = re.fullmatch(r"take ([1-9])", text.strip())
        if found is None:
            raise IllegalAction("write take 1, take 2 or take 3")
        if int(found[1]) > min(3, self.heap):
            raise IllegalAction(f"there are only {self.heap} left, and 3 is the most")
        return found[0]

    def find(self, reply: str) -> list[str]:
        return re.findall(r"take \d+", reply)

    def apply(self, actions: Mapping[int, str]) -> None:
        if tuple(actions) != self.acting():
            raise IllegalAction("it is the other seat's turn")
        for seat, text in actions.items():
            self.heap -= int(self.canonical(seat, text)[-1])
            self.moves += 1

    def text(self, seat: int) -> str:
        return f"heap {self.heap}, you are {'ab'[seat]}, moves {self.moves}"

    def drawing(self, seat: int) -> Callable[[], Picture]:
        heap, moves = self.heap, self.moves

        def draw() -> Picture:
            pixels = np.zeros((3, 40), np.uint8)
            pixels[0, :heap] = 1
            pixels[1, :moves] = 1
            pixels[2, seat] = 2
            return Picture(pixels, PALETTE)

        return draw

    @property
    def tick(self) -> int:
        return self.moves

    def scores(self) -> tuple[float, ...]:
        if self.heap:
            return (0.0, 0.0)
        return (1.0, 0.0) if self.moves % 2 else (0.0, 1.0)

    def outcome(self) -> Outcome | None:
        if self.heap:
            return None
        return Outcome(self.scores(), (self.moves - 1) % 2, "took the last one")

    def save(self) -> State:
        return {"game": self.spec.id, "heap": self.heap, "moves": self.moves}

    def restore(self, state: State) -> None:
        heap, moves = state.get("heap"), state.get("moves")
        if state.get("game") != self.spec.id:
            raise StateError(f"a state of {state.get('game')!r}, not of {self.spec.id}")
        if not isinstance(heap, int) or not isinstance(moves, int):
            raise StateError("a state of Nim-v1 holds a heap and moves")
        self.heap, self.moves = heap, moves
