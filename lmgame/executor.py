"""Where a series' matches are played: in this process and its workers, or elsewhere."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import NoReturn, Protocol

from lmgame import registry
from lmgame.backend_settings import AnyBackend
from lmgame.errors import UsageError
from lmgame.match import Observer
from lmgame.plan import Planned
from lmgame.record import Result, Suspended
from lmgame.run import ClientFor, play_match
from lmgame.workers import Workers

GIVES_WAY = 10
"""How nice workers are that play whole matches: nobody waits for them."""


class Executor(Protocol):
    """Plays matches, wherever that is."""

    def lanes(self, plan: Sequence[Planned]) -> list[Iterator[Planned]]:
        """What is played one after the other, for each that is played at the same time."""

    async def play(self, planned: Planned) -> Result | Suspended:
        """Play one match, or continue it; its log is where it was planned to be."""

    def close(self) -> None:
        """Let go of whatever plays."""


class Local:
    """This process, with workers beside it for what would hold up its event loop.

    Matches in which no model is asked, and in which the game or an agent is slow, are
    played in workers altogether; of the others, the decisions of slow agents.

    Args:
        client: Whom an agent asks, by its backend.
        observer: Makes the observer of a match.
        concurrency: Matches at the same time, without those that workers play.
        workers: How many processes; None for as many as there are cores, 0 for none.
        say: Is told what is going on beside the matches.
    """

    def __init__(
        self,
        client: ClientFor,
        observer: Callable[[Planned], Observer | None],
        concurrency: int,
        workers: int | None = None,
        say: Callable[[str], None] = lambda text: None,
    ) -> None:
        self._client, self._observer = client, observer
        self._concurrency = concurrency
        count = cores() if workers is None else workers
        # Two lots: a decision that a model waits for must not queue behind whole matches.
        self._players = Workers(count, GIVES_WAY, say) if count else None
        self._thinkers = Workers(count, say=say) if count else None

    def lanes(self, plan: Sequence[Planned]) -> list[Iterator[Planned]]:
        """As many as ``concurrency`` here, and one for each worker."""
        return share_lanes(plan, self._concurrency, self._players.count if self._players else 0)

    async def play(self, planned: Planned) -> Result | Suspended:
        """Play one match here, or in a worker."""
        if self._players is not None and is_heavy(planned):
            absolute = replace(planned, path=planned.path.absolute())
            result, _ = await self._players.run(_play_alone, absolute)
            return result
        observer = self._observer(planned)
        return await play_match(planned, self._client, observer, self._thinkers)

    def close(self) -> None:
        """End the workers."""
        for workers in (self._players, self._thinkers):
            if workers is not None:
                workers.close()


def share_lanes(plan: Sequence[Planned], concurrency: int, workers: int) -> list[Iterator[Planned]]:
    """Lanes for matches that wait for models, and for those that keep a core busy.

    Args:
        plan: What to play.
        concurrency: How many of the first at the same time.
        workers: How many of the others; where it is 0 all are like the first.
    """
    away = {one.path for one in plan if workers and is_heavy(one)}
    here = iter([one for one in plan if one.path not in away])
    there = iter([one for one in plan if one.path in away])
    return [here] * min(concurrency, len(plan) - len(away)) + [there] * min(workers, len(away))


def cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def is_heavy(planned: Planned) -> bool:
    """Whether nobody waits for a model in a match, and it computes for long at a stretch."""
    if planned.backends:
        return False
    spec = registry.games.load(planned.header.game).spec
    kinds = [registry.agents.load(seat.agent) for seat in planned.header.seats]
    if any(kind.live for kind in kinds):
        return False
    return spec.heavy or any(kind.heavy(spec) for kind in kinds)


def _play_alone(planned: Planned) -> Result | Suspended:
    """Play a match without a model to its end; in a worker."""
    return asyncio.run(play_match(planned, _nobody))


def _nobody(backend: AnyBackend) -> NoReturn:
    raise UsageError(f"a match without a model has the backend {backend.kind}")
