"""How fast the games are: ``python benchmarks/games.py [GAME ...]``.

For every installed game: steps a second, ticks a second where it has a clock of
its own, and the cost of an observation, of save and restore. A step is an action
as text, read, checked and applied, and the game's pace; the actions were chosen
before, at random. Beside them the same of other libraries, where they are
installed (see peer.py), timed in turns with ours, so that a busy machine slows
both. Each figure is the median of several repeats in one process.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable, Mapping
from itertools import cycle
from statistics import median
from time import perf_counter

from lmgame import registry
from lmgame.errors import LmgameError
from lmgame.game import Game
from lmgame.rng import Rng

if __package__:
    from . import peer
else:
    import peer  # type: ignore[import-not-found, no-redef] # run as a script

REPEATS = 7
STEPS = 600
"""Steps of a script, from as many matches as it takes."""
BUDGET_S = 0.05
"""How long one repeat of a timed loop takes, about."""
VARIANTS: dict[str, tuple[str, dict[str, object]]] = {
    "Tetris-v1 actions=inputs": ("Tetris-v1", {"actions": "inputs"}),
    "Tetris-v1 rules=lmgame": ("Tetris-v1", {"rules": "lmgame", "actions": "inputs"}),
}

Work = Callable[[int], None]
Script = list[tuple[int, list[Mapping[int, str]]]]


def script(game: Game) -> Script:
    """Seeds and the random actions of their matches."""
    found: Script = []
    total = seed = 0
    while total < STEPS:
        rng, actions = Rng(seed), list[Mapping[int, str]]()
        game.reset(seed)
        while game.acting() and total < STEPS:
            chosen = {seat: rng.choice(game.actions(seat).choices) for seat in game.acting()}
            step(game, chosen)
            actions.append(chosen)
            total += len(chosen)
        found.append((seed, actions))
        seed += 1
    return found


def step(game: Game, actions: Mapping[int, str]) -> None:
    game.apply(actions)
    if game.spec.hz is not None and game.acting():
        game.advance(game.pace())


def steps(game: Game, played: Script) -> Work:
    """The script again; every seat's action is a step."""

    def work(count: int) -> None:
        for seed, actions in cycle(played):
            game.reset(seed)
            for chosen in actions:
                step(game, chosen)
                count -= len(chosen)
                if count <= 0:
                    return

    return work


def ticks(game: Game) -> Work:
    """Nothing but time, ten ticks at once."""

    def work(count: int) -> None:
        seed = 0
        while count > 0:
            if not game.acting():
                seed += 1
                game.reset(seed)
            game.advance(10)
            count -= 10

    return work


def repeated(call: Callable[[], object]) -> Work:
    def work(count: int) -> None:
        for _ in range(count):
            call()

    return work


def spans(works: list[Work]) -> list[float]:
    """Seconds for one of each work: medians of repeats taken in turns."""
    counts = []
    for work in works:
        count, span = 1, 0.0
        while span < BUDGET_S / 4:
            count *= 4
            start = perf_counter()
            work(count)
            span = perf_counter() - start
        counts.append(max(1, round(count * BUDGET_S / span)))
    found: list[list[float]] = [[] for _ in works]
    for _ in range(REPEATS):
        for number, (work, count) in enumerate(zip(works, counts, strict=True)):
            start = perf_counter()
            work(count)
            found[number].append((perf_counter() - start) / count)
    return [median(one) for one in found]


def measure(label: str, game: Game) -> None:
    played = script(game)
    peers = peer.found(label)
    ours, *theirs = spans([steps(game, played), *(work for _, work in peers)])
    game.reset(played[0][0])
    for chosen in played[0][1][: len(played[0][1]) // 2]:  # a lively position
        step(game, chosen)
    state, seat = game.save(), next(iter(game.acting()), 0)
    columns = spans(
        [
            repeated(lambda: game.text(seat)),
            repeated(lambda: game.observe(seat).picture),
            repeated(lambda: game.observe(seat).png),
            repeated(game.save),
            repeated(lambda: game.restore(state)),
            repeated(game.fingerprint),
        ]
    )
    moving = f"{1 / spans([ticks(game)])[0]:>11,.0f}" if game.spec.hz else f"{'-':>11}"
    costs = "".join(f"{span * 1e6:>9,.1f}" for span in columns)
    print(f"{label:<25}{1 / ours:>10,.0f}{moving}{costs}", flush=True)
    for (name, _), span in zip(peers, theirs, strict=True):
        print(
            f"{'  beside ' + name:<25}{1 / span:>10,.0f}{span / ours:>10.1f} times as fast is ours"
        )


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


def main(wanted: list[str]) -> None:
    every = {name: (name, dict[str, object]()) for name in registry.games.names()} | VARIANTS
    print(machine())
    print(f"medians of {REPEATS} repeats; steps and ticks a second, the rest in microseconds\n")
    names = ("steps/s", "ticks/s", "text", "image", "PNG", "save", "restore", "print")
    widths = (10, 11, 9, 9, 9, 9, 9, 9)
    heads = "".join(f"{name:>{width}}" for name, width in zip(names, widths, strict=True))
    print(f"{'':<25}{heads}")
    for label, (game_id, arguments) in sorted(every.items()):
        if wanted and not any(word.lower() in label.lower() for word in wanted):
            continue
        try:
            game = registry.games.make(game_id, arguments)
        except LmgameError as error:
            print(f"{label:<25}left out: {error}")
            continue
        measure(label, game)


if __name__ == "__main__":
    main(sys.argv[1:])
