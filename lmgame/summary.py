"""What a run came to: scores beside serving, as a pure function of its logs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from scipy.special import stdtrit

from lmgame.decided import check_clock, decided
from lmgame.price import Cost, Price, from_backend, of_calls
from lmgame.record import Log, Seat
from lmgame.slo import Slo, goodput, summarise


@dataclass(frozen=True, slots=True)
class Score:
    """Scores of one seat over matches.

    Attributes:
        mean: Their mean; None without a finished match.
        sd: Sample standard deviation (n - 1); None below two matches.
        n: How many finished matches.
        ci95: Student-t 95 % interval of the mean; None below two matches.
    """

    mean: float | None
    sd: float | None
    n: int
    ci95: tuple[float, float] | None

    @classmethod
    def of(cls, scores: Sequence[float]) -> Score:
        """Summarise scores."""
        n = len(scores)
        if n == 0:
            return cls(None, None, 0, None)
        mean = float(np.mean(scores))
        if n == 1:
            return cls(mean, None, 1, None)
        sd = float(np.std(scores, ddof=1))
        half = float(stdtrit(n - 1, 0.975)) * sd / n**0.5
        return cls(mean, sd, n, (mean - half, mean + half))


def summary(
    logs: Sequence[Log],
    anchors: Sequence[Log],
    slo: Slo,
    prices: Sequence[Price] | None = None,
    source: Mapping[str, str] | None = None,
) -> dict[str, object]:
    """The content of ``summary.json``.

    Args:
        logs: The matches of the agents in question, finished or not.
        anchors: The anchors' matches on the same seeds.
        slo: Limits that calls are judged by.
        prices: What tokens cost; None: what the logs say they cost.
        source: Where each limit came from, if that is known.

    Returns:
        JSON values: ``matches``, ``seats``, ``anchors``, ``decisions``, ``serving``,
        ``goodput`` and ``cost``; the fields are described in docs/log.md.

    Raises:
        MixedClocks: The times of a log are not of one clock.
    """
    first = logs[0].header
    finished = [log for log in logs if log.result is not None]
    for log in logs:
        check_clock(log)
    served = [one for log in logs for one in decided(log)]
    return {
        "game": first.game,
        "arguments": first.arguments,
        "seeds": [log.header.seed for log in logs],
        "clock": first.clock,
        "max_decisions": first.max_decisions,
        "backend": first.backend,
        "slo": slo.to_json(),
        "slo_source": dict(source or {}),
        "matches": {
            "finished": len(finished),
            "unfinished": len(logs) - len(finished),
            "ends": dict(Counter(log.result.end for log in finished if log.result)),
        },
        "seats": [_seat(logs, number, seat) for number, seat in enumerate(first.seats)],
        "anchors": [_seat(group, 0, group[0].header.seats[0]) for group in _by_agent(anchors)],
        "decisions": _decisions(logs),
        "serving": summarise(served, slo).to_json(),
        "goodput": asdict(goodput(served, slo)),
        "cost": _cost(logs, prices).to_json(),
    }


def _cost(logs: Sequence[Log], prices: Sequence[Price] | None) -> Cost:
    if prices is None:
        prices = from_backend(logs[0].header.backend)
    return of_calls([call for log in logs for _, some in log.calls() for call in some], prices)


def _seat(logs: Sequence[Log], number: int, seat: Seat) -> dict[str, object]:
    results = [log.result for log in logs if log.result is not None]
    entry: dict[str, object] = {
        "seat": seat.name,
        "agent": seat.agent,
        "model": seat.model,
        "score": asdict(Score.of([result.scores[number] for result in results])),
        "statistics": _means([result.statistics[number] for result in results]),
    }
    if len(logs[0].header.seats) > 1:
        entry["wins"] = sum(result.winner == number for result in results)
        entry["draws"] = sum(result.winner is None for result in results)
    return entry


def _means(statistics: Sequence[Mapping[str, float]]) -> dict[str, float]:
    if not statistics:
        return {}
    return {name: float(np.mean([one[name] for one in statistics])) for name in statistics[0]}


def _by_agent(logs: Sequence[Log]) -> list[list[Log]]:
    groups: dict[str, list[Log]] = {}
    for log in logs:
        groups.setdefault(log.header.seats[0].agent, []).append(log)
    return list(groups.values())


def _decisions(logs: Sequence[Log]) -> dict[str, object]:
    """How replies were read: of decisions as they counted, and of every try."""
    played = [one for log in logs for one in log.played]
    tries = [each.outcome for one in played for each in one.tries]
    return {
        "n": len(played),
        "outcomes": dict(Counter(one.outcome for one in played)),
        "tries": dict(Counter(tries)),
        "suspensions": sum(len(log.suspended) for log in logs),
        "abandoned": sum(len(log.result.abandoned) for log in logs if log.result),
    }
