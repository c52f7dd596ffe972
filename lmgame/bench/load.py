"""A load: a seeded plan of calls, and each process's part of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, count, islice

from lmgame.bench import arrival, session, source
from lmgame.bench.session import Session, Step
from lmgame.bench.settings import LoadSettings

_WARMUP = 1 << 40
"""Where the numbers of the sessions begin that warm up: no other call has their prompts."""


_AHEAD = 1000
"""The most sessions, beyond the first of each stream, that are made before a load begins."""


@dataclass
class Plan:
    """What one process sends.

    Attributes:
        sessions: In the order of their starts; endless where only time ends the load.
        streams: How many of them are under way at a time (closed loop); None: each
            begins when it is due (open loop).
        calls: The most calls; None: as many as there are.
        warmup: Calls to be made before.
        stagger_s: Closed loop: when each stream begins, in seconds.
        skipped: Broken lines of the file.
    """

    sessions: Iterator[Session]
    streams: int | None
    calls: int | None
    warmup: tuple[Step, ...]
    stagger_s: tuple[float, ...] = ()
    skipped: tuple[str, ...] = ()


def plan(load: LoadSettings, process: int = 0) -> Plan:
    """One process's part of a load.

    All processes together send what one alone would: of an open loop each takes every
    n-th call, of a closed one every n-th stream.

    Args:
        load: The load.
        process: Which of its ``load.processes``, from 0.

    Raises:
        UsageError: Its file cannot be used.
    """
    file = source.read(load) if load.file is not None else None
    of = load.processes
    warmup = tuple(islice(_warmups(load), _part(load.warmup, process, of)))
    skipped = tuple(file.broken) if file is not None else ()
    if load.closed:
        streams = _part(load.streams, process, of)
        calls = None if load.calls is None else _part(load.calls, process, of)
        sessions = islice(_repeated(load, file), process, None, of)
        # Made beforehand as far as they are sure to be needed: making one takes half a
        # millisecond, and a thousand a second in which nothing is sent yet.
        later = 0 if calls is None else min(calls // load.turns, _AHEAD)
        ready = streams + later if calls is None else min(calls, streams + later)
        gap = load.ramp_s / load.streams
        return Plan(
            chain(list(islice(sessions, ready)), sessions),
            streams,
            calls,
            warmup,
            tuple(gap * (process + of * number) for number in range(streams)),
            skipped,
        )
    cut = _cut(_timed(load, file), load.calls)
    mine: Iterator[Session] = islice(cut, process, None, of)
    if load.calls is not None or load.kind == "trace":
        mine = iter(list(mine))
    return Plan(mine, None, None, warmup, (), skipped)


def _part(whole: int, process: int, of: int) -> int:
    return whole // of + (process < whole % of)


def _warmups(load: LoadSettings) -> Iterator[Step]:
    for number in count(_WARMUP):
        yield session.synthetic(load.model_copy(update={"turns": 1}), number).steps[0]


def _repeated(load: LoadSettings, file: source.Source | None) -> Iterator[Session]:
    """Sessions without end; those of a file again and again."""
    if file is None:
        yield from session.endless(load)
    while file is not None:
        yield from file.sessions()


def _timed(load: LoadSettings, file: source.Source | None) -> Iterator[Session]:
    """The sessions of an open loop, each with its start."""
    if load.kind == "trace":
        assert file is not None
        yield from file.sessions(load.speed)
        return
    sessions = _repeated(load, file)
    if load.kind == "sessions":
        for at, one in zip(arrival.times(load), sessions, strict=False):
            yield Session(one.name, at, one.steps)
        return
    for at, (name, step) in zip(
        arrival.times(load), _in_turn(sessions, load.sessions), strict=False
    ):
        yield Session(name, at, (Step(step.messages, step.max_tokens),))


def _in_turn(sessions: Iterator[Session], under_way: int) -> Iterator[tuple[str, Step]]:
    """The calls of sessions, one of each in turn; a session that is over makes room."""
    open_ = [(one.name, iter(one.steps)) for one in islice(sessions, under_way)]
    while True:
        for place, (name, steps) in enumerate(open_):
            step = next(steps, None)
            while step is None:
                one = next(sessions)
                name, steps = one.name, iter(one.steps)
                open_[place] = (name, steps)
                step = next(steps, None)
            yield name, step


def _cut(sessions: Iterator[Session], calls: int | None) -> Iterator[Session]:
    """The sessions that hold the first so many calls."""
    left = calls
    for one in sessions:
        if left is None:
            yield one
            continue
        if left <= 0:
            return
        yield Session(one.name, one.start_s, one.steps[:left])
        left -= len(one.steps)
