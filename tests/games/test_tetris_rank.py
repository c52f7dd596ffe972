"""The scripted anchor's judgement, from what a player sees alone."""

from __future__ import annotations

from random import Random
from statistics import mean

import pytest

from lmgame.games.tetris import (
    Features,
    Tetris,
    TetrisVersus,
    evaluate,
    parse_text,
    rank_placements,
)

from .tetris_pair import Pair, drawn, random_move, slots

Column = list[bool]


def slow_features(before: list[Column], cells: list[tuple[int, int]]) -> Features:
    """The six features by their definitions, column by column."""
    filled = [list(column) for column in before]
    for x, y in cells:
        filled[x][y] = True
    height = len(filled[0])
    full = [y for y in range(height) if all(filled[x][y] for x in range(10))]
    landing = (min(y for _, y in cells) + 1) + (max(y for _, y in cells) + 1)
    eroded = len(full) * sum(y in full for _, y in cells)
    after = [[column[y] for y in range(height) if y not in full] for column in filled]
    after = [column + [False] * (height - len(column)) for column in after]

    def at(x: int, y: int) -> bool:
        return not 0 <= x < 10 or y < 0 or after[x][y]

    rows = sum(at(x, y) != at(x + 1, y) for y in range(height) for x in range(-1, 10))
    rows -= 2 * len(full)  # empty rows that came in at the top are not looked at
    columns = sum(at(x, y) != at(x, y + 1) for x in range(10) for y in range(-1, height - 1))
    holes = sum(not after[x][y] and any(after[x][y:]) for x in range(10) for y in range(height))
    wells = 0
    for x in range(10):
        depth = 0
        for y in reversed(range(height)):
            well = not at(x, y) and at(x - 1, y) and at(x + 1, y)
            depth = depth + 1 if well else 0
            wells += depth
    return Features(landing, eroded, rows, columns, holes, wells)


def test_features_are_their_definitions() -> None:
    random = Random(6)
    checked = 0
    for seed in range(30):
        blocks = slots(random.randint(0, 9), random.choices(range(1, 8), k=random.randint(0, 9)))
        pair = Pair(seed, blocks=blocks)
        for _ in range(4):
            if pair.slow.over or max((y for _, y in pair.slow.seats[0].blocks), default=0) > 15:
                break
            seat = pair.slow.seats[0]
            before = [[(x, y) in seat.blocks for y in range(28)] for x in range(10)]
            view = parse_text(pair.fast.text(0))
            for choice in pair.fast.actions(0).choices:
                if choice.startswith("place"):
                    _, column, turns = choice.split()
                    cells = landing_cells(pair, int(column), int(turns))
                    assert evaluate(view.own, choice) == slow_features(before, cells)
                    checked += 1
            pair.play({0: random_move(random, pair)})
    assert checked > 1000


def landing_cells(pair: Pair, column: int, turns: int) -> list[tuple[int, int]]:
    trial = Pair(pair.seed).slow.seats[0]
    trial.__dict__ = {**pair.slow.seats[0].__dict__}
    for name in {0: [], 1: ["cw"], 2: ["cw", "cw"], 3: ["ccw"]}[turns]:
        trial.press(name)
    while min(x for x, _ in trial.active) > column:
        trial.press("left")
    while min(x for x, _ in trial.active) < column:
        trial.press("right")
    return trial.ghost()


def test_it_fills_a_well_with_an_i() -> None:
    pair = Pair(1, blocks=drawn("\n".join(["#########."] * 4)), kind="I")
    ranked = rank_placements(parse_text(pair.fast.text(0)), pair.fast.actions(0).choices)
    assert ranked[0][0] in ("place 9 1", "place 9 3")
    assert all(value <= ranked[0][1] for _, value in ranked)
    assert all(choice.startswith("place") for choice, _ in ranked)


def play(game: Tetris, seed: int, greedy: bool, pieces: int) -> float:
    game.reset(seed)
    random = Random(seed)
    while game.acting() and game.statistics(0)["pieces"] < pieces:
        choices = game.actions(0).choices
        if greedy:
            choice = rank_placements(parse_text(game.text(0)), choices)[0][0]
        else:
            choice = random.choice(choices)
        game.apply({0: choice})
        game.advance(game.pace())
    return game.statistics(0)["lines"]


def test_it_clears_a_hundred_lines_with_three_hundred_pieces() -> None:
    game = Tetris()
    assert min(play(game, seed, True, 300) for seed in range(4)) > 100


def test_it_is_far_better_than_chance() -> None:
    game = Tetris()
    assert mean(play(game, seed, False, 300) for seed in range(20)) < 5


@pytest.mark.parametrize("seed", range(3))
def test_it_plays_from_the_versus_text(seed: int) -> None:
    game = TetrisVersus()
    game.reset(seed)
    random = Random(seed)
    for _ in range(200):
        if not game.acting():
            break
        ranked = rank_placements(parse_text(game.text(0)), game.actions(0).choices)
        game.apply({0: ranked[0][0], 1: random.choice(game.actions(1).choices)})
        game.advance(12)
    outcome = game.outcome()
    assert outcome is not None
    assert outcome.winner == 0
