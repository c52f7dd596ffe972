"""What each way of using two cores can carry: ``python -m benchmarks.capacity --out FILE``.

Sends the same Poisson loads to the embedded backend split, colocated in several ways
and on auto, in blocks: each seed is one block, in which every configuration gets its
turn, in an order of its own. A game's calls: 300 to 1,200 prompt tokens (or --prompt
100 400), 5 to 60 reply tokens, from eight agents; with --hit 0.85 that share of an
agent's prompt is the same at each of its calls. Capacity is the highest rate at which
90 % of the calls meet both limits, by the straight line between the rates measured;
where even the highest was met, or the lowest missed, it says so. One run judges by all
--tpot limits; auto is started for each of them, and serves --warm calls of the lowest
rate that do not count, to see what load it is.

The whole matrix takes hours. Every block is in FILE as soon as it is done, and the same
command goes on where it was stopped; ``--only`` says for which configurations. Rates
above one at which fewer than half of a block's calls met even the loosest limit are not
tried in that block; their share counts as the one there, which is too much, if anything.

``--predict PROFILE.yaml`` serves the very same calls in the simulation of ``lmgame serve
--plan`` (see ``benchmarks/plan.py``) and prints its capacity beside the measured one.
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
from lmgame.placement.profile import Profile
from lmgame.placement.profile import load as load_profile
from lmgame.placement.simulate import Load, simulate
from lmgame.placement.split import Shape, Split
from lmgame.placement.workload import from_lengths
from lmgame.serving import EmbeddedConfig, EmbeddedServer
from lmgame.slo import Slo, tpot

AGENTS = 8
TARGET = 0.9
HOPELESS = 0.5
Settings = Mapping[str, object]

ALONE = {"replicas": 1, "decode_threads": 2}
FIXED: dict[str, tuple[Settings, Split]] = {
    "split 1P1D": ({"mode": "disaggregated"}, Split("split", 1, 1)),
    "split 2P1D": ({"mode": "disaggregated", "prefill_workers": 2}, Split("split", 2, 1)),
    "2 x prefill first": ({"mode": "colocated"}, Split("prefill_first", 0, 2)),
    "2 x one at a time": ({"mode": "colocated", "slots": 1}, Split("prefill_first", 0, 2)),
    "2 x chunked 64": (
        {"mode": "colocated", "schedule": "chunked", "chunk": 64},
        Split("chunked", 0, 2, chunk=64),
    ),
    "2 x chunked 128": (
        {"mode": "colocated", "schedule": "chunked", "chunk": 128},
        Split("chunked", 0, 2, chunk=128),
    ),
    "1 x chunked 64": (
        {"mode": "colocated", "schedule": "chunked", "chunk": 64, **ALONE},
        Split("chunked", 0, 1, decode=Shape(2), chunk=64),
    ),
    "1 x prefill first": (
        {"mode": "colocated", **ALONE},
        Split("prefill_first", 0, 1, decode=Shape(2)),
    ),
}


@dataclass(frozen=True)
class Row:
    """One call; those of a load are in the order in which they came."""

    name: str
    seed: int
    rate: float
    prompt: int
    cached: int
    output: int
    ttft_s: float | None
    tpot_s: float | None
    failed: bool
    mode: str
    stages: dict[str, float]

    def met(self, ttft_s: float, tpot_s: float) -> bool:
        """Whether it met both limits."""
        quick = self.ttft_s is not None and self.ttft_s <= ttft_s
        return not self.failed and quick and (self.tpot_s is None or self.tpot_s <= tpot_s)


def words(source: random.Random, count: int) -> str:
    return " ".join(source.choices(WORDS, k=count))


def load(
    wanted: argparse.Namespace, seed: int, rate: float, part: str = ""
) -> list[tuple[float, Request]]:
    """When each call is due, and what it asks.

    Arrivals (but for the scale) and lengths are the same at all rates of a seed, so that
    rates differ by themselves and not by chance; the words of no two prompts are, but
    for what an agent's prompts share. What comes before a load, another ``part``, has
    other arrivals and words.
    """
    arrivals = random.Random(f"{seed}{part}" if part else seed)
    lengths = random.Random(f"{seed} lengths")
    fresh = random.Random(f"{seed}{part} {rate}")
    low, high = wanted.prompt
    known = [words(lengths, round(wanted.hit * lengths.uniform(low, high))) for _ in range(AGENTS)]
    at, found = 0.0, []
    for number in range(wanted.warm if part else wanted.calls):
        at += arrivals.expovariate(1.0) / rate
        new = round(lengths.uniform(low, high) * (1 - wanted.hit))
        request = Request(
            (Message("user", f"{known[number % AGENTS]} {words(fresh, new)}"),),
            max_tokens=lengths.randint(5, 60),
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
            first = [request for _, request in load(wanted, seed, 0.001)[:AGENTS]]
            asyncio.run(measured(server, [(0.0, one) for one in first]))
        if settings["mode"] == "auto":
            asyncio.run(measured(server, load(wanted, seed, wanted.rates[0], " warm")))
        for rate in wanted.rates:
            calls = asyncio.run(measured(server, load(wanted, seed, rate)))
            found = [row(name, seed, rate, call) for call in calls]
            rows += found
            if share(found, wanted.ttft, max(wanted.tpot)) < HOPELESS:
                break
    return rows


def row(name: str, seed: int, rate: float, call: Call) -> Row:
    return Row(
        name,
        seed,
        rate,
        call.usage.prompt or 0,
        call.usage.cached or 0,
        call.usage.completion or 0,
        call.ttft_s,
        tpot(call),
        call.failure is not None,
        str(call.server.get("mode", "")),
        dict(call.stages),
    )


def share(rows: Sequence[Row], ttft_s: float, tpot_s: float) -> float:
    return statistics.mean(one.met(ttft_s, tpot_s) for one in rows)


def shares(
    rows: Sequence[Row], rates: Sequence[float], ttft_s: float, tpot_s: float
) -> dict[float, float]:
    """The share in time at each rate, over seeds; see the top for rates not tried."""
    found: dict[float, list[float]] = {rate: [] for rate in rates}
    for seed in {one.seed for one in rows}:
        last = 0.0
        for rate in rates:
            here = [one for one in rows if one.seed == seed and one.rate == rate]
            last = share(here, ttft_s, tpot_s) if here else last
            found[rate].append(last)
    return {rate: statistics.mean(each) for rate, each in found.items()}


def capacity(shares: Mapping[float, float]) -> tuple[float, str]:
    """Where the line through the shares crosses the target, and what is known of it."""
    rates = sorted(shares)
    if shares[rates[0]] < TARGET:
        return rates[0], "<"
    for lower, upper in pairwise(rates):
        if shares[upper] < TARGET:
            part = (shares[lower] - TARGET) / (shares[lower] - shares[upper])
            return lower + part * (upper - lower), ""
    return rates[-1], ">="


def around(rows: Sequence[Row], wanted: argparse.Namespace, limit: float) -> str:
    """Between what capacity lies when each seed in turn is left out."""
    seeds = sorted({one.seed for one in rows})
    if len(seeds) < 3:
        return ""
    found = []
    for left in seeds:
        rest = [one for one in rows if one.seed != left]
        found.append(capacity(shares(rest, wanted.rates, wanted.ttft, limit))[0])
    return f"({min(found):.2f} to {max(found):.2f})"


def simulated(
    rows: Sequence[Row], name: str, profile: Profile, wanted: argparse.Namespace, limit: float
) -> tuple[float, str]:
    """The capacity of a configuration for the same calls, in the planner's simulation."""
    slo = Slo(ttft_s=wanted.ttft, tpot_s=limit)
    settings, split = FIXED[name]
    profile = profile.model_copy(update={"slots": settings.get("slots", profile.slots)})
    found: dict[float, list[float]] = {rate: [] for rate in wanted.rates}
    for seed in {one.seed for one in rows if one.name == name}:
        mine = [one for one in rows if (one.seed, one.rate) == (seed, wanted.rates[0])]
        sizes = [(one.prompt, one.output) for one in mine if one.name == mine[0].name]
        work = from_lengths("load", sizes)
        for rate in wanted.rates:
            rule = Load("poisson", rate)
            one = simulate(profile, split, work, rule, calls=len(sizes), seed=seed, edge=0.0)
            found[rate].append(statistics.mean(bool(v.joint) for v in one.verdicts(slo)))
    return capacity({rate: statistics.mean(each) for rate, each in found.items()})


def show(rows: Sequence[Row], wanted: argparse.Namespace) -> None:
    profile = load_profile(str(wanted.predict)) if wanted.predict else None
    for limit in wanted.tpot:
        print(f"\nTTFT <= {wanted.ttft:g} s and TPOT <= {1e3 * limit:g} ms: share of calls in time")
        print(f"{'':<20} seeds" + "".join(f"{rate:>7g}/s" for rate in wanted.rates) + "   capacity")
        names = list(dict.fromkeys(row.name for row in rows))
        for name in [one for one in names if " for " not in one or one.endswith(f"for {limit:g}")]:
            mine = [row for row in rows if row.name == name]
            met = shares(mine, wanted.rates, wanted.ttft, limit)
            able, known = capacity(met)
            line = "".join(f"{100 * met[rate]:>8.0f}%" for rate in wanted.rates)
            told = f"{known:>2} {able:.2f} calls/s {around(mine, wanted, limit)}"
            if profile is not None and name in FIXED:
                guess, sign = simulated(rows, name, profile, wanted, limit)
                told += f", simulated {sign}{guess:.2f}"
                told += "" if sign or known else f" ({guess / able - 1:+.0%})"
            print(f"{name:<20}{len({row.seed for row in mine}):>6}{line}   {told}")


def show_stages(rows: Sequence[Row], wanted: argparse.Namespace) -> None:
    print("\nat each rate: median TTFT and TPOT, mean seconds of each stage")
    for name in dict.fromkeys(row.name for row in rows):
        for rate in wanted.rates:
            mine = [row for row in rows if row.name == name and row.rate == rate]
            ttft = [row.ttft_s for row in mine if row.ttft_s is not None]
            pace = [row.tpot_s for row in mine if row.tpot_s is not None]
            if not ttft or not pace:
                continue
            stages = ", ".join(
                f"{stage.removesuffix('_s')} "
                f"{statistics.mean(row.stages.get(stage, 0) for row in mine):.2f}"
                for stage in mine[0].stages
            )
            split = statistics.mean(row.mode == "disaggregated" for row in mine)
            print(
                f"{name:<20}{rate:>6g}/s {statistics.median(ttft):6.2f} s "
                f"{1e3 * statistics.median(pace):6.1f} ms  {stages}; split {100 * split:.0f}%"
            )


def kept(wanted: argparse.Namespace) -> list[Row]:
    """What FILE holds of this very load; begins it where there is none."""
    about = {
        "machine": machine(),
        **{key: getattr(wanted, key) for key in ("prompt", "hit", "calls", "rates", "warm")},
    }
    if not wanted.out.exists():
        wanted.out.write_text(json.dumps(about) + "\n")
    head, *lines = wanted.out.read_text().splitlines()
    before = json.loads(head)
    if any(before[key] != about[key] for key in about if key != "machine"):
        sys.exit(f"{wanted.out} holds another load: {head}")
    print(
        f"{before['machine']}; prompts of {wanted.prompt[0]} to {wanted.prompt[1]} tokens,", end=""
    )
    print(f" {100 * wanted.hit:.0f}% known, {wanted.calls} calls at each rate of a seed")
    return [Row(**json.loads(line)) for line in lines]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rates", type=float, nargs="+", default=[0.1, 0.2, 0.3, 0.4])
    parser.add_argument("--calls", type=int, default=40, help="at each rate")
    parser.add_argument("--warm", type=int, default=8, help="calls auto serves first")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--prompt", type=int, nargs=2, default=[300, 1200], help="tokens")
    parser.add_argument("--hit", type=float, default=0.0, help="share of a prompt that repeats")
    parser.add_argument("--ttft", type=float, default=10.0, help="limit in seconds")
    parser.add_argument("--tpot", type=float, nargs="+", default=[0.032, 0.3], help="limits")
    parser.add_argument("--only", nargs="+", help="configurations, by the beginning of their name")
    parser.add_argument("--predict", type=Path, help="a profile: also print what it predicts")
    parser.add_argument("--show", action="store_true", help="measure nothing, show what FILE holds")
    parser.add_argument("--out", type=Path, required=True, help="every call, as JSON lines")
    return parser.parse_args()


def main() -> None:
    wanted = arguments()
    chosen = {name: settings for name, (settings, _) in FIXED.items()} | {
        f"auto for {limit:g}": {"mode": "auto", "ttft_s": wanted.ttft, "tpot_s": limit}
        for limit in wanted.tpot
    }
    if wanted.only:
        only = tuple(wanted.only)
        chosen = {name: given for name, given in chosen.items() if name.startswith(only)}
    rows = kept(wanted)
    for seed in range(0 if wanted.show else wanted.seeds):
        order = list(chosen)
        random.Random(seed).shuffle(order)
        for name in order:
            if any((one.name, one.seed) == (name, seed) for one in rows):
                continue
            print(f"seed {seed}: {name}", file=sys.stderr, flush=True)
            found = block(name, chosen[name], seed, wanted)
            with wanted.out.open("a") as file:
                file.writelines(json.dumps(asdict(one)) + "\n" for one in found)
            rows += found
    show(rows, wanted)
    show_stages(rows, wanted)


if __name__ == "__main__":
    main()
