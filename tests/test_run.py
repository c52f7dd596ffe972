"""Runs from within; tests/test_play.py looks at them from the command line."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import ClassVar

import pytest

from lmgame import config
from lmgame.agent import Agent, Decision
from lmgame.executor import share_lanes
from lmgame.game import Turn
from lmgame.plan import Planned
from lmgame.record import Result, Suspended
from lmgame.run import Run, _close


def test_agents_are_closed_however_often_a_match_is_cancelled() -> None:
    closed: list[str] = []

    class Slow(Agent):
        name: ClassVar[str] = "slow"

        async def decide(self, turn: Turn) -> Decision:
            await asyncio.Event().wait()
            raise AssertionError

        async def close(self) -> None:
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            closed.append(self.name)

    async def cancel_twice() -> None:
        task = asyncio.create_task(_close([Slow(), Slow()]))
        for _ in range(2):
            await asyncio.sleep(0)
            task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel_twice())
    assert closed == ["slow", "slow"]


class Counted:
    """An executor of matches that only say when they are played."""

    def __init__(self, stop_at: int, concurrency: int) -> None:
        self.begun: list[int] = []
        self.most = self.under_way = self.tasks = 0
        self._stop_at, self._concurrency = stop_at, concurrency

    def lanes(self, plan: Sequence[Planned]) -> list[Iterator[Planned]]:
        return share_lanes(plan, self._concurrency, 0)

    def close(self) -> None: ...

    async def play(self, planned: Planned) -> Result | Suspended:
        self.begun.append(planned.header.seed)
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        self.tasks = max(self.tasks, len(asyncio.all_tasks()))
        await asyncio.sleep(0)
        self.under_way -= 1
        if planned.header.seed == self._stop_at:
            return Suspended(0, 0, "gone", (), 0.0)
        return Result("over", (0.0,), None, "", (0,), 0, ({},), "")


def played_all(counted: Counted) -> tuple[Suspended | None, list[int]]:
    ended: list[int] = []
    run = Run(config.load(["agent=random", "anchors=[]", "game=sokoban", "episodes=300"]))
    stopped = asyncio.run(
        run.play_all(run.plan(), counted, lambda planned, result: ended.append(planned.header.seed))
    )
    return stopped, ended


def test_matches_begin_in_order_and_only_so_many_are_under_way() -> None:
    series = Counted(-1, 7)
    stopped, ended = played_all(series)
    assert stopped is None
    assert series.begun == [*range(300)] == sorted(ended)
    assert series.most == 7
    assert series.tasks <= 7 + 1  # none waits for its turn: a million matches are as cheap


def test_no_match_begins_after_one_was_suspended() -> None:
    series = Counted(4, 3)
    stopped, ended = played_all(series)
    assert stopped is not None
    assert stopped.reason == "gone"
    assert series.begun == sorted(ended)  # those under way were played to their end
    assert len(series.begun) <= 4 + 3
