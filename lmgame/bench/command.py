"""`lmgame bench`: from settings to tables and files."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from rich.console import Console

from lmgame import backend, figure
from lmgame.bench import (
    beside,
    calibrate,
    calibration,
    capacity,
    compare,
    files,
    fleet,
    matches,
    settings,
    show,
)
from lmgame.bench.capacity import Capacity, Unsure
from lmgame.bench.result import Tree, counted, result
from lmgame.bench.settings import BenchSettings
from lmgame.bench.show import Progress
from lmgame.client import Call, Endpoint
from lmgame.errors import ConfigError
from lmgame.metric.scrape import Scraper
from lmgame.slo import Share, Slo

INTERRUPTED = 130
_WITHOUT_LEVEL = ("trace", "ramp")
"""Loads that have no one number that says how heavy they are."""


class _Stopped(Exception):
    """Ctrl-C, in a bench of several measurements."""


class _Bench:
    """Measures loads, one after another, and keeps what they came to in a folder.

    Args:
        chosen: The settings.
        progress: Where it is told how far it is.
        path: The folder.
    """

    def __init__(self, chosen: BenchSettings, progress: Progress, path: Path) -> None:
        self.chosen, self.progress, self.path = chosen, progress, path
        self._known = calibration.load()
        self.calls: list[Call] = []

    def one(self, endpoint: Endpoint, chosen: BenchSettings, what: str, folder: Path) -> Tree:
        """Measure one load, and write it down."""
        self.progress.begin(what, chosen.load.calls)
        metrics = chosen.metrics
        if chosen.load.kind == "matches":
            chosen = matches.kept_in(chosen, folder)
        scraper = Scraper(metrics.urls(endpoint.base_url), metrics.every_s)
        try:
            outcomes = fleet.measure(endpoint, chosen.load, self.progress.tell, scraper.begin)
        finally:
            scraper.end()
        found = result(outcomes, chosen, self._known)
        calls = [one.call for one in counted(outcomes)]
        found["server"] = beside.server(scraper.told(), calls, metrics.every_s)
        if chosen.load.kind == "matches":
            found["matches"] = matches.told(folder, chosen.load)
        folder.mkdir(exist_ok=True)
        files.write(folder, found, outcomes, Slo(**chosen.slo.model_dump()))
        self.calls += calls
        return found


def bench(overrides: Sequence[str], as_json: bool, plots: bool = False, quiet: bool = False) -> int:
    """Measure one load, or several configurations in turn.

    Args:
        overrides: Hydra overrides.
        as_json: Print ``bench.json``'s content alone on standard output.
        plots: Draw figures, too.
        quiet: Print nothing there.

    Returns:
        The exit status: 0, or 130 after Ctrl-C.
    """
    chosen = settings.load(overrides)
    if chosen.compare is not None:
        return _compare(chosen, overrides, as_json, plots)
    draw = _drawing(plots)
    with files.kept(chosen) as path, Progress(Console(stderr=True)) as progress:
        made = _Bench(chosen, progress, path)
        with backend.running(chosen.backend, progress.say) as endpoint:
            found = made.one(endpoint, chosen, _what(chosen), path)
    draw(path, made, [("", found)], None)
    if not quiet:
        _print(found, as_json, lambda out: show.show(found, out), path)
    return INTERRUPTED if found["stopped"] else 0


def check_level(chosen: BenchSettings) -> None:
    """See that a load can be made heavier and lighter.

    Raises:
        ConfigError: It has no one number for that.
    """
    if chosen.load.kind in _WITHOUT_LEVEL:
        raise ConfigError(
            f"load={chosen.load.kind} has no single rate to search over: write load=poisson, "
            "constant, gamma, sessions or closed"
        )


def find_capacity(
    overrides: Sequence[str], as_json: bool, plots: bool = False, quiet: bool = False
) -> int:
    """Find the highest load that meets the target.

    Args:
        overrides: Hydra overrides.
        as_json: Print ``capacity.json``'s content alone on standard output.
        plots: Draw figures, too.
        quiet: Print nothing there.
    """
    chosen = settings.load(overrides)
    check_level(chosen)
    draw = _drawing(plots)
    blocks: list[tuple[float, Tree]] = []
    with files.kept(chosen) as path, Progress(Console(stderr=True)) as progress:
        made = _Bench(chosen, progress, path)
        with backend.running(chosen.backend, progress.say) as endpoint:
            found = _search(made, endpoint, blocks)
    stopped = any(one["stopped"] for _, one in blocks)
    tree: Tree = {
        **asdict(found),
        "stopped": stopped,
        "over_what": "load.streams" if chosen.load.closed else "load.rate",
        "per": chosen.per,
        "load_per_worker": None if found.load is None else found.load / chosen.per,
        "target": chosen.target,
        "slo": chosen.slo.model_dump(),
        "blocks": [_block(level, one) for level, one in blocks],
    }
    (path / "capacity.json").write_text(json.dumps(tree, indent=1) + "\n")
    draw(path, made, [(f"{level:g}", one) for level, one in blocks], found)
    if not quiet:
        _print(tree, as_json, lambda out: show.show_capacity(tree, out), path)
    return INTERRUPTED if stopped else 0


def _search(made: _Bench, endpoint: Endpoint, blocks: list[tuple[float, Tree]]) -> Capacity:
    chosen, search = made.chosen, made.chosen.search

    def measure(level: float) -> Share:
        load = chosen.load.at(level)
        load = load.model_copy(update={"seed": load.seed + len(blocks)})
        one = chosen.model_copy(update={"load": load})
        folder = made.path / f"{len(blocks) + 1:03}"
        found = made.one(endpoint, one, _what(one), folder)
        blocks.append((level, found))
        if found["stopped"]:
            raise Unsure("it was stopped")
        verdict = cast("dict[str, str]", found["verdict"])
        if verdict["said"] == "none":
            raise Unsure(verdict["why"])
        return joint(found)

    return capacity.search(
        measure,
        search.low,
        search.high,
        chosen.target,
        search.tolerance,
        search.blocks,
        whole=chosen.load.closed,
    )


def joint(found: Tree) -> Share:
    """The share of a result's calls that met all limits."""
    serving = cast("dict[str, dict[str, dict[str, object]]]", found["serving"])
    share = serving["attainment"]["joint"]
    met, n = cast(int, share["met"]), cast(int, share["n"])
    return Share.of([True] * met + [False] * (n - met))


def _block(level: float, found: Tree) -> Tree:
    """What a search keeps of one measurement."""
    serving = cast("dict[str, object]", found["serving"])
    kept = ("attainment", "goodput_rps", "throughput_rps", "stages_s")
    return {"load": level, **{name: serving[name] for name in kept}, "notes": found["notes"]}


def _compare(
    chosen: BenchSettings, overrides: Sequence[str], as_json: bool, plots: bool = False
) -> int:
    """Measure configurations in turn."""
    each = configurations(chosen, overrides)
    draw = _drawing(plots)
    results: dict[str, list[Tree]] = {label: [] for label in each}
    labels, stopped = list(each), False
    with files.kept(chosen) as path, Progress(Console(stderr=True)) as progress:
        made = _Bench(chosen, progress, path)
        try:
            turns = compare.order(len(each), chosen.blocks, chosen.load.seed)
            for number, block in enumerate(turns, start=1):
                for place in block:
                    results[labels[place]].append(_turn(made, labels[place], each, number))
        except (_Stopped, KeyboardInterrupt):
            stopped = True
    whole = min(map(len, results.values()))
    results = {label: some[:whole] for label, some in results.items()}
    compared = compare.compare(results)
    tree: Tree = {
        "blocks": whole,
        "configurations": [asdict(one) for one in compared],
        "stopped": stopped,
        "notes": sorted({f"{label}: {note}" for label, some in results.items()
                         for one in some for note in cast("list[str]", one["notes"])}),
    }  # fmt: skip
    (path / "compare.json").write_text(json.dumps(tree, indent=1) + "\n")
    draw(path, made, [(label, one) for label, some in results.items() for one in some], None)
    _print(tree, as_json, lambda out: show.show_comparison(tree, out), path)
    return INTERRUPTED if stopped else 0


def configurations(chosen: BenchSettings, overrides: Sequence[str]) -> dict[str, BenchSettings]:
    """The settings of each configuration, by its words.

    Raises:
        ConfigError: One cannot be used, or is there twice.
    """
    common = [one for one in overrides if one.partition("=")[0] != "compare"]
    found: dict[str, BenchSettings] = {}
    for words in chosen.compare or ():
        own = shlex.split(words)
        if any(one.partition("=")[0] in ("run", "compare", "blocks") for one in own):
            raise ConfigError(f"compare: {words!r}: run, compare and blocks are for all together")
        if words in found:
            raise ConfigError(f"compare: {words!r} is there twice: name every configuration once")
        found[words] = settings.load([*common, *own])
    if len(found) < 2:
        raise ConfigError("compare needs two configurations or more: compare=[A,B]")
    return found


def _turn(made: _Bench, label: str, each: dict[str, BenchSettings], number: int) -> Tree:
    """One configuration's part of a block; all configurations get the same calls."""
    one = each[label]
    load = one.load.model_copy(update={"seed": one.load.seed + number})
    one = one.model_copy(update={"load": load})
    place = list(each).index(label) + 1
    with backend.running(one.backend, made.progress.say) as endpoint:
        folder = made.path / f"{number:03}-{place}"
        found = made.one(endpoint, one, f"block {number}, {label}", folder)
    if found["stopped"]:
        raise _Stopped
    return found


def _what(chosen: BenchSettings) -> str:
    load = chosen.load
    if load.closed:
        return f"{load.kind}, {figure.count(load.streams, 'stream')}"
    if load.kind in _WITHOUT_LEVEL:
        return load.kind
    return f"{load.kind}, {load.rate:g} {'sessions' if load.kind == 'sessions' else 'calls'}/s"


Draw = Callable[[Path, _Bench, Sequence[tuple[str, Tree]], Capacity | None], None]


def _drawing(plots: bool) -> Draw:
    """What draws the figures of a bench; refused now, not after it, where that cannot be."""
    if not plots:
        return lambda path, made, results, found: None
    from lmgame.bench import plot

    plot.check_extra()

    def draw(
        path: Path, made: _Bench, results: Sequence[tuple[str, Tree]], found: Capacity | None
    ) -> None:
        limits = Slo(**made.chosen.slo.model_dump())
        plot.draw(path, made.calls, limits, results, made.chosen, searched=found is not None)

    return draw


def _print(found: Tree, as_json: bool, table: Callable[[Console], None], path: Path) -> None:
    if as_json:
        print(json.dumps(found, indent=1), flush=True)
        return
    out = Console()
    table(out)
    out.print(f"bench: {path}", markup=False, highlight=False, soft_wrap=True)


def calibrate_here(overrides: Sequence[str], as_json: bool) -> int:
    """Measure the client's own error on this machine, and keep it.

    Args:
        overrides: Hydra overrides, of which ``load.processes`` counts.
        as_json: Print the calibration alone on standard output.
    """
    asked = ["backend=lmgame", "backend.model=truth", *overrides]
    processes = settings.load(asked).load.processes
    with Progress(Console(stderr=True)) as progress:
        levels = list(calibrate.levels(processes, progress.say))
    known = calibration.save(levels, datetime.now(UTC).date().isoformat())
    if as_json:
        print(json.dumps(asdict(known), indent=1), flush=True)
    else:
        show.show_calibration(known, Console())
    return 0
