from __future__ import annotations

import asyncio
import json
import urllib.request

import pytest

from lmgame.bench import truth
from lmgame.client import Call, Client, Endpoint, Message, Request


def ask(url: str, *requests: Request, structured: str = "off") -> list[Call]:
    async def run() -> list[Call]:
        endpoint = Endpoint(url, "truth", structured=structured)  # type: ignore[arg-type]  # a test's word
        async with Client(endpoint) as client:
            return await asyncio.gather(*map(client.complete, requests))

    return asyncio.run(run())


def test_the_truth_is_what_it_says() -> None:
    request = Request([Message("user", "go")], max_tokens=11)
    with truth.serving(0.05, 0.01) as url:
        calls = ask(url, *[request] * 8)
        with urllib.request.urlopen(f"{url}/told") as response:
            told = json.load(response)
        with urllib.request.urlopen(f"{url}/models") as response:
            assert json.load(response)["data"] == [{"id": "truth"}]
    assert told["calls"] == 8
    assert 0 <= told["late_p99_s"] <= told["late_max_s"]
    for call in calls:
        assert call.failure is None
        assert call.usage.completion == len(call.timing.chunks) == 11
        assert call.ttft_s is not None
        assert call.ttft_s >= 0.05  # never early, and how late a busy machine makes it is open
        assert call.timing.last_token is not None
        assert call.timing.last_token >= 0.05 + 10 * 0.01


def test_one_of_the_choices_is_one_token() -> None:
    asked = [Request([Message("user", str(n))], choices=("left", "right")) for n in range(8)]
    with truth.serving(0.0, 0.01) as url:
        calls = ask(url, *asked, structured="choice")
    assert {call.reply for call in calls} == {"left", "right"}
    assert {call.usage.completion for call in calls} == {1}


@pytest.mark.parametrize("tokens", [1, 2])
def test_the_shortest_replies_are_whole(tokens: int) -> None:
    with truth.serving(0.0, 0.0) as url:
        (call,) = ask(url, Request([Message("user", "go")], max_tokens=tokens))
    assert call.failure is None
    assert call.reply == " a" * tokens
    assert call.finish == "stop"
