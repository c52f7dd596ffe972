from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from lmgame.serving import EmbeddedConfig, config, process
from lmgame.serving.process import MAX_USELESS_LIVES, WorkerProcess
from lmgame.serving.slab import create_file
from lmgame.serving.worker import WorkerSettings

pytestmark = pytest.mark.engine


async def kill_when_ready(weights: Path, times: int) -> tuple[int, list[str]]:
    """Kill an idle worker each time that it is ready.

    Returns:
        How often it died, and why it was given up.
    """
    slabs = create_file()
    hopeless: list[str] = []
    deaths: asyncio.Queue[int] = asyncio.Queue()

    def settings(control: int) -> WorkerSettings:
        return WorkerSettings(
            role="decode",
            weights=str(weights),
            context=64,
            slots=1,
            threads=1,
            crowded=False,
            niceness=0,
            schedule="prefill_first",
            chunk=64,
            prefix_bytes=0,
            control=control,
            slabs=slabs,
            parent=os.getpid(),
        )

    worker = WorkerProcess(
        "decode",
        0,
        1,
        settings,
        (slabs,),
        on_message=lambda worker, message: os.kill(worker.pid, signal.SIGKILL),
        on_down=lambda worker: deaths.put_nowait(worker.pid),
        on_hopeless=hopeless.append,
    )
    worker.start()
    died = 0
    while died < times and not hopeless:
        await asyncio.wait_for(deaths.get(), 20)
        died += 1
    await worker.stop()
    os.close(slabs)
    return died, hopeless


@pytest.mark.parametrize("count", [1, 2, 3, 8])
def test_prefill_workers_share_the_cores_out(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "cores", lambda: 4)
    threads = EmbeddedConfig(prefill_workers=count).threads_of("prefill")
    assert threads == max(1, 4 // count)


@pytest.mark.parametrize(
    ("settings", "crowded"),
    [
        ({}, True),
        ({"mode": "auto"}, True),
        ({"mode": "colocated", "replicas": 1, "decode_threads": 2}, False),
        ({"mode": "colocated", "replicas": 2}, False),
        ({"mode": "colocated", "replicas": 2, "decode_threads": 2}, True),
    ],
)
def test_more_threads_than_cores_are_a_crowd(
    settings: dict[str, object], crowded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, "cores", lambda: 2)
    assert EmbeddedConfig.model_validate(settings).crowded is crowded


def test_a_worker_that_was_ready_long_enough_is_never_given_up(
    weights_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "STEADY_S", 0.0)
    died, hopeless = asyncio.run(kill_when_ready(weights_path, MAX_USELESS_LIVES + 2))
    assert (died, hopeless) == (MAX_USELESS_LIVES + 2, [])


def test_a_worker_that_dies_as_soon_as_it_is_ready_is_given_up(weights_path: Path) -> None:
    died, hopeless = asyncio.run(kill_when_ready(weights_path, MAX_USELESS_LIVES + 2))
    assert died == MAX_USELESS_LIVES
    assert len(hopeless) == 1
    assert "died 5 times in a row before it did any work, last with status -9" in hopeless[0]
