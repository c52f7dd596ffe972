"""How far a series of matches is: counts, rates, what it cost, and the time left."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from lmgame.price import from_backend, of_call
from lmgame.record import Header, Played


@dataclass
class Progress:
    """What is counted while matches are played; of this sitting alone.

    Attributes:
        total: Matches to play.
        asking: Those of them in which a model is asked.
        timer: Monotonic seconds.
        done: Matches that ended.
        busiest: The most matches that were under way at the same time.
        decisions, calls: Of all matches.
        judged, met: Calls that a limit applied to, and those of them that met all.
        usd: What calls are known to have cost, in US dollars.
        priced: Calls whose cost is known.
    """

    total: int
    timer: Callable[[], float]
    asking: int = 0
    done: int = 0
    done_asking: int = 0
    busiest: int = 0
    decisions: int = 0
    calls: int = 0
    judged: int = 0
    met: int = 0
    usd: float = 0.0
    priced: int = 0
    _opened: float = 0.0
    _began: float | None = None

    def __post_init__(self) -> None:
        self._opened = self.timer()

    def begin(self, under_way: int) -> None:
        """A match begins; so many are under way now."""
        if self._began is None:
            self._began = self.timer()
        self.busiest = max(self.busiest, under_way)

    def land(self, header: Header, lines: Sequence[Played]) -> None:
        """Decisions have landed in a match."""
        self.decisions += len(lines)
        for line in lines:
            prices = None
            for call in (call for one in line.tries for call in one.calls):
                if prices is None:
                    prices = from_backend(header.backend_of(line.seat))
                cost = of_call(call, prices)
                self.calls += 1
                self.priced += cost is not None
                self.usd += cost or 0.0
            for verdict in line.verdicts:
                known = [met for met in verdict.values() if met is not None]
                self.judged += bool(known)
                self.met += bool(known) and all(known)

    @property
    def gone_s(self) -> float:
        """Seconds since the start, loading included."""
        return self.timer() - self._opened

    @property
    def played_s(self) -> float:
        """Seconds since the first match began."""
        return 0.0 if self._began is None else self.timer() - self._began

    @property
    def left_s(self) -> float | None:
        """Seconds until the last match ends, at the rate at which they have ended so far.

        None until as many have ended as were under way at the same time: before that
        the first of them stand for all, and those still under way count for nothing.
        Where models are asked only such matches count: the others take no time beside.
        """
        done, total = (self.done_asking, self.asking) if self.asking else (self.done, self.total)
        if not done or done < self.busiest:
            return None
        return self.played_s / done * (total - done)

    def facts(self) -> Iterator[str]:
        """What there is to tell, the most important first."""
        yield f"{self.done:,}/{count(self.total, 'match', 'matches')}"
        yield minutes(self.gone_s)
        if self.done < self.total and self._began is not None:
            left = self.left_s
            yield "? left" if left is None else f"{minutes(left)} left"
        if not self.calls:
            yield count(self.decisions, "decision")
            return
        if self.played_s > 0:
            yield f"{number(self.calls / self.played_s)} calls/s"
        if self.judged:
            yield f"{self.met / self.judged:.0%} in SLO"
        if self.priced:
            yield f"${self.usd:.{2 if self.usd >= 1 else 4}f}" + ("+" * (self.priced < self.calls))


def number(value: float) -> str:
    """A rate with about three digits."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def minutes(seconds: float) -> str:
    """As 3:07, or 2:03:07 from an hour up."""
    whole = int(seconds)
    hours, rest = divmod(whole, 3600)
    under = f"{rest // 60:02}" if hours else str(rest // 60)
    return f"{hours}:{under}:{rest % 60:02}" if hours else f"{under}:{rest % 60:02}"


def count(many: int, one: str, several: str = "") -> str:
    """As ``1 match`` or ``1,200 matches``."""
    return f"{many:,} {one if many == 1 else several or one + 's'}"
