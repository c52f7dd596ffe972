from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from lmgame.client import Call, Client, Endpoint, Limits, Message, Request
from lmgame.scripted_server import Reply, ScriptedServer

Ask = Callable[..., Call]
PATIENT = Limits(total_s=20)


@pytest.fixture
def request_() -> Request:
    return Request([Message("system", "You play."), Message("user", "Which move?")], max_tokens=8)


@pytest.fixture
def ask(request_: Request) -> Ask:
    """Play one reply to one call over a real socket and give the call."""

    def play(reply: Reply, limits: Limits = PATIENT, **fields: object) -> Call:
        async def run(url: str) -> Call:
            endpoint = Endpoint(url, "scripted", limits=limits, **fields)  # type: ignore[arg-type]  # passed through
            async with Client(endpoint) as client:
                return await client.complete(request_)

        with ScriptedServer(reply) as server:
            return asyncio.run(run(server.base_url))

    return play


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> str:
    """A key in the environment, under the name LMGAME_TEST_KEY."""
    secret = "sk-test-0123456789abcdef"
    monkeypatch.setenv("LMGAME_TEST_KEY", secret)
    return secret
