"""What `lmgame serve --plan` predicts, beside what is published and what is measured here.

`--published` plans with DistServe's A100 profile and lengths, and prints the answers of
its paper and of its README beside ours. `--held-out PROFILE.yaml` searches the capacity
of real embedded servers with `lmgame bench`'s parts, in configurations from which no
constant of the profile was taken, and prints predicted and measured capacity; it takes
some minutes for each. `--speed` prints how many calls a second are simulated. A profile
is measured with `lmgame serve --plan plan.profile=measure plan.save=PROFILE.yaml`.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import tempfile
import time
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path

from lmgame.bench.capacity import search
from lmgame.bench.fleet import measure
from lmgame.bench.result import attained, counted
from lmgame.bench.session import text
from lmgame.bench.settings import LoadSettings
from lmgame.client import Endpoint
from lmgame.placement.profile import Prefill, Profile, Regime, Speed, Transfer, load
from lmgame.placement.search import Goal, capacity, plan
from lmgame.placement.simulate import Load, simulate
from lmgame.placement.split import Shape, Split
from lmgame.placement.workload import Made, Workload, from_lengths, synthetic
from lmgame.slo import Share, Slo

EXAMPLE = Goal(Slo(ttft_s=0.4, tpot_s=0.04), calls=1000, rounds=2)
"""DistServe's worked example (section 2.3 and figure 1 of https://arxiv.org/abs/2401.09670):
a 13B model on A100s, 512 tokens in and 64 out, TTFT 0.4 s and TPOT 0.04 s for 90 %."""


def example(prefill: float = 1.72, decode: float = 1.262) -> Profile:
    """The published profile with other speeds.

    Of the four numbers of the worked example, two (5.6 requests/s for a GPU that only
    prefills, 10 for one that only decodes) fix these two speeds; the simulation must
    find the others.
    """
    base = load("opt-13b-a100")
    speed = base.speeds[0]
    scaled = Speed(
        prefill=Prefill(
            call_s=speed.prefill.call_s * prefill,
            token_s=speed.prefill.token_s * prefill,
            square_s=speed.prefill.square_s * prefill,
        ),
        decode=tuple(
            Regime(
                batch=one.batch,
                step_s=one.step_s * decode,
                sequence_s=one.sequence_s * decode,
                token_s=one.token_s * decode,
            )
            for one in speed.decode
        ),
    )
    return base.model_copy(update={"speeds": (scaled,), "batch_tokens": 0, "transfer": Transfer()})


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
    """The lengths that DistServe's authors drew (see the file)."""
    lines = Path(__file__).with_name("sharegpt.csv").read_text().splitlines()
    rows = csv.DictReader(line for line in lines if not line.startswith("#"))
    return from_lengths("sharegpt", [(int(r["prompt"]), int(r["output"])) for r in rows])


def published() -> None:
    call, prompt = from_lengths("call", [(512, 64)]), from_lengths("prompt", [(512, 1)])
    split = Split("split", 1, 1)
    own = capacity(load("opt-13b-a100"), split, prompt, EXAMPLE)
    print("DistServe's worked example, 13B, 512 in and 64 out, TTFT 400 ms, TPOT 40 ms, a GPU:")
    for what, theirs, ours in (
        ("prefill only (chosen)", 5.6, capacity(example(), split, prompt, EXAMPLE).rate),
        ("decode only (chosen)", 10.0, capacity(example(prefill=0.0), split, call, EXAMPLE).rate),
        ("colocated", 1.6, capacity(example(), Split("prefill_first", 0, 1), call, EXAMPLE).rate),
        ("2P + 1D", 3.3, capacity(example(), Split("split", 2, 1), call, EXAMPLE).per_unit),
    ):
        print(f"  {what:24} theirs {theirs:5.2f}   ours {ours:5.2f}")
    print(f"  prefill only, with the published profile as it is: {own.rate:.2f}")
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


def block(url: str, case: Case, rate: float, calls: int, seed: int) -> Share:
    """The share of calls that met all limits, at one load (open loop)."""
    from lmgame.serving import EmbeddedConfig

    chance = random.Random(seed)
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
        for item in islice(synthetic(case.shape, seed).items(), calls):
            # About a token a word; the chat template takes some thirty tokens.
            prompt = text(max(1, item.prompt - 30), chance)
            print(json.dumps({"prompt": prompt, "output_length": item.output}), file=file)
        file.flush()
        load = LoadSettings.model_validate(
            {"kind": "poisson", "rate": rate, "calls": calls, "seed": seed, "sessions": 1,
             "file": file.name}
        )  # fmt: skip
        model = Endpoint(url, EmbeddedConfig().model, extra={"ignore_eos": True})
        outcomes = measure(model, load)
    found = attained([one.call for one in counted(outcomes)], case.slo)
    print(f"    {rate:.2f} calls/s: {found.met} of {found.n}", flush=True)
    return found


def measured(case: Case, guess: float, calls: int) -> float | None:
    """Capacity of a real server to 10 %; None where it is far below what was guessed."""
    from lmgame.serving import EmbeddedConfig, EmbeddedServer

    config = EmbeddedConfig.model_validate({"port": 0, "context": 2048, **case.settings})
    seeds = count()
    with EmbeddedServer(config) as server:
        url = server.base_url
        found = search(
            lambda rate: block(url, case, rate, calls, next(seeds)),
            low=0.4 * guess,
            high=4 * guess,
            tolerance=0.1,
            blocks=3,
        )
    return found.load


def held_out(profile: Profile, names: list[str], calls: int) -> None:
    for case in cases():
        if names and case.name not in names:
            continue
        goal = Goal(case.slo, calls=1000)
        found = capacity(profile, case.split, synthetic(case.shape), goal)
        print(f"{case.name}: predicted {found.rate:.2f} calls/s ({found.binding})", flush=True)
        if calls:
            real = measured(case, found.rate, calls)
            if real is None:
                print(f"{case.name}: measured less than 40 % of that", flush=True)
                continue
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
