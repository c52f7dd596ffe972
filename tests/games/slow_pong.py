"""Pong again, slow and plain: one tick after the other, no formulas, all places kept."""

from __future__ import annotations

from lmgame.rng import Rng


class SlowPong:
    def __init__(self, seed: int, points: int) -> None:
        self.rng, self.points = Rng(seed), points
        self.paddle = [120, 120]
        self.held = ["stay", "stay"]
        self.won = [0, 0]
        self.serve()

    def serve(self) -> None:
        right = self.rng.below(2) == 1
        self.dx, self.dy = (3 if right else -3), self.rng.below(5) - 2
        self.x, self.y, self.rest = 180, 120, 30
        self.length = 48
        self.trail = [(180, 120)] * 7
        for seat in (0, 1):
            self.clamp(seat)

    def clamp(self, seat: int) -> None:
        half = self.length // 2
        self.paddle[seat] = max(half, min(240 - half, self.paddle[seat]))

    @property
    def over(self) -> bool:
        return self.points in self.won

    def step(self) -> None:
        if self.over:
            return
        for seat, held in enumerate(self.held):
            goal = {"up": 0, "stay": self.paddle[seat], "down": 240}.get(held)
            if goal is None:
                goal = int(held.split()[1])
            for _ in range(3):
                self.paddle[seat] += (goal > self.paddle[seat]) - (goal < self.paddle[seat])
            self.clamp(seat)
        if self.rest:
            self.rest -= 1
        else:
            self.move()

    def move(self) -> None:
        self.x += self.dx
        self.y += self.dy
        if self.y < 4:
            self.y, self.dy = 8 - self.y, -self.dy
        if self.y > 236:
            self.y, self.dy = 472 - self.y, -self.dy
        if self.x <= 20 and self.dx < 0:
            self.meet(0)
        elif self.x >= 340 and self.dx > 0:
            self.meet(1)
        else:
            self.trail = [*self.trail[1:], (self.x, self.y)]

    def meet(self, seat: int) -> None:
        ball, paddle = (self.y - 4, self.y + 4), self.paddle[seat]
        top, bottom = paddle - self.length // 2, paddle + self.length // 2
        if self.length == 0 or ball[1] <= top or ball[0] >= bottom:
            self.won[1 - seat] += 1
            self.trail = [*self.trail[1:], (self.x, self.y)]
            if not self.over:
                self.serve()
            return
        speed = abs(self.dx) + 1
        self.dy = int((self.y - paddle) * speed / (self.length / 2 + 4))
        self.dx = speed if seat == 0 else -speed
        self.x = 20 if seat == 0 else 340
        self.length -= 4
        self.trail = [*self.trail[1:], (self.x, self.y)]
