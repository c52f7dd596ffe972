"""Deadlines, refusals and turns, as clients of a real server meet them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from lmgame.serving import EmbeddedServer

from .support import MODEL, read_metrics, serving, wait_idle

pytestmark = pytest.mark.engine

LONG = "Tell me a story about a fox. " * 40


@pytest.fixture(scope="module")
def small(weights_path: Path) -> Iterator[EmbeddedServer]:
    """Room for two at a time, and four more who wait."""
    with serving(queue=4, slots=1, prefix_mb=0) as server:
        yield server


def body(text: str = LONG, **more: object) -> dict[str, object]:
    messages = [{"role": "user", "content": text}]
    return {"model": MODEL, "messages": messages, "max_tokens": 4, "ignore_eos": True, **more}


Wanted = Mapping[str, Any]
Answer = tuple[int, dict[str, str], Any]


async def post(session: aiohttp.ClientSession, server: EmbeddedServer, wanted: Wanted) -> Answer:
    async with session.post(server.base_url + "/chat/completions", json=body(**wanted)) as response:
        text = await response.text()
        told = text if response.content_type == "text/event-stream" else json.loads(text)
        return response.status, dict(response.headers), told


def ask(server: EmbeddedServer, *wanted: Wanted) -> list[Answer]:
    """All at once, in this order."""

    async def run() -> list[Answer]:
        async with aiohttp.ClientSession() as session:
            return await asyncio.gather(*(post(session, server, one) for one in wanted))

    return asyncio.run(run())


def late(server: EmbeddedServer) -> float:
    name = "lmgame_late_requests_total"
    return sum(value for key, value in read_metrics(server).items() if key.startswith(name))


def test_a_deadline_that_passes_is_a_clear_error(small: EmbeddedServer) -> None:
    before = late(small)
    ((status, _, told),) = ask(small, {"deadline_s": 0.05})
    assert status == 504
    assert told["error"]["code"] == "deadline_exceeded"
    assert "its deadline of 0.05 s has passed" in told["error"]["message"]
    wait_idle(small)
    assert late(small) == before + 1


def test_a_deadline_in_the_middle_of_a_reply_ends_the_stream(small: EmbeddedServer) -> None:
    ((status, _, told),) = ask(
        small, {"text": "Count.", "max_tokens": 400, "stream": True, "deadline_s": 1.5}
    )
    assert status == 200
    assert "deadline_exceeded" in told
    assert "after " in told
    assert told.endswith("data: [DONE]\n\n")
    wait_idle(small)


def test_what_waits_is_dropped_at_its_deadline_and_others_are_served(
    small: EmbeddedServer,
) -> None:
    answers = ask(small, {}, {}, {"deadline_s": 0.02}, {"deadline_s": 60})
    assert [status for status, _, _ in answers] == [200, 200, 504, 200]
    wait_idle(small)


@pytest.mark.parametrize("wrong", [0, -1, "soon", True, 1e9])
def test_a_deadline_is_a_number_of_seconds(small: EmbeddedServer, wrong: object) -> None:
    ((status, _, told),) = ask(small, {"deadline_s": wrong})
    assert status == 400
    assert told["error"]["message"].startswith("deadline_s must be a number from 0.001 to 86400")


def test_a_full_queue_says_when_to_come_back(small: EmbeddedServer) -> None:
    answers = ask(small, *({} for _ in range(12)))
    refused = [(headers, told) for status, headers, told in answers if status == 429]
    assert {status for status, _, _ in answers} == {200, 429}
    assert len(refused) >= 4
    for headers, told in refused:
        assert int(headers["Retry-After"]) >= 1
        assert told["error"]["type"] == "rate_limit_error"
        assert f"try again in {headers['Retry-After']} s" in told["error"]["message"]
    wait_idle(small)


def test_one_client_does_not_keep_another_out(small: EmbeddedServer) -> None:
    """Ten requests of one client, then two of another: these are served all the same."""
    many = [{"user": "many"} for _ in range(10)]
    answers = ask(small, *many, {"user": "few"}, {"user": "few"})
    assert [status for status, _, _ in answers[-2:]] == [200, 200]
    away = [told for status, _, told in answers[:10] if status == 429]
    assert any("others' requests came first" in told["error"]["message"] for told in away)
    wait_idle(small)


def test_a_name_has_its_bounds(small: EmbeddedServer) -> None:
    ((status, _, told),) = ask(small, {"user": "x" * 513})
    assert status == 400
    assert told["error"]["message"] == "user has 513 characters; at most 512"
