"""Lmgame-Bench's Tetris again, slowly: a list of rows, top first, and matrices.

Shares nothing with ``lmgame.games.tetris`` but the seeded bags. Written from the
description in ../../docs/methodology.md: matrices that turn in place, and after
every input but the drop a row down or a lock.
"""

from __future__ import annotations

import copy

from lmgame.rng import Rng

MATRICES = {
    "I": ["....", "IIII", "....", "...."],
    "J": ["J..", "JJJ", "..."],
    "L": ["..L", "LLL", "..."],
    "O": ["OO", "OO"],
    "S": [".SS", "SS.", "..."],
    "T": [".T.", "TTT", "..."],
    "Z": ["ZZ.", ".ZZ", "..."],
}


class SlowGame:
    def __init__(self, seed: int) -> None:
        self.bag = Rng(seed).split(0)
        self.queue: list[str] = []
        self.rows = ["." * 10] * 20
        self.score = 0
        self.over = False
        self.new()

    def new(self) -> None:
        while len(self.queue) < 7:
            seven = list("IJLOSTZ")
            self.bag.shuffle(seven)
            self.queue += seven
        self.matrix = MATRICES[self.queue.pop(0)]
        self.top, self.left = 0, 5 - len(self.matrix) // 2
        self.over = not self.fits(self.matrix, 0, self.left)

    def cells(self, matrix: list[str], top: int, left: int) -> list[tuple[int, int, str]]:
        return [
            (top + r, left + c, letter)
            for r, line in enumerate(matrix)
            for c, letter in enumerate(line)
            if letter != "."
        ]

    def fits(self, matrix: list[str], top: int, left: int) -> bool:
        return all(
            0 <= r < 20 and 0 <= c < 10 and self.rows[r][c] == "."
            for r, c, _ in self.cells(matrix, top, left)
        )

    def lock(self) -> None:
        for r, c, letter in self.cells(self.matrix, self.top, self.left):
            self.rows[r] = self.rows[r][:c] + letter + self.rows[r][c + 1 :]
        kept = [row for row in self.rows if "." in row]
        cleared = 20 - len(kept)
        self.rows = ["." * 10] * cleared + kept
        self.score += 1 + 10 * cleared
        self.new()

    def fall(self) -> None:
        if self.fits(self.matrix, self.top + 1, self.left):
            self.top += 1
        else:
            self.lock()

    def press(self, name: str) -> None:
        if name in ("left", "right"):
            left = self.left + (1 if name == "right" else -1)
            if self.fits(self.matrix, self.top, left):
                self.left = left
        elif name in ("cw", "ccw"):
            turned = ["".join(column) for column in zip(*self.matrix[::-1], strict=True)]
            if name == "ccw":
                turned = [row[::-1] for row in turned[::-1]]
            if self.fits(turned, self.top, self.left):
                self.matrix = turned
        elif name == "down":
            self.fall()
        elif name == "drop":
            while self.fits(self.matrix, self.top + 1, self.left):
                self.top += 1
            self.lock()
            return
        if not self.over:
            self.fall()

    def can_place(self, column: int, turns: int) -> bool:
        """Whether turns, steps and a drop do it without a lock on the way."""
        trial = copy.deepcopy(self)
        piece = len(trial.queue)
        for name in {0: [], 1: ["cw"], 2: ["cw", "cw"], 3: ["ccw"]}[turns]:
            before = trial.matrix
            trial.press(name)
            if len(trial.queue) != piece or (trial.matrix is before):
                return False
        while (here := min(c for _, c, _ in trial.active())) != column:
            trial.press("left" if here > column else "right")
            if len(trial.queue) != piece or min(c for _, c, _ in trial.active()) == here:
                return False
        return True

    def active(self) -> list[tuple[int, int, str]]:
        return [] if self.over else self.cells(self.matrix, self.top, self.left)
