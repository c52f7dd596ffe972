from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from itertools import repeat
from time import perf_counter

import pytest

from lmgame.bench.drive import Driver, Outcome, Record, peak, warm_up
from lmgame.bench.load import Plan, plan
from lmgame.bench.session import Session, Step
from lmgame.client import Client, Endpoint, Message
from lmgame.testing import Reply, ScriptedServer
from tests.bench.loads import call, shaped

ASK = Step((Message("user", "move"),), 5)
QUICK = Reply("one two three", itl_s=0.001)


def drive(
    server: ScriptedServer,
    what: Plan,
    seconds: float | None = None,
    settle_s: float = 0.0,
    meanwhile: Callable[[Driver], None] | None = None,
) -> Outcome:
    async def run() -> Outcome:
        driver = Driver(what, seconds, settle_s)
        async with Client(Endpoint(server.base_url, "scripted"), on_call=driver.seen) as client:
            if meanwhile is not None:
                asyncio.get_running_loop().call_later(0.1, meanwhile, driver)
            return await driver.run(client, perf_counter())

    return asyncio.run(run())


def closed(streams: int, calls: int | None, *steps: Step) -> Plan:
    one = Session("s", 0.0, steps or (ASK,))
    return Plan(repeat(one), streams, calls, (), (0.0,) * streams)


def opened(*starts: float, steps: tuple[Step, ...] = (ASK,)) -> Plan:
    return Plan(iter([Session(f"s{at}", at, steps) for at in starts]), None, None, ())


def test_a_closed_loop_keeps_its_streams_busy_and_makes_its_calls() -> None:
    with ScriptedServer(Reply("a b", ttft_s=0.02)) as server:
        found = drive(server, closed(4, 12))
        assert len(server.requests) == 12
    assert len(found.records) == 12
    assert peak(found.records) == 4
    assert not found.stopped
    assert found.wall_s >= 3 * 0.02
    assert found.cpu_s > 0
    assert len(found.lag_s) > 0


def test_calls_of_a_session_wait_for_each_other_and_think() -> None:
    step = replace(ASK, delay_s=0.05)
    with ScriptedServer(QUICK) as server:
        found = drive(server, opened(0.0, steps=(ASK, step)))
    first, second = found.records
    assert [first.step, second.step] == [0, 1]
    expected = first.intended_s + first.call.timing.end + 0.05
    assert second.intended_s == pytest.approx(expected)


def test_an_open_loop_sends_when_it_is_time_whatever_becomes_of_the_others() -> None:
    with ScriptedServer(Reply("late", ttft_s=0.3)) as server:
        found = drive(server, opened(0.0, 0.05, 0.1))
    assert sorted(one.intended_s for one in found.records) == pytest.approx([0.0, 0.05, 0.1])
    assert peak(found.records) == 3


def test_what_waits_in_the_client_counts_from_the_intended_time() -> None:
    def hang(driver: Driver) -> None:
        end = perf_counter() + 0.2  # a loop that is busy, as too many streams make it
        while perf_counter() < end:
            pass

    with ScriptedServer(QUICK) as server:
        found = drive(server, opened(0.15), meanwhile=hang)
    (record,) = found.records
    assert record.late_s >= 0.1
    assert record.call.timing.queued >= 0.1
    assert (record.call.ttft_s or 0) >= 0.1
    assert max(found.lag_s) >= 0.1


def test_no_call_begins_after_its_seconds_and_those_under_way_are_finished() -> None:
    with ScriptedServer(Reply("a", ttft_s=0.2)) as server:
        found = drive(server, closed(1, None), seconds=0.3)
    assert len(found.records) == 2
    assert all(one.call.failure is None for one in found.records)


def test_calls_of_the_first_seconds_are_marked() -> None:
    with ScriptedServer(QUICK) as server:
        found = drive(server, opened(0.0, 0.1, 0.2), settle_s=0.15)
    marked = {round(one.intended_s, 2): one.settling for one in found.records}
    assert marked == {0.0: True, 0.1: True, 0.2: False}


def test_stopping_keeps_what_was_measured_and_tells_what_was_under_way() -> None:
    with ScriptedServer([QUICK, Reply("never", ttft_s=60)]) as server:
        found = drive(server, closed(1, 100), meanwhile=Driver.stop)
    assert found.stopped
    assert [one.call.failure and one.call.failure.kind for one in found.records] == [
        None,
        "cancelled",
    ]


def test_a_server_that_refuses_is_not_asked_without_a_pause() -> None:
    with ScriptedServer(Reply("no", status=500)) as server:
        found = drive(server, closed(1, None, *[ASK] * 50), seconds=0.3)
    assert 2 <= len(found.records) <= 4
    assert all(one.call.failure for one in found.records)


def test_replies_are_not_kept_but_that_there_was_reasoning_is() -> None:
    with ScriptedServer(Reply("answer", reasoning=("hm ", "so "))) as server:
        found = drive(server, closed(1, 1))
    (record,) = found.records
    assert record.call.reply == ""
    assert record.call.reasoning == "h"


def test_warm_up_calls_are_made_before_and_a_dead_server_is_told() -> None:
    async def warm(endpoint: Endpoint) -> str:
        async with Client(endpoint) as client:
            failure = await warm_up(client, plan(shaped("closed", warmup=20, streams=3, turns=1)))
            return "" if failure is None else failure.message

    with ScriptedServer(QUICK) as server:
        assert asyncio.run(warm(Endpoint(server.base_url, "scripted"))) == ""
        assert len(server.requests) == 20
        gone = Endpoint(server.base_url, "scripted")
    assert "no connection" in asyncio.run(warm(gone))


def test_the_peak_counts_calls_that_end_as_others_begin_once() -> None:
    one = call(ttft=1.0, tokens=1)
    records = [Record("s", n, 0, float(n), 0.0, one) for n in range(3)]
    assert peak(records) == 1
    assert peak([]) == 0
