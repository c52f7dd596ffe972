"""A Prometheus page as samples.

What is on it was written by others: it is read within bounds, and only the metrics that
we know.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

from lmgame.client.trouble import clean

Labels = tuple[tuple[str, str], ...]
"""Names and values, sorted by name."""
MOST_BYTES = 8 << 20
"""Pages of busy servers with many workers have a few hundred thousand."""
_LONGEST_LINE = 4096
_MOST_LINES = 100_000
_NAME = re.compile(r"(?:# TYPE )?([a-zA-Z_:][a-zA-Z0-9_:]*)")
_PARTS = ("_bucket", "_sum", "_count", "_total")
_RANKS = ("tp_rank", "pp_rank", "moe_ep_rank")
"""The workers of one replica tell the same of the same requests (SGLang)."""


class BrokenPage(ValueError):
    """A page that is not in Prometheus' text form."""


@dataclass(frozen=True, slots=True)
class Page:
    """What one look has shown.

    Attributes:
        at_s: When, in seconds on a monotonic clock.
        samples: Values by the sample's name and labels.
        kinds: What a metric is (``counter``, ``gauge``, ``histogram``, ``summary``), by name.
    """

    at_s: float
    samples: Mapping[tuple[str, Labels], float]
    kinds: Mapping[str, str]


def names(text: str) -> list[str]:
    """The names of the samples on a page, each once, in its order."""
    found = (_NAME.match(line) for line in text.split("\n", _MOST_LINES)[:_MOST_LINES])
    return list(dict.fromkeys(one[1] for one in found if one and not one[0].startswith("#")))


def base(name: str) -> str:
    """The metric that a sample belongs to."""
    for part in _PARTS:
        if name.endswith(part):
            return name.removesuffix(part)
    return name


def lines(text: str, wanted: Collection[str]) -> list[str]:
    """The lines of a page that are about metrics that are wanted."""
    found = []
    for line in text.split("\n", _MOST_LINES)[:_MOST_LINES]:
        name = _NAME.match(line)
        if name and len(line) <= _LONGEST_LINE and base(name[1]) in wanted:
            found.append(line)
    return found


def parse(text: str, at_s: float, wanted: Collection[str]) -> Page:
    """Read the metrics that are wanted.

    Args:
        text: The page.
        at_s: When it was got.
        wanted: Names of metrics, without ``_total`` and the like.

    Raises:
        BrokenPage: It cannot be read.
    """
    samples: dict[tuple[str, Labels], float] = {}
    kinds: dict[str, str] = {}
    try:
        for family in text_string_to_metric_families("\n".join(lines(text, wanted)) + "\n"):
            kinds[base(family.name)] = family.type
            for sample in family.samples:
                value = float(sample.value)
                ranks = (sample.labels.get(name, "0") for name in _RANKS)
                if not math.isnan(value) and all(rank == "0" for rank in ranks):
                    samples[sample.name, tuple(sorted(sample.labels.items()))] = value
    except (ValueError, LookupError, TypeError, OverflowError) as error:
        raise BrokenPage(clean(str(error) or type(error).__name__)) from None
    return Page(at_s, samples, kinds)
