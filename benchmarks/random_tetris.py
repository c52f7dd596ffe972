"""Random play in tetris-gymnasium: ``python benchmarks/random_tetris.py``.

Lmgame-Bench's Tetris was made from that library. This counts pieces (and ten a
cleared row) with and without the last one, whose placement ends the game and
which the library's own reward leaves out; docs/methodology.md says why. Needs
``pip install --no-deps tetris-gymnasium opencv-python-headless``.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec
from random import Random
from statistics import mean, stdev
from typing import Any

EPISODES = 200
ACTIONS = 7


def episode(env: Any, seed: int) -> tuple[float, float]:  # noqa: ANN401 - an optional library without types
    """Points of one episode: every piece counted, and all but the last."""
    random, points, last = Random(seed), 0.0, 0.0
    env.reset(seed=seed)
    while True:
        before = env.board.copy()
        _, _, over, _, info = env.step(random.randrange(ACTIONS))
        last = float((env.board != before).any()) + 10.0 * int(info["lines_cleared"])
        points += last
        if over:
            return points, points - last


def main() -> None:
    if find_spec("tetris_gymnasium") is None:
        sys.exit("pip install --no-deps tetris-gymnasium opencv-python-headless")
    env = import_module("tetris_gymnasium.envs.tetris").Tetris()
    pairs = [episode(env, seed) for seed in range(EPISODES)]
    for name, points in zip(
        ("every piece", "all but the last"), zip(*pairs, strict=True), strict=True
    ):
        print(f"{name:<17}{mean(points):6.1f} ± {stdev(points):.1f} over {EPISODES} episodes")


if __name__ == "__main__":
    main()
