"""How fast an engine is here and now: what ``mode=auto`` plans with."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

from lmgame.serving.engine import PREFILL_CHUNK, Engine, Step

_TRIES = 5
_BATCHES = (1, 2, 4, 8)


def measure(engine: Engine, chunk: int, threads: int, own_threads: int) -> dict[str, Any]:
    """Time prefill, decode steps and a transfer.

    The median of five tries counts: what is served takes as long as it usually does.

    Args:
        engine: All its slots must be free; they are again afterwards.
        chunk: Prompt tokens between two decode steps of a worker that does both.
        threads: Threads of a worker that passes prompts on.
        own_threads: Threads of one that makes replies; they are in use afterwards.

    Returns:
        The measured fields of :class:`lmgame.serving.forecast.Speed`.
    """
    length = min(PREFILL_CHUNK, engine.context // 2)
    prompts = _prompts(engine, length, chunk, threads, own_threads)
    _prefill(engine, length)
    state = memoryview(bytearray(engine.state_size(0)))
    size = engine.export(0, state)
    transfer = _usual(lambda: engine.export(0, state))
    steps: list[float] = []
    for batch in (one for one in _BATCHES if one <= engine.slots):
        for slot in range(batch):
            engine.load(slot, state, size)
        steps.append(_usual(_stepper(engine, batch, length)))
    if engine.slots > 1:
        transfer += _usual(lambda: engine.load(1, state, size))
    for slot in range(engine.slots):
        engine.free(slot)
    return {**prompts, "step_s": steps, "transfer_s": transfer}


def _prefill(engine: Engine, size: int, start: int = 0) -> None:
    engine.cut(0, start)
    engine.prefill([engine.vocabulary.eos] * size, 0, start)


def _prompts(
    engine: Engine, length: int, chunk: int, threads: int, own_threads: int
) -> dict[str, float]:
    """How long prompts take: of half the context at most, so that a chunk fits behind."""
    chunk, short = min(chunk, engine.context - length - 1), length // 4
    engine.use_threads(threads)
    some = _usual(lambda: _prefill(engine, short))
    whole = _usual(lambda: _prefill(engine, length))
    call = max(0.0, (length * some - short * whole) / (length - short))
    engine.use_threads(own_threads)
    own = _usual(lambda: _prefill(engine, length))
    piece = _usual(lambda: _prefill(engine, chunk, length))
    return {
        "call_s": call,
        "prefill_s": max(0.0, whole - call) / length,
        "own_s": max(0.0, own - call) / length,
        "chunk_s": max(0.0, piece - call) / chunk,
    }


def _stepper(engine: Engine, batch: int, length: int) -> Callable[[], object]:
    """A decode step that can be made again and again."""
    token = engine.vocabulary.eos
    steps = [Step(slot, token, length) for slot in range(batch)]

    def step() -> None:
        for slot in range(batch):
            engine.cut(slot, length)
        engine.step(steps)

    return step


def _usual(run: Callable[[], object]) -> float:
    times = []
    for _ in range(_TRIES):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times)
