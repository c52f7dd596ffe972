"""A run's summary for people: short tables, or one figure a line where it is narrow."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import log
from pathlib import Path
from shlex import quote
from types import MappingProxyType
from typing import cast

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lmgame import figure
from lmgame.client.trouble import clean
from lmgame.limit import LABELS

Tree = Mapping[str, object]

NARROW = 70
"""Below so many columns there are no tables."""
WORD = 12
"""Columns that a name needs in a table; longer ones go on in the next line."""
MANY = 0.25
"""From this share of bad decisions on, the score is no longer the agent's own."""
SHORT_S = 1e-3


def show(summary: Tree, console: Console, run: Path | None = None) -> None:
    """Print the scores, what was wrong, and serving where calls were made.

    Args:
        summary: The content of ``summary.json``.
        console: Where to. What goes into a file or a pipe has no trailing spaces.
        run: The run's folder, for the command that shows its decisions.
    """
    without_trailing_spaces(console, lambda: _show(summary, console, run))


def without_trailing_spaces(console: Console, write: Callable[[], None]) -> None:
    """Write as is to a terminal, and without trailing spaces anywhere else."""
    if console.is_terminal:
        write()
        return
    with console.capture() as capture:
        write()
    lines = [line.rstrip() for line in capture.get().splitlines()]
    console.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)


def _show(summary: Tree, console: Console, run: Path | None) -> None:
    _scores(summary).print(console)
    _tell_of_bad_decisions(summary, console, run)
    serving = _tree(summary, "serving")
    if serving["calls"]:
        title = f"Serving: {_count(serving['calls'], 'call')}, {serving['failed']} failed"
        served(title, serving).print(console)
        told = _totals(summary) + sources(summary) + _cost(summary)
        console.print(told, markup=False, highlight=False)
        if serving["stages_s"]:
            stages(serving).print(console)


def show_standings(standings: Tree, console: Console) -> None:
    """Print each game's results, and the ratings over all games with two seats.

    Args:
        standings: The content of ``tournament.json``.
        console: Where to.
    """
    without_trailing_spaces(console, lambda: _show_standings(standings, console))


def _show_standings(standings: Tree, console: Console) -> None:
    games = _list(standings, "games")
    rated = [game for game in games if game["ratings"] is not None]
    for game in games:
        (_alone(game) if game["seats"] == 1 else _against(game)).print(console)
        if game in rated:
            _tell_notes(game, console)
    if len(rated) > 1:
        title = f"All {len(rated)} games with two seats, each with the same weight"
        rows = [_rating(one) for one in _list(_tree(standings, "ratings"), "agents")]
        Sheet(title, ("agent", *_RATING), rows).print(console)


_RATING = ("rank", "Elo", "95 % CI", "W-D-L")
_ELO = 400 / log(10)


def _alone(game: Tree) -> Sheet:
    rows = []
    for entry in _list(game, "agents"):
        score, delta = _tree(entry, "score"), cast("float | None", entry["glass_delta"])
        rows.append(
            (
                clean(str(entry["agent"])),
                clean(str(entry["model"])) or "-",
                _number(score["mean"]),
                _interval(score["ci95"]),
                _number(score["sd"]),
                str(score["n"]),
                "-" if delta is None else f"{delta:+.2f}",
                _not_ok(entry),
            )
        )
    headings = ("agent", "model", "score", "95 % CI", "sd", "n", "delta", "not ok")
    return Sheet(_game_title(game) + "; delta: Glass's, against random", headings, rows, names=2)


def _against(game: Tree) -> Sheet:
    agents = {str(entry["agent"]): entry for entry in _list(game, "agents")}
    headings = ("agent", "model", *_RATING, "forfeits", "not ok")
    rows = []
    for one in _list(_tree(game, "ratings"), "agents") if game["ratings"] else ():
        entry = agents[str(one["agent"])]
        name, *figures = _rating(one)
        model = clean(str(entry["model"])) or "-"
        rows.append((name, model, *figures, str(entry["forfeits"]), _not_ok(entry)))
    return Sheet(_game_title(game), headings, rows, names=2)


def _game_title(game: Tree) -> str:
    matches = _tree(game, "matches")
    title = f"{clean(str(game['name']))}: {_count(matches['finished'], 'finished match', 'es')}"
    if matches["unfinished"]:
        title += f", {matches['unfinished']} unfinished"
    cut = _tree(matches, "ends").get("max_decisions")
    return title + (f", {cut} cut off at {game['max_decisions']} decisions" if cut else "")


def _rating(one: Tree) -> tuple[str, ...]:
    """A line of a table of ratings, on the Elo scale; 0 is the mean."""
    low, high, strength = (cast(float, one[key]) * _ELO for key in ("low", "high", "strength"))
    wins, draws, played = (cast(int, one[key]) for key in ("wins", "draws", "matches"))
    return (
        clean(str(one["agent"])),
        str(one["rank"]),
        f"{strength:+.0f}",
        f"{low:+.0f} to {high:+.0f}",
        f"{wins}-{draws}-{played - wins - draws}",
    )


def _not_ok(entry: Tree) -> str:
    outcomes = cast("Mapping[str, int]", entry["decisions"])
    bad, n = sum(outcomes.values()) - outcomes.get("ok", 0), sum(outcomes.values())
    return f"{bad / n:.1%}" if bad else "-"


def _tell_notes(game: Tree, console: Console) -> None:
    """Say whose rating rests on little."""
    for one in _list(_tree(game, "ratings"), "agents"):
        if one["note"]:
            console.print(Text(f"{clean(str(one['agent']))}: {one['note']}", style="dim"))
    console.print()


@dataclass(frozen=True, slots=True)
class Sheet:
    """Rows of text under headings; the first ``names`` columns are no figures."""

    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    names: int = 1

    def print(self, console: Console) -> None:
        """Print a table if it fits with every figure whole, else a line for each figure."""
        console.print(Text(self.title, style="bold"))
        if not self.rows:
            return
        if console.width >= max(NARROW, self._needs()):
            console.print(self._table())
        else:
            console.print(Text("\n".join(self._lines())))

    def _needs(self) -> int:
        """Columns of the table at its narrowest; three between columns, one at each edge."""
        columns = zip(self.headings, *self.rows, strict=True)
        widths = [max(map(cell_len, column)) for column in columns]
        names = [min(width, WORD) for width in widths[: self.names]]
        return sum(names) + sum(widths[self.names :]) + 3 * (len(widths) - 1) + 2

    def _table(self) -> Table:
        table = Table(box=SIMPLE_HEAD, pad_edge=False)
        for number, heading in enumerate(self.headings):
            if number < self.names:
                table.add_column(heading, overflow="fold")
            else:
                table.add_column(heading, justify="right", no_wrap=True)
        for row in self.rows:
            table.add_row(*map(Text, row))
        return table

    def _lines(self) -> Iterator[str]:
        for first, *rest in self.rows:
            yield f"\n{first}"
            for heading, cell in zip(self.headings[1:], rest, strict=True):
                if cell:
                    yield f"  {heading}: {cell}"
        yield ""


def _tell_of_bad_decisions(summary: Tree, console: Console, run: Path | None) -> None:
    decisions = _tree(summary, "decisions")
    n = cast(int, decisions["n"])
    bad = {name: cast(int, c) for name, c in _tree(decisions, "outcomes").items() if name != "ok"}
    if not bad:
        return
    count = sum(bad.values())
    some = f"{count} of {_count(n, 'decision')} {'was' if count == 1 else 'were'} not ok"
    how = f"No decision was ok, of {n}" if count == n else some
    what = ", ".join(f"{number} {name}" for name, number in bad.items())
    console.print(Text(f"{how}: {what}", style="bold red" if count >= MANY * n else "yellow"))
    where = "RUN" if run is None else quote(str(run))
    # Unwrapped, so that the command can be copied.
    command = f"What was answered, and why it did not count: lmgame replay {where} --text\n"
    console.print(command, markup=False, highlight=False, soft_wrap=True)


def _scores(summary: Tree) -> Sheet:
    matches = _tree(summary, "matches")
    title = f"{summary['game']}: {_count(matches['finished'], 'finished match', 'es')}"
    if matches["unfinished"]:
        title += f", {matches['unfinished']} unfinished"
    if summary["max_decisions"]:
        title += f", at most {_count(summary['max_decisions'], 'decision')} each"
    seats, anchors = _list(summary, "seats"), _list(summary, "anchors")
    rows = []
    for number, entry in enumerate([*seats, *anchors]):
        score = _tree(entry, "score")
        rows.append(
            (
                clean(str(entry["agent"])) + (" (anchor)" if number >= len(seats) else ""),
                clean(str(entry["model"])) or "-",
                _number(score["mean"]),
                _interval(score["ci95"]),
                _number(score["sd"]),
                str(score["n"]),
            )
        )
    return Sheet(title, ("agent", "model", "score", "95 % CI", "sd", "n"), rows, names=2)


TIMES = (("TTFT", "ttft_s"), ("TPOT", "tpot_s"), ("time to action", "time_to_action_s"))
"""What serving is judged by, as it is called and by its key."""


def served(
    title: str,
    serving: Tree,
    names: Sequence[tuple[str, str]] = TIMES,
    others: Mapping[str, object] = MappingProxyType({}),
) -> Sheet:
    """Times, limits, and how many calls met them.

    Args:
        title: What stands above.
        serving: What :meth:`lmgame.slo.ServingSummary.to_json` gives.
        names: The lines, and the key of each.
        others: Spreads of times that stand for serving's own, or that it does not have.
    """
    slo, attainment = _tree(serving, "slo"), _tree(serving, "attainment")
    rows = []
    for label, key in _with_others(names, slo):
        spread = cast("Tree | None", others.get(key, serving.get(key)))
        quantiles = [_time(spread[q]) if spread else "" for q in ("p50", "p90", "p99")]
        met = share(_tree(attainment, key)) if key in attainment else ("-", "-")
        rows.append((label, *quantiles, _limit(slo.get(key)), *met))
    rows.append(("all limits", "", "", "", "", *share(_tree(attainment, "joint"))))
    return Sheet(title, ("", "p50", "p90", "p99", "limit", "met", "95 % CI"), rows)


def _with_others(names: Sequence[tuple[str, str]], slo: Tree) -> Iterator[tuple[str, str]]:
    """The lines, and those of limits that are there only where they are set."""
    for label, key in names:
        yield label, key
        if key == "tpot_s" and slo.get("itl_s") is not None:
            yield (
                f"ITL ({figure.percentile(cast(float, slo['itl_percentile']))} of a call)",
                "itl_s",
            )
    if slo.get("deadline_s") is not None:
        yield LABELS["deadline_s"], "deadline_s"


def _totals(summary: Tree) -> str:
    """Goodput and tokens in two lines or three."""
    serving = _tree(summary, "serving")
    tokens, good_of = _tree(serving, "tokens"), cast(Tree, summary.get("goodput", {}))
    counts = ", ".join(
        f"{tokens[name]:,} {name}" for name in ("prompt", "completion", "reasoning", "cached")
    )
    good, served = _rate(serving["goodput_rps"]), _rate(serving["throughput_rps"])
    median = cast("float | None", _tree(serving, "time_to_action_s")["p50"])
    short = median is not None and median < SHORT_S
    caveat = "\n(calls this short say nothing about a server)" if short else ""
    more = ""
    if good_of:
        more = f"goodput {_rate(good_of['tokens_s'])} tokens/s of these calls, "
        more += f"{_rate(good_of['decisions_s'])} legal decisions/s in time\n"
    return (
        f"goodput {good} calls/s that met all limits, of {served} served{caveat}\n"
        f"{more}tokens: {counts}\n"
    )


def sources(summary: Tree) -> str:
    """Which limits are the game's own, in a line; nothing where none is."""
    source = cast("Mapping[str, str]", summary.get("slo_source", {}))
    own = {key: why for key, why in source.items() if why not in ("set", "usual")}
    labels = " and ".join(LABELS.get(key, key) for key in own)
    return f"{labels}: the game's own limit, {next(iter(own.values()))}\n" if own else ""


def _cost(summary: Tree) -> str:
    """What the calls cost, in a line; nothing for our own engine, which sends no bill."""
    if _tree(summary, "backend").get("kind") == "embedded":
        return ""
    cost = _tree(summary, "cost")
    usd, unknown = cast("float | None", cost["usd"]), cast(int, cost["unknown"])
    if usd is None or (unknown and not cost["known"]):
        return "cost: unknown (no price, or no token counts)\n"
    dates = sorted({str(price["date"]) for price in _list(cost, "prices") if price["date"]})
    when = f" at the prices of {', '.join(dates)}" if dates else ""
    some = f", and {_count(unknown, 'call')} of unknown cost" if unknown else ""
    return f"cost: ${usd:.4f}{when}{some}\n"


def stages(serving: Tree) -> Sheet:
    """Where the time of calls goes, in the server's words."""
    rows = []
    for name, entry in _tree(serving, "stages_s").items():
        times = cast(Tree, entry)
        part = cast("float | None", times["share"])
        rows.append(
            (
                clean(name.removesuffix("_s").replace("_", " ")),
                *(_time(times[key]) for key in ("mean", "p50", "p90")),
                "-" if part is None else f"{part:.1%}",
            )
        )
    title = "Where the time goes (as the server tells)"
    return Sheet(title, ("stage", "mean", "p50", "p90", "share"), rows)


def _tree(tree: Tree, key: str) -> Tree:
    return cast(Tree, tree[key])


def _list(tree: Tree, key: str) -> Sequence[Tree]:
    return cast("Sequence[Tree]", tree[key])


def share(known: Tree) -> tuple[str, str]:
    """How many calls met a limit, of how many it applied to, and the interval."""
    interval = cast("Sequence[float] | None", known["ci95"])
    if interval is None:
        return "-", "-"
    return f"{known['met']} of {known['n']}", " to ".join(map(_percent, interval))


def _percent(value: float) -> str:
    """A share in whole per cent; 0 and 100 only where it is exactly that."""
    whole = round(100 * value)
    return f"{min(max(whole, int(value > 0)), 99 + int(value >= 1))}%"


def _interval(value: object) -> str:
    if value is None:
        return "-"
    low, high = cast("Sequence[float]", value)
    return f"{low:.1f} to {high:.1f}"


def _number(value: object) -> str:
    return "-" if value is None else f"{cast(float, value):.1f}"


def _time(value: object) -> str:
    return figure.time(cast("float | None", value))


def _limit(value: object) -> str:
    return "-" if value is None else f"{cast(float, value):g} s"


def _rate(value: object) -> str:
    return "-" if value is None else f"{cast(float, value):.2f}"


def _count(count: object, one: str, plural: str = "s") -> str:
    return f"{count} {one}{'' if count == 1 else plural}"
