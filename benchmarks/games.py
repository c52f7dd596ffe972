"""How fast the games are: ``python benchmarks/games.py``.

Each figure is the median of several repeats of a timed loop in one process, so
that a busy machine disturbs few of them; the spread is printed beside it.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from itertools import cycle
from random import Random
from statistics import median
from time import perf_counter

from lmgame.games.tetris import Tetris, TetrisVersus, parse_text, rank_placements

Game = Tetris | TetrisVersus
REPEATS = 9
# About what a player presses for one piece, ending with the drop.
KEYS = ("cw", "left", "left", "wait", "left", "down", "ccw", "right", "down", "drop")
INPUTS = [f"press {name}" for name in KEYS]


def timed(work: Callable[[int], None], count: int) -> tuple[float, float]:
    """Seconds for one of ``count``: the median and half the interquartile range."""
    work(count // 10 + 1)
    spans = []
    for _ in range(REPEATS):
        start = perf_counter()
        work(count)
        spans.append((perf_counter() - start) / count)
    spans.sort()
    return median(spans), (spans[REPEATS * 3 // 4] - spans[REPEATS // 4]) / 2


def inputs(game: Game) -> Callable[[int], None]:
    """Single inputs by every seat; a step is one seat's input."""
    seats = range(len(game.spec.seats))

    def work(count: int) -> None:
        done = 0
        for seed, text in enumerate(cycle(INPUTS)):
            if not game.acting():
                game.reset(seed)
            game.apply(dict.fromkeys(seats, text))
            done += len(seats)
            if done >= count:
                return

    return work


def placements(game: Game) -> Callable[[int], None]:
    """Whole placements by every seat, played back from a greedy match."""
    game.reset(1)
    script = []
    for _ in range(100):
        chosen = {}
        for seat in game.acting():
            ranked = rank_placements(parse_text(game.text(seat)), game.actions(seat).choices)
            chosen[seat] = ranked[0][0]
        script.append(chosen)
        game.apply(chosen)

    def work(count: int) -> None:
        done = 0
        while True:
            game.reset(1)
            for chosen in script:
                game.apply(chosen)
                done += len(chosen)
                if done >= count:
                    return

    return work


def repeated(call: Callable[[], object]) -> Callable[[int], None]:
    def work(count: int) -> None:
        for _ in range(count):
            call()

    return work


def middle(game: Game) -> None:
    """A lively position: some rows up, something held, garbage if there is any."""
    game.reset(3)
    random = Random(3)
    for number in range(26):
        for seat in game.acting():
            ranked = rank_placements(parse_text(game.text(seat)), game.actions(seat).choices)
            game.apply({seat: ranked[0 if number % 4 else random.randrange(4)][0]})
    game.apply(dict.fromkeys(game.acting(), "press hold"))


def measure(game: Game) -> None:
    print(f"\n{game.spec.id}")
    rates = [("single inputs", inputs(game), 20_000), ("placements", placements(game), 2_000)]
    for name, work, count in rates:
        span, spread = timed(work, count)
        print(f"  {name:<24}{1 / span:>12,.0f} /s   ± {spread / span:.0%}")
    middle(game)
    state = game.save()
    calls: list[tuple[str, Callable[[], object], int]] = [
        ("text", lambda: game.text(0), 2_000),
        ("choices and grammar", lambda: game.actions(0), 500),
        ("image", lambda: game.observe(0).picture, 300),
        ("image and PNG", lambda: game.observe(0).png, 200),
        ("save", game.save, 2_000),
        ("restore", lambda: game.restore(state), 1_000),
        ("fingerprint", game.fingerprint, 2_000),
        ("read and rank", lambda: rank(game), 100),
    ]
    for name, call, count in calls:
        span, spread = timed(repeated(call), count)
        print(f"  {name:<24}{span * 1e6:>12,.1f} µs   ± {spread / span:.0%}")


def rank(game: Game) -> object:
    return rank_placements(parse_text(game.text(0)), game.actions(0).choices)


def machine() -> str:
    """The processor's name, where the system tells."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            names = [line.partition(":")[2].strip() for line in lines if "model name" in line]
    except OSError:
        names = []
    name = names[0] if names else platform.processor() or platform.machine()
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return f"{name}, {os.cpu_count()} cores{load}, Python {platform.python_version()}"


if __name__ == "__main__":
    print(machine())
    print(f"medians of {REPEATS} repeats, ± half the interquartile range")
    for made in (Tetris(), TetrisVersus()):
        measure(made)
