"""Many clients, some of which hang up at random: nothing may stay behind."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import aiohttp
import pytest

from lmgame.serving import EmbeddedServer

from .support import MODEL, wait_idle

pytestmark = pytest.mark.engine


async def visit(session: aiohttp.ClientSession, url: str, source: random.Random) -> int:
    """One request; 0 if this client hung up before the end."""
    choices = ["left", "right", "rotate left", "rotate right", "wait"]
    body: dict[str, Any] = {
        "model": MODEL,
        "messages": [{"role": "user", "content": "go " * source.randint(1, 60)}],
        "max_tokens": source.randint(1, 12),
        "ignore_eos": True,
        "stream": source.random() < 0.5,
        "temperature": source.choice([0, 1]),
    }
    if source.random() < 0.3:
        body["guided_choice"] = choices
    patience = source.uniform(0.01, 1.5) if source.random() < 0.4 else 60.0
    try:
        async with asyncio.timeout(patience), session.post(url, json=body) as response:
            await response.read()
            return response.status
    except TimeoutError:
        return 0


async def storm(server: EmbeddedServer, count: int, seed: int) -> list[int]:
    source = random.Random(seed)
    url = server.base_url + "/chat/completions"
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=16)) as session:
        return await asyncio.gather(*(visit(session, url, source) for _ in range(count)))


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["disaggregated", "chunked"])
def test_a_storm_leaves_nothing_behind(request: pytest.FixtureRequest, mode: str) -> None:
    server: EmbeddedServer = request.getfixturevalue(mode)
    statuses = asyncio.run(storm(server, 40, seed=5))
    assert set(statuses) <= {0, 200}
    assert statuses.count(200) >= 15
    wait_idle(server)
