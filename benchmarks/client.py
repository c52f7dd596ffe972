"""How honestly clients time a server whose times are known.

A scripted server in its own process sends the first token 100 ms after a request
and 49 more, 20 ms apart. Against limits of 150 ms (TTFT) and 25 ms (TPOT) its
true attainment is 100 %; what a client reports below that is the client's own
doing. Closed loop, all streams start at once, each client in its own process;
``warm`` is lmgame's client with its connections opened before the burst.

    python benchmarks/client.py [--streams 1 32 256] [--clients lmgame warm httpx openai]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from importlib.metadata import version
from importlib.util import find_spec
from time import perf_counter

import uvloop

from lmgame.client import Client, Endpoint, Message, Request
from lmgame.slo import Slo, percentile, wilson

TTFT_S, ITL_S, TOKENS = 0.1, 0.02, 50
SLO = Slo(ttft_s=0.15, tpot_s=0.025)
PROMPT = "You play Tetris. Which placement? " * 20

Sample = tuple[float, float]  # TTFT and TPOT in seconds
Ask = Callable[[], Awaitable[Sample]]


@contextlib.asynccontextmanager
async def ours(url: str, streams: int, warm: bool = False) -> AsyncIterator[Ask]:
    request = Request([Message("user", PROMPT)], max_tokens=TOKENS)
    async with Client(Endpoint(url, "scripted")) as client:
        if warm:
            await client.warm(streams)

        async def ask() -> Sample:
            call = await client.complete(request)
            assert call.failure is None, call.failure
            assert call.ttft_s is not None
            assert call.tpot_s is not None
            return call.ttft_s, call.tpot_s

        yield ask


@contextlib.asynccontextmanager
async def with_httpx(url: str, streams: int) -> AsyncIterator[Ask]:
    import httpx

    body = {
        "model": "scripted",
        "messages": [{"role": "user", "content": PROMPT}],
        "stream": True,
        "max_tokens": TOKENS,
    }
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    async with httpx.AsyncClient(limits=limits, timeout=120, trust_env=False) as client:

        async def ask() -> Sample:
            begin, stamps = perf_counter(), []
            async with client.stream("POST", url + "/chat/completions", json=body) as response:
                async for line in response.aiter_lines():
                    at = perf_counter()
                    if not line.startswith("data: {"):
                        continue
                    choices = json.loads(line[6:])["choices"]
                    if choices and choices[0]["delta"].get("content"):
                        stamps.append(at)
            return stamps[0] - begin, (stamps[-1] - stamps[0]) / (len(stamps) - 1)

        yield ask


@contextlib.asynccontextmanager
async def with_openai(url: str, streams: int) -> AsyncIterator[Ask]:
    import openai

    async with openai.AsyncOpenAI(base_url=url, api_key="none", max_retries=0) as client:

        async def ask() -> Sample:
            begin, stamps = perf_counter(), []
            stream = await client.chat.completions.create(
                model="scripted",
                messages=[{"role": "user", "content": PROMPT}],
                max_tokens=TOKENS,
                stream=True,
            )
            async for chunk in stream:
                at = perf_counter()
                if chunk.choices and chunk.choices[0].delta.content:
                    stamps.append(at)
            return stamps[0] - begin, (stamps[-1] - stamps[0]) / (len(stamps) - 1)

        yield ask


def warmed(url: str, streams: int) -> contextlib.AbstractAsyncContextManager[Ask]:
    return ours(url, streams, warm=True)


Start = Callable[[str, int], contextlib.AbstractAsyncContextManager[Ask]]
CLIENTS: dict[str, Start] = {
    "lmgame": ours,
    "warm": warmed,
    "httpx": with_httpx,
    "openai": with_openai,
}


async def measure(name: str, url: str, streams: int, rounds: int) -> dict[str, object]:
    samples: list[Sample] = []
    async with CLIENTS[name](url, streams) as ask:

        async def stream() -> None:
            for _ in range(rounds):
                samples.append(await ask())

        await ask()  # imports and caches of the first call are nobody's speed
        begin, cpu = perf_counter(), time.process_time()
        await asyncio.gather(*(stream() for _ in range(streams)))
        cpu, wall = time.process_time() - cpu, perf_counter() - begin
    ttfts, tpots = [s[0] for s in samples], [s[1] for s in samples]
    assert SLO.ttft_s is not None
    assert SLO.tpot_s is not None
    good = sum(a <= SLO.ttft_s and b <= SLO.tpot_s for a, b in samples)
    return {
        "client": name,
        "streams": streams,
        "calls": len(samples),
        "attainment": good / len(samples),
        "ci95": wilson(good, len(samples)),
        "ttft_bias_p50_ms": 1e3 * ((percentile(ttfts, 50) or 0) - TTFT_S),
        "ttft_bias_p99_ms": 1e3 * ((percentile(ttfts, 99) or 0) - TTFT_S),
        "tpot_bias_pct": 100 * (statistics.median(tpots) / ITL_S - 1),
        "cpu_us_per_call": 1e6 * cpu / len(samples),
        "wall_s": wall,
    }


def compare(names: list[str], levels: list[int], rounds: int) -> None:
    times = [f"--ttft-s={TTFT_S}", f"--itl-s={ITL_S}", f"--tokens={TOKENS}"]
    server = subprocess.Popen(
        [sys.executable, "-m", "lmgame.scripted_server", *times],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    url = server.stdout.readline().strip()
    print(
        f"{os.cpu_count()} x {_processor()}, load {os.getloadavg()[0]:.1f}, "
        f"Python {platform.python_version()}, uvloop {version('uvloop')}\n"
        f"truth: TTFT {TTFT_S * 1e3:g} ms, {TOKENS} tokens {ITL_S * 1e3:g} ms apart\n"
        f"{'client':8}{'streams':>8}{'calls':>7}{'attain':>9}   {'95 %':13}"
        f"{'TTFT p50':>9}{'p99':>8}{'TPOT':>8}{'CPU us':>9}"
    )
    try:
        for streams in levels:
            for name in names:
                slow = streams >= 256 and name in ("httpx", "openai")  # would take minutes
                options = [f"--measure={name}", f"--url={url}", f"--rounds={1 if slow else rounds}"]
                line = subprocess.run(
                    [sys.executable, __file__, *options, "--streams", str(streams)],
                    check=True,
                    capture_output=True,
                    text=True,
                ).stdout
                found = json.loads(line)
                low, high = found["ci95"]
                print(
                    f"{name:8}{streams:8}{found['calls']:7}{found['attainment']:9.1%}   "
                    f"{f'{low:.1%}-{high:.1%}':13}{found['ttft_bias_p50_ms']:+8.1f} "
                    f"{found['ttft_bias_p99_ms']:+8.1f}{found['tpot_bias_pct']:+7.1f}%"
                    f"{found['cpu_us_per_call']:9.0f}",
                    flush=True,
                )
    finally:
        server.communicate("\n")


def _processor() -> str:
    with contextlib.suppress(OSError), open("/proc/cpuinfo") as lines:
        for line in lines:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 32, 256])
    parser.add_argument(
        "--clients", nargs="+", choices=list(CLIENTS), default=["lmgame", "httpx", "openai"]
    )
    parser.add_argument("--rounds", type=int, default=2, help="calls per stream, one after another")
    parser.add_argument("--measure", choices=list(CLIENTS), help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        run = measure(options.measure, options.url, options.streams[0], options.rounds)
        print(json.dumps(uvloop.run(run)))
    else:
        names = [name for name in options.clients if name in ("lmgame", "warm") or find_spec(name)]
        compare(names, options.streams, options.rounds)


if __name__ == "__main__":
    main()
