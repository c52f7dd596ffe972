"""Limits, and which of them a call met.

Every policy, where tools disagree, is told with its reason in lmgame.slo.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import NamedTuple, cast

from lmgame.client.call import Call
from lmgame.errors import ConfigError, LogVersionError, MixedClocks
from lmgame.game import Json, State

LABELS = {
    "ttft_s": "TTFT",
    "tpot_s": "TPOT",
    "itl_s": "ITL",
    "time_to_action_s": "time to action",
    "deadline_s": "deadline",
}
SECONDS = tuple(LABELS)
"""The limits, in the order in which they are told."""
TIMELY = ("time_to_action_s", "deadline_s")
"""Those that a decision must meet to be in time."""
_FIRST = ("ttft_s", "tpot_s", "time_to_action_s")
"""What stands in every log, set or not; the others stand there where they are set."""
PERCENTILE = 0.99


class Decided(NamedTuple):
    """A decision as serving sees it.

    Attributes:
        seconds: Time to action; None where nobody waited for it, or it is unknown.
        calls: The calls made for it.
        charged_s: What the game's clock charged for it; None where it never landed, or
            there is no game.
        outcome: How it counted in the game (``ok``: a legal action that came in time);
            None where there is none.
    """

    seconds: float | None
    calls: Sequence[Call]
    charged_s: float | None = None
    outcome: str | None = None


Decisions = Iterable[tuple[float | None, Sequence[Call]] | Decided]
"""A bare call is a decision of one call; a pair is one of which the game says nothing."""


@dataclass(frozen=True, slots=True)
class Slo:
    """Limits in seconds; None sets no limit.

    Attributes:
        ttft_s: Intended send to first token, reasoning included.
        tpot_s: Mean time per output token after the first.
        time_to_action_s: From the turn to the action that was read from replies.
        itl_s: Between two pieces of one reply, for ``itl_percentile`` of them.
        itl_percentile: The share of a reply's waits that ``itl_s`` must hold for.
        deadline_s: What the game's clock may charge for a decision.
    """

    ttft_s: float | None = None
    tpot_s: float | None = None
    time_to_action_s: float | None = None
    itl_s: float | None = None
    itl_percentile: float = PERCENTILE
    deadline_s: float | None = None

    def __post_init__(self) -> None:
        for name in SECONDS:
            value = getattr(self, name)
            if value is not None and not (_number(value) and value > 0):
                raise ConfigError(
                    f"slo.{name} must be a positive number of seconds or null, not {value!r}"
                )
        if not (_number(self.itl_percentile) and 0 < self.itl_percentile <= 1):
            raise ConfigError(
                "slo.itl_percentile must be a share above 0 and at most 1, such as 0.99, not "
                f"{self.itl_percentile!r}"
            )

    @classmethod
    def from_log(cls, state: Mapping[str, Json]) -> Slo:
        """The limits in a log's header; those that are not there were not set.

        Raises:
            LogVersionError: There are limits that this version does not know.
        """
        unknown = sorted(set(state) - {one.name for one in fields(cls)})
        if unknown:
            raise LogVersionError(
                f"the log has limits that this lmgame does not know ({', '.join(unknown)}): a "
                "newer one wrote it"
            )
        return cls(**cast("dict[str, float]", dict(state)))

    def to_json(self) -> State:
        """Give what a log's header holds: without ITL and deadline as before there were such."""
        found: State = {name: getattr(self, name) for name in _FIRST}
        if self.itl_s is not None:
            found |= {"itl_s": self.itl_s, "itl_percentile": self.itl_percentile}
        if self.deadline_s is not None:
            found["deadline_s"] = self.deadline_s
        return found

    @property
    def names(self) -> tuple[str, ...]:
        """The limits that are set."""
        return tuple(name for name in SECONDS if getattr(self, name) is not None)

    def judge(
        self,
        call: Call,
        time_to_action_s: float | None = None,
        charged_s: float | None = None,
        outcome: str | None = None,
    ) -> Verdict:
        """Say which limits one call met.

        Args:
            call: The call.
            time_to_action_s: That of the decision it was made for; None where
                nobody waited for it or it is unknown.
            charged_s: What the game's clock charged for that decision.
            outcome: How it counted in the game.
        """
        if call.failure is not None:
            dropped = call.failure.kind == "cancelled" and time_to_action_s is None
            if dropped and not self._ttft_broken(call):
                return Verdict(excluded=True)
            return Verdict(**{_SHORT[name]: False for name in self.names})
        first = math.inf if call.ttft_s is None else call.ttft_s
        charged = math.inf if outcome == "late" else charged_s
        return Verdict(
            ttft=_within(first, self.ttft_s),
            tpot=_within(tpot(call), self.tpot_s),
            time_to_action=_within(time_to_action_s, self.time_to_action_s),
            itl=None if self.itl_s is None else _within(itl(call, self.itl_percentile), self.itl_s),
            deadline=_within(charged, self.deadline_s),
        )

    def in_time(self, decision: Decided) -> bool:
        """Whether a decision brought a legal action in time."""
        late = (
            _within(decision.seconds, self.time_to_action_s) is False
            or _within(decision.charged_s, self.deadline_s) is False
        )
        return decision.outcome == "ok" and not late

    def _ttft_broken(self, call: Call) -> bool:
        first = call.timing.first_token
        waited = call.timing.end if first is None else first
        return self.ttft_s is not None and waited > self.ttft_s


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a call met each limit; None where a limit is not set or not applicable.

    Attributes:
        excluded: The call says nothing about the server (cancelled, unneeded).
    """

    ttft: bool | None = None
    tpot: bool | None = None
    time_to_action: bool | None = None
    excluded: bool = False
    itl: bool | None = None
    deadline: bool | None = None

    @property
    def joint(self) -> bool | None:
        """Whether every limit that applied was met; None where none applied."""
        each = (self.ttft, self.tpot, self.itl, self.time_to_action, self.deadline)
        known = [verdict for verdict in each if verdict is not None]
        return all(known) if known else None

    def of(self, name: str) -> bool | None:
        """Whether the limit with this name was met: ``joint``, or one of ``SECONDS``."""
        met: bool | None = getattr(self, _SHORT.get(name, name))
        return met

    def to_json(self, names: Iterable[str] = ("joint", *SECONDS)) -> dict[str, bool | None]:
        """Give the verdicts under the names of the limits."""
        return {name: self.of(name) for name in names}


_SHORT = {name: name.removesuffix("_s") for name in SECONDS}


def in_log(slo: Slo) -> tuple[str, ...]:
    """The limits whose verdicts stand in a log, in their order there."""
    return tuple(dict.fromkeys((*_FIRST, *slo.names)))


def tpot(call: Call) -> float | None:
    """Time per output token in seconds, or None where it cannot be known.

    Stricter than ``Call.tpot_s``: a reply of several tokens that came in a single
    chunk shows no gap between tokens, and zero would meet any limit.
    """
    return call.tpot_s if len(call.timing.chunks) > 1 else None


def itl(call: Call, share: float = PERCENTILE) -> float | None:
    """The wait between two pieces of a reply that this share of its waits does not exceed.

    The smallest of the waits for which that is true (the percentile by nearest rank), so
    that a limit is met exactly where at least this share of the waits is within it.

    Returns:
        Seconds, or None where there is no wait: one token, or one chunk.
    """
    waits = sorted(after - before for before, after in pairwise(call.timing.chunks))
    if not waits:
        return None
    # Rounded first: 0.07 * 100 is 7.000000000000001, and not the eighth of 100 is meant.
    return waits[math.ceil(round(share * len(waits), 9)) - 1]


def check_times(call: Call) -> None:
    """See that a call's times can come from one clock.

    Raises:
        MixedClocks: They go back, or are no times.
    """
    timing = call.timing
    first, last = timing.first_token, timing.last_token
    for name, times in (
        ("sent", (0.0, timing.sent)),
        ("end", (0.0, timing.first_byte, first, last, timing.end)),
        ("first_answer", (first, timing.first_answer)),
        ("chunks", timing.chunks),
    ):
        known = [moment for moment in times if moment is not None]
        if known == sorted(known) and math.isfinite(sum(known)):
            continue
        back = (pair for pair in pairwise(known) if not pair[0] <= pair[1] < math.inf)
        before, after = next(back, (0.0, known[-1]))
        raise MixedClocks(
            f"a call of model {call.model!r} has times that go back ({name}: {before:g} s, then "
            f"{after:g} s after it was intended): they are not of one clock, so nothing can be "
            "said of how long it took; judge calls where they were measured"
        )


def _number(value: object) -> bool:
    real = isinstance(value, int | float) and not isinstance(value, bool)
    return real and math.isfinite(cast(float, value))


def _within(seconds: float | None, limit: float | None) -> bool | None:
    return None if seconds is None or limit is None else seconds <= limit
