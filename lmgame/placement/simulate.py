"""One placement under one load: a discrete-event simulation (SimPy)."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import simpy

from lmgame.placement.cluster import Cluster
from lmgame.placement.job import STAGES, Job
from lmgame.placement.profile import Profile
from lmgame.placement.split import Split
from lmgame.placement.workload import Item, Workload
from lmgame.slo import Share, Slo, Spread, Verdict, tpot

Arrivals = Literal["poisson", "trace", "sessions"]
Process = Generator[simpy.Event, Any, None]


@dataclass(frozen=True, slots=True)
class Load:
    """How calls come.

    Attributes:
        arrivals: ``poisson``: independently, ``value`` calls a second (open loop);
            ``trace``: at the trace's own times, sped up to ``value`` calls a second;
            ``sessions``: ``value`` sessions at once, each waiting for its reply and
            thinking before the next call (closed loop).
        value: See there.
    """

    arrivals: Arrivals
    value: float


@dataclass(frozen=True)
class Outcome:
    """What came of a simulation.

    Attributes:
        jobs: The calls that count, in order of arrival: not the first, which found the
            workers idle, nor the last, behind which nobody came.
        all_jobs: Every call that was sent.
        overhead_s: What is added to each first token.
        busy: Share of the time that prefill (or colocated) and decode workers worked.
        seconds: Simulated.
    """

    jobs: tuple[Job, ...]
    all_jobs: tuple[Job, ...]
    overhead_s: float
    busy: tuple[float, float]
    seconds: float

    @property
    def throughput(self) -> float:
        """Calls a second, over the time in which the calls that count came."""
        if len(self.jobs) < 2:
            return 0.0
        span = self.jobs[-1].arrived - self.jobs[0].arrived
        return (len(self.jobs) - 1) / span if span > 0 else 0.0

    def verdicts(self, slo: Slo) -> list[Verdict]:
        """Which limits each call met, by :mod:`lmgame.slo`'s policies."""
        found = []
        for job in self.jobs:
            call = job.to_call(self.overhead_s)
            found.append(slo.judge(call, call.timing.end))
        return found

    def times(self) -> dict[str, Spread]:
        """Percentiles of TTFT, TPOT and time to action, in seconds."""
        calls = [job.to_call(self.overhead_s) for job in self.jobs]
        return {
            "ttft_s": Spread.of([one.timing.first_token or 0.0 for one in calls]),
            "tpot_s": Spread.of([pace for one in calls if (pace := tpot(one)) is not None]),
            "time_to_action_s": Spread.of([one.timing.end for one in calls]),
        }

    def stages(self) -> dict[str, float]:
        """Mean seconds in each stage."""
        sums = [0.0] * len(STAGES)
        for job in self.jobs:
            for at, seconds in enumerate(job.stages()):
                sums[at] += seconds
        return {name: sums[at] / max(1, len(self.jobs)) for at, name in enumerate(STAGES)}

    def cached(self) -> float:
        """Share of prompt tokens that were in a prefix cache."""
        tokens = sum(job.prompt for job in self.jobs)
        return sum(job.cached for job in self.jobs) / tokens if tokens else 0.0

    def binding(self, slo: Slo) -> str | None:
        """The stage that most calls which missed spent most of their time in.

        For a call that missed TTFT these are the stages before its first token, for one
        that missed TPOT those behind it. None where none missed.
        """
        found: Counter[str] = Counter()
        for job, verdict in zip(self.jobs, self.verdicts(slo), strict=True):
            if verdict.joint is not False:
                continue
            times = job.stages()
            first = 0 if verdict.ttft is False or verdict.tpot is not False else 2
            last = 2 if verdict.ttft is False else len(STAGES)
            at = max(range(first, last), key=times.__getitem__)
            found[STAGES[at]] += 1
        return found.most_common(1)[0][0] if found else None


def share(verdicts: list[Verdict]) -> dict[str, Share]:
    """Attainment: joint, and each limit's alone."""
    return {
        "joint": Share.of(one.joint for one in verdicts),
        "ttft_s": Share.of(one.ttft for one in verdicts),
        "tpot_s": Share.of(one.tpot for one in verdicts),
        "time_to_action_s": Share.of(one.time_to_action for one in verdicts),
    }


def simulate(
    profile: Profile,
    split: Split,
    workload: Workload,
    load: Load,
    *,
    calls: int = 1000,
    seed: int = 0,
    cache_tokens: int = 0,
    edge: float = 0.1,
) -> Outcome:
    """Serve calls with a placement.

    Args:
        profile: How fast the model is.
        split: The placement.
        workload: The calls; begun again, as other matches, when they are used up.
        load: How they come.
        calls: How many.
        seed: Of the arrivals; the same seed gives the same outcome.
        cache_tokens: Prefix cache of each worker that runs prompts.
        edge: Share of the calls at the beginning, and half of it at the end, that do
            not count.
    """
    env = simpy.Environment()
    run = _Run(env, calls, seed, int(calls * (1 - edge / 2)))
    cluster = Cluster(env, profile, split, run.finished, cache_tokens, workload.block)
    run.cluster = cluster
    if load.arrivals == "sessions":
        chains = workload.chains()
        for _ in range(max(1, round(load.value))):
            env.process(run.session(chains))
    else:
        env.process(run.stream(workload, load))
    env.run(until=run.over)
    kept = run.jobs[int(calls * edge) : run.counted]
    return Outcome(
        jobs=tuple(kept),
        all_jobs=tuple(run.jobs),
        overhead_s=profile.overhead_s,
        busy=_busy(cluster, env.now),
        seconds=env.now,
    )


def _busy(cluster: Cluster, seconds: float) -> tuple[float, float]:
    def mean(workers: list[Any]) -> float:
        total = sum(one.worked_s for one in workers)
        return min(1.0, total / seconds / len(workers)) if workers and seconds > 0 else 0.0

    return mean(list(cluster.entries)), mean(list(cluster.decodes))


class _Run:
    """The calls of one simulation: sends them, and knows when it is over."""

    cluster: Cluster

    def __init__(self, env: simpy.Environment, calls: int, seed: int, counted: int) -> None:
        self.env = env
        self.calls = calls
        self.counted = counted
        self.chance = random.Random(seed)
        self.jobs: list[Job] = []
        self.over = env.event()
        self._left = counted

    def finished(self, job: Job) -> None:
        """A call was served."""
        if job.number < self.counted:
            self._left -= 1
            if not self._left:
                self.over.succeed()
        if job.on_end is not None:
            job.on_end()

    def send(self, item: Item, on_end: Callable[[], object] | None = None) -> None:
        """Send a call now."""
        job = Job(len(self.jobs), item, self.env.now)
        job.on_end = on_end
        self.jobs.append(job)
        self.cluster.submit(job)

    def stream(self, workload: Workload, load: Load) -> Process:
        """Open loop."""
        gaps = self._gaps(workload, load)
        for item in workload.items():
            yield self.env.timeout(next(gaps))
            self.send(item)
            if len(self.jobs) == self.calls:
                return

    def _gaps(self, workload: Workload, load: Load) -> Iterator[float]:
        if load.arrivals == "poisson":
            while True:
                yield self.chance.expovariate(1.0) / load.value
        times = [workload.sessions[one][place].at_s or 0.0 for one, place in workload.order]
        span = max(times) - times[0]
        stretch = (len(times) / span) / load.value if span > 0 else 0.0
        while True:
            # From the last call of one round to the first of the next: a usual gap.
            yield 1 / load.value
            for before, after in pairwise(times):
                yield max(0.0, after - before) * stretch

    def session(self, chains: Iterator[tuple[Item, ...]]) -> Process:
        """Closed loop: one session after another, from its first call to its last."""
        yield self.env.timeout(self.chance.random())
        for chain in chains:
            for item in chain:
                if item.think_s:
                    yield self.env.timeout(item.think_s)
                if len(self.jobs) == self.calls:
                    return
                answered = self.env.event()
                self.send(item, answered.succeed)
                yield answered
