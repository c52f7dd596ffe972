"""`-m`: one command for every combination of values.

Each combination is a run of its own, in a folder that is named by what it plays;
so a sweep that is repeated, interrupted or extended plays nothing twice.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any, cast

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Glob
from hydra.errors import HydraException
from rich.console import Console

from lmgame import config, report, sitting
from lmgame.bench.job import Benches, Measured
from lmgame.bench.settings import BenchSettings
from lmgame.client.trouble import clean
from lmgame.compose import key_of, options, quoted
from lmgame.errors import ConfigError, LmgameError
from lmgame.game import digest
from lmgame.play import play
from lmgame.run import Run, Series
from lmgame.settings import Settings, TournamentSettings
from lmgame.tournament import Tournament, tournament

FAILED = 1
_FREE = {
    "play": Settings.free,
    "tournament": TournamentSettings.free,
    "bench": BenchSettings.free,
}
_DONE = {0: "done", FAILED: "failed", sitting.SUSPENDED: "suspended"}


@dataclass(frozen=True, slots=True)
class Job:
    """One combination.

    Attributes:
        chosen: The values that set it apart, as overrides.
        overrides: All it is played with.
        path: Its run folder.
    """

    chosen: tuple[str, ...]
    overrides: tuple[str, ...]
    path: Path


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a job, for ``sweep.json``.

    Attributes:
        chosen: As in :class:`Job`.
        run: Its folder, within the sweep's.
        status: ``done``, ``suspended`` or ``failed``.
        error: Why it failed, or "".
        matches: How many are finished.
        score: Mean score of the first seat; None for a tournament.
        attainment: Share of calls that met all limits, or None.
        goodput_rps: Calls a second that met all limits, or None.
    """

    chosen: tuple[str, ...]
    run: str
    status: str
    error: str
    matches: int
    score: float | None
    attainment: float | None
    goodput_rps: float | None


def sweep(
    command: str, overrides: Sequence[str], as_json: bool, benches: Benches | None = None
) -> int:
    """Play or measure every combination, one after the other.

    Args:
        command: ``play``, ``tournament`` or ``bench``, with its options.
        overrides: Hydra overrides, some with several values: ``seed=0,1``,
            ``agent.temperature=range(0,1,0.5)``, ``game=glob(tetris*)``.
        as_json: Print ``sweep.json``'s content alone on standard output.
        benches: What measures, for ``bench``.

    Returns:
        The exit status: 0, 1 where a job failed, 3 where one can be continued, or
        130 after Ctrl-C.

    Raises:
        ConfigError: A combination that cannot be played; before any is.
    """
    folder, jobs = plan(command, overrides, benches)
    err = Console(stderr=True)
    ends, worst = list[tuple[Job, int, str]](), 0
    for number, job in enumerate(jobs, start=1):
        err.print(f"({number} of {len(jobs)}) {' '.join(job.chosen)}", style="bold", markup=False)
        status, error = _one(command, job, err, benches)
        if status == sitting.INTERRUPTED:
            again = shlex.join([*overrides, *_named(folder, overrides)])
            err.print(f"to go on: lmgame {command} -m {again}", markup=False, soft_wrap=True)
            return status
        worst = max(worst, status)
        ends.append((job, status, error))
    folder.mkdir(parents=True, exist_ok=True)
    outcomes, table = _told(folder, ends, benches)
    text = json.dumps([asdict(one) for one in outcomes], indent=1)
    (folder / "sweep.json").write_text(text + "\n")
    if as_json:
        print(text, flush=True)
    else:
        out = Console()
        report.without_trailing_spaces(out, lambda: table.print(out))
        out.print(f"sweep: {folder}", markup=False, highlight=False, soft_wrap=True)
    return worst


def _told(
    folder: Path, ends: Sequence[tuple[Job, int, str]], benches: Benches | None
) -> tuple[Sequence[Outcome | Measured], report.Sheet]:
    """What came of all jobs, and that as a table."""
    if benches is None:
        played = [_outcome(folder, job, status, error) for job, status, error in ends]
        return played, _table(played)
    measured = [
        benches.outcome(
            job.path, job.chosen, str(job.path.relative_to(folder)), _DONE[status], error
        )
        for job, status, error in ends
    ]
    return measured, benches.table(measured)


def _table(outcomes: Sequence[Outcome]) -> report.Sheet:
    rows = [
        (
            clean(" ".join(one.chosen)) or "-",
            one.status,
            str(one.matches),
            *("-" if each is None else f"{each:.4g}" for each in (one.score, one.goodput_rps)),
            "-" if one.attainment is None else f"{one.attainment:.1%}",
        )
        for one in outcomes
    ]
    headings = ("combination", "status", "matches", "score", "goodput/s", "attainment")
    return report.Sheet(f"{len(rows)} combinations", headings, rows, names=2)


def plan(
    command: str, overrides: Sequence[str], benches: Benches | None = None
) -> tuple[Path, list[Job]]:
    """The sweep's folder and its jobs; every one of them has been checked."""
    free = _FREE[command.split()[0]]
    named = [one.partition("=")[2] for one in overrides if key_of(one) == "run"]
    rest = [one for one in overrides if key_of(one) != "run"]
    what = sorted(one for one in rest if key_of(one) not in free)
    folder = Path(named[-1]) if named else Path("runs") / f"sweep-{_short([command, *what])}"
    jobs: dict[Path, Job] = {}
    for chosen, words in _combinations(rest):
        if benches is not None:
            spec = benches.specification(words)
        else:
            spec = _specification(command, words, free)
        name = re.sub(r"[^A-Za-z0-9=,._-]+", "-", ",".join(chosen))[:80]
        path = folder / f"{name or command.split()[0]}-{_short([spec, *sorted(chosen)])}"
        jobs[path] = Job(chosen, (*words, f"run={path}"), path)
    return folder, list(jobs.values())


def _combinations(overrides: Sequence[str]) -> Iterator[tuple[tuple[str, ...], list[str]]]:
    """Each combination: the values that were chosen, and all overrides."""
    values: list[list[str]] = []
    swept: list[int] = []
    for number, text in enumerate(overrides):
        found = list(_values(text))
        values.append(found)
        if len(found) > 1:
            swept.append(number)
    for words in product(*values):
        yield tuple(words[number] for number in swept), list(words)


def _values(text: str) -> Iterator[str]:
    """One override for each of its values."""
    try:
        parsed = OverridesParser.create().parse_override(quoted(text))
    except HydraException:
        yield text  # composing it explains what is wrong
        return
    if not parsed.is_sweep_override():
        yield text
        return
    key, found = parsed.get_key_element(), cast(object, parsed.value())
    if isinstance(found, Glob):
        names = found.filter([one for one in options(key.partition("@")[0]) if one != "any"])
        if not names:
            raise ConfigError(f"{text}: no preset of that name")
        yield from (f"{key}={name}" for name in names)
    elif parsed.is_discrete_sweep():
        yield from (f"{key}={one}" for one in parsed.sweep_string_iterator())
    else:
        raise ConfigError(f"{text}: write the values one by one, or range(FROM,TO,STEP)")


def _specification(command: str, overrides: Sequence[str], free: Sequence[str]) -> str:
    """What a combination plays, without what may change between two sittings."""
    series: Series[Any]
    if command == "play":
        series = Run(config.as_preferred(config.load(overrides), overrides), overrides)
    else:
        series = Tournament(overrides)
    plain = series.settings.model_dump(mode="json")
    kept = {key: value for key, value in plain.items() if key not in free}
    return json.dumps(kept, sort_keys=True)


def _short(what: Sequence[str]) -> str:
    return digest("\n".join(what).encode())[:8]


def _named(folder: Path, overrides: Sequence[str]) -> list[str]:
    return [] if any(key_of(one) == "run" for one in overrides) else [f"run={folder}"]


def _one(command: str, job: Job, err: Console, benches: Benches | None) -> tuple[int, str]:
    """Play one job; a failure of it is not the sweep's."""
    run = play if command == "play" else tournament
    try:
        if benches is not None:
            return benches.measure(job.path, job.overrides), ""
        return run(job.overrides, as_json=False, quiet=True), ""
    except LmgameError as error:
        err.print(f"failed: {error}", style="red", markup=False, soft_wrap=True)
        return FAILED, str(error)


def _outcome(folder: Path, job: Job, status: int, error: str) -> Outcome:
    run = str(job.path.relative_to(folder))
    found = _read(job.path / "summary.json")
    if found:
        serving = found["serving"]
        return Outcome(
            job.chosen,
            run,
            _DONE[status],
            error,
            found["matches"]["finished"],
            found["seats"][0]["score"]["mean"],
            serving["attainment"]["joint"]["value"],
            serving["goodput_rps"],
        )
    games = _read(job.path / "tournament.json").get("games", [])
    matches = sum(game["matches"]["finished"] for game in games)
    return Outcome(job.chosen, run, _DONE[status], error, matches, None, None, None)


def _read(path: Path) -> Mapping[str, Any]:
    return json.loads(path.read_text()) if path.exists() else {}
