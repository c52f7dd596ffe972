"""The figures of a frontier: score against latency, and score against goodput."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from lmgame.bench.plot import canvas
from lmgame.bench.point import points
from lmgame.client.trouble import clean

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Point = Mapping[str, object]

_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
"""Okabe and Ito's, one for each agent."""
_MARKERS = "osD^vP*X<>"
"""One for each configuration."""
_MOST_LETTERS = 40


def draw(path: Path, found: Mapping[str, object]) -> list[Path]:
    """Draw what there is something for.

    Args:
        path: The frontier's folder; figures go into ``plots`` in it.
        found: The content of ``frontier.json``.

    Returns:
        The files.
    """
    folder = path / "plots"
    folder.mkdir(exist_ok=True)
    made: list[Path] = []
    every = [one for one in points(found) if _score(one)["mean"] is not None]
    game = str(found["game"])
    timed = [one for one in every if _action(one, "p50") is not None]
    if timed:
        with canvas(folder / "score-latency", made) as axes:
            _plot(axes, timed, lambda one: _action(one, "p50") or 0.0, bool(found["latencies"]))
            _tails(axes, timed)
            axes.set(xlabel="time to action, p50, and to p90 (s)", ylabel=f"score ({game})")
    name, what = "goodput_rps", "goodput (calls/s that met all limits)"
    if all(one[name] is None for one in every):
        name, what = "goodput_decisions_s", "goodput (legal decisions/s in time)"
    good = [one for one in every if one[name] is not None]
    if good:
        with canvas(folder / "score-goodput", made) as axes:
            _plot(axes, good, lambda one: cast(float, one[name]), joined=False)
            axes.set(xlabel=what, ylabel=f"score ({game})")
    return made


def _plot(axes: Axes, every: Sequence[Point], at: Callable[[Point], float], joined: bool) -> None:
    """A colour for each agent; a line for each through latencies, else a marker a configuration."""
    agents = list(dict.fromkeys(str(one["agent"]) for one in every))
    places = list(dict.fromkeys(str(one["configuration"]) for one in every))
    for agent in agents:
        mine = sorted((one for one in every if one["agent"] == agent), key=at)
        colour = _colour(agent, agents)
        if joined:
            axes.plot([at(one) for one in mine], [_mean(one) for one in mine], color=colour)
        for one in mine:
            marker = "o" if joined else _MARKERS[places.index(str(one["configuration"])) % 10]
            _bar(axes, one, at(one), colour, marker)
    _legend(axes, agents, [] if joined else places)


def _bar(axes: Axes, one: Point, at: float, colour: str, marker: str) -> None:
    """A score with its 95 % interval."""
    mean = _mean(one)
    interval = cast("Sequence[float] | None", _score(one)["ci95"])
    span = None if interval is None else [[mean - interval[0]], [interval[1] - mean]]
    axes.errorbar(at, mean, yerr=span, color=colour, marker=marker, markersize=6, capsize=3)


def _tails(axes: Axes, every: Sequence[Point]) -> None:
    """From each point to its 90th percentile."""
    agents = list(dict.fromkeys(str(one["agent"]) for one in every))
    for one in every:
        ends = [_action(one, "p50") or 0.0, _action(one, "p90") or 0.0]
        axes.plot(
            ends, [_mean(one)] * 2, ":", color=_colour(str(one["agent"]), agents), linewidth=1
        )


def _colour(agent: str, agents: Sequence[str]) -> str:
    return _COLOURS[agents.index(agent) % len(_COLOURS)]


def _legend(axes: Axes, agents: Sequence[str], places: Sequence[str]) -> None:
    from matplotlib.lines import Line2D

    keys = [
        Line2D([], [], color=_colour(one, agents), linewidth=3, label=_short(one)) for one in agents
    ]
    keys += [
        Line2D(
            [], [], color="#555555", marker=_MARKERS[place % 10], linestyle="", label=_short(one)
        )
        for place, one in enumerate(places)
    ]
    columns = min(len(keys), 3)
    axes.figure.legend(handles=keys, frameon=False, loc="outside lower center", ncols=columns)


def _short(text: str) -> str:
    """A label as Matplotlib shows it as it stands: ``$`` would begin a formula."""
    return clean(text, _MOST_LETTERS).replace("$", r"\$")


def _score(one: Point) -> Point:
    return cast(Point, one["score"])


def _mean(one: Point) -> float:
    return cast(float, _score(one)["mean"])


def _action(one: Point, which: str) -> float | None:
    return cast("float | None", cast(Point, one["action_s"])[which])
