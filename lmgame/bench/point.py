"""What each agent came to under each configuration: the points of a frontier.

Scores are those of seeds, repeats and opponents averaged, as on a board; a configuration is
compared with the first one on the seeds that both have played.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import cast

from rich.console import Console
from rich.text import Text

from lmgame import figure
from lmgame.board.compare import compare
from lmgame.board.score import Played
from lmgame.client.trouble import clean
from lmgame.decided import check_clock, decided
from lmgame.record import Log
from lmgame.report import Sheet, sources, without_trailing_spaces
from lmgame.slo import Slo, Spread, goodput, summarise
from lmgame.usual import Limits

Tree = dict[str, object]


@dataclass(slots=True)
class Side:
    """What one agent did under one configuration.

    Attributes:
        model: The model it asked, or "".
        played: Scores, counts and calls.
        waits_s: How long the world waited for each decision: what the clock charged, or
            under the paused clock what was measured.
    """

    model: str = ""
    played: Played = field(default_factory=Played)
    waits_s: list[float] = field(default_factory=list)

    def add(self, log: Log, seat: int) -> None:
        """Count one match, in which it had this seat.

        Raises:
            MixedClocks: Its times are not of one clock.
        """
        check_clock(log)
        self.model = log.header.seats[seat].model
        self.played.tally.add(log, seat)
        if log.result is not None:
            self.score(log.header.seed, log.result.scores[seat])
        self.played.decisions += decided(log, seat)
        paused = log.header.clock.get("kind") == "paused"
        mine = [one for one in log.played if one.seat == seat]
        self.waits_s += [one.seconds if paused else one.charged_s for one in mine]

    def score(self, seed: int, score: float) -> None:
        """Keep the score of a finished match."""
        self.played.scores.setdefault(seed, []).append(score)


@dataclass(slots=True)
class Lane:
    """What was played under one configuration.

    Attributes:
        label: What it is called.
        latency_s: Seconds that every decision was charged; None where they were measured.
        limits: What its calls are judged by; its clock's deadline may be another's.
        sides: What each agent did, by its label.
    """

    label: str
    latency_s: float | None = None
    limits: Limits = field(default_factory=lambda: Limits(Slo(), {}))
    sides: dict[str, Side] = field(default_factory=dict)

    def side(self, agent: str) -> Side:
        """What an agent did; nothing at first."""
        return self.sides.setdefault(agent, Side())


def tree(game: str, lanes: Sequence[Lane]) -> Tree:
    """The content of ``frontier.json``.

    Args:
        game: The game's id.
        lanes: What was played, the yardstick first.
    """
    first = lanes[0].sides if lanes else {}
    return {
        "game": game,
        "latencies": any(lane.latency_s is not None for lane in lanes),
        "configurations": [_configuration(lane) for lane in lanes],
        "points": [
            _point(lane, agent, side, first.get(agent))
            for lane in lanes
            for agent, side in sorted(lane.sides.items())
        ],
    }


def _configuration(lane: Lane) -> Tree:
    """What serving all its agents together was like."""
    decisions = [one for side in lane.sides.values() for one in side.played.decisions]
    asked, slo = any(one.calls for one in decisions), lane.limits.slo
    return {
        "label": lane.label,
        "latency_s": lane.latency_s,
        "slo": slo.to_json(),
        "slo_source": dict(lane.limits.source),
        "serving": summarise(decisions, slo).to_json() if asked else None,
        "goodput": asdict(goodput(decisions, slo)) if asked else None,
    }


def _point(lane: Lane, agent: str, side: Side, first: Side | None) -> Tree:
    found = side.played
    calls = sum(len(one.calls) for one in found.decisions)
    serving = summarise(found.decisions, lane.limits.slo) if calls else None
    good = goodput(found.decisions, lane.limits.slo)
    against = None
    if first is not None and first is not side:
        against = compare(lane.label, "first", found.by_seed, first.played.by_seed)
    return {
        "configuration": lane.label,
        "latency_s": lane.latency_s,
        "agent": agent,
        "model": side.model,
        "seeds": len(found.scores),
        "score": asdict(found.score),
        "against_first": None if against is None else asdict(against),
        "by_seed": {str(seed): score for seed, score in found.by_seed.items()},
        "unfinished": found.tally.unfinished,
        "outcomes": dict(sorted(found.tally.outcomes.items())),
        "action_s": asdict(Spread.of(side.waits_s)),
        "calls": calls,
        "goodput_rps": None if serving is None else serving.goodput_rps,
        "attainment": None if serving is None else serving.attainment.joint.value,
        "goodput_decisions_s": good.decisions_s,
    }


_COLUMNS = (
    *("configuration", "latency_s", "agent", "model", "seeds", "score", "score_low"),
    *("score_high", "against_first", "against_low", "against_high", "action_p50_s"),
    *("action_p90_s", "late", "decisions", "calls", "goodput_rps", "attainment"),
    "goodput_decisions_s",
)


def table(found: Mapping[str, object]) -> Iterator[Sequence[object]]:
    """The content of ``frontier.csv``: headings, and a row for each point."""
    yield _COLUMNS
    for one in points(found):
        score, action = _tree(one, "score"), _tree(one, "action_s")
        low, high = cast("tuple[object, object]", score["ci95"] or ("", ""))
        against = cast("Mapping[str, object]", one["against_first"] or {})
        outcomes = cast("Mapping[str, int]", one["outcomes"])
        row = (
            *(one[name] for name in ("configuration", "latency_s", "agent", "model", "seeds")),
            *(score["mean"], low, high),
            *(against.get(name) for name in ("difference", "low", "high")),
            *(action["p50"], action["p90"], outcomes.get("late", 0), sum(outcomes.values())),
            *(one[name] for name in ("calls", "goodput_rps", "attainment", "goodput_decisions_s")),
        )
        yield ["" if cell is None else cell for cell in row]


def points(found: Mapping[str, object]) -> Sequence[Mapping[str, object]]:
    """The points of a frontier."""
    return cast("Sequence[Mapping[str, object]]", found["points"])


def show(found: Mapping[str, object], console: Console) -> None:
    """Print a frontier as a table."""
    headings = ("configuration", "agent", "seeds", "score", "95 % CI", "against first", "95 % CI",
                "action p50", "p90", "late", "goodput", "legal/s")  # fmt: skip
    sheet = Sheet(
        f"{found['game']}: score by configuration; goodput in calls/s that met all limits, "
        "legal/s: legal decisions in time",
        headings,
        [_row(one) for one in points(found)],
        names=2,
    )

    def write() -> None:
        sheet.print(console)
        for note in notes(found):
            console.print(Text(f"note: {note}", style="yellow"), soft_wrap=True)

    without_trailing_spaces(console, write)


def _row(one: Mapping[str, object]) -> Sequence[str]:
    score, action = _tree(one, "score"), _tree(one, "action_s")
    against = cast("Mapping[str, float | None]", one["against_first"] or {})
    outcomes = cast("Mapping[str, int]", one["outcomes"])
    low, high = cast("tuple[float | None, float | None]", score["ci95"] or (None, None))
    apart = (against.get("low"), against.get("high"))
    return (
        clean(str(one["configuration"])),
        clean(str(one["agent"])),
        str(one["seeds"]),
        figure.number(cast("float | None", score["mean"])),
        figure.span(figure.number(low), figure.number(high)),
        figure.number(against.get("difference"), sign=True),
        figure.span(*(figure.number(end, sign=True) for end in apart)),
        figure.time(cast("float | None", action["p50"])),
        figure.time(cast("float | None", action["p90"])),
        figure.share(_share(outcomes.get("late", 0), sum(outcomes.values()))),
        figure.number(cast("float | None", one["goodput_rps"]), 2),
        figure.number(cast("float | None", one["goodput_decisions_s"]), 2),
    )


def _share(some: int, all_: int) -> float | None:
    return some / all_ if all_ else None


def notes(found: Mapping[str, object]) -> Iterator[str]:
    """What somebody who reads the table must know."""
    every = points(found)
    unfinished = sum(cast(int, one["unfinished"]) for one in every)
    if unfinished:
        yield f"{unfinished} matches are unfinished, and in no score"
    if len({cast(int, one["seeds"]) for one in every}) > 1:
        yield "not everybody has played all seeds: what is against the first is on common ones"
    if any(_tree(one, "score")["ci95"] is None for one in every):
        yield "one seed has no interval: write more seeds"
    asked = any(one["calls"] for one in every)
    if asked and all(one["goodput_rps"] is None for one in every):
        yield "no limits, so no goodput: write slo.time_to_action_s=1, slo.ttft_s or slo.tpot_s"
    if asked:
        yield from _own_limits(cast("Sequence[Tree]", found["configurations"]))


def _own_limits(configurations: Sequence[Tree]) -> Iterator[str]:
    """Which limits are the game's own, once where that is the same for all."""
    told = {clean(str(one["label"])): sources(one).strip() for one in configurations}
    if len({*told.values()}) == 1:
        told = {"": next(iter(told.values()))}
    for label, text in told.items():
        if text:
            yield f"{label}: {text}" if label else text


def _tree(one: Mapping[str, object], key: str) -> Mapping[str, object]:
    return cast("Mapping[str, object]", one[key])
