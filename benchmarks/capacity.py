"""What each way of using two cores can carry: ``python benchmarks/capacity.py``.

Sends the same Poisson loads to the embedded backend split, colocated in several ways
and on auto, in blocks: each seed is one block, in which every configuration gets its
turn, in an order of its own. A game's calls: 300 to 1,200 prompt tokens (or --prompt
100 400), 5 to 60 reply tokens, from eight agents; with --hit 0.85 that share of an
agent's prompt is the same at each of its calls. Capacity is the highest rate at which
90 % of the calls meet both limits, by the straight line between the rates measured;
where even the highest was met, or the lowest missed, it says so. One run judges by all
--tpot limits; auto is started for each of them.

The whole matrix takes hours; ``--calls``, ``--rates``, ``--seeds`` and ``--only`` say how
much of it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

from benchmarks.embedded import WORDS, machine
from lmgame.client import Call, Client, Endpoint, Message, Request
from lmgame.serving import EmbeddedConfig, EmbeddedServer
from lmgame.slo import tpot

AGENTS = 8
TARGET = 0.9
Settings = Mapping[str, object]

FIXED: dict[str, Settings] = {
    "split 1P1D": {"mode": "disaggregated"},
    "2 x prefill first": {"mode": "colocated"},
    "2 x chunked 64": {"mode": "colocated", "schedule": "chunked", "chunk": 64},
    "2 x chunked 128": {"mode": "colocated", "schedule": "chunked", "chunk": 128},
    "1 x chunked 64": {
        "mode": "colocated",
        "schedule": "chunked",
        "chunk": 64,
        "replicas": 1,
        "decode_threads": 2,
    },
    "1 x prefill first": {"mode": "colocated", "replicas": 1, "decode_threads": 2},
}


@dataclass(frozen=True)
class Row:
    """One call."""

    name: str
    seed: int
    rate: float
    ttft_s: float | None
    tpot_s: float | None
    failed: bool
    mode: str
    stages: dict[str, float]


def words(source: random.Random, count: int) -> str:
    return " ".join(source.choices(WORDS, k=count))


def load(wanted: argparse.Namespace, seed: int, rate: float) -> list[tuple[float, Request]]:
    """When each call is due, and what it asks."""
    source, at, found = random.Random(f"{seed} {rate}"), 0.0, []
    low, high = wanted.prompt
    known = [words(source, round(wanted.hit * source.uniform(low, high))) for _ in range(AGENTS)]
    for number in range(wanted.calls):
        at += source.expovariate(rate)
        rules = known[number % AGENTS]
        fresh = source.uniform(low, high) * (1 - wanted.hit)
        text = f"{rules} {words(source, round(fresh))}"
        request = Request(
            (Message("user", text),),
            max_tokens=source.randint(5, 60),
            extra={"ignore_eos": True},
        )
        found.append((at, request))
    return found


async def measured(server: EmbeddedServer, due: Sequence[tuple[float, Request]]) -> list[Call]:
    client = Client(Endpoint(server.base_url, server.config.model))
    begun = time.perf_counter()

    async def one(at: float, request: Request) -> Call:
        await asyncio.sleep(max(0.0, begun + at - time.perf_counter()))
        return await client.complete(request, intended=begun + at)

    try:
        return await asyncio.gather(*(one(at, request) for at, request in due))
    finally:
        await client.close()


def block(name: str, settings: Settings, seed: int, wanted: argparse.Namespace) -> list[Row]:
    """One configuration at every rate, with a server of its own."""
    given = {"port": 0, "context": 2048, **settings}
    rows: list[Row] = []
    with EmbeddedServer(EmbeddedConfig.model_validate(given)) as server:
        if wanted.hit:  # what agents know from before the load
            first = [request for _, request in load(wanted, seed, wanted.rates[0])[:AGENTS]]
            asyncio.run(measured(server, [(0.0, one) for one in first]))
        for rate in wanted.rates:
            for call in asyncio.run(measured(server, load(wanted, seed, rate))):
                rows.append(
                    Row(
                        name,
                        seed,
                        rate,
                        call.ttft_s,
                        tpot(call),
                        call.failure is not None,
                        str(call.server.get("mode", "")),
                        dict(call.stages),
                    )
                )
    return rows


def met(row: Row, ttft_s: float, tpot_s: float) -> bool:
    quick = row.ttft_s is not None and row.ttft_s <= ttft_s
    return not row.failed and quick and (row.tpot_s is None or row.tpot_s <= tpot_s)


def capacity(shares: Mapping[float, float]) -> tuple[float, str]:
    """Where the line through the shares crosses the target, and what is known of it."""
    rates = sorted(shares)
    if shares[rates[0]] < TARGET:
        return rates[0] * shares[rates[0]] / TARGET, "<"
    for lower, upper in pairwise(rates):
        if shares[upper] < TARGET:
            part = (shares[lower] - TARGET) / (shares[lower] - shares[upper])
            return lower + part * (upper - lower), ""
    return rates[-1], ">="


def show(rows: Sequence[Row], wanted: argparse.Namespace) -> None:
    for limit in wanted.tpot:
        print(f"\nTTFT <= {wanted.ttft:g} s and TPOT <= {1e3 * limit:g} ms: share of calls in time")
        print(f"{'':<22}" + "".join(f"{rate:>8g}/s" for rate in wanted.rates) + "   capacity")
        names = list(dict.fromkeys(row.name for row in rows))
        for name in [one for one in names if " for " not in one or one.endswith(f"for {limit:g}")]:
            mine = [row for row in rows if row.name == name]
            shares = {
                rate: statistics.mean(
                    met(row, wanted.ttft, limit) for row in mine if row.rate == rate
                )
                for rate in wanted.rates
            }
            able, known = capacity(shares)
            line = "".join(f"{100 * shares[rate]:>9.0f}%" for rate in wanted.rates)
            print(f"{name:<22}{line}   {known:>2} {able:.2f} calls/s")
    print("\nat the highest rate: median TTFT and TPOT, mean seconds of each stage")
    for name in dict.fromkeys(row.name for row in rows):
        mine = [row for row in rows if row.name == name and row.rate == max(wanted.rates)]
        ttft = statistics.median(row.ttft_s for row in mine if row.ttft_s is not None)
        pace = statistics.median(row.tpot_s for row in mine if row.tpot_s is not None)
        stages = {
            stage.removesuffix("_s"): statistics.mean(row.stages.get(stage, 0) for row in mine)
            for stage in mine[0].stages
        }
        told = ", ".join(f"{stage} {seconds:.2f}" for stage, seconds in stages.items())
        split = statistics.mean(row.mode == "disaggregated" for row in mine)
        print(f"{name:<22}{ttft:6.2f} s {1e3 * pace:6.1f} ms  {told}; split {100 * split:.0f}%")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rates", type=float, nargs="+", default=[0.1, 0.2, 0.3, 0.4])
    parser.add_argument("--calls", type=int, default=40, help="at each rate")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--prompt", type=int, nargs=2, default=[300, 1200], help="tokens")
    parser.add_argument("--hit", type=float, default=0.0, help="share of a prompt that repeats")
    parser.add_argument("--ttft", type=float, default=5.0, help="limit in seconds")
    parser.add_argument("--tpot", type=float, nargs="+", default=[0.032, 0.1], help="limits")
    parser.add_argument("--only", nargs="+", help="configurations, by the beginning of their name")
    parser.add_argument("--out", type=Path, help="keep every call here, as JSON lines")
    wanted = parser.parse_args()
    auto = {
        f"auto for {limit:g}": {"mode": "auto", "ttft_s": wanted.ttft, "tpot_s": limit}
        for limit in wanted.tpot
    }
    all_ = {**FIXED, **auto}
    chosen = {
        name: settings
        for name, settings in all_.items()
        if not wanted.only or name.startswith(tuple(wanted.only))
    }
    print(
        f"{machine()}; {wanted.seeds} seeds of {wanted.calls} calls, prompts of "
        f"{wanted.prompt[0]} to {wanted.prompt[1]} tokens, {100 * wanted.hit:.0f}% known",
        flush=True,
    )
    rows: list[Row] = []
    for seed in range(wanted.seeds):
        order = list(chosen)
        random.Random(seed).shuffle(order)
        for name in order:
            print(f"seed {seed}: {name}", file=sys.stderr, flush=True)
            rows += block(name, chosen[name], seed, wanted)
    if wanted.out is not None:
        wanted.out.write_text("".join(json.dumps(asdict(row)) + "\n" for row in rows))
    show(rows, wanted)


if __name__ == "__main__":
    main()
