"""What a server's pages say of the time between the first and the last of them.

Counters and histograms are differences; after a restart, when they begin at nothing
again, what was counted since is added (as Prometheus' ``increase`` does), and the restart
is told. Percentiles are interpolated within a bucket as ``histogram_quantile`` does, so
they are known to the bucket only: its ends are given too.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

from lmgame import figure
from lmgame.metric.dialect import Dialect, Name
from lmgame.metric.page import Labels, Page, base

PERCENTILES = (50, 90, 99)
_SPREAD = ("histogram", "summary")
Series = tuple[str, Labels]


@dataclass(frozen=True, slots=True)
class Percentile:
    """One percentile of a histogram.

    Attributes:
        value: Interpolated within its bucket; the last finite bound where it lies beyond.
        low: The bucket's lower end.
        high: Its upper end; None for the last bucket, which has none.
    """

    value: float
    low: float
    high: float | None


@dataclass(frozen=True, slots=True)
class Times:
    """What a histogram gained, in seconds.

    Attributes:
        what: The stage.
        metric: What the server calls it.
        meaning: What it counts, where that is not what the client's word means.
        n: Observations.
        sum_s: Their sum.
        mean: Of one.
        percentiles: By number (50, 90, 99); empty where the page has no buckets.
    """

    what: str
    metric: str
    meaning: str
    n: int
    sum_s: float
    mean: float
    percentiles: Mapping[int, Percentile]


@dataclass(frozen=True, slots=True)
class Count:
    """How much a counter gained."""

    what: str
    metric: str
    value: float


@dataclass(frozen=True, slots=True)
class Gauge:
    """What goes up and down, over the looks: mean, most, and how many."""

    what: str
    metric: str
    meaning: str
    mean: float
    most: float
    n: int


@dataclass(frozen=True, slots=True)
class Window:
    """What pages in a row say.

    Attributes:
        kind: Whose they are.
        seconds: Between the first and the last.
        looks: How many there are.
        restarts: Pages on which a counter stood lower than before.
        times: Stages and latencies.
        counts: Counters.
        gauges: The load.
        notes: What somebody who compares must know.
    """

    kind: str
    seconds: float
    looks: int
    restarts: int
    times: tuple[Times, ...]
    counts: tuple[Count, ...]
    gauges: tuple[Gauge, ...]
    notes: tuple[str, ...]

    def named(self, what: str) -> Times | None:
        """The times of a stage, if the page tells of it."""
        return next((one for one in self.times if one.what == what), None)


def window(pages: Sequence[Page], dialect: Dialect) -> Window:
    """What pages come to.

    Args:
        pages: In the order in which they were got; at least one.
        dialect: Whose they are.
    """
    gained, restarts = _gained(pages)
    present = {base(name) for page in pages for name, _ in page.samples}
    seen = tuple(text for mark, text in dialect.notes if not mark or mark in present)
    if restarts:
        seen = (
            f"counters went backwards {figure.count(restarts, 'time')}: the server, or a worker "
            "of it, was started again. What it counted before and nobody had looked at is "
            "missing here",
            *seen,
        )
    return Window(
        dialect.kind,
        pages[-1].at_s - pages[0].at_s,
        len(pages),
        restarts,
        tuple(_first(_times(dialect.times, gained))),
        tuple(_first(_counts(dialect.counts, gained))),
        tuple(_first(_gauges(dialect.gauges, pages))),
        seen,
    )


def _gained(pages: Sequence[Page]) -> tuple[dict[Series, float], int]:
    """How much each counting series gained, and how often one fell."""
    gained: dict[Series, float] = {}
    restarts = 0
    for before, after in pairwise(pages):
        counting = [one for one in after.samples if _counts_up(one[0], after)]
        fell = {_group(one) for one in counting if _fell(one, before, after)}
        restarts += bool(fell)
        for one in counting:
            start = 0.0 if _group(one) in fell else before.samples.get(one, 0.0)
            gain = after.samples[one] - start
            if math.isfinite(gain):
                gained[one] = gained.get(one, 0.0) + gain
    return gained, restarts


def _counts_up(name: str, page: Page) -> bool:
    if page.kinds.get(base(name)) in _SPREAD:  # a summary's quantiles rise and fall
        return name.endswith(("_bucket", "_sum", "_count"))
    return name.endswith("_total")


def _fell(one: Series, before: Page, after: Page) -> bool:
    # A sum may fall where something negative was observed, a number of them cannot.
    return not one[0].endswith("_sum") and after.samples[one] < before.samples.get(one, -math.inf)


def _group(one: Series) -> Series:
    """All that one observation raises: its count, its sum and its buckets."""
    name, labels = one
    return base(name), tuple(label for label in labels if label[0] != "le")


def _of(name: Name, part: str, gained: Mapping[Series, float]) -> Iterator[tuple[Labels, float]]:
    wanted = set(name.labels)
    for (sample, labels), value in gained.items():
        if sample == name.metric + part and wanted <= set(labels):
            yield labels, value


def _times(names: Sequence[Name], gained: Mapping[Series, float]) -> Iterator[Times]:
    for name in names:
        n = sum(value for _, value in _of(name, "_count", gained))
        if n <= 0:
            continue
        whole = name.scale * sum(value for _, value in _of(name, "_sum", gained))
        buckets: dict[float, float] = {}
        for labels, value in _of(name, "_bucket", gained):
            end = _bound(dict(labels).get("le", ""))
            if end is not None:
                buckets[end * name.scale] = buckets.get(end * name.scale, 0.0) + value
        found = {q: quantile(buckets, q / 100) for q in PERCENTILES}
        known = {q: one for q, one in found.items() if one is not None}
        yield Times(name.what, name.metric, name.meaning, round(n), whole, whole / n, known)


def _bound(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return None if math.isnan(value) else value


def quantile(buckets: Mapping[float, float], q: float) -> Percentile | None:
    """A quantile of a histogram, as Prometheus' ``histogram_quantile`` interpolates it.

    Args:
        buckets: How many observations were at most so much, by that bound.
        q: Which, from 0 to 1.

    Returns:
        None without observations, or without a finite bound.
    """
    bounds = sorted(buckets)
    finite = [one for one in bounds if math.isfinite(one)]
    total = max(buckets.values(), default=0.0)
    if not finite or total <= 0:
        return None
    rank, below = q * total, 0.0
    low = min(0.0, finite[0])
    for end in bounds:
        most = max(buckets[end], below)  # a page is no proof that they do not fall
        if most >= rank and most > below:
            if not math.isfinite(end):
                break
            share = (rank - below) / (most - below)
            return Percentile(low + (end - low) * max(share, 0.0), low, end)
        low, below = end, most
    return Percentile(finite[-1], finite[-1], None)


def _counts(names: Sequence[Name], gained: Mapping[Series, float]) -> Iterator[Count]:
    """Counters; of a histogram (a length per call) its sum."""
    for name in names:
        for part in ("_total", "_sum"):
            if found := [value for _, value in _of(name, part, gained)]:
                yield Count(name.what, name.metric, name.scale * sum(found))
                break


def _gauges(names: Sequence[Name], pages: Sequence[Page]) -> Iterator[Gauge]:
    for name in names:
        seen = []
        for page in pages:
            values = [value for _, value in _of(name, "", page.samples) if math.isfinite(value)]
            if values:
                whole = sum(values)
                seen.append(whole / len(values) if name.over == "mean" else whole)
        if seen:
            mean = sum(seen) / len(seen)
            yield Gauge(name.what, name.metric, name.meaning, mean, max(seen), len(seen))


Seen = TypeVar("Seen", Times, Count, Gauge)


def _first(found: Iterator[Seen]) -> Iterator[Seen]:
    """Of several names for one thing the first that the page has."""
    seen: set[str] = set()
    for one in found:
        if one.what not in seen:
            seen.add(one.what)
            yield one
