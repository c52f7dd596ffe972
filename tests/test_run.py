"""Runs from within; tests/test_play.py looks at them from the command line."""

from __future__ import annotations

import asyncio
from typing import ClassVar

import pytest

from lmgame.agent import Agent, Decision
from lmgame.game import Turn
from lmgame.run import _close


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
