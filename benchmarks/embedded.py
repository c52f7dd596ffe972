"""How fast the embedded backend is on this machine; ``--help`` lists the options.

First the engine alone, in this process with one thread: best of several runs by
process CPU time, which other load disturbs least. Then whole servers over HTTP,
both modes up at once and measured in alternating blocks, so that a slow moment of
the machine hits both; medians over all requests of a mode.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import random
import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import numpy as np

from lmgame.serving import EmbeddedConfig, EmbeddedServer, weights
from lmgame.serving.engine import PREFILL_CHUNK, Engine, Step

BATCHES = (1, 2, 4, 8)
WORDS = ["the", "of", "a", "to", "in", "is", "you", "that", "it", "he", "was", "for", "on"]


def machine() -> str:
    """CPU model and core count."""
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                name = line.split(":", 1)[1].strip()
                break
    return f"{name}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}"


def best_cpu(work: Callable[[], None], runs: int) -> float:
    """Smallest process CPU time in seconds."""
    times = []
    for _ in range(runs):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def prefill(engine: Engine, tokens: list[int], slot: int) -> None:
    engine.free(slot)
    for offset in range(0, len(tokens), PREFILL_CHUNK):
        engine.prefill(tokens[offset : offset + PREFILL_CHUNK], slot, offset)


def measure_engine(name: str, length: int, runs: int) -> None:
    engine = Engine(weights.find(name), context=length + 128, slots=max(BATCHES), threads=1)
    source = Engine(weights.find(name), context=length + 128, slots=1, threads=1)
    tokens = np.random.default_rng(0).integers(100, 40_000, length).tolist()
    seconds = best_cpu(lambda: prefill(source, tokens, 0), runs)
    print(f"{name}: prefill of {length} tokens {length / seconds:.0f} tok/s")

    buffer = memoryview(bytearray(source.state_bytes()))
    prefill(source, tokens, 0)
    source.export(0, buffer)
    size = 0
    exports, imports = [], []
    for slot in range(max(BATCHES)):
        start = time.perf_counter()
        size = source.export(0, buffer)
        middle = time.perf_counter()
        engine.load(slot, buffer, size)
        exports.append(middle - start)
        imports.append(time.perf_counter() - middle)
    print(
        f"  KV state {size / 1e6:.1f} MB: export {1e3 * statistics.median(exports):.1f} ms, "
        f"import {1e3 * statistics.median(imports):.1f} ms"
    )
    for batch in BATCHES:
        position = length

        def steps(batch: int = batch) -> None:
            nonlocal position
            for _ in range(4):
                engine.step([Step(slot, 500, position) for slot in range(batch)])
                position += 1

        each = best_cpu(steps, runs) / 4
        for slot in range(max(BATCHES)):
            source.export(0, buffer)
            engine.load(slot, buffer, size)
        print(f"  decode batch {batch}: {1e3 * each:.1f} ms a step, {batch / each:.0f} tok/s")
    source.close()
    engine.close()


def measure_quality(name: str, length: int) -> None:
    """Perplexity on Python's own documentation, scored token by token."""
    from pydoc_data.topics import topics

    engine = Engine(weights.find(name), context=length, slots=1, threads=os.cpu_count() or 1)
    loss, count = 0.0, 0
    for topic in ("assignment", "class", "exceptions", "numbers", "truth"):
        engine.free(0)
        tokens = engine.vocabulary.tokenize(topics[topic][:4000])[:length]
        for position in range(len(tokens) - 1):
            row = engine.step([Step(0, tokens[position], position)])[0].astype(np.float64)
            row -= row.max()
            loss += float(np.log(np.exp(row).sum()) - row[tokens[position + 1]])
            count += 1
    engine.close()
    print(f"{name}: perplexity {np.exp(loss / count):.2f} over {count} tokens")


@dataclass
class Timing:
    ttft: float
    tpot: float | None
    tokens: int


async def request(session: aiohttp.ClientSession, url: str, prompt: str, tokens: int) -> Timing:
    body = {
        "model": EmbeddedConfig().model,
        "messages": [{"role": "user", "content": prompt}],
        "max_tokens": tokens,
        "ignore_eos": True,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    start = time.perf_counter()
    first = last = 0.0
    made = 0
    async with session.post(url, json=body) as response:
        response.raise_for_status()
        async for line in response.content:
            now = time.perf_counter()
            if not line.startswith(b"data: {"):
                continue
            chunk = json.loads(line[6:])
            if chunk["choices"] and chunk["choices"][0]["delta"].get("content"):
                first, last = first or now, now
            made = (chunk.get("usage") or {}).get("completion_tokens", made)
    return Timing(first - start, (last - first) / (made - 1) if made > 1 else None, made)


async def block(url: str, prompts: list[str], tokens: int, concurrency: int) -> list[Timing]:
    connector = aiohttp.TCPConnector(limit=0)
    free = asyncio.Semaphore(concurrency)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def one(prompt: str) -> Timing:
            async with free:  # taken before the clock starts: this is a closed loop
                return await request(session, url, prompt, tokens)

        return await asyncio.gather(*(one(prompt) for prompt in prompts))


def show(mode: str, timings: list[Timing], seconds: float) -> None:
    def spread(values: list[float]) -> str:
        p50, p90 = np.percentile(values, [50, 90])
        return f"{1e3 * p50:.0f} / {1e3 * p90:.0f} ms"

    total = sum(timing.tokens for timing in timings)
    tpots = [timing.tpot for timing in timings if timing.tpot is not None]
    print(
        f"  {mode:26} {total / seconds:5.1f} tok/s   TTFT p50/p90 "
        f"{spread([timing.ttft for timing in timings])}   TPOT p50/p90 {spread(tpots)}"
    )


def measure_servers(options: argparse.Namespace) -> None:
    settings: dict[str, dict[str, object]] = {
        "disaggregated": {},
        "colocated, prefill first": {"mode": "colocated"},
        "colocated, chunked": {"mode": "colocated", "schedule": "chunked"},
    }
    print(
        f"over HTTP: {options.blocks} blocks of {options.requests} requests, "
        f"{options.concurrency} at a time, {options.prompt} words in, {options.tokens} tokens out"
    )
    source = random.Random(1)
    timings: dict[str, list[Timing]] = {mode: [] for mode in settings}
    seconds = dict.fromkeys(settings, 0.0)
    with ExitStack() as stack:
        servers = {
            mode: stack.enter_context(
                EmbeddedServer(
                    EmbeddedConfig.model_validate(
                        {"port": 0, "context": 2048, "weights": options.weights[0], **extra}
                    )
                )
            )
            for mode, extra in settings.items()
        }
        for number in range(options.blocks):
            order = list(settings)[number % 3 :] + list(settings)[: number % 3]
            prompts = [
                " ".join(source.choices(WORDS, k=options.prompt)) for _ in range(options.requests)
            ]
            for mode in order:
                url = servers[mode].base_url + "/chat/completions"
                start = time.perf_counter()
                timings[mode] += asyncio.run(
                    block(url, prompts, options.tokens, options.concurrency)
                )
                seconds[mode] += time.perf_counter() - start
    for mode in settings:
        show(mode, timings[mode], seconds[mode])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", nargs="+", default=[weights.DEFAULT])
    parser.add_argument("--length", type=int, default=300, help="prompt tokens for the engine")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--blocks", type=int, default=2)
    parser.add_argument("--requests", type=int, default=8, help="per block")
    parser.add_argument("--concurrency", type=int, default=3)
    parser.add_argument("--prompt", type=int, default=150, help="words per prompt")
    parser.add_argument("--tokens", type=int, default=16, help="per reply")
    parser.add_argument("--no-engine", action="store_true")
    parser.add_argument("--no-servers", action="store_true")
    parser.add_argument("--quality", action="store_true", help="also measure perplexity")
    options = parser.parse_args()
    load = f"{os.getloadavg()[0]:.1f}"
    print(f"{machine()}; load average {load}")
    for name in options.weights:
        if not options.no_engine:
            measure_engine(name, options.length, options.runs)
        if options.quality:
            measure_quality(name, 256)
    if not options.no_servers:
        measure_servers(options)


if __name__ == "__main__":
    main()
