"""Client and server side by side: what each says of the same stage, neither for the other.

The client's times count from when a call was intended to when bytes were read; a server
starts when it has read a request and stops before it has sent the last byte. What a reply
tells of its own stages, and what the page counts over all calls, stand beside them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import pairwise
from typing import cast

from lmgame import figure, slo
from lmgame.client import Call
from lmgame.metric.scrape import Told
from lmgame.metric.window import Times, Window
from lmgame.report import Sheet
from lmgame.slo import percentile

Tree = Mapping[str, object]
Row = dict[str, object]

ORDER = (
    *("ttft_s", "tpot_s", "itl_s", "e2e_s", "begun_s", "preprocess_s", "route_s"),
    *("transport_s", "queue_s", "decode_pending_s"),
    *("prefill_queue_s", "prefill_s", "transfer_s", "decode_queue_s", "decode_s"),
)
_SHOWN = {
    "ttft_s": "TTFT",
    "tpot_s": "TPOT",
    "itl_s": "between tokens",
    "e2e_s": "whole reply",
    "begun_s": "until it begins",
}
WIDE = 2.5
"""From a bucket whose ends are further apart than so many times only its end is shown."""
_CLIENT: Mapping[str, Callable[[Call], Sequence[float | None]]] = {
    "ttft_s": lambda call: [call.ttft_s],
    "tpot_s": lambda call: [slo.tpot(call)],
    "itl_s": lambda call: [after - before for before, after in pairwise(call.timing.chunks)],
    "e2e_s": lambda call: [call.timing.end],
}
_HEADINGS = ("time of a call", "who says so", "mean", "p50", "p90", "p99", "sum", "n")


def server(told: Sequence[Told], calls: Sequence[Call], every_s: float) -> Tree:
    """The ``server`` object of a result.

    Args:
        told: What the pages came to.
        calls: The calls that count.
        every_s: Seconds between looks.
    """
    good = [call for call in calls if call.failure is None]
    pages = [one.window for one in told if one.window is not None]
    notes = [one.problem for one in told if one.problem]
    for label, one in labelled(told):
        notes += [f"{label}: {note}" for note in one.notes]
        notes += _of_number(label, one, len(calls))
        notes += [
            f"{label}: {_stage(each.what)} ({each.metric}) is {each.meaning}"
            for each in one.times
            if each.meaning
        ]
    return {
        "every_s": every_s,
        "pages": [_page(one) for one in told],
        "beside": list(rows(good, told)) if pages else [],
        "notes": notes,
    }


def _of_number(label: str, page: Window, calls: int) -> Iterator[str]:
    whole = page.named("e2e_s") or page.named("ttft_s") or page.named("begun_s")
    if whole is not None and whole.n != calls:
        yield (
            f"{label}: {whole.metric} counts {whole.n} calls, and {calls} count here: it knows "
            "nothing of which are left out, and counts what others ask"
        )


def _page(one: Told) -> Row:
    if one.window is None:
        return {"url": one.url, "kind": None, "problem": one.problem}
    found = one.window
    return {
        "url": one.url,
        "kind": found.kind,
        "problem": one.problem or None,
        "seconds": found.seconds,
        "looks": found.looks,
        "restarts": found.restarts,
        "times": [_times(each) for each in found.times],
        "counts": [asdict(each) for each in found.counts],
        "gauges": [asdict(each) for each in found.gauges],
    }


def _times(one: Times) -> Row:
    return {
        "what": one.what,
        "metric": one.metric,
        "meaning": one.meaning,
        "n": one.n,
        "sum_s": one.sum_s,
        "mean": one.mean,
        **{
            f"p{q}": {"value": at.value, "between": [at.low, at.high]}
            for q, at in one.percentiles.items()
        },
    }


def rows(calls: Sequence[Call], told: Sequence[Told]) -> Iterator[Row]:
    """What everybody says, stage by stage.

    Args:
        calls: Those that succeeded.
        told: What the pages came to.
    """
    for what in ORDER:
        own = _CLIENT.get(what)
        if own is not None:
            values = [value for call in calls for value in own(call) if value is not None]
            yield from _spread(what, "client", values)
        stages = [call.stages[what] for call in calls if what in call.stages]
        yield from _spread(what, "replies", stages)
        for label, page in labelled(told):
            times = page.named(what)
            if times is not None:
                at = {f"p{q}": found.value for q, found in times.percentiles.items()}
                ends = {f"p{q}": [one.low, one.high] for q, one in times.percentiles.items()}
                yield {"what": what, "who": label, "metric": times.metric, "mean": times.mean,
                       "p50": None, "p90": None, "p99": None, **at,
                       "between": ends, "sum_s": times.sum_s, "n": times.n}  # fmt: skip


def labelled(told: Sequence[Told]) -> list[tuple[str, Window]]:
    """The pages that told something, each with what to call it."""
    found = [one.window for one in told if one.window is not None]
    kinds = [one.kind for one in found]
    return [
        (f"{one.kind} page" + (f" {kinds[: place + 1].count(one.kind)}" if kinds.count(one.kind) > 1
         else ""), one)
        for place, one in enumerate(found)
    ]  # fmt: skip


def _spread(what: str, who: str, values: Sequence[float]) -> Iterator[Row]:
    if values:
        at = {f"p{q}": percentile(values, q) for q in (50, 90, 99)}
        whole = sum(values)
        yield {"what": what, "who": who, "metric": "", "mean": whole / len(values), **at,
               "sum_s": whole, "n": len(values)}  # fmt: skip


def sheets(found: Tree) -> list[Sheet]:
    """The ``server`` object as tables."""
    beside = cast("Sequence[Tree]", found["beside"])
    if not beside:
        return []
    made = [Sheet("Client and server side by side", _HEADINGS, list(_cells(beside)), names=2)]
    load = list(_load(cast("Sequence[Tree]", found["pages"])))
    if load:
        made.append(Sheet("What the server counted", ("page", "what", "value", "most"), load, 2))
    return made


def _cells(beside: Sequence[Tree]) -> Iterator[Sequence[str]]:
    last = ""
    for row in beside:
        what = str(row["what"])
        yield (
            _stage(what) if what != last else "",
            str(row["who"]),
            figure.time(cast(float, row["mean"])),
            *(_percentile(row, q) for q in ("p50", "p90", "p99")),
            figure.number(cast(float, row["sum_s"]), 2) + " s",
            str(row["n"]),
        )
        last = what


def _stage(what: str) -> str:
    return _SHOWN.get(what, what.removesuffix("_s").replace("_", " "))


def _percentile(row: Tree, q: str) -> str:
    """A percentile; of a page what is known of it: its bucket, or a value within a narrow one."""
    value = cast("float | None", row[q])
    ends = cast("Mapping[str, Sequence[float | None]]", row.get("between", {})).get(q)
    if value is None or ends is None:
        return figure.time(value)
    low, high = ends
    if high is None:
        return f">{figure.time(low)}"
    return f"≤{figure.time(high)}" if high > WIDE * (low or 0.0) else f"~{figure.time(value)}"


def _load(pages: Sequence[Tree]) -> Iterator[Sequence[str]]:
    for page in pages:
        if page["kind"] is None:
            continue
        kind = str(page["kind"])
        for one in cast("Sequence[Tree]", page["gauges"]):
            mean, most = cast(float, one["mean"]), cast(float, one["most"])
            digits = 2 if most <= 1 else 1
            yield (kind, _words(one), figure.number(mean, digits), figure.number(most, digits))
        for one in cast("Sequence[Tree]", page["counts"]):
            yield (kind, _words(one), figure.number(cast(float, one["value"]), 0), "")


def _words(one: Tree) -> str:
    meaning = f" ({one['meaning']})" if one.get("meaning") else ""
    return str(one["what"]).replace("_", " ") + meaning


def markdown(found: Tree) -> str:
    """The ``server`` object as Markdown."""
    parts = []
    for sheet in sheets(found):
        rule = ["---"] * sheet.names + ["---:"] * (len(sheet.headings) - sheet.names)
        table = [sheet.headings, rule, *sheet.rows]
        parts += [f"## {sheet.title}\n", *("| " + " | ".join(row) + " |" for row in table), ""]
    parts += [f"- {_safe(note)}" for note in cast("Sequence[str]", found["notes"])]
    return "\n".join(parts) + "\n"


def _safe(text: str) -> str:
    """Foreign text that is no markup."""
    return "".join("\\" + one if one in r"\`*_[]<>|#" else one for one in text)
