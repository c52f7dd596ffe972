from __future__ import annotations

import os
import signal
import threading

import pytest

from lmgame.bench import fleet
from lmgame.bench.fleet import Sofar
from lmgame.client import Endpoint
from lmgame.errors import MixedClocks, ServerError
from lmgame.testing import Reply, ScriptedServer
from tests.bench.loads import shaped

QUICK = Reply("one two three", ttft_s=0.01, itl_s=0.001)


def test_processes_share_a_load_and_one_clock() -> None:
    load = shaped("closed", streams=4, calls=12, processes=2, warmup=4, turns=2)
    seen: list[Sofar] = []
    with ScriptedServer(QUICK) as server:
        found = fleet.measure(Endpoint(server.base_url, "scripted"), load, seen.append)
        assert len(server.requests) == 16
    records = [one for outcome in found for one in outcome.records]
    assert len(records) == 12
    assert {one.process for one in records} == {0, 1}
    assert all(one.call.failure is None for one in records)
    assert seen[-1] == Sofar(12, 0, 0)
    begins = [one.call.timing.at - one.intended_s for one in records]
    assert max(begins) - min(begins) < 0.05  # one begin on the wall clock, too


def test_what_many_calls_came_to_is_heard_whole() -> None:
    load = shaped("closed", streams=32, calls=640, warmup=1, max_tokens=200, turns=2)
    reply = Reply(chunks=("a ",) * 200)
    with ScriptedServer(reply) as server:
        (found,) = fleet.measure(Endpoint(server.base_url, "scripted"), load)
    assert len(found.records) == 640
    assert all(one.call.usage.completion == 200 for one in found.records)


def test_a_dead_server_is_an_error_not_a_measurement() -> None:
    with ScriptedServer(QUICK) as server:
        gone = Endpoint(server.base_url, "scripted")
    with pytest.raises(ServerError, match=r"no call succeeded.*no connection"):
        fleet.measure(gone, shaped("closed", streams=1, calls=3))


def test_ctrl_c_keeps_what_was_measured_however_often_it_is_pressed() -> None:
    def interrupt(sofar: Sofar) -> None:
        if sofar.done >= 1 and not sent.is_set():
            sent.set()
            for _ in range(3):
                os.kill(os.getpid(), signal.SIGINT)

    sent = threading.Event()
    replies = [*[QUICK] * 5, Reply("never", ttft_s=100)]
    load = shaped("closed", streams=1, calls=50, warmup=1, turns=2)
    with ScriptedServer(replies) as server:
        found = fleet.measure(Endpoint(server.base_url, "scripted"), load, interrupt)
    assert found[0].stopped
    kinds = [one.call.failure and one.call.failure.kind for one in found[0].records]
    assert kinds == [None] * 4 + ["cancelled"]


class Pipe:
    """A process with a clock of its own."""

    def send(self, value: object) -> None:
        self.heard = value

    def recv(self) -> float:
        return 12.5


def test_a_process_with_another_clock_is_refused() -> None:
    with pytest.raises(MixedClocks, match=r"differ .*write load\.processes=1"):
        fleet._check_clock(Pipe())  # type: ignore[arg-type]  # a pipe as far as it is used
