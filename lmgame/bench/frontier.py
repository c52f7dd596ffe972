"""`lmgame bench --frontier`: the same agents and seeds under several configurations.

Each configuration is a tournament in a folder of its own, played by the runner that
plays every tournament; here is only whose turn it is. A turn is a part of the seeds, and in
each turn every configuration plays its part, so that what changes on the machine
meanwhile meets all alike.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Sequence, Set
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import yaml
from rich.console import Console

from lmgame import registry, sitting
from lmgame.bench import compare, point, variant
from lmgame.bench.point import Lane, Tree
from lmgame.bench.variant import FrontierSettings, Variant
from lmgame.environment import environment
from lmgame.errors import ConfigError, UsageError
from lmgame.folder import Folder, file_name, fresh_name
from lmgame.plan import Planned, limits_of
from lmgame.record import Log
from lmgame.run import Series
from lmgame.tournament import STAGED, Tournament


def frontier(overrides: Sequence[str], as_json: bool, plots: bool = False) -> int:
    """Play a frontier, or continue it.

    Args:
        overrides: What the user wrote.
        as_json: Print ``frontier.json``'s content alone on standard output.
        plots: Refuse to begin where figures cannot be drawn.

    Returns:
        The exit status, as for :func:`lmgame.play.play`.
    """
    if plots:
        from lmgame.bench import plot

        plot.check_extra()
    asked = variant.read(overrides)
    if asked.settings.frontier.replay is not None:
        from lmgame.bench.replayed import replayed

        path, tree = replayed(asked)
        write(path, tree, as_json, Console(stderr=True))
        return 0
    series = Frontier(asked)
    err = Console(stderr=True)
    with sitting.held(series):
        end = sitting.sit(series, err)
        tree = series.tree()
        if tree["points"]:
            write(series.path, tree, as_json, err)
        if end.status:
            sitting.tell_how_to_go_on(series, overrides, end.stopped, err)
    return end.status


class Frontier(Series[FrontierSettings]):
    """Tournaments in turn.

    Args:
        asked: What the user wrote.
        root: Where frontiers without a name go.

    Raises:
        ConfigError: Settings that no frontier can be made of.
    """

    command = "bench --frontier"

    def __init__(self, asked: variant.Asked, root: Path = Path("runs")) -> None:
        settings = asked.settings
        if not asked.game:
            raise ConfigError(
                "a frontier is of one game: write game=NAME (lmgame games lists them)"
            )
        if settings.schedule in STAGED:
            raise ConfigError(
                f"schedule={settings.schedule}: who meets whom would hang on the configuration: "
                "write round_robin, gauntlet or single"
            )
        stem = f"frontier-{file_name(asked.game)}"
        super().__init__(settings, Path(settings.run) if settings.run else fresh_name(root, stem))
        self.variants = variant.variants(asked)
        self.parts = {
            one.label: Tournament([*one.overrides, f"run={self.path / _folder(number, one)}"])
            for number, one in enumerate(self.variants, start=1)
        }
        if settings.frontier.latency_s is not None:
            _check_clock(asked.game, next(iter(self.parts.values())))
        folders = [part.folder for part in self.parts.values()]
        self.folder = _Folders(self.path, settings, folders)

    @property
    def total(self) -> int:
        """How many matches there are."""
        return sum(part.total for part in self.parts.values())

    def samples(self) -> Iterator[Planned]:
        """Those of every configuration."""
        for part in self.parts.values():
            yield from part.samples()

    def stages(self) -> Iterator[list[Planned]]:
        """Turn by turn, in each every configuration in a shuffled order."""
        plans = [_titled(label, part.plan()) for label, part in self.parts.items()]
        seeds = sorted({one.header.seed for plan in plans for one in plan})
        turns = min(self.settings.frontier.turns, len(seeds))
        for turn, block in enumerate(compare.order(len(plans), turns, self.settings.seed)):
            mine = set(seeds[turn * len(seeds) // turns : (turn + 1) * len(seeds) // turns])
            for place in block:
                yield [one for one in plans[place] if one.header.seed in mine]

    def logs(self) -> list[Log]:
        """Every log of every configuration."""
        return [log for part in self.parts.values() for log in part.logs()]

    def tree(self) -> Tree:
        """What was played so far came to."""
        lanes, game = [], ""
        for one in self.variants:
            part = self.parts[one.label]
            settings = next(iter(part.games.values()))
            game = settings.game.id
            lane = Lane(one.label, one.latency_s, limits_of(settings))
            for pairing, log in part.played():
                for seat, agent in enumerate(pairing.seats):
                    lane.side(agent).add(log, seat)
            lanes.append(lane)
        return point.tree(game, lanes)


def _folder(number: int, one: Variant) -> str:
    return f"{number:02}-{file_name(one.label)[:40].strip('-')}"


def _titled(label: str, plan: Sequence[Planned]) -> list[Planned]:
    return [replace(one, title=f"{label}: {one.title}") for one in plan]


def _check_clock(game: str, part: Tournament) -> None:
    """Latencies need a world in which time passes.

    Raises:
        ConfigError: The game has none.
    """
    settings = next(iter(part.games.values()))
    spec = registry.games.make(settings.game.id, settings.game.arguments).spec
    if spec.hz is None and settings.clock.bank_s is None:
        raise ConfigError(
            f"frontier.latency_s: {spec.id} goes turn by turn, so nothing in it moves while "
            f"somebody thinks, and every latency gives the same score. Write clock.bank_s=60, and "
            f"a seat whose decisions take more than that in one match moves by default from "
            f"there; or choose a game with ticks: game={game} has none, tetris and pong have"
        )


class _Folders(Folder):
    """A frontier's folder, and those of its configurations in it."""

    def __init__(self, path: Path, settings: FrontierSettings, inner: Sequence[Folder]) -> None:
        super().__init__(path, settings)
        self._plain = settings.model_dump(mode="json")
        self._inner = inner

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold all of them.

        Raises:
            UsageError: One is in use, or holds something else.
            ConfigError: One was played under other settings.
        """
        if (self.path / "matches").exists():
            raise UsageError(f"{self.path} holds a run of its own: choose another run=DIR")
        with super().held(), ExitStack() as stack:
            for one in self._inner:
                stack.enter_context(one.held())
            yield

    def _is_mine(self, inside: Set[str]) -> bool:
        """Also where a frontier was killed before it began: its configurations' folders."""
        return super()._is_mine(inside) or all(
            re.match(r"\d\d-", name) and (self.path / name / ".lock").exists() for name in inside
        )

    def begin(self) -> None:
        """Write down what is played, in each."""
        for one in self._inner:
            one.begin()
        (self.path / "config.yaml").write_text(yaml.safe_dump(self._plain, sort_keys=False))
        (self.path / "environment.json").write_text(json.dumps(environment(), indent=1) + "\n")


def write(path: Path, tree: Tree, as_json: bool, err: Console) -> None:
    """Write what a frontier came to, and print it.

    Args:
        path: Its folder.
        tree: What lmgame.bench.point made of it.
        as_json: Print JSON alone.
        err: Where to say what could not be drawn.
    """
    text = json.dumps(tree, indent=1)
    (path / "frontier.json").write_text(text + "\n")
    with (path / "frontier.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerows(point.table(tree))
    if find_spec("matplotlib") is None:
        err.print("no figures: pip install 'lmgame[plot]'", markup=False, highlight=False)
    else:
        from lmgame.bench import scatter

        scatter.draw(path, tree)
    if as_json:
        print(text, flush=True)
        return
    out = Console()
    point.show(tree, out)
    out.print(f"frontier: {path}", markup=False, highlight=False, soft_wrap=True)
