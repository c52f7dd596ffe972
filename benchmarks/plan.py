"""What `lmgame serve --plan` predicts, beside what is published and what is measured here.

`--published` plans with DistServe's A100 profile and lengths, and prints its README's
answer beside ours. `--held-out PROFILE.yaml` searches the capacity of real embedded
servers, in configurations from which no constant of the profile was taken, and prints
predicted and measured capacity; it takes some minutes for each. `--speed` prints how
many calls a second are simulated. A profile is measured with
`lmgame serve --plan plan.profile=measure plan.save=PROFILE.yaml slo.ttft_s=9`.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import json
import random
import time
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from lmgame.placement.profile import Profile, load
from lmgame.placement.search import Goal, capacity, plan
from lmgame.placement.simulate import Load, simulate
from lmgame.placement.split import Shape, Split
from lmgame.placement.workload import Item, Made, Workload, from_lengths, synthetic
from lmgame.serving import EmbeddedConfig, EmbeddedServer
from lmgame.slo import Slo, wilson

WORDS = ("the", "of", "a", "to", "in", "is", "you", "that", "it", "he", "was", "for", "on")


@dataclass(frozen=True)
class Case:
    """A configuration of the embedded backend, and the same for the simulation."""

    name: str
    settings: dict[str, object]
    split: Split
    slo: Slo
    shape: Made


def cases() -> list[Case]:
    short = Made(prompt_min=100, prompt_max=300, shared=0, output_min=5, output_max=30)
    long = Made(prompt_min=300, prompt_max=900, shared=0, output_min=5, output_max=30)
    tight, loose = Slo(ttft_s=5, tpot_s=0.06), Slo(ttft_s=5, tpot_s=0.3)
    split: dict[str, object] = {}
    first: dict[str, object] = {"mode": "colocated"}
    chunked: dict[str, object] = {"mode": "colocated", "schedule": "chunked"}
    one: dict[str, object] = {"mode": "colocated", "replicas": 1, "decode_threads": 2}
    return [
        Case("split, short", split, Split("split", 1, 1), tight, short),
        Case("split, long", split, Split("split", 1, 1), tight, long),
        Case("prefill first x2, long", first, Split("prefill_first", 0, 2), loose, long),
        Case("chunked x2, short", chunked, Split("chunked", 0, 2, chunk=64), loose, short),
        Case("chunked x2, long", chunked, Split("chunked", 0, 2, chunk=64), loose, long),
        Case("prefill first, 2 threads", one, Split("prefill_first", 0, 1, decode=Shape(2)), loose,
             short),
    ]  # fmt: skip


def sharegpt() -> Workload:
    lines = Path(__file__).with_name("sharegpt.csv").read_text().splitlines()
    rows = csv.DictReader(line for line in lines if not line.startswith("#"))
    return from_lengths("sharegpt", [(int(r["prompt"]), int(r["output"])) for r in rows])


def published() -> None:
    goal = Goal(Slo(ttft_s=0.2, tpot_s=0.1), calls=300, rounds=1, edge=0.0)
    print("simdistserve's README, OPT-13B, ShareGPT, 4 A100s, TTFT 200 ms, TPOT 100 ms:")
    print("  theirs: 1.56 a GPU, 1P of 2 + 1D (one instance of each)")
    found = plan(load("opt-13b-a100"), sharegpt(), goal, 4, fewer=True)
    single = next(
        c for c in found if (c.split.kind, c.split.prefills, c.split.decodes) == ("split", 1, 1)
    )
    print(f"  ours: {single.per_unit:.2f} a GPU, {single.split}")
    for one in found[:5]:
        print(f"  all placements: {one.per_unit:.2f} a GPU, {one.split}; {one.binding}")


def speed() -> None:
    work = synthetic(Made())
    chunked = Split("chunked", 0, 4, chunk=256)
    for split in (Split("split", 2, 2), Split("prefill_first", 0, 4), chunked):
        start = time.perf_counter()
        simulate(load("opt-13b-a100"), split, work, Load("poisson", 12), calls=10_000)
        print(f"{split!s:28} {10_000 / (time.perf_counter() - start):.0f} calls a second")


async def call(
    session: aiohttp.ClientSession, url: str, item: Item, text: str
) -> tuple[float, float | None]:
    """TTFT and TPOT of one call, in seconds."""
    body = {
        "model": EmbeddedConfig().model,
        "messages": [{"role": "user", "content": text}],
        "max_tokens": item.output,
        "ignore_eos": True,
        "stream": True,
    }
    start, first, last = time.perf_counter(), 0.0, 0.0
    async with session.post(url, json=body) as response:
        response.raise_for_status()
        async for line in response.content:
            if line.startswith(b"data: {"):
                now = time.perf_counter()
                choices = json.loads(line[6:])["choices"]
                if choices and choices[0]["delta"].get("content"):
                    first, last = first or now, now
    return first - start, (last - first) / (item.output - 1) if item.output > 1 else None


async def attained(url: str, case: Case, rate: float, calls: int, seed: int) -> tuple[int, int]:
    """Calls that met all limits, and how many there were, at one load (open loop)."""
    chance, items = random.Random(seed), synthetic(case.shape, seed).items()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def one(item: Item) -> bool:
            # About a token a word; the chat template takes some thirty tokens.
            text = " ".join(chance.choices(WORDS, k=max(1, item.prompt - 30)))
            ttft, pace = await call(session, url, item, text)
            slo = case.slo
            return ttft <= (slo.ttft_s or 1e9) and (pace is None or pace <= (slo.tpot_s or 1e9))

        tasks = []
        for _ in range(calls):
            tasks.append(asyncio.create_task(one(next(items))))
            await asyncio.sleep(chance.expovariate(rate))
        met = await asyncio.gather(*tasks)
    return sum(met), len(met)


def measured(case: Case, guess: float, calls: int) -> float:
    """Capacity of a real server, by bisection around the prediction until 10 % are left."""
    config = EmbeddedConfig.model_validate({"port": 0, "context": 2048, **case.settings})
    low, high = 0.4 * guess, 2.0 * guess
    with EmbeddedServer(config) as server:
        url = server.base_url + "/chat/completions"
        seed = 0
        while high - low > 0.1 * high:
            middle, met, count = (low + high) / 2, 0, 0
            for _ in range(3):
                good, some = asyncio.run(attained(url, case, middle, calls, seed))
                met, count, seed = met + good, count + some, seed + 1
                ends = wilson(met, count)
                assert ends is not None
                if not ends[0] <= 0.9 <= ends[1]:
                    break
            print(f"    {middle:.2f} calls/s: {met} of {count}", flush=True)
            low, high = (middle, high) if met >= 0.9 * count else (low, middle)
    return (low + high) / 2


def held_out(profile: Profile, names: list[str], calls: int) -> None:
    for case in cases():
        if names and case.name not in names:
            continue
        goal = Goal(case.slo, calls=1000)
        found = capacity(profile, case.split, synthetic(case.shape), goal)
        print(f"{case.name}: predicted {found.rate:.2f} calls/s ({found.binding})", flush=True)
        if calls:
            real = measured(case, found.rate, calls)
            off = found.rate / real - 1
            print(f"{case.name}: measured {real:.2f} calls/s, off by {off:+.0%}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--published", action="store_true")
    parser.add_argument("--speed", action="store_true")
    parser.add_argument("--held-out", metavar="PROFILE.yaml")
    parser.add_argument("--case", action="append", default=[], help="only this one")
    parser.add_argument("--calls", type=int, default=60, help="of a load; 0 only predicts")
    options = parser.parse_args()
    if options.published:
        published()
    if options.speed:
        speed()
    if options.held_out:
        held_out(load(options.held_out), options.case, options.calls)


if __name__ == "__main__":
    main()
