"""What `lmgame serve --plan` predicts, beside what is published.

`--published` plans with DistServe's A100 profile and lengths, and prints the answers of
its paper and of its README beside ours. `--speed` prints how many calls a second are
simulated. What it predicts for the embedded backend stands beside what was measured in
`benchmarks/capacity.py --predict`.
"""

from __future__ import annotations

import argparse
import csv
import time
from pathlib import Path

from lmgame.placement.profile import Prefill, Profile, Regime, Speed, Transfer, load
from lmgame.placement.search import Goal, capacity, plan
from lmgame.placement.simulate import Load, simulate
from lmgame.placement.split import Split
from lmgame.placement.workload import Made, Workload, from_lengths, synthetic
from lmgame.slo import Slo

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


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--published", action="store_true")
    parser.add_argument("--speed", action="store_true")
    options = parser.parse_args()
    if options.published:
        published()
    if options.speed:
        speed()


if __name__ == "__main__":
    main()
