"""Too much load, and dying workers: every call ends, and the queue stays bounded."""

from __future__ import annotations

import asyncio
from argparse import Namespace
from pathlib import Path

import pytest

from benchmarks.overload import QUEUE, SLOTS, measure

from .support import serving, wait_idle

pytestmark = [pytest.mark.engine, pytest.mark.slow]


@pytest.mark.timeout(400)
@pytest.mark.parametrize(("factor", "kill_s"), [(3.0, None), (0.7, 5.0)], ids=["overload", "kills"])
@pytest.mark.parametrize("mode", ["disaggregated", "auto"])
def test_every_call_ends_and_the_server_recovers(
    weights_path: Path, mode: str, factor: float, kill_s: float | None
) -> None:
    wanted = Namespace(warm_s=8.0, factor=factor, seconds=25.0, kill_s=kill_s)
    with serving(mode=mode, context=2048, queue=QUEUE, slots=SLOTS, prefix_mb=64) as server:
        assert asyncio.run(measure(server, wanted))
        wait_idle(server)
        assert server.health()["status"] == "ok"
