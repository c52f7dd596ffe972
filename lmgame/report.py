"""A run's summary as short tables for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from lmgame.client.trouble import clean

Tree = Mapping[str, object]


def show(summary: Tree, console: Console) -> None:
    """Print the score table, then the serving table where calls were made."""
    console.print(_scores(summary))
    serving = _tree(summary, "serving")
    if serving["calls"]:
        console.print(_serving(serving))
        console.print(_totals(serving), highlight=False)
        console.print(_stages(serving))
    bad = {
        name: count
        for name, count in _tree(_tree(summary, "decisions"), "outcomes").items()
        if name != "ok"
    }
    if bad:
        what = ", ".join(f"{count} {name}" for name, count in bad.items())
        console.print(f"Decisions that were not ok: {what}", highlight=False)


def _table(title: str) -> Table:
    """A plain table under a title; narrow enough for 80 columns."""
    return Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=SIMPLE_HEAD,
        pad_edge=False,
        min_width=len(title),
    )


def _scores(summary: Tree) -> Table:
    finished = _tree(summary, "matches")["finished"]
    bound = summary["max_decisions"]
    limit = f", at most {bound} decisions each" if bound else ""
    table = _table(f"{summary['game']}: {finished} finished match(es){limit}")
    for heading in ("agent", "model", "score", "95 % CI", "sd", "n"):
        table.add_column(heading, justify="left" if heading in ("agent", "model") else "right")
    seats, anchors = _list(summary, "seats"), _list(summary, "anchors")
    for entry in [*seats, *anchors]:
        score = _tree(entry, "score")
        label = clean(str(entry["agent"])) + (" (anchor)" if entry in anchors else "")
        table.add_row(
            label,
            clean(str(entry["model"])) or "-",
            _number(score["mean"]),
            _interval(score["ci95"]),
            _number(score["sd"]),
            str(score["n"]),
        )
    return table


def _serving(serving: Tree) -> Table:
    slo, attainment = _tree(serving, "slo"), _tree(serving, "attainment")
    calls, failed = serving["calls"], serving["failed"]
    table = _table(f"Serving: {calls} calls, {failed} failed")
    table.add_column("", no_wrap=True)
    for heading in ("p50", "p90", "p99", "limit", "met", "95 % CI"):
        table.add_column(heading, justify="right", no_wrap=True)
    names = (("ttft_s", "TTFT"), ("tpot_s", "TPOT"), ("time_to_action_s", "time to action"))
    for key, label in names:
        spread, share = _tree(serving, key), _tree(attainment, key)
        quantiles = [_time(spread[q]) for q in ("p50", "p90", "p99")]
        table.add_row(label, *quantiles, _limit(slo[key]), *_share(share))
    joint = _share(_tree(attainment, "joint"))
    table.add_row("all limits", "", "", "", "", *joint, style="bold")
    return table


def _totals(serving: Tree) -> str:
    """Goodput and tokens in two lines."""
    tokens = _tree(serving, "tokens")
    counts = ", ".join(
        f"{tokens[name]:,} {name}" for name in ("prompt", "completion", "reasoning", "cached")
    )
    good, served = _rate(serving["goodput_rps"]), _rate(serving["throughput_rps"])
    return f"goodput {good} calls/s that met all limits, of {served} served\ntokens: {counts}\n"


def _stages(serving: Tree) -> Table | str:
    stages = _tree(serving, "stages_s")
    if not stages:
        return ""
    table = _table("Where the time goes (as the server tells)")
    for heading in ("stage", "mean", "p50", "p90", "share"):
        table.add_column(heading, justify="left" if heading == "stage" else "right")
    for name, entry in stages.items():
        times = cast(Tree, entry)
        share = cast("float | None", times["share"])
        table.add_row(
            clean(name.removesuffix("_s").replace("_", " ")),
            *(_time(times[key]) for key in ("mean", "p50", "p90")),
            "-" if share is None else f"{share:.1%}",
        )
    return table


def _tree(tree: Tree, key: str) -> Tree:
    return cast(Tree, tree[key])


def _list(tree: Tree, key: str) -> Sequence[Tree]:
    return cast("Sequence[Tree]", tree[key])


def _share(share: Tree) -> tuple[str, str]:
    """How many calls met a limit, of how many it applied to, and the interval."""
    interval = cast("Sequence[float] | None", share["ci95"])
    if interval is None:
        return "-", "-"
    return f"{share['met']} of {share['n']}", f"{interval[0]:.0%} to {interval[1]:.0%}"


def _interval(value: object) -> str:
    if value is None:
        return "-"
    low, high = cast("Sequence[float]", value)
    return f"{low:.1f} to {high:.1f}"


def _number(value: object) -> str:
    return "-" if value is None else f"{cast(float, value):.1f}"


def _time(value: object) -> str:
    if value is None:
        return "-"
    seconds = cast(float, value)
    if seconds >= 1:
        return f"{seconds:.2f} s"
    return f"{seconds * 1000:.{0 if seconds >= 0.1 else 1}f} ms"


def _limit(value: object) -> str:
    return "-" if value is None else f"{cast(float, value):g} s"


def _rate(value: object) -> str:
    return "-" if value is None else f"{cast(float, value):.2f}"
