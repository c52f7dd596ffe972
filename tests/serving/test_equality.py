"""The split changes where tokens are made, not which."""

from __future__ import annotations

import asyncio
import json
import random
from typing import Any

import aiohttp
import pytest

from lmgame.serving import EmbeddedServer

from .support import MODEL, read_metrics

pytestmark = pytest.mark.engine

Reply = tuple[tuple[str, ...], str, int]

SUBJECTS = ["the sea", "two cats", "a red fox", "old maps", "snow", "the moon", "bread", "a king"]
TASKS = [
    "Write a sentence about {}.",
    "What do you know about {}?",
    "Tell me a short story with {} and {} in it.",
    "{} or {}: which one is better, and why do you think so?",
    "Here is a list: {}, {}, {}. Say something about each of these.",
]


def prompts(count: int) -> list[str]:
    source = random.Random(20)
    return [
        source.choice(TASKS).format(*source.sample(SUBJECTS, 3)) + " Please." * source.randint(0, 3)
        for _ in range(count)
    ]


async def one(session: aiohttp.ClientSession, url: str, prompt: str, limit: int) -> Reply:
    body: Any = {
        "model": MODEL,
        "messages": [{"role": "user", "content": prompt}],
        "max_tokens": limit,
        "temperature": 0,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    pieces: list[str] = []
    finish, tokens = "", 0
    async with session.post(url, json=body) as response:
        assert response.status == 200, await response.text()
        async for line in response.content:
            if not line.startswith(b"data: {"):
                continue
            chunk = json.loads(line[6:])
            tokens = (chunk.get("usage") or {}).get("completion_tokens", tokens)
            for choice in chunk["choices"]:
                pieces.append(choice["delta"].get("content", ""))
                finish = choice["finish_reason"] or finish
    return tuple(filter(None, pieces)), finish, tokens


async def ask_all(server: EmbeddedServer, questions: list[str]) -> list[Reply]:
    url = server.base_url + "/chat/completions"
    connector = aiohttp.TCPConnector(limit=8)
    async with aiohttp.ClientSession(connector=connector) as session:
        asked = (one(session, url, q, 4 + i % 5) for i, q in enumerate(questions))
        return await asyncio.gather(*asked)


def test_all_modes_say_the_same_token_for_token(
    disaggregated: EmbeddedServer, prefill_first: EmbeddedServer
) -> None:
    questions = prompts(50)
    split = asyncio.run(ask_all(disaggregated, questions))
    assert split == asyncio.run(ask_all(prefill_first, questions))


@pytest.mark.slow
def test_chunks_say_the_same_token_for_token(
    disaggregated: EmbeddedServer, chunked: EmbeddedServer
) -> None:
    questions = prompts(50)
    assert asyncio.run(ask_all(disaggregated, questions)) == asyncio.run(
        ask_all(chunked, questions)
    )


def test_no_prompt_in_decode_and_one_token_per_prefill(disaggregated: EmbeddedServer) -> None:
    asyncio.run(ask_all(disaggregated, prompts(6)))
    metrics = read_metrics(disaggregated)
    assert metrics['lmgame_prefilled_tokens_total{role="prefill"}'] > 0
    assert metrics['lmgame_generated_tokens_total{role="decode"}'] > 0
    assert metrics["lmgame_kv_transferred_bytes_total"] > 0
    assert metrics.get('lmgame_prefilled_tokens_total{role="decode"}', 0) == 0
    assert (
        metrics['lmgame_generated_tokens_total{role="prefill"}']
        == metrics['lmgame_prefills_total{role="prefill"}']
    )
    assert not any("colocated" in name for name in metrics)


def test_colocated_workers_do_both_and_transfer_nothing(prefill_first: EmbeddedServer) -> None:
    asyncio.run(ask_all(prefill_first, prompts(3)))
    metrics = read_metrics(prefill_first)
    assert metrics['lmgame_prefilled_tokens_total{role="colocated"}'] > 0
    assert metrics['lmgame_generated_tokens_total{role="colocated"}'] > 0
    assert metrics["lmgame_kv_transferred_bytes_total"] == 0
