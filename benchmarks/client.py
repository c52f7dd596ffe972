"""How honestly clients and load tools time a server whose times are known.

The server of `lmgame bench --calibrate`, in its own process, sends the first token
100 ms after a request and 49 more, 20 ms apart. Against limits of 150 ms (TTFT) and
25 ms (TPOT) its true attainment is 100 %; what a client reports below that is the
client's own doing. Closed loop, all streams start at once, each client in its own
process. ``warm`` is lmgame's client with its connections opened before the burst,
``bench`` is `lmgame bench` (``--processes``); aiperf, guidellm and vllm (`vllm bench
serve`) run where they are installed, as their users run them.

    python benchmarks/client.py [--streams 1 32 256] [--clients lmgame bench aiperf]
        [--tools /opt/aiperf/bin:/opt/guidellm/bin]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import math
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import uvloop

from lmgame.bench import fleet, truth
from lmgame.bench.calibrate import ITL_S, LIMITS, TOKENS, TTFT_S
from lmgame.bench.result import counted
from lmgame.bench.settings import LoadSettings
from lmgame.client import Client, Endpoint, Message, Request
from lmgame.environment import cpu_name
from lmgame.slo import percentile, wilson

if TYPE_CHECKING or __package__:
    from . import tool
else:
    import tool  # run as a script

PROMPT = "You play Tetris. Which placement? " * 20

Ask = Callable[[], Awaitable[tuple[float, float]]]


@dataclass(frozen=True, slots=True)
class Measured:
    """What a client measured.

    Attributes:
        samples: TTFT and TPOT of each call, in seconds; None for one that failed.
        cpu_us: CPU time a call without the start of the process, in microseconds; None
            where only the whole is known.
    """

    samples: list[tool.Sample]
    cpu_us: float | None


@contextlib.asynccontextmanager
async def ours(url: str, streams: int, warm: bool = False) -> AsyncIterator[Ask]:
    request = Request([Message("user", PROMPT)], max_tokens=TOKENS)
    async with Client(Endpoint(url, tool.MODEL)) as client:
        if warm:
            await client.warm(streams)

        async def ask() -> tuple[float, float]:
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
        "model": tool.MODEL,
        "messages": [{"role": "user", "content": PROMPT}],
        "stream": True,
        "max_tokens": TOKENS,
    }
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    async with httpx.AsyncClient(limits=limits, timeout=120, trust_env=False) as client:

        async def ask() -> tuple[float, float]:
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

        async def ask() -> tuple[float, float]:
            begin, stamps = perf_counter(), []
            stream = await client.chat.completions.create(
                model=tool.MODEL,
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


async def measure(name: str, url: str, streams: int, rounds: int) -> Measured:
    """One of our own loops around a client, in this process."""
    samples: list[tool.Sample] = []
    async with CLIENTS[name](url, streams) as ask:

        async def stream() -> None:
            for _ in range(rounds):
                samples.append(await ask())

        await ask()  # imports and caches of the first call are nobody's speed
        cpu = time.process_time()
        await asyncio.gather(*(stream() for _ in range(streams)))
        cpu = time.process_time() - cpu
    return Measured(samples, 1e6 * cpu / len(samples))


def measure_bench(url: str, streams: int, rounds: int, processes: int) -> Measured:
    """`lmgame bench`, over one process or several."""
    plan = {"kind": "closed", "streams": streams, "calls": rounds * streams, "warmup": 8,
            "processes": min(processes, streams), "max_tokens": TOKENS}  # fmt: skip
    outcomes = fleet.measure(Endpoint(url, tool.MODEL), LoadSettings.model_validate(plan))
    calls = [one.call for one in counted(outcomes)]
    cpu = sum(one.cpu_s for one in outcomes)
    samples = [
        None if one.ttft_s is None or one.tpot_s is None else (one.ttft_s, one.tpot_s)
        for one in calls
    ]
    return Measured(samples, 1e6 * cpu / len(samples))


def line(name: str, streams: int, found: Measured, cpu_s: float) -> str:
    """One line of the table.

    Args:
        name: The client.
        streams: How many.
        found: What it measured.
        cpu_s: CPU seconds of its whole process and those that it started.
    """
    known = [one for one in found.samples if one is not None]
    n = len(found.samples)
    assert LIMITS.ttft_s is not None
    assert LIMITS.tpot_s is not None
    good = sum(a <= LIMITS.ttft_s and b <= LIMITS.tpot_s for a, b in known)
    low, high = wilson(good, n) or (0.0, 1.0)
    ttfts, tpots = [one[0] for one in known], [one[1] for one in known]
    biases = [1e3 * ((percentile(ttfts, q) or math.nan) - TTFT_S) for q in (50, 99)]
    pace = 100 * ((percentile(tpots, 50) or math.nan) / ITL_S - 1)
    own = "-" if found.cpu_us is None else f"{found.cpu_us:.0f}"
    return (
        f"{name:9}{streams:8}{n:7}{good / n:9.1%}   {f'{low:.1%}-{high:.1%}':13}"
        f"{biases[0]:+9.1f}{biases[1]:+9.1f}{pace:+8.1f}%{own:>9}{cpu_s:8.1f}"
    )


def compare(names: Sequence[str], options: argparse.Namespace) -> None:
    """Print a line for each client and number of streams."""
    print(
        f"{os.cpu_count()} x {cpu_name()}, load {os.getloadavg()[0]:.1f}, "
        f"Python {platform.python_version()}, uvloop {version('uvloop')}\n"
        f"truth: TTFT {TTFT_S * 1e3:g} ms, {TOKENS} tokens {ITL_S * 1e3:g} ms apart, all streams "
        f"begin at once; limits {LIMITS.ttft_s:g} and {LIMITS.tpot_s:g} s: all calls meet them\n"
        "TTFT: more than the truth, in ms; TPOT: likewise in per cent, its median; CPU us: a call, "
        "without the start; CPU s: the whole process\n"
        f"{'client':9}{'streams':>8}{'calls':>7}{'attain':>9}   {'95 %':13}"
        f"{'TTFT p50':>9}{'p99':>9}{'TPOT':>9}{'CPU us':>9}{'CPU s':>8}"
    )
    with truth.serving(TTFT_S, ITL_S) as url, tempfile.TemporaryDirectory() as place:
        tokenizer = Path(place) / "tokenizer"
        tool.write_tokenizer(tokenizer)
        for streams in options.streams:
            for name in names:
                folder = Path(place) / f"{name}-{streams}"
                folder.mkdir()
                try:
                    if name in tool.TOOLS:
                        asked = tool.Asked(
                            url, streams, options.rounds * streams, TOKENS,
                            1e3 * (LIMITS.ttft_s or 0), 1e3 * (LIMITS.tpot_s or 0),
                            folder, tokenizer,
                        )  # fmt: skip
                        samples, cpu_s = tool.TOOLS[name].measure(asked, options.tools)
                        found = Measured(samples, None)
                    else:
                        found, cpu_s = _in_a_process(name, url, streams, options)
                except tool.ToolFailed as error:
                    print(f"{name:9}{streams:8}  {error}", flush=True)
                    continue
                print(line(name, streams, found, cpu_s), flush=True)


def _in_a_process(
    name: str, url: str, streams: int, options: argparse.Namespace
) -> tuple[Measured, float]:
    slow = streams >= 256 and name in ("httpx", "openai")  # would take minutes
    words = [f"--measure={name}", f"--url={url}", f"--rounds={1 if slow else options.rounds}",
             f"--processes={options.processes}", "--streams", str(streams)]  # fmt: skip
    begin = tool.cpu_seconds()
    done = subprocess.run(
        [sys.executable, __file__, *words], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise tool.ToolFailed(f"failed: {(done.stderr.strip().splitlines() or ['?'])[-1][:200]}")
    told = json.loads(done.stdout)
    samples = [None if one is None else (one[0], one[1]) for one in told["samples"]]
    return Measured(samples, told["cpu_us"]), tool.cpu_seconds() - begin


def installed(names: Sequence[str], path: str | None) -> list[str]:
    """Those of the clients that are there; says of each other one that it is not."""
    found = []
    for name in names:
        if name in tool.TOOLS:
            there, package = tool.TOOLS[name].found(path) is not None, tool.TOOLS[name].package
        else:
            there, package = name not in ("httpx", "openai") or bool(find_spec(name)), name
        if there:
            found.append(name)
        else:
            print(f"{name}: not installed (pip install {package}), left out")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    everybody = [*CLIENTS, "bench", *tool.TOOLS]
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 32, 256])
    parser.add_argument("--clients", nargs="+", choices=everybody, default=everybody)
    parser.add_argument("--rounds", type=int, default=2, help="calls per stream, one after another")
    parser.add_argument("--processes", type=int, default=1, help="of `lmgame bench`")
    parser.add_argument(
        "--tools", metavar="DIRS", help="where aiperf, guidellm and vllm are, as PATH has it"
    )
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not options.measure:
        compare(installed(options.clients, options.tools), options)
        return
    streams, rounds = options.streams[0], options.rounds
    if options.measure == "bench":
        found = measure_bench(options.url, streams, rounds, options.processes)
    else:
        found = uvloop.run(measure(options.measure, options.url, streams, rounds))
    print(json.dumps(asdict(found)))


if __name__ == "__main__":
    main()
