"""The plan may change at any moment: what is under way ends as it began."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from lmgame.serving import EmbeddedConfig, crew
from lmgame.serving.auto import Auto
from lmgame.serving.forecast import Plan
from lmgame.serving.job import Done, Failed, Job
from lmgame.serving.metric import Metrics
from lmgame.serving.reply import Request
from lmgame.serving.router import Router
from lmgame.serving.vocabulary import Message, Vocabulary

from .support import MODEL, openai_client, serving
from .test_equality import SUBJECTS

pytestmark = pytest.mark.engine


def requests(vocabulary: Vocabulary) -> list[Request]:
    source = random.Random(2)
    texts = [
        f"Tell me about {' and '.join(source.sample(SUBJECTS, 3))}. " * source.randint(6, 14)
        for _ in range(24)
    ]
    return [Request(vocabulary.prompt([Message("user", text)]), 12) for text in texts]


async def served(router: Router, wanted: list[Request], flip: bool) -> list[Job]:
    """The jobs once all have ended, while the plan changes all the time."""
    jobs = [router.submit(one, "", None) for one in wanted]
    changes = 0
    for job in jobs:
        while not isinstance(event := await job.events.get(), Done):
            assert not isinstance(event, Failed), event
            if flip:
                changes += 1
                router.crew.use(Plan(changes % len(router.workers), 1 + changes % 3))
    return jobs


async def run(weights: Path, vocabulary: Vocabulary) -> tuple[list[Job], list[Job]]:
    config = EmbeddedConfig(mode="auto", context=512, slots=4, prefill_nice=0, prefix_mb=0)
    router = Router(config, weights, Metrics())
    router.start()
    try:
        async with asyncio.timeout(60):
            while not router.started:
                await asyncio.sleep(0.02)
        calm = await served(router, requests(vocabulary), flip=False)
        return calm, await served(router, requests(vocabulary), flip=True)
    finally:
        await router.stop()


def test_replies_do_not_depend_on_when_the_plan_changes(
    weights_path: Path, vocabulary: Vocabulary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crew, "EVERY_S", 3600.0)  # only this test changes the plan
    took: dict[str, list[float]] = {"step": [], "passed": [], "own": []}
    monkeypatch.setattr(Auto, "took", lambda self, what, share: took[what].append(share))
    calm, wild = asyncio.run(run(weights_path, vocabulary))
    # Whichever way it is served, auto learns how long that takes.
    for shares in took.values():
        assert len(shares) >= 8
        assert 0.1 < median(shares) < 20
    assert {job.mode for job in calm} == {"disaggregated"}
    assert {job.mode for job in wild} == {"disaggregated", "colocated"}
    assert [job.tokens for job in wild] == [job.tokens for job in calm]


async def busiest(weights: Path, vocabulary: Vocabulary, plan: Plan) -> int:
    """The most replies and prompts that one worker had under way at the same time."""
    config = EmbeddedConfig(mode="auto", context=512, slots=4, prefill_nice=0, prefix_mb=0)
    router = Router(config, weights, Metrics())
    router.start()
    most = 0
    try:
        async with asyncio.timeout(60):
            while not router.started:
                await asyncio.sleep(0.02)
        router.crew.use(plan)
        jobs = [router.submit(one, "", None) for one in requests(vocabulary)[:8]]
        for job in jobs:
            while not isinstance(await job.events.get(), Done):
                most = max(most, *(worker.busy_slots for worker in router.workers))
    finally:
        await router.stop()
    return most


@pytest.mark.parametrize("plan", [Plan(0, 1), Plan(1, 1), Plan(0, 3)])
def test_no_worker_makes_more_replies_at_once_than_planned(
    weights_path: Path, vocabulary: Vocabulary, monkeypatch: pytest.MonkeyPatch, plan: Plan
) -> None:
    monkeypatch.setattr(crew, "EVERY_S", 3600.0)
    assert asyncio.run(busiest(weights_path, vocabulary, plan)) == plan.at_once


async def after_a_split(weights: Path, wanted: Request) -> list[Job]:
    """The same prompt split, and then twice at once where both workers run prompts."""
    router = Router(EmbeddedConfig(mode="auto", context=1024), weights, Metrics())
    router.start()
    try:
        async with asyncio.timeout(60):
            while not router.started:
                await asyncio.sleep(0.02)
            first = await served(router, [wanted], flip=False)
            while not all(list(one.prefixes) for one in router.workers):
                await asyncio.sleep(0.02)
        router.crew.use(Plan(0, 1))
        return first + await served(router, [wanted, wanted], flip=False)
    finally:
        await router.stop()


def test_with_auto_who_replies_remembers_the_prompt_too(
    weights_path: Path, vocabulary: Vocabulary, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else, once a split ends, everything waits for the one worker that ran prompts."""
    monkeypatch.setattr(crew, "EVERY_S", 3600.0)
    text = "Mind the gap between the platforms, and the walls behind them. " * 30
    wanted = Request(vocabulary.prompt([Message("user", text)]), 12, ignore_eos=True)
    first, *others = asyncio.run(after_a_split(weights_path, wanted))
    assert {job.prefill_worker for job in others} == {0, 1}
    assert all(job.cached == len(wanted.prompt) - 64 for job in others)
    assert [job.tokens for job in others] == [first.tokens] * 2


async def knowing(weights: Path, vocabulary: Vocabulary) -> tuple[Job, Job, Job, list[Job]]:
    """A long reply; behind it one that shares its prompt, one that does not, more that do."""
    config = EmbeddedConfig(mode="colocated", context=1024, slots=1)
    router = Router(config, weights, Metrics())
    router.start()
    rules = "Mind the gap between the platforms, and the walls behind them. " * 30

    def asked(text: str, tokens: int) -> Request:
        return Request(vocabulary.prompt([Message("user", text)]), tokens, ignore_eos=True)

    async def ended(job: Job) -> None:
        while not isinstance(event := await job.events.get(), Done):
            assert not isinstance(event, Failed), event

    try:
        async with asyncio.timeout(60):
            while not router.started or not all(one.ready for one in router.workers):
                await asyncio.sleep(0.02)
            await ended(router.submit(asked(rules + "One.", 1), "", None))
            while not any(list(one.prefixes) for one in router.workers):
                await asyncio.sleep(0.02)
        long = router.submit(asked(rules + "Two.", 60), "", None)
        same = router.submit(asked(rules + "Three.", 2), "", None)
        other = router.submit(asked(rules[::-1], 2), "", None)
        more = [router.submit(asked(f"{rules}{n}.", 30), "", None) for n in range(10)]
        for job in (long, same, other, *more):
            await ended(job)
    finally:
        await router.stop()
    return long, same, other, more


def test_a_prompt_waits_for_the_worker_that_knows_it_and_lets_others_pass(
    weights_path: Path, vocabulary: Vocabulary
) -> None:
    long, same, other, more = asyncio.run(knowing(weights_path, vocabulary))
    assert same.prefill_worker == long.prefill_worker != other.prefill_worker
    assert min(long.cached, same.cached) > 200 > other.cached
    # Where many wait for one worker, it is sooner to let another one learn the prompt.
    assert {job.prefill_worker for job in more} == {0, 1}


def test_auto_serves_with_the_smallest_context(weights_path: Path) -> None:
    """What it measures at the start must fit, too, and a prompt of nearly its length."""
    with serving(mode="auto", context=64, slots=1) as server, openai_client(server) as client:
        messages: Any = [{"role": "user", "content": "Hi. " * 20}]
        reply = client.chat.completions.create(model=MODEL, messages=messages, max_tokens=3)
    assert reply.choices[0].message.content
