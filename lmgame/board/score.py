"""What one unit did in one game: its scores, its share of the anchor's, its serving."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isnan

import numpy as np
from scipy import stats

from lmgame.board.ruleset import Ruleset
from lmgame.board.table import Row, Unit
from lmgame.board.unit import SCRIPTED, key_of
from lmgame.client.call import Call
from lmgame.decided import decided
from lmgame.price import Price, from_backend, of_call
from lmgame.rating import Rating
from lmgame.slo import Decided, ServingSummary, Slo, summarise
from lmgame.standing import RANDOM, Tally, glass_delta
from lmgame.summary import Score

Decisions = list[Decided]


@dataclass(slots=True)
class Played:
    """Everything that one unit did in one game.

    Attributes:
        tally: What is counted match by match.
        scores: Those of its seat in finished matches, by seed.
        decisions: Its calls, decision by decision, with the time to action.
        usd: What those of known cost came to; None where there are none.
    """

    tally: Tally = field(default_factory=Tally)
    scores: dict[int, list[float]] = field(default_factory=dict)
    decisions: Decisions = field(default_factory=list)
    usd: float | None = None

    @property
    def by_seed(self) -> dict[int, float]:
        """Its score on each seed, repeats averaged."""
        return {seed: float(np.mean(some)) for seed, some in sorted(self.scores.items())}

    @property
    def score(self) -> Score:
        """Over seeds, which are what was drawn at random."""
        return Score.of([*self.by_seed.values()])


def played(rules: Ruleset) -> dict[str, Played]:
    """What each unit did, by its key."""
    found: dict[str, Played] = {}
    for log in rules.logs:
        for seat in range(rules.seats):
            one = found.setdefault(key_of(log.header, seat), Played())
            one.tally.add(log, seat)
            if log.result is not None:
                one.scores.setdefault(log.header.seed, []).append(log.result.scores[seat])
            calls = [*decided(log, seat)]
            one.decisions += calls
            prices = from_backend(log.header.backend_of(seat))
            one.usd = _add_cost(one.usd, [call for each in calls for call in each.calls], prices)
    return found


def _add_cost(usd: float | None, calls: Sequence[Call], prices: Sequence[Price]) -> float | None:
    """Costs that are known; None until there is one."""
    known = [cost for call in calls if (cost := of_call(call, prices)) is not None]
    return usd if not known else (usd or 0.0) + sum(known)


def serving(decisions: Decisions, slo: Slo) -> ServingSummary | None:
    """What calls were like; None where there are none."""
    return summarise(decisions, slo) if any(one.calls for one in decisions) else None


@dataclass(frozen=True, slots=True)
class Yardsticks:
    """What random play and the scripted anchor came to in a game with one seat.

    Attributes:
        random: Random's score of every finished match; empty without any.
        zero: Mean over seeds of random's scores; None where shares are not defined.
        one: The same of the scripted anchor's.
    """

    random: tuple[float, ...]
    zero: float | None
    one: float | None

    @classmethod
    def of(cls, found: Mapping[str, Played], units: Mapping[str, Unit]) -> Yardsticks:
        """Find them in a game.

        A share of the anchor's score is defined where the anchor is better than
        random beyond doubt: where Welch's 95 % interval of the difference is above 0.
        """
        chance, scripted = (_yardstick(found, units, name) for name in (RANDOM, SCRIPTED))
        every = tuple(chance.tally.scores) if chance else ()
        zero, one = (None if each is None else each.score.mean for each in (chance, scripted))
        if chance is None or scripted is None or zero is None or one is None or one <= zero:
            return cls(every, None, None)
        a, b = [*scripted.by_seed.values()], [*chance.by_seed.values()]
        if min(len(a), len(b)) > 1 and (np.ptp(a) or np.ptp(b)):
            low = stats.ttest_ind(a, b, equal_var=False).confidence_interval(0.95).low
            if isnan(low) or low <= 0:
                return cls(every, None, None)
        return cls(every, zero, one)

    def share(self, mean: float | None) -> float | None:
        """Where a mean score lies between random's (0) and the scripted anchor's (1)."""
        if mean is None or self.zero is None or self.one is None:
            return None
        return (mean - self.zero) / (self.one - self.zero)


def _yardstick(found: Mapping[str, Played], units: Mapping[str, Unit], agent: str) -> Played | None:
    """The anchor of this name; with several settings of it, the one that played most."""
    those = [
        (-len(one.tally.scores), key)
        for key, one in found.items()
        if units[key].anchor and units[key].agent == agent
    ]
    return found[min(those)[1]] if those else None


def row(
    key: str, one: Played, yardsticks: Yardsticks | None, rating: Rating | None, slo: Slo
) -> Row:
    """One unit in one game.

    Args:
        key: The unit's.
        one: What it did.
        yardsticks: In a game with one seat.
        rating: In a game with two.
        slo: Limits that its calls are judged by.
    """
    tally, score = one.tally, one.score
    return Row(
        unit=key,
        seeds=len(one.scores),
        score=score,
        glass_delta=glass_delta(tally.scores, yardsticks.random) if yardsticks else None,
        anchor_share=yardsticks.share(score.mean) if yardsticks else None,
        wins=tally.wins,
        draws=tally.draws,
        losses=tally.losses,
        rating=rating,
        matches=len(tally.scores),
        unfinished=tally.unfinished,
        forfeits=tally.forfeits,
        truncated=tally.truncated,
        decisions=sum(tally.outcomes.values()),
        outcomes=dict(sorted(tally.outcomes.items())),
        serving=serving(one.decisions, slo),
        usd=one.usd,
    )
