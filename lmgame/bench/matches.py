"""`load=matches`: the load is matches, played by the runner that plays every match.

Each process plays its part of them, as many at a time as it has streams; what agents
ask goes through its driver, which records every call as it records those of other loads.
The matches' logs say what became of each decision.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter

from lmgame import record
from lmgame.backend import BackendClient, key
from lmgame.backend_settings import AnyBackend
from lmgame.bench.drive import Driver
from lmgame.bench.load import plan
from lmgame.bench.session import Session, Step
from lmgame.bench.settings import BenchSettings, LoadSettings
from lmgame.client import Call, Failure, Request, Timing
from lmgame.client.body import digest
from lmgame.decided import check_clock, decided
from lmgame.errors import ConfigError, LogNeverBegan
from lmgame.executor import Local
from lmgame.plan import Planned, limits_of
from lmgame.record import Log, Result, Suspended
from lmgame.slo import Spread, goodput
from lmgame.summary import Score
from lmgame.tournament import STAGED, Tournament

_PLAYING: ContextVar[str] = ContextVar("the match that a call is made in")
_NEVER_ENDS = "the load is over"


def series(load: LoadSettings) -> Tournament:
    """The matches of a load.

    Args:
        load: Its settings.

    Raises:
        ConfigError: What is to be played cannot be, or asks no model.
    """
    words = [*load.play, f"seed={load.seed}"]
    few = Tournament([*words, "seeds=1"])
    if few.settings.schedule in STAGED:
        raise ConfigError(
            f"schedule={few.settings.schedule}: a load's matches are known beforehand"
        )
    each = max(few.total, 1)
    backends = {key(one) for planned in few.plan() for one in planned.backends}
    if len(backends) != 1:
        what = "ask no model" if not backends else "ask several backends"
        raise ConfigError(
            f"load=matches: these agents {what}, and a bench measures one: write agents=[llm]"
        )
    return Tournament([*words, f"seeds={math.ceil(load.matches / each)}"])


def matches(load: LoadSettings, played: Tournament, process: int = 0) -> list[Planned]:
    """One process's part of a load's matches: every n-th."""
    return played.plan()[: load.matches][process :: load.processes]


class MatchDriver(Driver):
    """Plays a process's part of the matches.

    Args:
        load: The load.
        process: Which process this is.
    """

    def __init__(self, load: LoadSettings, process: int = 0) -> None:
        # What it sends before and how it is shared out is a closed loop's.
        closed = load.model_copy(update={"kind": "closed", "turns": 1})
        super().__init__(plan(closed, process), load.seconds, load.settle_s, process)
        self._series = series(load)
        self._matches = matches(load, self._series, process)
        (self._series.path / "matches").mkdir(parents=True, exist_ok=True)
        self._begun: dict[str, int] = {}

    async def _streams(self) -> None:
        """Play them all, as many at a time as there are streams."""
        streams = self.plan.streams
        assert streams is not None
        # No workers: this process is a worker itself, and may have none.
        local = Local(self._gate, lambda planned: None, streams, 0)
        await self._series.play_all(self._matches, _Told(local), lambda planned, result: None)

    def _gate(self, backend: AnyBackend) -> Gate:
        return Gate(self, backend)

    async def ask(self, request: Request) -> Call:
        """Make one call of a match, and keep a record of it; none when the load is over."""
        now = perf_counter()
        assert self._client is not None
        if not self._may_begin(now):
            failure = Failure("budget", _NEVER_ENDS)
            timing = Timing(at=time.time(), end=0.0)
            return Call(self._client.endpoint.model, digest(request), "", timing, failure=failure)
        self._left -= 1
        name = _PLAYING.get()
        number = self._begun[name] = self._begun.get(name, -1) + 1
        step = Step(tuple(request.messages), request.max_tokens)
        return await self._call(Session(name, 0.0, (step,)), number, step, now, 0.0, request)


@dataclass(frozen=True, slots=True)
class _Told:
    """An executor that tells calls in which match they are made."""

    local: Local

    def lanes(self, plan: Sequence[Planned]) -> list[Iterator[Planned]]:
        return self.local.lanes(plan)

    async def play(self, planned: Planned) -> Result | Suspended:
        _PLAYING.set(planned.path.stem)
        return await self.local.play(planned)

    def close(self) -> None:
        self.local.close()


class Gate:
    """Whom agents ask: the driver, whatever backend their settings name."""

    def __init__(self, driver: MatchDriver, backend: AnyBackend) -> None:
        self._driver = driver
        known = BackendClient(backend)
        self.model, self.images, self.structured = known.model, known.images, known.structured

    async def complete(self, request: Request) -> Call:
        """Make one call."""
        return await self._driver.ask(request)


def kept_in(settings: BenchSettings, folder: Path) -> BenchSettings:
    """The settings of a bench whose matches are kept in its folder."""
    play = (*settings.load.play, f"run={folder / 'play'}")
    load = settings.load.model_copy(update={"play": play})
    return settings.model_copy(update={"load": load})


def told(folder: Path, load: LoadSettings) -> dict[str, object]:
    """What became of the decisions of a load's matches, from their logs.

    Args:
        folder: The bench's.
        load: Which matches these are.

    Returns:
        Plain values; docs/bench.md tells them.

    Raises:
        MixedClocks: The times of a log are not of one clock.
    """
    logs = list(_logs(folder))
    for log in logs:
        check_clock(log)
    limits = limits_of(next(iter(series(load).games.values())))
    good = goodput([one for log in logs for one in decided(log)], limits.slo)
    played = [one for log in logs for one in log.played]
    asked = [one for one in played if any(each.calls for each in one.tries)]
    outcomes: dict[str, int] = {}
    for one in asked:
        outcomes[one.outcome] = outcomes.get(one.outcome, 0) + 1
    return {
        "matches": len(logs),
        "finished": sum(log.result is not None for log in logs),
        "decisions": len(asked),
        "outcomes": dict(sorted(outcomes.items())),
        "slo": limits.slo.to_json(),
        "slo_source": dict(limits.source),
        "time_to_action_s": asdict(Spread.of([one.seconds for one in asked])),
        "in_time_and_legal": good.decisions,
        "goodput_decisions_s": good.decisions_s,
        "scores": _scores(logs),
    }


def _scores(logs: Sequence[Log]) -> dict[str, object]:
    """The score of each agent, over finished matches."""
    found: dict[str, list[float]] = {}
    for log in logs:
        for seat, who in enumerate(log.header.seats):
            if log.result is not None:
                found.setdefault(who.agent, []).append(log.result.scores[seat])
    return {agent: asdict(Score.of(scores)) for agent, scores in sorted(found.items())}


def _logs(folder: Path) -> Iterator[Log]:
    for path in sorted((folder / "play" / "matches").glob("*.jsonl")):
        try:
            yield record.read(path)
        except LogNeverBegan:
            continue
