"""The figures of the DistServe paper from a bench, as SVG and PNG (extra ``lmgame[plot]``).

Curves through measurements are what a plotting library is for; the board's own plots
(lmgame/board/plot.py) are rows and points in a page that must not change by a byte.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lmgame.bench import curve
from lmgame.bench.curve import LIMITS, Point
from lmgame.bench.settings import BenchSettings
from lmgame.client import Call
from lmgame.errors import MissingExtra
from lmgame.slo import Slo

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Tree = Mapping[str, object]

_COLOURS = {"joint": "#0072b2", "ttft_s": "#d55e00", "tpot_s": "#009e73", "itl_s": "#cc79a7"}
"""Okabe and Ito's, which stay apart for colour-blind readers; so do the dashes."""
_DASHES = {"joint": "-", "ttft_s": "--", "tpot_s": ":", "itl_s": "-."}
_STAGES = ("#0072b2", "#56b4e9", "#f0e442", "#e69f00", "#d55e00", "#cc79a7", "#999999")
_STYLE = {
    "svg.hashsalt": "lmgame",  # the same bytes for the same figure
    "svg.fonttype": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.alpha": 0.3,
    "font.size": 10,
}


def check_extra() -> None:
    """See that figures can be drawn.

    Raises:
        MissingExtra: Matplotlib is not installed.
    """
    if find_spec("matplotlib") is None:
        raise MissingExtra("--plots", "plot", "Matplotlib")


def draw(
    path: Path,
    calls: Sequence[Call],
    limits: Slo,
    results: Sequence[tuple[str, Tree]],
    chosen: BenchSettings,
    searched: bool = False,
) -> list[Path]:
    """Draw the figures that there is something for.

    Args:
        path: The bench's folder; figures go into ``plots`` in it.
        calls: The calls that count.
        limits: What they are judged by.
        results: Labels and results of what was measured.
        chosen: The settings.
        searched: Whether the labels are the loads of a search.

    Returns:
        The files.
    """
    folder = path / "plots"
    folder.mkdir(exist_ok=True)
    made: list[Path] = []
    title = ""
    if searched:
        results = sorted(results, key=lambda one: float(one[0]))
        blocks = [(float(label) / chosen.per, one) for label, one in results]
        what = "streams" if chosen.load.closed else "calls/s"
        title = f"load ({what}{' per worker' if chosen.per > 1 else ''})"
        found = curve.against_load(blocks)
        with canvas(folder / "attainment-load", made) as axes:
            _lines(axes, found, title, chosen.target, marker="o")
    elif calls and len(results) == 1:
        with canvas(folder / "attainment-scale", made) as axes:
            scaled = curve.against_scale(calls, limits)
            _lines(axes, scaled, "scale of the limits (1: as set)", chosen.target)
    labels, stages = curve.stages(results)
    if labels:
        with canvas(folder / "stages", made) as axes:
            _stacked(axes, labels, stages, title)
    if times := curve.transfers(calls):
        with canvas(folder / "transfer", made) as axes:
            axes.plot([1e3 * at for at, _ in times], [100 * share for _, share in times],
                      color=_COLOURS["joint"], drawstyle="steps-post")  # fmt: skip
            axes.set(xlabel="KV transfer (ms)", ylabel="calls (%)", ylim=(0, 101))
            axes.set_xlim(left=0)
    return made


@contextmanager
def canvas(stem: Path, made: list[Path]) -> Iterator[Axes]:
    """A figure of one plot; written as SVG and PNG at the end of the block."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    style: dict[Any, Any] = dict(_STYLE)
    with mpl.rc_context(style):
        figure = Figure(figsize=(6.4, 4.0), layout="constrained")
        yield figure.add_subplot()
        for suffix, metadata in ((".svg", {"Date": None}), (".png", {"Software": None})):
            file = stem.with_suffix(suffix)
            figure.savefig(file, dpi=150, metadata=metadata)
            made.append(file)


def _lines(
    axes: Axes,
    found: Mapping[str, Sequence[Point]],
    title: str,
    target: float,
    marker: str | None = None,
) -> None:
    for name, points in found.items():
        if not points:
            continue
        at = [one.at for one in points]
        axes.plot(at, [100 * one.share for one in points], _DASHES[name], marker=marker,
                  markersize=4, color=_COLOURS[name], label=LIMITS[name])  # fmt: skip
        if name == "joint":
            low, high = ([100 * getattr(one, end) for one in points] for end in ("low", "high"))
            axes.fill_between(at, low, high, color=_COLOURS[name], alpha=0.15, linewidth=0)
    axes.axhline(100 * target, color="black", linewidth=0.8)
    axes.annotate(f"{target:.0%}", (1, 100 * target), xycoords=("axes fraction", "data"),
                  xytext=(-2, 2), textcoords="offset points", ha="right")  # fmt: skip
    axes.set(xlabel=title, ylabel="SLO attainment (%)", ylim=(0, 102))
    axes.set_xlim(left=0)
    axes.legend(frameon=False)


def _stacked(
    axes: Axes, labels: Sequence[str], stages: Mapping[str, Sequence[float]], title: str
) -> None:
    bottom = [0.0] * len(labels)
    for number, (name, means) in enumerate(stages.items()):
        heights = [1e3 * mean for mean in means]
        colour = _STAGES[number % len(_STAGES)]
        shown = name.removesuffix("_s").replace("_", " ")
        axes.bar(range(len(labels)), heights, 0.6, bottom, color=colour, label=shown)
        bottom = [below + height for below, height in zip(bottom, heights, strict=True)]
    axes.set_xticks(range(len(labels)), labels)
    axes.set(xlabel=title, ylabel="mean time of a call (ms)")
    axes.grid(visible=False, axis="x")
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
