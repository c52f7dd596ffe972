"""`lmgame play`: plays a run from its settings to its tables."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from importlib.util import find_spec
from pathlib import Path

from rich.console import Console

from lmgame import config, record, registry, report
from lmgame.backend import BackendClient, running
from lmgame.client.call import Call
from lmgame.config import Settings
from lmgame.errors import LogNeverBegan
from lmgame.film import draw
from lmgame.match import Judge
from lmgame.record import Log, Suspended
from lmgame.run import Planned, Run
from lmgame.slo import Slo
from lmgame.summary import summary
from lmgame.watch import Watch

SUSPENDED, INTERRUPTED = 3, 130
FILMS = 8
"""How many matches are drawn after a run; `lmgame replay` draws any other."""


def play(overrides: Sequence[str], as_json: bool) -> int:
    """Play a run, or continue it.

    Args:
        overrides: Hydra overrides.
        as_json: Print ``summary.json``'s content alone on standard output.

    Returns:
        The exit status: 0, 3 when the backend failed and the run can be
        continued, or 130 after Ctrl-C.
    """
    settings = config.load(overrides)
    run = Run(settings, overrides)
    err = Console(stderr=True)
    with run.held():
        plan = run.plan()
        stopped: Suspended | None = None
        status = 0
        try:
            stopped = _play(run, plan, err)
        except KeyboardInterrupt:
            status = INTERRUPTED
        if stopped is not None:
            status = SUSPENDED
        found = _finish(run, plan)
    if found is not None:
        if as_json:
            print(json.dumps(found, indent=1))
        else:
            out = Console()
            report.show(found, out)
            out.print(f"run: {run.path}", markup=False, highlight=False)
    if status:
        _tell_how_to_go_on(run, overrides, stopped, err)
    return status


def _play(run: Run, plan: Sequence[Planned], err: Console) -> Suspended | None:
    todo = [one for one in plan if not _is_finished(one)]
    if not todo:
        err.print(f"all matches of {run.path} are finished already", markup=False)
        return None
    asking = any(registry.agents.load(s.agent).asks for one in todo for s in one.header.seats)
    main, anchors = ([one for one in todo if one.anchor == wanted] for wanted in (False, True))
    with Watch(err, len(main), run.settings.max_decisions) as watch:
        backend = running(run.settings.backend, watch.say) if asking else nullcontext()
        with backend as found, asyncio.Runner(loop_factory=_loop_factory()) as runner:

            async def everything() -> Suspended | None:
                client = None if found is None else BackendClient(found)
                judge = _judge(run.settings)
                try:
                    # Anchors come after: their computing would disturb what is measured.
                    for matches in (main, anchors):
                        stopped = await run.play_all(
                            matches, client, judge, watch.follow, watch.finished
                        )
                        if stopped is not None:
                            return stopped
                    return None
                finally:
                    if client is not None:
                        await client.close()

            return runner.run(everything())


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Uvloop where there is one: it keeps many streams' time stamps honest."""
    if find_spec("uvloop") is None:
        return None
    import uvloop

    return uvloop.new_event_loop


def _judge(settings: Settings) -> Judge:
    slo = Slo(**settings.slo.model_dump())

    def judge(call: Call, seconds: float) -> dict[str, bool | None]:
        verdict = slo.judge(call, seconds)
        return {
            "ttft_s": verdict.ttft,
            "tpot_s": verdict.tpot,
            "time_to_action_s": verdict.time_to_action,
        }

    return judge


def _is_finished(planned: Planned) -> bool:
    log = _read(planned)
    return log is not None and log.result is not None


def _read(planned: Planned) -> Log | None:
    if not planned.path.exists():
        return None
    try:
        return record.read(planned.path)
    except LogNeverBegan:
        return None


def _finish(run: Run, plan: Sequence[Planned]) -> dict[str, object] | None:
    """Write the summary and the films of what there is."""
    logs = [(planned, log) for planned in plan if (log := _read(planned)) is not None]
    main = [log for planned, log in logs if not planned.anchor]
    if not main:
        return None
    anchors = [log for planned, log in logs if planned.anchor]
    found = summary(main, anchors, Slo(**run.settings.slo.model_dump()))
    (run.path / "summary.json").write_text(json.dumps(found, indent=1) + "\n")
    if run.settings.film == "gif":
        films = [log for log in main if log.landings][:FILMS]
        for log in films:
            film_of(log, run.path)
    return found


def film_of(log: Log, run: Path) -> Path:
    """Draw a log into the run's ``replay/`` folder."""
    path = run / "replay" / f"{log.path.stem}.gif"
    draw(log, path)
    return path


def _tell_how_to_go_on(
    run: Run, overrides: Sequence[str], stopped: Suspended | None, err: Console
) -> None:
    given = [one for one in overrides if not one.startswith("run=")]
    command = " ".join(["lmgame play", *given, f"run={run.path}"])
    why = "interrupted" if stopped is None else f"the backend failed: {stopped.reason}"
    err.print(
        f"{why}\nEverything played so far is kept. To go on: {command}",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
