"""How much a placement carries, and which carries most."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from lmgame.placement.profile import Profile
from lmgame.placement.simulate import Arrivals, Load, Outcome, share, simulate
from lmgame.placement.split import Split, enumerate_splits
from lmgame.placement.workload import Workload
from lmgame.slo import Share, Slo, Spread, Verdict, tpot

MOST_SESSIONS = 1024
MOST_UNITS = 256
DOUBLINGS = 24
PER_UNIT, PER_SESSION = 60, 12
"""A simulation has at least so many calls for each, or its end comes before its queues."""
GROWTH = 0.1
"""Seconds by which calls may come to take longer, for each second of the load."""


@dataclass(frozen=True, slots=True)
class Goal:
    """What is asked of a placement, and how closely it is looked at.

    Attributes:
        slo: The limits.
        target: Share of calls that must meet all of them.
        arrivals: See :class:`lmgame.placement.simulate.Load`.
        calls: Of one simulation.
        rounds: At most so many simulations, each with its own seed, at one load.
        tolerance: The search ends when the capacity is known this closely, as a share.
        seed: The first.
        cache_tokens: Prefix cache of each worker that runs prompts.
        edge: Share of calls at the beginning of a simulation that do not count.
    """

    slo: Slo
    target: float = 0.9
    arrivals: Arrivals = "poisson"
    calls: int = 1000
    rounds: int = 4
    tolerance: float = 0.02
    seed: int = 0
    cache_tokens: int = 0
    edge: float = 0.1


@dataclass(frozen=True)
class Capacity:
    """What a placement carries.

    Attributes:
        split: The placement.
        load: The highest load with enough attainment, in calls a second or sessions;
            0 where even a call alone misses.
        rate: Calls a second at that load.
        attainment: Joint and marginal, at that load (at 0: of calls that are alone).
        times: TTFT, TPOT and time to action there.
        stages: Mean seconds in each stage there.
        busy: Share of time that prefill (or colocated) and decode workers work there.
        cached: Share of prompt tokens found in a prefix cache.
        binding: The stage that breaks the limits just above that load.
        bounded: False where no load was found that breaks them.
        alone: Calls that have the workers for themselves.
    """

    split: Split
    load: float
    rate: float
    attainment: dict[str, Share]
    times: dict[str, Spread]
    stages: dict[str, float]
    busy: tuple[float, float]
    cached: float
    binding: str | None
    bounded: bool
    alone: Outcome = field(repr=False)

    @property
    def per_unit(self) -> float:
        """Calls a second for each GPU or core."""
        return self.rate / self.split.units


@dataclass(frozen=True)
class _Look:
    """One load, looked at."""

    load: float
    passed: bool
    verdicts: list[Verdict]
    outcome: Outcome


def capacity(profile: Profile, split: Split, workload: Workload, goal: Goal) -> Capacity:
    """The highest load at which enough calls meet all limits.

    Doubles from a load that surely is low until one fails, then bisects until the
    bounds are within the tolerance. At every load it simulates with further seeds until
    Wilson's interval leaves the target out, or the rounds are used up.
    """
    alone = simulate(
        profile,
        split,
        workload,
        Load("sessions", 1),
        calls=min(goal.calls, 400),
        seed=goal.seed,
        cache_tokens=goal.cache_tokens,
        edge=0.0,
    )
    first = alone.verdicts(goal.slo)
    if not _enough(first, goal.target):
        return _told(split, _Look(0.0, False, first, alone), alone.binding(goal.slo), alone, True)
    sessions = goal.arrivals == "sessions"
    low: _Look | None = None
    high: _Look | None = None
    load = 1.0 if sessions else 0.5 * alone.throughput
    for _ in range(DOUBLINGS):
        look = _look(profile, split, workload, goal, load)
        if not look.passed:
            high = look
            break
        low = look
        if sessions and load >= MOST_SESSIONS:
            break
        load *= 2
    while high is not None and _apart(low, high, goal):
        middle = ((low.load if low else 0.0) + high.load) / 2
        look = _look(profile, split, workload, goal, round(middle) if sessions else middle)
        low, high = (look, high) if look.passed else (low, look)
    binding = None if high is None else high.outcome.binding(goal.slo)
    best = _Look(0.0, False, first, alone) if low is None else low
    return _told(split, best, binding, alone, high is not None)


def _apart(low: _Look | None, high: _Look, goal: Goal) -> bool:
    gap = high.load - (low.load if low else 0.0)
    least = 1.0 if goal.arrivals == "sessions" else 0.0
    if low is None and high.load <= least + 1e-3:
        return False
    return gap > max(least, goal.tolerance * high.load)


def _told(
    split: Split, look: _Look, binding: str | None, alone: Outcome, bounded: bool
) -> Capacity:
    outcome = look.outcome
    closed = look.load and bool(outcome.jobs) and outcome.jobs[0].on_end is not None
    rate = outcome.throughput if closed else look.load
    return Capacity(
        split=split,
        load=look.load,
        rate=rate,
        attainment=share(look.verdicts),
        times=outcome.times(),
        stages=outcome.stages(),
        busy=outcome.busy,
        cached=outcome.cached(),
        binding=binding,
        bounded=bounded,
        alone=alone,
    )


def holds(profile: Profile, split: Split, workload: Workload, goal: Goal, rate: float) -> bool:
    """Whether a placement carries one load."""
    return _look(profile, split, workload, goal, rate).passed


def _look(profile: Profile, split: Split, workload: Workload, goal: Goal, load: float) -> _Look:
    verdicts: list[Verdict] = []
    keeps_up = True
    calls = max(goal.calls, PER_UNIT * split.units)
    if goal.arrivals == "sessions":
        calls = max(calls, PER_SESSION * round(load))
    for number in range(goal.rounds):
        outcome = simulate(
            profile,
            split,
            workload,
            Load(goal.arrivals, load),
            calls=calls,
            seed=goal.seed + number,
            cache_tokens=goal.cache_tokens,
            edge=goal.edge,
        )
        verdicts += outcome.verdicts(goal.slo)
        keeps_up = keeps_up and (goal.arrivals == "sessions" or _keeps_up(outcome))
        joint = share(verdicts)["joint"]
        if not keeps_up or joint.ci95 is None:
            break
        low, high = joint.ci95
        if not low <= goal.target <= high:
            break
    return _Look(load, keeps_up and _enough(verdicts, goal.target), verdicts, outcome)


def _keeps_up(outcome: Outcome) -> bool:
    """Whether calls stay no longer and longer, which would break any limit at last.

    A guard for limits so wide that the calls of one simulation do not reach them. At
    ``1 + e`` times the load that can be carried, times grow by ``e`` a second.
    """
    jobs = outcome.jobs
    tenth = len(jobs) // 10
    if not tenth:
        return True
    first, last = (
        sum(job.end - job.arrived for job in some) / tenth for some in (jobs[:tenth], jobs[-tenth:])
    )
    span = jobs[-1].arrived - jobs[0].arrived
    return last - first <= first + GROWTH * span


def _enough(verdicts: Iterable[Verdict], target: float) -> bool:
    joint = Share.of(one.joint for one in verdicts)
    return joint.value is not None and joint.value >= target


def plan(
    profile: Profile,
    workload: Workload,
    goal: Goal,
    units: int,
    fewer: bool = False,
    on_split: Callable[[Capacity], None] | None = None,
) -> list[Capacity]:
    """The capacity of every placement on some units, the best per unit first.

    Args:
        profile: How fast the model is.
        workload: The calls.
        goal: What is asked.
        units: GPUs, or cores.
        fewer: Also placements that leave some unused.
        on_split: Told of each as it is known.
    """
    found = []
    for split in enumerate_splits(profile, units, fewer):
        known = capacity(profile, split, workload, goal)
        found.append(known)
        if on_split is not None:
            on_split(known)
    # Of equals the smaller one, as DistServe takes it.
    return sorted(found, key=lambda one: (-one.per_unit, one.split.units))


def fewest(
    profile: Profile, workload: Workload, goal: Goal, rate: float, per_unit: float
) -> Split | None:
    """The smallest placement that carries a rate.

    Args:
        profile: How fast the model is.
        workload: The calls.
        goal: What is asked.
        rate: Calls a second (or sessions) that must be carried.
        per_unit: What one unit carried in the best placement known: where to begin.

    Returns:
        None where :data:`MOST_UNITS` are not enough.
    """
    # More units share queues better, so that a unit carries a little more.
    units = max(1, math.floor(0.8 * rate / per_unit))
    found = None
    while found is None and units <= MOST_UNITS:
        found = _any(profile, workload, goal, rate, units)
        units += max(1, units // 16)
    while found is not None and found.units > 1:
        fewer = _any(profile, workload, goal, rate, found.units - 1)
        if fewer is None:
            break
        found = fewer
    return found


def _any(profile: Profile, workload: Workload, goal: Goal, rate: float, units: int) -> Split | None:
    some = enumerate_splits(profile, units)
    return next((one for one in some if holds(profile, one, workload, goal, rate)), None)


@dataclass(frozen=True, slots=True)
class Nearest:
    """The limits nearest to unreachable ones that calls alone would meet.

    Attributes:
        limit: The one limit that must give way; None where one is not enough.
        value: Its value in seconds; or the factor on all limits.
    """

    limit: str | None
    value: float


def nearest(outcome: Outcome, slo: Slo, target: float) -> Nearest:
    """What would have to be asked instead, of calls that have the workers alone."""
    calls = [job.to_call(outcome.overhead_s) for job in outcome.jobs]
    need = math.ceil(target * len(calls) - 1e-9)
    rows = []
    for call in calls:
        times = {
            "ttft_s": call.timing.first_token,
            "tpot_s": tpot(call),
            "time_to_action_s": call.timing.end,
        }
        limits = {name: getattr(slo, name) for name in times}
        rows.append(
            {
                name: (seconds or 0.0) / limits[name]
                for name, seconds in times.items()
                if limits[name] is not None
            }
        )
    singles = []
    for name in rows[0]:
        able = sorted(row[name] for row in rows if all(v <= 1 for n, v in row.items() if n != name))
        if len(able) >= need:
            singles.append(Nearest(name, max(1.0, able[need - 1]) * getattr(slo, name)))
    if singles:
        return min(singles, key=lambda one: one.value / getattr(slo, one.limit or ""))
    worst = sorted(max(row.values()) for row in rows)
    return Nearest(None, worst[need - 1])
