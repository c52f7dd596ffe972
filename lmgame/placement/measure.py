"""Measures the embedded engine's speed profile on this machine, in a few minutes."""

from __future__ import annotations

import multiprocessing
import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lmgame.errors import MissingExtra
from lmgame.placement.profile import Cores, Prefill, Profile, Regime, Speed, Transfer

if TYPE_CHECKING:
    from lmgame.serving.engine import Engine

LENGTHS = (16, 64, 128, 256, 512, 1024)
BATCHES = (1, 2, 3, 4, 8)
CONTEXTS = (128, 768)
RUNS = 3
Clock = Callable[[], float]
STEPS = 4
BESIDE_S = 4.0
BESIDE_STEPS = 100
OVERHEAD_S = 0.004
"""HTTP, chat template, tokenizer, router and pipes on the way to a first token: the
client's TTFT less the server's stages, on an idle server."""


def measure(say: Callable[[str], None], name: str = "") -> Profile:
    """Measure prefill, decode steps, KV transfer, and what workers cost each other.

    Args:
        say: Told what is being measured.
        name: Weights, as in ``backend.weights``; empty takes the default.

    Raises:
        MissingExtra: The embedded engine is not installed.
    """
    try:
        from lmgame.serving import EmbeddedConfig, weights
        from lmgame.serving.engine import PREFILL_CHUNK
    except ImportError as error:
        raise MissingExtra("measuring the embedded engine", "embedded", str(error.name)) from None
    path = weights.find(name or weights.DEFAULT)
    config = EmbeddedConfig()
    count = config.threads_of("prefill")
    busy = os.getloadavg()[0]
    if busy > 0.3 * count:
        say(f"this machine is busy (load {busy:.1f}): what is measured now is too slow")
    speeds, transfer, alone = [], Transfer(), {}
    for threads in sorted({1, count}):
        say(f"measuring the engine with {threads} thread{'s' if threads > 1 else ''}")
        engine, source = _open(path, threads), _open(path, threads, slots=1)
        # With one thread the process's own time, which other programs disturb least.
        clock = time.process_time if threads == 1 else time.perf_counter
        prefill = _prefill(source, PREFILL_CHUNK, clock)
        alone[threads] = prefill.seconds([(512, 0)])
        speeds.append(Speed(size=threads, prefill=prefill, decode=_decode(engine, source, clock)))
        if threads == 1:
            transfer = _transfer(engine, source)
        engine.close()
        source.close()
    cores = Cores(count=count, scale=scale(alone[1], alone[count], count, say))
    if count > 1:
        say("measuring prefill and decode beside each other")
        cores = _beside(path, cores, config.prefill_nice)
    return Profile(
        name=f"{name or weights.DEFAULT} on this machine",
        source="measured by lmgame serve --plan",
        unit="core",
        speeds=tuple(speeds),
        transfer=transfer,
        slots=config.slots,
        chunks=(64, 128),
        overhead_s=OVERHEAD_S,
        cores=cores,
    )


def _open(path: Path, threads: int, slots: int = max(BATCHES)) -> Engine:
    from lmgame.serving.engine import Engine

    return Engine(path, context=max(LENGTHS) + 256, slots=slots, threads=threads)


def _usual(work: Callable[[], object], clock: Clock = time.perf_counter) -> float:
    """Median time in seconds: what is served takes as long as it usually takes here."""
    times = []
    for _ in range(RUNS):
        start = clock()
        work()
        times.append(clock() - start)
    return statistics.median(times)


def _tokens(count: int) -> list[int]:
    return [int(one) for one in np.random.default_rng(0).integers(100, 40_000, count)]


def _run(engine: Engine, tokens: Sequence[int], slot: int, chunk: int) -> None:
    engine.free(slot)
    for offset in range(0, len(tokens), chunk):
        engine.prefill(tokens[offset : offset + chunk], slot, offset)


def _prefill(engine: Engine, chunk: int, clock: Clock) -> Prefill:
    times = []
    for length in LENGTHS:
        tokens = _tokens(length)
        times.append(_usual(partial(_run, engine, tokens, 0, chunk), clock))
    return fit_prefill(LENGTHS, times, chunk)


def fit_prefill(lengths: Sequence[int], times: Sequence[float], chunk: int) -> Prefill:
    """Least squares of relative errors, with no constant below zero.

    Args:
        lengths: Tokens.
        times: Seconds for each.
        chunk: Tokens of one call.
    """
    from scipy.optimize import nnls

    counts = np.asarray(lengths, dtype=float)
    rows = np.column_stack([np.ceil(counts / chunk), counts, counts**2])
    seconds = np.asarray(times, dtype=float)
    found, _ = nnls(rows / seconds[:, None], np.ones(len(seconds)))
    call, token, square = (float(one) for one in found)
    return Prefill(call_s=call, token_s=token, square_s=square, call_tokens=chunk)


def _decode(engine: Engine, source: Engine, clock: Clock) -> tuple[Regime, ...]:
    from lmgame.serving.engine import PREFILL_CHUNK, Step

    buffer = memoryview(bytearray(source.state_bytes()))
    found: dict[int, list[tuple[int, float]]] = {batch: [] for batch in BATCHES}
    for context in CONTEXTS:
        _run(source, _tokens(context), 0, PREFILL_CHUNK)
        for slot in range(max(BATCHES)):
            engine.load(slot, buffer, source.export(0, buffer))
        places = [context] * max(BATCHES)
        for batch in BATCHES:
            total = sum(places[:batch])

            def steps(batch: int = batch, places: list[int] = places) -> None:
                for _ in range(STEPS):
                    engine.step([Step(slot, 500, places[slot]) for slot in range(batch)])
                    for slot in range(batch):
                        places[slot] += 1

            found[batch].append((total, _usual(steps, clock) / STEPS))
    return fit_decode(found)


def fit_decode(times: dict[int, list[tuple[int, float]]]) -> tuple[Regime, ...]:
    """A line through each batch size's times by context, and lines from batch to batch.

    Args:
        times: By batch size, tokens of context of all sequences, and seconds of a step.
    """
    batches = sorted(times)
    each, fixed = {}, {}
    for batch in batches:
        totals, seconds = zip(*times[batch], strict=True)
        slope = max(0.0, float(np.polyfit(totals, seconds, 1)[0]))
        each[batch] = slope
        fixed[batch] = max(1e-6, statistics.fmean(seconds) - slope * statistics.fmean(totals))
    found = []
    for at, batch in enumerate(batches):
        low = min(at, len(batches) - 2)
        first, second = batches[low], batches[low + 1]
        slope = (fixed[second] - fixed[first]) / (second - first)
        found.append(
            Regime(
                batch=batch,
                step_s=fixed[batch] - slope * batch,
                sequence_s=slope,
                token_s=each[batch],
            )
        )
    return tuple(found)


def _transfer(engine: Engine, source: Engine) -> Transfer:
    from lmgame.serving.engine import PREFILL_CHUNK

    buffer = memoryview(bytearray(source.state_bytes()))
    exports, loads, sizes = [], [], []
    lengths = (LENGTHS[-3], LENGTHS[-1])
    for length in lengths:
        _run(source, _tokens(length), 0, PREFILL_CHUNK)

        def export() -> int:
            return source.export(0, buffer)

        def load() -> None:
            # Loading changes a few bytes of the buffer, so it is written anew.
            engine.load(1, buffer, source.export(0, buffer))

        exports.append(_usual(export))
        loads.append(max(0.0, _usual(load) - exports[-1]))
        sizes.append(export())
    span = lengths[1] - lengths[0]
    out = max(0.0, (exports[1] - exports[0]) / span)
    back = max(0.0, (loads[1] - loads[0]) / span)
    return Transfer(
        bytes_per_token=(sizes[1] - sizes[0]) / span,
        export_s=max(0.0, exports[0] - out * lengths[0]),
        export_token_s=out,
        load_s=max(0.0, loads[0] - back * lengths[0]),
        load_token_s=back,
    )


def scale(one_s: float, all_s: float, count: int, say: Callable[[str], None]) -> tuple[float, ...]:
    """How many times as fast a prompt is on 1, 2 ... cores; between those measured on a line.

    Args:
        one_s: Seconds on one core.
        all_s: Seconds on all of them.
        count: How many there are.
        say: Told where this cannot be how fast they are.
    """
    if count == 1:
        return (1.0,)
    if all_s > one_s:
        say(
            f"{count} threads took longer than one ({all_s:.2g} s and {one_s:.2g} s for 512 "
            "tokens): something else used the cores; measure again when nothing else runs"
        )
    most = max(1.0, one_s / all_s)
    return tuple(1 + (most - 1) * at / (count - 1) for at in range(count))


def _prefill_on(path: Path, threads: int, niceness: int, pipe: Connection) -> None:
    """A process that runs prompts until it is told to stop, and tells how fast."""
    from lmgame.serving.engine import PREFILL_CHUNK

    os.nice(niceness)
    engine, tokens = _open(path, threads, slots=1), _tokens(PREFILL_CHUNK)
    _run(engine, tokens, 0, PREFILL_CHUNK)
    pipe.send(_usual(lambda: _run(engine, tokens, 0, PREFILL_CHUNK)))
    pipe.recv()
    start, done = time.perf_counter(), 0
    while not pipe.poll():
        _run(engine, tokens, 0, PREFILL_CHUNK)
        done += 1
    pipe.send((time.perf_counter() - start) / max(1, done))


@contextmanager
def _environment(added: dict[str, str]) -> Iterator[None]:
    """Processes started meanwhile wait for each other as workers of the server do."""
    before = dict(os.environ)
    os.environ.update({**added, **before})
    try:
        yield
    finally:
        for name in added.keys() - before.keys():
            del os.environ[name]


def _beside(path: Path, cores: Cores, niceness: int) -> Cores:
    from lmgame.serving.engine import Step
    from lmgame.serving.process import CROWDED

    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=_prefill_on, args=(path, cores.count, niceness, there), daemon=True
    )
    with _environment(CROWDED):
        process.start()
    alone = here.recv()
    engine = _open(path, 1)
    start_at = min(LENGTHS)
    place = most = max(LENGTHS)

    def step() -> float:
        nonlocal place
        if place >= most:
            place = start_at
            _run(engine, _tokens(place), 0, place)
        began = time.perf_counter()
        engine.step([Step(0, 500, place)])
        place += 1
        return time.perf_counter() - began

    quiet = statistics.median(step() for _ in range(BESIDE_STEPS))
    place = most
    here.send("go")
    times, end = [], time.perf_counter() + BESIDE_S
    while time.perf_counter() < end:
        times.append(step())
    here.send("stop")
    crowd = here.recv()
    process.join()
    engine.close()
    beside = min(1.0, quiet / statistics.median(times[:BESIDE_STEPS]))
    share = cores.faster(cores.count - 1) / cores.faster(cores.count)
    return cores.model_copy(
        update={"beside": beside, "crowded": min(1.0, alone / crowd / share / beside)}
    )
