"""How many decisions a second one process and one core play, and in how much memory.

    python benchmarks/tournament.py [--flight 1000] [--decisions 100000] [--latency-s 0.05]

Runs ``lmgame tournament`` itself, on a core of its own: real HTTP over loopback,
real logs on disk, 2048 with agent=llm. The server (``lmgame.bench.truth``)
runs in a process and on a core of its own, answers one latency after each request,
and tells how many calls it has answered. What the latency allows is matches in
flight divided by the latency; the aim is 90 % of it or 3,000 decisions a second,
whichever is lower. The same games are then played one after another.

The rate is that of the middle 80 % of the decisions; ``overall`` also counts the
beginning and the end of the tournament, in which fewer matches are in flight.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from lmgame.bench import truth
from lmgame.environment import cpu_name

POLL_S = 0.1
AIM_A_SECOND, AIM_SHARE = 3000.0, 0.9
PAGE_MB = os.sysconf("SC_PAGE_SIZE") / 2**20
CLOCK_HZ = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Sample:
    """The tournament at one moment: seconds, decisions so far, memory (MB), CPU seconds."""

    at: float
    decisions: int
    rss_mb: float
    cpu_s: float


@dataclass
class Played:
    """What was seen of a tournament."""

    decisions: int
    samples: list[Sample] = field(default_factory=list)
    late_mean_ms: float = 0.0

    def between(self, low: float, high: float) -> tuple[Sample, Sample]:
        """The first sample from a share of the decisions on, and the last up to another."""
        inside = [
            one
            for one in self.samples
            if low * self.decisions <= one.decisions <= high * self.decisions
        ]
        return inside[0], inside[-1]

    def rate(self, low: float, high: float) -> float:
        """Decisions a second between two shares of the decisions."""
        first, last = self.between(low, high)
        return (last.decisions - first.decisions) / (last.at - first.at)

    def cpu_us(self) -> float:
        """CPU microseconds a decision, in the middle of the tournament."""
        first, last = self.between(0.1, 0.9)
        return 1e6 * (last.cpu_s - first.cpu_s) / (last.decisions - first.decisions)

    def share(self) -> float:
        """The share of its core that it was given, by a machine that others use too."""
        return self.rate(0.1, 0.9) * self.cpu_us() / 1e6


@contextmanager
def serving(latency_s: float, core: int) -> Iterator[str]:
    """The server's base URL, for as long as it runs."""
    mine = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})  # which it inherits
    with truth.serving(latency_s, 0.0) as url:
        os.sched_setaffinity(0, mine)
        yield url


def play(url: str, core: int, flight: int, matches: int, each: int, wrap: list[str]) -> Played:
    """Play a tournament on one core, and watch it from outside."""
    found = Played(matches * each)
    began = told(url)
    with tempfile.TemporaryDirectory() as folder:
        command = [
            *(wrap or [sys.executable]),
            *("-c", "import sys; from lmgame.cli import main; sys.exit(main())", "tournament"),
            *("games=[twenty_forty_eight]", "agents=[llm]", "anchors=[]"),
            *("backend=any", f"backend.base_url={url}", "backend.model=load"),
            *("backend.structured=choice", f"seeds={matches}", f"max_decisions={each}"),
            *(f"concurrency={flight}", f"run={folder}/run"),
        ]
        with open(Path(folder) / "errors", "w+b") as errors:
            process = subprocess.Popen(
                command,
                cwd=folder,  # so that a checkout that we stand in is not what is imported
                stdout=subprocess.DEVNULL,
                stderr=errors,
                preexec_fn=lambda: os.sched_setaffinity(0, {core}),
            )
            while process.poll() is None:
                now = told(url)
                count = int(now["calls"] - began["calls"])
                if count:
                    found.samples.append(_sample(process.pid, count))
                found.late_mean_ms = 1e3 * now["late_mean_s"]
                time.sleep(POLL_S)
            if process.returncode:
                errors.seek(0)
                sys.exit(f"the tournament failed: {errors.read().decode()[-2000:]}")
    return found


def told(url: str) -> dict[str, float]:
    """What the server says of itself."""
    with urllib.request.urlopen(f"{url}/told") as response:
        value: dict[str, float] = json.load(response)
    return value


def _sample(pid: int, decisions: int) -> Sample:
    at = time.perf_counter()
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    times = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return Sample(at, decisions, pages * PAGE_MB, (int(times[11]) + int(times[12])) / CLOCK_HZ)


def show_memory(found: Played) -> None:
    """Print the memory at every tenth of the decisions, and how fast it grows."""
    print("decisions   memory")
    points = []
    for tenth in range(1, 11):
        after = [one for one in found.samples if one.decisions >= tenth * found.decisions / 10]
        if after:
            points.append(after[0])
            print(f"{after[0].decisions:9,} {after[0].rss_mb:7.1f} MB")
    half = [one for one in points if one.decisions >= found.decisions / 2]
    if len(half) > 1:
        grown = half[-1].rss_mb - half[0].rss_mb
        per = 1e5 * grown / (half[-1].decisions - half[0].decisions)
        print(f"in the second half: {per:+.1f} MB per 100,000 decisions")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--flight", type=int, default=1000, help="matches in flight")
    parser.add_argument("--decisions", type=int, default=100_000)
    parser.add_argument("--each", type=int, default=25, help="decisions of a match")
    parser.add_argument("--latency-s", type=float, default=0.05)
    parser.add_argument("--alone", type=int, default=8, help="matches played one after another")
    parser.add_argument("--wrap", nargs="+", default=[], help="a profiler's command before python")
    options = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        sys.exit("this needs two cores: one for lmgame, one for the server")
    os.sched_setaffinity(0, {cores[0]})
    allowed = options.flight / options.latency_s
    aim = min(AIM_SHARE * allowed, AIM_A_SECOND)
    print(
        f"{cpu_name()}, Python {platform.python_version()}, load {os.getloadavg()[0]:.1f}\n"
        f"{options.flight} matches in flight, {1e3 * options.latency_s:g} ms latency: "
        f"{allowed:,.0f} decisions a second allowed, {aim:,.0f} wanted"
    )
    with serving(options.latency_s, cores[0]) as url:
        matches = options.decisions // options.each
        many = play(url, cores[1], options.flight, matches, options.each, options.wrap)
        rate = many.rate(0.1, 0.9)
        print(
            f"together   {rate:8,.0f} decisions a second ({rate / aim:.0%} of what is wanted), "
            f"overall {many.rate(0, 1):,.0f}\n"
            f"           {many.cpu_us():.0f} us CPU a decision with {many.share():.0%} of a core: "
            f"{1e6 / many.cpu_us():,.0f} a second with all of it; "
            f"server {many.late_mean_ms:.1f} ms late"
        )
        if options.alone:
            alone = play(url, cores[1], 1, options.alone, options.each, [])
            one = alone.rate(0, 1)
            print(f"one by one {one:8,.1f} decisions a second: together is {rate / one:,.0f} times")
    show_memory(many)


if __name__ == "__main__":
    main()
