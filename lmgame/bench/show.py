"""A bench's results as tables, and how far it is while it lasts."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Self, cast

from rich.console import Console
from rich.live import Live
from rich.text import Text

from lmgame import figure
from lmgame.bench import beside
from lmgame.bench.calibrate import ITL_S, LIMITS, TTFT_S
from lmgame.bench.calibration import Calibration
from lmgame.bench.fleet import Sofar
from lmgame.client.trouble import clean
from lmgame.limit import LABELS, TIMELY
from lmgame.report import Sheet, served, share, sources, stages, without_trailing_spaces

Tree = Mapping[str, object]
_EVERY_S = 10.0
"""How often there is a line where there is no terminal."""
_STYLE = {"met": "bold green", "missed": "bold red", "undecided": "yellow", "none": "bold yellow"}
_LINES = (
    ("TTFT", "ttft_s"),
    ("TPOT", "tpot_s"),
    ("chunk gap", "chunk_gap_s"),
    ("whole reply", "time_to_action_s"),
)


class Progress:
    """Shows how far a bench is: one line that changes on a terminal, else now and then one.

    Args:
        console: Where to.
        timer: Monotonic seconds.
    """

    def __init__(self, console: Console, timer: Callable[[], float] = time.monotonic) -> None:
        self._console, self._timer = console, timer
        self._what = ""
        self._calls: int | None = None
        self._begin = self._spoke = timer()
        self._live = Live(console=console, auto_refresh=False, transient=True)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.stop()

    def begin(self, what: str, calls: int | None) -> None:
        """Say what is measured now, and of how many calls, if that is known."""
        self._what, self._calls = what, calls
        self._begin = self._timer()
        self.say(what)

    def say(self, text: str) -> None:
        """Show one line."""
        if self._console.is_terminal:
            self._live.update(Text(clean(text, 200)), refresh=True)
        else:
            self._console.print(clean(text, 200), markup=False, highlight=False, soft_wrap=True)
            self._spoke = self._timer()

    def tell(self, sofar: Sofar) -> None:
        """Show how far it is."""
        now = self._timer()
        if not self._console.is_terminal and now - self._spoke < _EVERY_S:
            return
        of = f" of {self._calls}" if self._calls is not None else ""
        failed = f", {sofar.failed} failed" if sofar.failed else ""
        seconds = max(now - self._begin, 1e-9)
        self.say(
            f"{self._what}: {sofar.done}{of} calls{failed}, {sofar.under_way} under way, "
            f"{sofar.done / seconds:.1f} calls/s, {seconds:.0f} s"
        )


def show(found: Tree, console: Console) -> None:
    """Print what a load came to.

    Args:
        found: What lmgame.bench.result gives.
        console: Where to.
    """
    without_trailing_spaces(console, lambda: _show(found, console))


def _show(found: Tree, console: Console) -> None:
    serving = _tree(found, "serving")
    spreads = {"chunk_gap_s": found["chunk_gap_s"], "time_to_action_s": found["end_s"]}
    served(_title(found), serving, _LINES, spreads).print(console)
    _print(console, _totals(found))
    if "matches" in found:
        matches = _tree(found, "matches")
        _print(console, f"{_played(matches)}\n{sources(matches)}".rstrip())
    server = _tree(found, "server")
    if server["beside"]:
        for sheet in beside.sheets(server):
            sheet.print(console)
    elif serving["stages_s"]:
        stages(serving).print(console)
    _print(console, _of_client(_tree(found, "client")))
    for failure in cast("Sequence[Tree]", found["failures"]):
        _print(console, f"{failure['calls']} failed: {failure['message']}", "red")
    for note in (*cast("Sequence[str]", found["notes"]), *cast("Sequence[str]", server["notes"])):
        _print(console, f"note: {clean(note, 400)}", "yellow")
    verdict = _tree(found, "verdict")
    said = str(verdict["said"])
    why = str(verdict["why"])
    target = f"target {cast(float, verdict['target']):.0%} {said}: " if said != "none" else ""
    _print(console, target + why, _STYLE[said])


def _print(console: Console, text: str, style: str = "") -> None:
    console.print(Text(text, style=style), soft_wrap=True)


def _title(found: Tree) -> str:
    serving, left = _tree(found, "serving"), _tree(found, "left_out")
    title = f"{figure.count(cast(int, serving['calls']), 'call')}, {serving['failed']} failed"
    title += f", at most {found['streams']} at a time"
    return title + (f", {left['settling']} more while settling" if left["settling"] else "")


def _totals(found: Tree) -> str:
    serving = _tree(found, "serving")
    offered = found["offered_rps"]
    sent = "" if offered is None else f"sent {_rate(offered)} calls/s; "
    lines = [
        f"{sent}served {_rate(serving['throughput_rps'])} calls/s and "
        f"{_rate(found['throughput_tokens_s'])} tokens/s; goodput (met all limits) "
        f"{_rate(serving['goodput_rps'])} calls/s and {_rate(found['goodput_tokens_s'])} tokens/s"
    ]
    if found["stopped"]:
        lines.append("stopped before its end; calls under way then are not counted")
    return "\n".join(lines)


def _played(matches: Tree) -> str:
    """What became of the decisions of a load of matches."""
    spread, scores = _tree(matches, "time_to_action_s"), _tree(matches, "scores")
    outcomes = ", ".join(f"{n} {name}" for name, n in _tree(matches, "outcomes").items())
    times = f"time to action p50 {_ms(spread['p50'])} p90 {_ms(spread['p90'])}"
    means = ", ".join(
        f"{clean(agent)} {figure.number(cast('float | None', cast(Tree, one)['mean']))}"
        for agent, one in scores.items()
    )
    slo = _tree(matches, "slo")
    known = {one: cast(float, slo[one]) for one in TIMELY if slo.get(one) is not None}
    limits = ", ".join(f"{LABELS[one]} {seconds:g} s" for one, seconds in known.items())
    within = f" ({limits})" if limits else ""
    return (
        f"{matches['matches']} matches, {matches['finished']} finished; {matches['decisions']} "
        f"decisions ({outcomes}), {times}; "
        f"in time and legal: {matches['in_time_and_legal']}{within}, "
        f"{_rate(matches['goodput_decisions_s'])} decisions/s; mean score: {means or figure.NONE}"
    )


def _of_client(client: Tree) -> str:
    """One line on what the client may have added."""
    loop, lag = _tree(client, "loop_lag_s"), _tree(client, "lag_s")
    text = (
        f"client: {figure.count(cast(int, client['processes']), 'process', 'es')}, event loop late "
        f"{_ms(loop['p50'])} (p50) {_ms(loop['p99'])} (p99) {_ms(loop['max'])} (most); "
        f"own lag at most {_ms(lag['ttft_s'])} of TTFT, {_ms(lag['tpot_s'])} of TPOT (p99)"
    )
    calibrated = cast("Tree | None", client["calibrated"])
    if calibrated is not None and calibrated["level"] is not None:
        level = cast(Tree, calibrated["level"])
        text += f"; calibrated {calibrated['when']} at {level['streams']} streams"
    return text


def _ms(value: object) -> str:
    return figure.time(cast("float | None", value))


def _rate(value: object) -> str:
    return figure.NONE if value is None else f"{cast(float, value):.2f}"


def show_capacity(found: Tree, console: Console) -> None:
    """Print what a search came to."""
    rows = []
    for one in cast("Sequence[Tree]", found["probes"]):
        held = "met" if one["holds"] else "missed"
        rows.append(
            (f"{one['load']:g}", *share(_tree(one, "share")), held, "yes" if one["sure"] else "no",
             str(one["blocks"]))
        )  # fmt: skip
    headings = (str(found["over_what"]), "met", "95 % CI", "target", "sure", "blocks")
    sheet = Sheet(f"Capacity at a target of {found['target']:.0%}", headings, rows, names=0)
    load, per = found["load"], cast(int, found["per"])

    def write() -> None:
        sheet.print(console)
        if load is not None:
            each = f", {found['load_per_worker']:.4g} for each of {per}" if per > 1 else ""
            _print(console, f"capacity: {found['over_what']}={load:.4g}{each}", "bold")
        _print(console, str(found["why"]))

    without_trailing_spaces(console, write)


def show_comparison(found: Tree, console: Console) -> None:
    """Print what configurations came to, against the first."""
    rows = []
    for one in cast("Sequence[Tree]", found["configurations"]):
        against = cast("Tree | None", one["against"])
        gap, interval = figure.NONE, figure.NONE
        if against is not None and against["mean"] is not None:
            gap = f"{against['mean']:+.2f}"
            if against["ci95"] is not None:
                low, high = cast("Sequence[float]", against["ci95"])
                interval = f"{low:+.2f} to {high:+.2f}"
        rows.append(
            (clean(str(one["label"]), 200), *share(_tree(one, "joint")),
             _rate(one["goodput_rps"]), gap, interval)
        )  # fmt: skip
    blocks = figure.count(cast(int, found["blocks"]), "block")
    title = f"{blocks} of each, in turn; goodput in calls/s, and how much more than the first's"
    headings = ("configuration", "met", "95 % CI", "goodput", "more", "95 % CI")
    sheet = Sheet(title, headings, rows)

    def write() -> None:
        sheet.print(console)
        for note in cast("Sequence[str]", found["notes"]):
            _print(console, f"note: {clean(note, 400)}", "yellow")

    without_trailing_spaces(console, write)


def show_calibration(known: Calibration, console: Console) -> None:
    """Print a machine's calibration."""
    title = (
        f"The client's own error on this machine, {known.when}: a server with TTFT "
        f"{TTFT_S * 1e3:g} ms and {ITL_S * 1e3:g} ms between tokens"
    )
    rows = [
        (
            str(one.streams),
            str(one.processes),
            str(one.calls),
            f"{1e3 * one.ttft_bias_s:+.1f} ms",
            _ms(one.ttft_error_s.p99),
            _ms(one.tpot_error_s.p99),
            f"{one.attained.value:.1%}" if one.attained.value is not None else figure.NONE,
            _ms(one.server_late_s),
        )
        for one in known.levels
    ]
    headings = ("streams", "processes", "calls", "TTFT p50", "TTFT p99", "TPOT p99")
    last = (f"met {LIMITS.ttft_s:g}/{LIMITS.tpot_s:g} s", "server late")
    sheet = Sheet(title, (*headings, *last), rows, names=0)
    without_trailing_spaces(console, lambda: sheet.print(console))


def _tree(tree: Tree, key: str) -> Tree:
    return cast(Tree, tree[key])
