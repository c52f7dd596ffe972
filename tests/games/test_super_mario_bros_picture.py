"""What the text says against the pixels of the picture."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

import numpy as np
import pytest

from lmgame.games.super_mario_bros import SuperMarioBros, Thing
from lmgame.games.super_mario_bros.memory import SHELF, camera
from lmgame.picture import Pixels

from .mario import anchored, flown, made, step

STAGES = {"1-2": 600, "1-4": 1240, "2-2": 500, "3-1": 900, "4-2": 500, "4-3": 500, "5-4": 500,
          "8-1": 500, "8-3": 700}  # fmt: skip
ENOUGH = 0.999
COLOURED = "#?|"
"""Letters whose tiles look like nothing else. Bricks are those of castles in the distance."""


class Tally:
    """How many of the tiles and things that were looked at are as the text says."""

    def __init__(self) -> None:
        self.looks: dict[str, set[bytes]] = defaultdict(set)
        self.free: Counter[bytes] = Counter()
        self.right: Counter[str] = Counter()
        self.all: Counter[str] = Counter()

    def count(self, what: str, right: bool) -> None:
        self.all[what] += 1
        self.right[what] += right

    def share(self, what: str) -> float:
        return self.right[what] / max(1, self.all[what])

    def free_share(self) -> float:
        """Of the free tiles, how many look like no solid one of their stage."""
        solid = set().union(*self.looks.values())
        return 1 - sum(self.free[look] for look in solid) / self.free.total()


def look_at(game: SuperMarioBros, tally: Tally) -> None:
    memory, pixels, view = game._console.memory, game.observe(0).picture.pixels, game.view()
    edge = camera(memory) % 16
    covered = under_sprites(memory)
    for row, line in enumerate(view.rows):
        for column, letter in enumerate(line):
            x, y = 16 * column - edge, SHELF + 16 * row
            if x < 0 or x > 240 or covered[y : y + 16, x : x + 16].any():
                continue
            cell = pixels[y : y + 16, x : x + 16]
            plain = bool((cell == cell[0, 0]).all())
            if letter == ".":
                tally.free[cell.tobytes()] += 1
            elif letter != "H":  # a vine is sprites
                tally.count("drawn", not plain)
                if letter in COLOURED:
                    tally.looks[letter].add(cell.tobytes())
            if plain:
                tally.count("plain", letter in ".H")
    for thing in view.things:
        for name, right in points(thing, pixels, edge):
            tally.count(name, right)


def under_sprites(memory: bytes) -> Pixels:
    """Where the picture shows sprites, by the console's own list of them."""
    covered = np.zeros((256, 264), np.uint8)
    for at in range(0x200, 0x300, 4):
        y, x = memory[at], memory[at + 3]
        if y < 0xEF:
            covered[y : y + 10, x : x + 8] = 1
    return covered


def points(thing: Thing, pixels: Pixels, edge: int) -> Iterator[tuple[str, bool]]:
    """Whether something stands out where the text says that a thing is."""
    if thing.tip is not None:
        (x, y), (last_x, last_y) = (thing.x, thing.y), thing.tip
        balls = 1 + round(np.hypot(last_x - x, last_y - y) / 8)
        for ball in range(balls):
            part = ball / max(1, balls - 1)
            at = x + part * (last_x - x) - edge, y + part * (last_y - y) + SHELF
            yield "firebar", fiery(patch(pixels, round(at[0]) - 4, round(at[1]) - 4, 8, 8))
    elif thing.y + SHELF < 224:
        box = patch(pixels, thing.x - edge, thing.y + SHELF, thing.wide or 16, 8)
        yield thing.kind, box.size > 0 and not (box == box[0, 0]).all()


def patch(pixels: Pixels, x: int, y: int, wide: int, high: int) -> Pixels:
    return pixels[max(0, y) : max(0, y + high), max(0, x) : max(0, x + wide)]


def fiery(box: Pixels) -> bool:
    """Whether a box holds the red and the yellow of fire."""
    red = (box[..., 0] > 120) & (box[..., 2] < 90)
    return box.size == 0 or int(red.sum()) >= 6


def check(moments: Iterable[SuperMarioBros]) -> Tally:
    tally = Tally()
    for game in moments:
        look_at(game, tally)
    assert tally.share("drawn") >= ENOUGH, tally.right
    assert tally.share("plain") >= ENOUGH, tally.right
    assert tally.free_share() >= ENOUGH
    for kind in tally.all:
        assert tally.share(kind) >= 0.95, (kind, tally.right[kind], tally.all[kind])
    return tally


def played(decisions: int, **arguments: object) -> Iterator[SuperMarioBros]:
    """Moments of a match played by the anchor."""
    game = made(lives=1, **arguments)
    for _ in range(decisions):
        if not game.acting():
            return
        yield game
        step(game, anchored(game))


def test_the_grid_is_what_is_drawn() -> None:
    tally = check(played(40))
    assert tally.all["drawn"] > 500
    assert tally.all["walker"] > 10


@pytest.mark.slow
def test_the_grid_is_what_is_drawn_over_a_whole_level() -> None:
    tally = check(flown("1-1", 1200, 3))
    assert tally.all["drawn"] > 10_000
    assert tally.all["plain"] > 30_000


@pytest.mark.slow
@pytest.mark.parametrize("stage", STAGES)
def test_the_grid_is_what_is_drawn_in_other_stages(stage: str) -> None:
    tally = check(flown(stage, STAGES[stage], 10))
    assert tally.all["drawn"] > 500
