"""The embedded backend beyond its capacity, and with workers that die.

    python benchmarks/overload.py                      # 10 minutes at 1.5 x capacity
    python benchmarks/overload.py --factor 0.7 --kill-s 20

Measures what the server can do with as many calls at once as it has slots, sends it a
Poisson load of ``--factor`` times that, then asks it one call after another again, and
prints how calls ended, how long the queue was, how long an unloaded call took before and
after, and the memory of all processes. Every call must end as served or as a clear
failure: one that hangs ends the program with an error.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import time
import urllib.request
from collections import Counter
from dataclasses import dataclass, field
from statistics import median

import psutil

from lmgame.client import Call, Client, Endpoint, Limits, Message, Request
from lmgame.serving import EmbeddedConfig, EmbeddedServer

QUEUE, SLOTS = 16, 8
PATIENCE_S = 600.0  # more than a full queue takes: only a call that hangs runs into it
WORDS = ["left", "right", "up", "down", "rotate", "drop", "push", "wait", "jump", "swap"]


@dataclass
class Seen:
    """What was noted while the load was on."""

    calls: list[Call] = field(default_factory=list)
    queue: list[float] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)
    kills: int = 0


def request(source: random.Random) -> Request:
    """A prompt as a text game's, 300 to 600 tokens, and a short reply."""
    text = "Board: " + " ".join(source.choice(WORDS) for _ in range(source.randint(280, 580)))
    return Request((Message("user", text),), max_tokens=source.randint(5, 20))


def memory_mb(server: EmbeddedServer) -> float:
    """Resident memory of the server and its workers, shared pages counted once each."""
    root = psutil.Process(server.pid)
    return sum(_uss(one) for one in [root, *root.children(recursive=True)]) / 1e6


def _uss(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().uss)
    except psutil.Error:
        return 0


def queue_length(server: EmbeddedServer) -> float:
    with urllib.request.urlopen(server.base_url.removesuffix("/v1") + "/metrics") as page:
        lines = page.read().decode().splitlines()
    waiting = next(line for line in lines if line.startswith('lmgame_queue_length{queue="pre'))
    return float(waiting.split()[-1])


async def one(client: Client, source: random.Random, seen: Seen) -> None:
    seen.calls.append(await asyncio.wait_for(client.complete(request(source)), 2 * PATIENCE_S))


async def capacity(client: Client, source: random.Random, seconds: float) -> float:
    """Calls a second with as many at once as the server has slots."""
    end, seen = time.monotonic() + seconds, Seen()

    async def stream() -> None:
        while time.monotonic() < end:
            await one(client, source, seen)

    begun = time.monotonic()
    await asyncio.gather(*(stream() for _ in range(SLOTS)))
    return len(seen.calls) / (time.monotonic() - begun)


async def unloaded(client: Client, source: random.Random) -> float:
    """Median seconds of a call when there is no other."""
    seen = Seen()
    for _ in range(10):
        await one(client, source, seen)
    return median(call.timing.end for call in seen.calls)


async def watch(server: EmbeddedServer, seen: Seen, kill_s: float | None) -> None:
    begun, source = time.monotonic(), random.Random(3)
    while True:
        await asyncio.sleep(1)
        seen.queue.append(await asyncio.to_thread(queue_length, server))
        seen.memory.append(await asyncio.to_thread(memory_mb, server))
        if kill_s and time.monotonic() - begun > kill_s * (seen.kills + 1):
            workers = [w for w in server.health().get("workers", []) if w["ready"]]
            if workers:
                psutil.Process(source.choice(workers)["pid"]).kill()
                seen.kills += 1


async def overload(
    client: Client, server: EmbeddedServer, rate: float, seconds: float, kill_s: float | None
) -> Seen:
    """A Poisson load: calls go out when they are due, whatever became of the others."""
    seen, source = Seen(), random.Random(2)
    watching = asyncio.create_task(watch(server, seen, kill_s))
    begun, due = time.monotonic(), 0.0
    async with asyncio.TaskGroup() as calls:
        while due < seconds:
            await asyncio.sleep(max(0.0, begun + due - time.monotonic()))
            calls.create_task(one(client, source, seen))
            due += source.expovariate(rate)
    watching.cancel()
    return seen


def told(call: Call) -> str:
    if call.failure is None:
        return "served"
    return f"{call.failure.kind} {call.failure.status or ''}".strip()


async def measure(server: EmbeddedServer, wanted: argparse.Namespace) -> bool:
    endpoint = Endpoint(server.base_url, server.config.model, limits=Limits(total_s=PATIENCE_S))
    client, source = Client(endpoint), random.Random(1)
    before_s = await unloaded(client, source)
    able = await capacity(client, source, wanted.warm_s)
    memory = memory_mb(server)
    print(f"capacity: {able:.2f} calls/s with {SLOTS} at once; unloaded {before_s:.2f} s a call")
    rate = wanted.factor * able
    seen = await overload(client, server, rate, wanted.seconds, wanted.kill_s)
    after_s = await unloaded(client, source)
    ends = Counter(map(told, seen.calls))
    print(f"load: {rate:.2f} calls/s for {wanted.seconds:.0f} s; workers killed: {seen.kills}")
    print("calls: " + ", ".join(f"{count} {end}" for end, count in ends.most_common()))
    print(f"queue: at most {max(seen.queue):.0f} of {QUEUE} waiting")
    refused = [c.failure.retry_after_s for c in seen.calls if c.failure and c.failure.status == 429]
    if refused:
        waits = sorted(wait or 0 for wait in refused)
        print(f"Retry-After: {waits[0]:.0f} to {waits[-1]:.0f} s; none on {refused.count(None)}")
    late = median(call.timing.end for call in seen.calls if call.failure is None)
    print(f"latency: {before_s:.2f} s before, {late:.2f} s under load, {after_s:.2f} s after")
    print(
        f"memory: {memory:.0f} MB before, {max(seen.memory):.0f} MB at most, "
        f"{memory_mb(server):.0f} MB after"
    )
    await client.close()
    return max(seen.queue) <= QUEUE and set(ends) <= {"served", "status 429", "status 503"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--factor", type=float, default=1.5, help="of the measured capacity")
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--warm-s", type=float, default=30, help="seconds to measure capacity")
    parser.add_argument("--kill-s", type=float, help="kill a random worker every so many seconds")
    parser.add_argument("--mode", default="disaggregated")
    wanted = parser.parse_args()
    config = EmbeddedConfig(
        port=0, context=2048, queue=QUEUE, slots=SLOTS, mode=wanted.mode, prefix_mb=64
    )
    with EmbeddedServer(config) as server:
        good = asyncio.run(measure(server, wanted))
    sys.exit(0 if good else "calls ended in a way that they should not, or the queue grew")


if __name__ == "__main__":
    main()
