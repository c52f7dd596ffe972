"""Loads, records and outcomes to test with."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from lmgame.bench.drive import Outcome, Record
from lmgame.bench.settings import BenchSettings, LoadSettings, load
from lmgame.client import Call, Failure, Timing, Usage

BACKEND = ["backend=any", "backend.base_url=http://127.0.0.1:1/v1", "backend.model=m"]


def bench(*overrides: str) -> BenchSettings:
    """Settings of a bench of no real server."""
    return load([*BACKEND, *overrides])


def loading(*overrides: str) -> LoadSettings:
    """Settings of a load."""
    return bench(*overrides).load


@cache
def preset(kind: str) -> LoadSettings:
    """A preset as it is; Hydra takes too long for property tests."""
    return loading(f"load={kind}") if kind != "trace" else loading()


def shaped(kind: str, **fields: object) -> LoadSettings:
    """A preset with other values."""
    plain = preset(kind).model_dump() | fields
    return LoadSettings.model_validate(plain)


def call(
    ttft: float = 0.1,
    itl: float = 0.02,
    tokens: int | None = 50,
    chunks: int | None = None,
    failure: Failure | None = None,
) -> Call:
    """A call as a server with these times gives it; without tokens there is no usage."""
    pieces = chunks if chunks is not None else tokens or 1
    at = tuple(ttft + itl * number for number in range(pieces))
    if failure is not None:
        return Call("m", "0", "", Timing(at=0.0, end=ttft), failure=failure)
    timing = Timing(0.0, at[-1], 0.0, ttft, ttft, ttft, at[-1], at)
    return Call("m", "0", "", timing, Usage(prompt=100, completion=tokens), finish="stop")


def outcome(calls: Sequence[Call], every: float = 0.1, lag: Sequence[float] = ()) -> Outcome:
    """An outcome whose calls were intended one after another, at equal distances."""
    records = [Record("s", n, 0, every * n, 0.0, one) for n, one in enumerate(calls)]
    found = Outcome(records, cpu_s=0.1, wall_s=1.0)
    found.lag_s.extend(lag)
    return found
