"""One sitting at a series of matches: from its lock to how it can be continued."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import sys
from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from rich.console import Console

from lmgame.backend import Backends, check_key, is_ours, key, model_of, prices_of
from lmgame.backend_settings import AnyBackend
from lmgame.budget import USED_UP, Budget, Purse
from lmgame.errors import ConfigError
from lmgame.executor import Executor, Local
from lmgame.plan import Planned, existing
from lmgame.price import find
from lmgame.record import Log, Suspended
from lmgame.run import Series
from lmgame.settings import Shared
from lmgame.watch import Watch

SUSPENDED, INTERRUPTED = 3, 130


@dataclass(frozen=True, slots=True)
class Sitting:
    """How a sitting ended.

    Attributes:
        status: The exit status: 0, 3 when the backend failed or the budget is used
            up, or 130 after Ctrl-C.
        stopped: The first suspension, if there was one.
    """

    status: int
    stopped: Suspended | None = None


def sit(series: Series[Shared], err: Console) -> Sitting:
    """Play what is not finished yet; the folder must be held."""
    try:
        stopped = _play(series, err)
    except KeyboardInterrupt:
        return Sitting(INTERRUPTED)
    return Sitting(0 if stopped is None else SUSPENDED, stopped)


@contextmanager
def held(series: Series[Shared]) -> Iterator[None]:
    """Hold a series' folder; SIGTERM and SIGHUP end its sitting as Ctrl-C does."""
    with _taken_as_ctrl_c(signal.SIGTERM, signal.SIGHUP), series.folder.held():
        yield


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


def _play(series: Series[Shared], err: Console) -> Suspended | None:
    plan = series.plan()
    finished = {one.path for one in plan if _is_finished(one)}
    todo = [one for one in plan if one.path not in finished]
    if not todo:
        err.print(f"all matches of {series.path} are finished already", markup=False)
        return None
    main = [one for one in plan if not one.anchor]
    # Where later matches hang on these, anybody may yet be due.
    candidates = todo if len(main) == series.total else list(series.samples())
    asked = list({key(each): each for one in candidates for each in one.backends}.values())
    purse = _purse(series.settings, asked) if asked else None
    for one in asked:  # before the first match: some may only be asked after hours
        check_key(one)
    left = series.total - sum(one.path in finished for one in main)
    asking = sum(bool(one.backends) for one in todo if not one.anchor)
    with (
        Watch(err, left, asking=asking) as watch,
        asyncio.Runner(loop_factory=_loop_factory()) as runner,
    ):
        backends = Backends(purse, watch.say)
        series.check(backends.client)
        executor = _executor(series, backends, watch)
        try:
            stopped = None
            for number, some in enumerate(_lots(series, finished)):
                for client in backends.need([backend for one in some for backend in one.backends]):
                    runner.run(client.close())
                if number == 0:
                    series.folder.begin()
                    if purse is not None:
                        purse.begin(series.logs())
                stopped = runner.run(_lot(series, some, executor, watch, backends))
                if stopped is not None:
                    break
            runner.run(backends.close())
            return stopped
        finally:
            try:
                executor.close()
            finally:
                backends.stop()


async def _lot(
    series: Series[Shared],
    some: Sequence[Planned],
    executor: Executor,
    watch: Watch,
    backends: Backends,
) -> Suspended | None:
    """Play one lot.

    Whatever ends it early ends it in here: who closes a window interrupts the loop
    itself, which then can run nothing but what was begun.
    """
    try:
        return await series.play_all(some, executor, watch.finished)
    except BaseException:
        await backends.close()
        raise


def _executor(series: Series[Shared], backends: Backends, watch: Watch) -> Executor:
    settings = series.settings
    if settings.executor == "ray":
        from lmgame.ray_executor import OnRay

        return OnRay(settings, backends, watch.say)
    return Local(
        backends.client,
        watch.follow,
        settings.concurrency,
        settings.workers,
        watch.say,
    )


def _lots(series: Series[Shared], finished: Set[Path]) -> Iterator[list[Planned]]:
    """What is due, in lots that need the same of our own servers."""
    for stage in series.stages():
        due = [one for one in stage if one.path not in finished]
        lots: dict[frozenset[str], list[Planned]] = {}
        for one in due:
            ours = frozenset(key(each) for each in one.backends if is_ours(each))
            lots.setdefault(ours, []).append(one)
        yield from lots.values()


def _purse(settings: Shared, asked: Sequence[AnyBackend]) -> Purse:
    """What may be spent.

    Raises:
        ConfigError: A budget in money where no price is known.
    """
    known = tuple(price for one in asked for price in prices_of(one))
    blind = [one for one in asked if not (_tells_cost(one) or find(prices_of(one), model_of(one)))]
    if settings.budget.usd is not None and blind:
        raise ConfigError(
            f"budget.usd={settings.budget.usd:g}: no price is known for {model_of(blind[0])!r}, so "
            "its cost cannot be counted; give one, in US dollars per million tokens: "
            "'backend.prices=[{input: 1, output: 4}]', or set budget.tokens instead"
        )
    return Purse(Budget(**settings.budget.model_dump()), known, any(map(_tells_cost, asked)))


def _tells_cost(backend: AnyBackend) -> bool:
    return bool(getattr(backend, "cost_field", ""))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Uvloop where there is one: it keeps many streams' time stamps honest."""
    if find_spec("uvloop") is None:
        return None
    import uvloop

    return uvloop.new_event_loop


def _is_finished(planned: Planned) -> bool:
    log = existing(planned)
    return log is not None and log.result is not None


def logs(plan: Sequence[Planned]) -> Iterator[tuple[Planned, Log]]:
    """The matches of a plan that were begun, with their logs."""
    return ((planned, log) for planned in plan if (log := existing(planned)) is not None)


def tell_how_to_go_on(
    series: Series[Shared],
    overrides: Sequence[str],
    stopped: Suspended | None,
    err: Console,
) -> None:
    """Say why a sitting ended early, and the command that continues it."""
    given = [one for one in overrides if not one.startswith("run=")]
    if stopped is not None and stopped.reason.startswith(USED_UP):
        # The same command would stop at once, and one without a budget would not stop at all.
        given = [
            f"{one.partition('=')[0]}=MORE" if one.startswith("budget.") else one for one in given
        ]
    command = f"lmgame {series.command} {shlex.join([*given, f'run={series.path}'])}"
    why = "interrupted" if stopped is None else _why(stopped)
    if any(log.landings for _, log in logs(series.plan())):
        then = f"Everything played so far is kept. To go on: {command}"
    else:
        then = f"Nothing was played yet. To try again: {command}"
    # Straight to the stream: a wrapped line could not be searched or pasted.
    print(f"{why}\n{then}", file=sys.stderr)


def _why(stopped: Suspended) -> str:
    reason = stopped.reason
    return reason if reason.startswith(USED_UP) else f"the backend failed: {reason}"
