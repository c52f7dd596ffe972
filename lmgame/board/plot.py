"""Where things stand in a plot: axes, marks and words, drawn by plot.html as SVG."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lmgame import figure

Write = Callable[[float], str]
WIDTH = 680.0
_LETTER = 6.4
"""About the width of a character at 12 pixels."""
_LONGEST = 26
_ROW, _TOP, _BOTTOM, _RIGHT = 26.0, 12.0, 46.0, 24.0


@dataclass(frozen=True, slots=True)
class Point:
    """What is plotted.

    Attributes:
        label: Whose it is.
        anchor: Whether it is a yardstick, drawn differently.
        x: Across; ``low`` and ``high`` the ends of its interval.
        y: Upwards, in a scatter plot; likewise its interval.
    """

    label: str
    anchor: bool
    x: float
    low: float | None = None
    high: float | None = None
    y: float = 0.0
    y_low: float | None = None
    y_high: float | None = None


@dataclass(frozen=True, slots=True)
class Tick:
    """A place on an axis, and what is written there; ``strong`` if it means something."""

    at: float
    text: str
    strong: bool = False


@dataclass(frozen=True, slots=True)
class Mark:
    """A point in a plot: where it is, its intervals, its label and where that stands."""

    x: float
    y: float
    low: float
    high: float
    y_low: float
    y_high: float
    label: str
    label_x: float
    label_y: float
    side: str
    anchor: bool


@dataclass(frozen=True, slots=True)
class Plot:
    """A plot, ready to be drawn; lengths in pixels of a view ``width`` wide."""

    key: str
    title: str
    told: str
    width: float
    height: float
    left: float
    top: float
    right: float
    bottom: float
    x_title: str
    y_title: str
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class Scale:
    """An axis: its title, how its values are written, and what stands out on it."""

    title: str
    write: Write
    strong: Sequence[tuple[float, str]] = ()
    log: bool = False
    zero: bool = False


@dataclass(frozen=True, slots=True)
class _Axis:
    """From values to pixels."""

    low: float
    high: float
    start: float
    end: float
    log: bool

    def at(self, value: float) -> float:
        low, high, value = (_log(one) if self.log else one for one in (self.low, self.high, value))
        share = (value - low) / (high - low)
        return round(self.start + share * (self.end - self.start), 1)


def _log(value: float) -> float:
    return math.log10(max(value, 1e-9))


def steps(low: float, high: float, goal: int = 6) -> list[float]:
    """Round values that cover a range: multiples of 1, 2 or 5 times a power of ten."""
    rough = (high - low) / goal
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * one for one in (1, 2, 5, 10) if power * one >= rough * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [number * step for number in range(first, last + 1)]


def decades(low: float, high: float) -> list[float]:
    """1, 2 and 5 times powers of ten that cover a range of positive values."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    found = [one * 10.0**power for power in range(first, last + 1) for one in (1, 2, 5)]
    begin = max((i for i, one in enumerate(found) if one <= low * (1 + 1e-9)), default=0)
    stop = next(i for i, one in enumerate(found) if one >= high * (1 - 1e-9) and i > begin)
    return found[begin : stop + 1]


def _axis(
    values: Sequence[float], scale: Scale, start: float, end: float
) -> tuple[_Axis, tuple[Tick, ...]]:
    values = [*values, *(at for at, _ in scale.strong), *([0.0] if scale.zero else [])]
    low, high = min(values), max(values)
    if scale.log:
        low, high = max(low, 1e-6), max(high, 1e-6)
        at = decades(low, high)
        at = at if len(at) <= 9 else [one for one in at if f"{one:e}".startswith("1")]
    else:
        if high - low < 1e-9:
            low, high = low - 0.5 * max(1.0, abs(low)), high + 0.5 * max(1.0, abs(high))
        at = steps(low, high)
    axis = _Axis(min(at[0], low), max(at[-1], high), start, end, scale.log)
    words = dict(scale.strong)
    named = [Tick(axis.at(one), text, True) for one, text in scale.strong]
    plain = [Tick(axis.at(one), scale.write(one)) for one in at if one not in words]
    return axis, (*plain, *named)


def short(label: str) -> str:
    """A label that fits beside a point; what tells units apart stands at its end."""
    if len(label) <= _LONGEST:
        return label
    head = _LONGEST // 3
    return f"{label[:head]}…{label[head + 1 - _LONGEST :]}"


def forest(key: str, title: str, points: Sequence[Point], scale: Scale) -> Plot:
    """Values with their intervals, one below the other, in the order given.

    Args:
        key: Unique on its page.
        title: What it shows.
        points: At least one.
        scale: What is plotted across.
    """
    left = round(16 + _LETTER * max(len(short(one.label)) for one in points), 1)
    bottom = _TOP + _ROW * len(points)
    values = [v for one in points for v in (one.x, one.low, one.high) if v is not None]
    start = round(left + 12, 1)
    axis, ticks = _axis(values, scale, start, WIDTH - _RIGHT)
    marks = []
    for row, one in enumerate(points):
        y, x = _TOP + _ROW * (row + 0.5), axis.at(one.x)
        low, high = (axis.at(one.x if end is None else end) for end in (one.low, one.high))
        marks.append(Mark(x, y, low, high, y, y, short(one.label), left, y + 4,
                          "end", one.anchor))  # fmt: skip
    best = points[0]
    told = f"{figure.count(len(points), 'row')}, from {best.label} ({scale.write(best.x)})"
    told += f" to {points[-1].label} ({scale.write(points[-1].x)}). {scale.title}."
    return Plot(key, title, told, WIDTH, bottom + _BOTTOM, start, _TOP, WIDTH - _RIGHT,
                bottom, scale.title, "", ticks, (), tuple(marks))  # fmt: skip


def scatter(key: str, title: str, points: Sequence[Point], across: Scale, upwards: Scale) -> Plot:
    """Points with their intervals upwards.

    Args:
        key: Unique on its page.
        title: What it shows.
        points: At least one.
        across: The x axis.
        upwards: The y axis.
    """
    height, left = 380.0, 72.0
    bottom = height - _BOTTOM
    x, x_ticks = _axis([one.x for one in points], across, left, WIDTH - _RIGHT)
    values = [v for one in points for v in (one.y, one.y_low, one.y_high) if v is not None]
    y, y_ticks = _axis(values, upwards, bottom, _TOP)
    taken = [_around(x.at(one.x), y.at(one.y)) for one in points]
    marks = []
    for one in points:
        at = (x.at(one.x), y.at(one.y))
        low, high = (y.at(one.y if end is None else end) for end in (one.y_low, one.y_high))
        label = short(one.label)
        side, label_x, label_y, box = _beside(at, label, taken, left)
        taken.append(box)
        marks.append(Mark(*at, at[0], at[0], low, high, label, label_x, label_y, side, one.anchor))
    told = f"{figure.count(len(points), 'point')}. Across: {across.title}. Up: {upwards.title}."
    return Plot(key, title, told, WIDTH, height, left, _TOP, WIDTH - _RIGHT, bottom,
                across.title, upwards.title, x_ticks, y_ticks, tuple(marks))  # fmt: skip


_Box = tuple[float, float, float, float]


def _around(x: float, y: float) -> _Box:
    return x - 6, y - 6, x + 6, y + 6


def _beside(
    at: tuple[float, float], label: str, taken: Sequence[_Box], left: float
) -> tuple[str, float, float, _Box]:
    """Where a label stands: beside its point, over as little else as can be."""
    x, y = at
    long = _LETTER * len(label)
    best: tuple[float, str, float, float, _Box] | None = None
    for side, dx, dy in (
        ("start", 10, 4), ("end", -10, 4), ("start", 8, -8), ("end", -8, -8),
        ("start", 8, 17), ("end", -8, 17), ("middle", 0, -12), ("middle", 0, 22),
    ):  # fmt: skip
        begin = x + dx - {"start": 0.0, "middle": long / 2, "end": long}[side]
        box = (begin, y + dy - 10, begin + long, y + dy + 3)
        out = max(0.0, left - begin) + max(0.0, begin + long - WIDTH)
        cost = 100 * out + sum(_overlap(box, other) for other in taken)
        if best is None or cost < best[0]:
            best = (cost, side, round(x + dx, 1), round(y + dy, 1), box)
    assert best is not None
    return best[1:]


def _overlap(one: _Box, other: _Box) -> float:
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    return max(wide, 0.0) * max(high, 0.0)
