"""What a prompt shares with earlier ones is not run again, and the reply is the same."""

from __future__ import annotations

import json
import random
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmgame.serving import EmbeddedServer
from lmgame.serving.engine import EXACT, PREFILL_CHUNK, Engine, Logits, piece
from lmgame.serving.prefix import PrefixMap, PrefixStore

from .support import MODEL, read_metrics, serving

SLOTS = 3


def pieces(count: int, limit: int) -> list[int]:
    found: list[int] = []
    while sum(found) < count:
        found.append(piece(count - sum(found), limit))
    return found


@given(st.integers(1, 3000), st.integers(1, PREFILL_CHUNK))
def test_no_piece_is_too_small_for_the_same_bits(count: int, limit: int) -> None:
    cut = pieces(count, limit)
    assert sum(cut) == count
    assert max(cut) <= PREFILL_CHUNK
    if limit >= EXACT and count >= EXACT:
        assert min(cut) >= EXACT
        assert max(cut) < limit + EXACT
    elif limit < EXACT:
        assert max(cut) <= limit


@given(st.lists(st.lists(st.integers(0, 3), max_size=8), max_size=8), st.lists(st.integers(0, 3)))
def test_the_longest_shared_beginning_is_found(prompts: list[list[int]], wanted: list[int]) -> None:
    kept = PrefixMap()
    for number, prompt in enumerate(prompts):
        kept.add(number, prompt)

    def shared(prompt: list[int]) -> int:
        return next(
            (i for i, (a, b) in enumerate(zip(prompt, wanted, strict=False)) if a != b),
            min(len(prompt), len(wanted)),
        )

    found = kept.longest(wanted)
    if not prompts:
        assert found is None
        return
    assert found is not None
    assert found[1] == max(map(shared, prompts)) == shared(prompts[found[0]])
    inside = [n for n, prompt in enumerate(prompts) if wanted[: len(prompt)] == prompt]
    assert kept.within(wanted) == inside


@pytest.fixture(scope="module")
def engine(weights_path: Path) -> Iterator[Engine]:
    engine = Engine(weights_path, context=512, slots=SLOTS, threads=1)
    yield engine
    engine.close()


def tokens(engine: Engine, seed: int, count: int) -> list[int]:
    source = random.Random(seed)
    return [source.randrange(engine.vocabulary.size) for _ in range(count)]


def run(engine: Engine, slot: int, prompt: list[int], start: int, cut: list[int]) -> Logits:
    for size in cut:
        logits = engine.prefill(prompt[start : start + size], slot, start)
        start += size
    return logits.copy()


@pytest.mark.engine
@pytest.mark.parametrize("cut", [[236, 64], [64, 172, 64], [150, 150], [64, 65, 171], [107, 193]])
def test_a_prompts_cache_does_not_depend_on_its_pieces(engine: Engine, cut: list[int]) -> None:
    prompt = tokens(engine, 1, 300)
    engine.free(0)
    whole = run(engine, 0, prompt, 0, pieces(300, PREFILL_CHUNK))
    engine.free(1)
    assert np.array_equal(run(engine, 1, prompt, 0, cut), whole)


@pytest.mark.engine
@pytest.mark.parametrize("slot", range(SLOTS))
def test_a_kept_prompt_goes_on_to_the_same_bits_in_any_slot(engine: Engine, slot: int) -> None:
    """Two prompts that differ after 200 of 300 tokens, with another reply under way."""
    store = PrefixStore(10**9)
    first = tokens(engine, 1, 300)
    second = first[:200] + tokens(engine, 2, 100)
    for one in range(SLOTS):
        engine.free(one)
    cold = run(engine, slot, second, 0, pieces(300, PREFILL_CHUNK))
    engine.free(slot)
    run(engine, slot, first, 0, pieces(300, PREFILL_CHUNK))
    assert store.keep(engine, slot, 1, first).added
    other = (slot + 1) % SLOTS
    for _ in range(2):  # a kept state can be used again
        engine.free(other)
        known = store.load(engine, other, second, len(second))
        assert known == 200
        assert np.array_equal(run(engine, other, second, known, [100]), cold)


@pytest.mark.engine
def test_the_last_tokens_are_always_run(engine: Engine) -> None:
    store = PrefixStore(10**9)
    prompt = tokens(engine, 3, 200)
    engine.free(0)
    cold = run(engine, 0, prompt, 0, [200])
    store.keep(engine, 0, 1, prompt)
    assert store.load(engine, 1, prompt, 200) == 200 - EXACT
    assert np.array_equal(run(engine, 1, prompt, 200 - EXACT, [EXACT]), cold)


@pytest.mark.engine
def test_memory_is_bounded_and_the_least_useful_goes_first(engine: Engine) -> None:
    prompts = [tokens(engine, seed, 130) for seed in range(5)]
    engine.free(0)
    run(engine, 0, prompts[0], 0, [130])
    each = engine.state_size(0)
    store = PrefixStore(3 * each)
    for number, prompt in enumerate(prompts[:3]):
        engine.free(0)
        run(engine, 0, prompt, 0, [130])
        assert store.keep(engine, 0, number, prompt).removed == []
    assert store.load(engine, 1, prompts[0], 130) == 130 - EXACT  # of use again
    engine.free(0)
    run(engine, 0, prompts[3], 0, [130])
    assert store.keep(engine, 0, 3, prompts[3]).removed == [1]
    assert store.bytes <= store.limit
    # Who has all of another replaces it, whatever the memory.
    longer = prompts[3] + tokens(engine, 9, 64)
    engine.free(0)
    run(engine, 0, longer, 0, [194])
    assert 3 in store.keep(engine, 0, 4, longer).removed
    assert not PrefixStore(0).keep(engine, 0, 1, longer).added


def ask(server: EmbeddedServer, text: str, **more: object) -> tuple[str, int, float]:
    """The reply, how many tokens were known, and seconds of prefill."""
    body: dict[str, Any] = {
        "model": MODEL,
        "messages": [{"role": "user", "content": text}],
        "max_tokens": 12,
        "ignore_eos": True,
        **more,
    }
    request = urllib.request.Request(
        server.base_url + "/chat/completions",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as response:
        told = json.load(response)
    known = told["usage"]["prompt_tokens_details"]["cached_tokens"]
    return told["choices"][0]["message"]["content"], known, told["lmgame"]["stages"]["prefill_s"]


RULES = " ".join(f"Rule {n}: piece {n * 7 % 13} takes piece {n * 5 % 11}." for n in range(16))
BOARDS = [" ".join(str(step * n % 17) for n in range(12)) for step in range(4)]


@pytest.mark.engine
@pytest.mark.parametrize(
    "settings",
    [
        {"mode": "disaggregated"},
        {"mode": "colocated", "replicas": 1, "schedule": "chunked"},
    ],
    ids=["split", "chunked"],
)
def test_replies_are_the_same_with_and_without(
    weights_path: Path, settings: dict[str, object]
) -> None:
    prompts = [f"{RULES} The board: {board}" for board in BOARDS]
    with serving(**settings, prefix_mb=0) as server:
        cold = [ask(server, prompt) for prompt in prompts]
    with serving(**settings) as server:
        warm = [ask(server, prompt) for prompt in prompts]
        metrics = read_metrics(server)
    assert [reply for reply, _, _ in warm] == [reply for reply, _, _ in cold]
    assert [known for _, known, _ in cold] == [0] * len(prompts)
    assert warm[0][1] == 0
    assert all(known > 150 for _, known, _ in warm[1:])
    role = "prefill" if settings["mode"] == "disaggregated" else "colocated"
    known = sum(known for _, known, _ in warm)
    assert metrics[f'lmgame_cached_tokens_total{{role="{role}"}}'] == known


@pytest.mark.engine
def test_a_prompt_goes_to_the_worker_that_knows_it(weights_path: Path) -> None:
    """Two prefill workers, two agents in turn: each agent's prompts meet their own."""
    other = RULES.replace("Rule", "Law").replace("takes", "loses to")
    with serving(prefill_workers=2, context=512) as server:
        prompts = [f"{rules} The board: {board}" for board in BOARDS for rules in (RULES, other)]
        found = [ask(server, prompt) for prompt in prompts]
    assert [known > 150 for _, known, _ in found] == [False, False] + [True] * 6


@pytest.mark.engine
def test_replies_of_one_token_are_remembered_too(weights_path: Path) -> None:
    """Three agents in turn on two workers: taking turns would miss every time."""
    agents = [RULES, RULES.replace("Rule", "Law"), RULES.replace("Rule", "Custom")]
    with serving(mode="colocated", replicas=2, context=512) as server:
        found = [
            ask(server, f"{rules} The board: {board}", guided_choice=["left", "right"])
            for board in BOARDS
            for rules in agents
        ]
    assert {reply for reply, _, _ in found} <= {"left", "right"}
    assert [known > 150 for _, known, _ in found[3:]] == [True] * 9
