"""`lmgame play`: plays a run from its settings to its tables."""

from __future__ import annotations

import json
from collections.abc import Sequence

from rich.console import Console

from lmgame import config, film, report, sitting, video
from lmgame.backend import prices_of
from lmgame.plan import Planned, limits_of, make_game
from lmgame.record import Log
from lmgame.run import Run
from lmgame.summary import summary

FILMS = 8
"""How many matches are drawn after a run; `lmgame replay` draws any other."""


def play(overrides: Sequence[str], as_json: bool, quiet: bool = False) -> int:
    """Play a run, or continue it.

    Args:
        overrides: Hydra overrides.
        as_json: Print ``summary.json``'s content alone on standard output.
        quiet: Print nothing there.

    Returns:
        The exit status: 0, 3 when the backend failed or the budget is used up and
        the run can be continued, or 130 after Ctrl-C.
    """
    settings = config.as_preferred(config.load(overrides), overrides)
    if settings.film == "mp4":
        video.check_extra()
    run = Run(settings, overrides)
    err = Console(stderr=True)
    with sitting.held(run):
        end = sitting.sit(run, err)
        logs = list(sitting.logs(run.plan()))
        _report(run, logs, as_json, quiet)
        if end.status:
            sitting.tell_how_to_go_on(run, overrides, end.stopped, err)
        elif settings.film != "none":
            return _draw(run, logs, err)
    return end.status


def _report(run: Run, logs: Sequence[tuple[Planned, Log]], as_json: bool, quiet: bool) -> None:
    """Write the summary and print it, of however much was played."""
    main = [log for planned, log in logs if not planned.anchor]
    if not main:
        return
    anchors = [log for planned, log in logs if planned.anchor]
    chosen = limits_of(run.settings)
    found = summary(main, anchors, chosen.slo, prices_of(run.settings.backend), chosen.source)
    (run.path / "summary.json").write_text(json.dumps(found, indent=1) + "\n")
    if quiet:
        return
    if as_json:
        print(json.dumps(found, indent=1), flush=True)
    else:
        out = Console()
        report.show(found, out, run.path)
        out.print(f"run: {run.path}", markup=False, highlight=False, soft_wrap=True)


def _draw(run: Run, logs: Sequence[tuple[Planned, Log]], err: Console) -> int:
    """Draw the matches that have no film yet; the exit status."""
    films = [
        (log, path)
        for planned, log in logs
        if not planned.anchor and log.landings
        for path in [run.path / "replay" / f"{log.path.stem}.{run.settings.film}"]
    ][:FILMS]
    try:
        for number, (log, path) in enumerate(films, start=1):
            if path.exists() and path.stat().st_mtime >= log.path.stat().st_mtime:
                continue
            if err.is_terminal:
                err.print(f"drawing {number} of {len(films)}", style="dim", end="\r")
            write = video.write if path.suffix == ".mp4" else film.draw
            write(log, path, game=make_game(run.settings, log.header))
    except KeyboardInterrupt:
        err.print(f"drawing stopped; lmgame replay {run.path} draws the rest", markup=False)
        return sitting.INTERRUPTED
    return 0
