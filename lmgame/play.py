"""`lmgame play`: plays a run from its settings to its tables."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from importlib.util import find_spec

from rich.console import Console

from lmgame import config, film, record, registry, report, video
from lmgame.backend import BackendClient, running
from lmgame.budget import USED_UP, Budget, Purse
from lmgame.client.call import Call
from lmgame.config import Settings
from lmgame.errors import ConfigError, LogNeverBegan
from lmgame.match import Judge
from lmgame.price import Price, find, from_backend
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
        The exit status: 0, 3 when the backend failed or the budget is used up and
        the run can be continued, or 130 after Ctrl-C.
    """
    settings = config.as_preferred(config.load(overrides), overrides)
    if settings.film == "mp4":
        video.check_extra()
    run = Run(settings, overrides)
    err = Console(stderr=True)
    with _taken_as_ctrl_c(signal.SIGTERM, signal.SIGHUP), run.folder.held():
        plan = run.plan()
        stopped: Suspended | None = None
        status = 0
        try:
            stopped = _play(run, plan, err)
        except KeyboardInterrupt:
            status = INTERRUPTED
        if stopped is not None:
            status = SUSPENDED
        logs = _logs(plan)
        _report(run, logs, as_json)
        if status:
            _tell_how_to_go_on(run, overrides, stopped, logs, err)
        elif settings.film != "none":
            status = _draw(run, logs, err)
    return status


@contextmanager
def _taken_as_ctrl_c(*numbers: signal.Signals) -> Iterator[None]:
    """End in the same orderly way however the end is asked for."""
    before = {
        number: signal.signal(number, lambda *_: os.kill(os.getpid(), signal.SIGINT))
        for number in numbers
    }
    # A script's background processes are begun with Ctrl-C ignored, and with it these.
    before[signal.SIGINT] = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _play(run: Run, plan: Sequence[Planned], err: Console) -> Suspended | None:
    todo = [one for one in plan if not _is_finished(one)]
    if not todo:
        err.print(f"all matches of {run.path} are finished already", markup=False)
        return None
    asking = any(registry.agents.load(s.agent).asks for one in todo for s in one.header.seats)
    purse = _purse(run) if asking else None
    if not asking:
        run.check(None)
    main, anchors = ([one for one in todo if one.anchor == wanted] for wanted in (False, True))
    with Watch(err, len(main), run.bound) as watch:
        backend = running(run.settings.backend, watch.say) if asking else nullcontext()
        with backend as found, asyncio.Runner(loop_factory=_loop_factory()) as runner:

            async def everything() -> Suspended | None:
                client = None if found is None else BackendClient(found, purse)
                judge = _judge(run.settings)
                try:
                    run.check(client)
                    run.folder.begin()
                    if purse is not None:
                        purse.begin(run.logs())
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


def _purse(run: Run) -> Purse:
    """What may be spent.

    Raises:
        ConfigError: A budget in money where no price is known.
    """
    settings = run.settings
    prices, tells_cost = _prices(settings), bool(getattr(settings.backend, "cost_field", ""))
    if settings.budget.usd is not None and not (tells_cost or find(prices, run.model)):
        raise ConfigError(
            f"budget.usd={settings.budget.usd:g}: no price is known for {run.model!r}, so its "
            "cost cannot be counted; give one, in US dollars per million tokens: "
            "'backend.prices=[{input: 1, output: 4}]', or set budget.tokens instead"
        )
    return Purse(Budget(**settings.budget.model_dump()), prices, tells_cost)


def _prices(settings: Settings) -> tuple[Price, ...]:
    return from_backend(settings.backend.model_dump(mode="json"))


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


def _logs(plan: Sequence[Planned]) -> list[tuple[Planned, Log]]:
    """What there is of each match."""
    return [(planned, log) for planned in plan if (log := _read(planned)) is not None]


def _report(run: Run, logs: Sequence[tuple[Planned, Log]], as_json: bool) -> None:
    """Write the summary and print it, of however much was played."""
    main = [log for planned, log in logs if not planned.anchor]
    if not main:
        return
    anchors = [log for planned, log in logs if planned.anchor]
    slo = Slo(**run.settings.slo.model_dump())
    found = summary(main, anchors, slo, _prices(run.settings))
    (run.path / "summary.json").write_text(json.dumps(found, indent=1) + "\n")
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
            write(log, path, game=run.game(log.header))
    except KeyboardInterrupt:
        err.print(f"drawing stopped; lmgame replay {run.path} draws the rest", markup=False)
        return INTERRUPTED
    return 0


def _tell_how_to_go_on(
    run: Run,
    overrides: Sequence[str],
    stopped: Suspended | None,
    logs: Sequence[tuple[Planned, Log]],
    err: Console,
) -> None:
    given = [one for one in overrides if not one.startswith("run=")]
    if stopped is not None and stopped.reason.startswith(USED_UP):
        # The same command would stop at once, and one without a budget would not stop at all.
        given = [
            f"{one.partition('=')[0]}=MORE" if one.startswith("budget.") else one for one in given
        ]
    command = " ".join(["lmgame play", *given, f"run={run.path}"])
    why = "interrupted" if stopped is None else _why(stopped)
    if any(log.landings for _, log in logs):
        then = f"Everything played so far is kept. To go on: {command}"
    else:
        then = f"Nothing was played yet. To try again: {command}"
    # Straight to the stream: a wrapped line could not be searched or pasted.
    print(f"{why}\n{then}", file=sys.stderr)


def _why(stopped: Suspended) -> str:
    reason = stopped.reason
    return reason if reason.startswith(USED_UP) else f"the backend failed: {reason}"
