"""What limits are where nothing is said of them: usual ones, and the game's own deadline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lmgame import figure
from lmgame.errors import ConfigError
from lmgame.game import GameSpec
from lmgame.limit import LABELS, SECONDS, Slo
from lmgame.settings import USUAL, ClockSettings, SloSettings

TTFT_S, TPOT_S, TIME_TO_ACTION_S = 5.0, 0.1, 6.0


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits in numbers, and where each came from.

    Attributes:
        slo: The limits.
        source: By limit ``set`` (the user said so), ``usual``, or the game's own words;
            limits that are not set are not there.
    """

    slo: Slo
    source: Mapping[str, str]


def limits(
    asked: SloSettings, clock: ClockSettings | None = None, spec: GameSpec | None = None
) -> Limits:
    """Work out the limits.

    Args:
        asked: What was said of them.
        clock: The clock that matches are played under; None where there is no game.
        spec: The game, made with its settings; not needed where the world waits.

    Raises:
        ConfigError: A limit that cannot be met together with another, or no deadline
            where one is asked for.
    """
    given = {name: getattr(asked, name) for name in SECONDS if _is_set(asked, name)}
    _check_together(given, asked.itl_percentile)
    deadline = None if clock is None else game_deadline(clock, spec)
    if "deadline_s" in given and deadline is None:
        raise ConfigError(
            f"slo.deadline_s={given['deadline_s']:g}: nothing in the game is late, as its world "
            "waits (clock=paused, or a game without ticks and without clock.bank_s) or there is no "
            "game; write clock=realtime or clock=simulated, or slo.time_to_action_s"
        )
    found, source = dict(given), dict.fromkeys(given, "set")
    if deadline is not None:
        seconds, why = deadline
        own = {"deadline_s": seconds}
        if spec is not None and spec.hz is not None:
            own["time_to_action_s"] = seconds
        for name, value in own.items():
            if getattr(asked, name) == USUAL:
                found[name], source[name] = value, why
    most = found.get("time_to_action_s", found.get("deadline_s", TIME_TO_ACTION_S))
    for name, value in (
        ("time_to_action_s", TIME_TO_ACTION_S),
        ("ttft_s", min(TTFT_S, most)),
        ("tpot_s", min(TPOT_S, most)),
    ):
        if getattr(asked, name) == USUAL and name not in found:
            found[name], source[name] = value, USUAL
    slo = Slo(**found, itl_percentile=asked.itl_percentile)
    return Limits(slo, {name: source[name] for name in SECONDS if name in source})


def game_deadline(clock: ClockSettings, spec: GameSpec | None) -> tuple[float, str] | None:
    """How long a decision may take before it is too late for the game, in seconds, and why.

    A game with ticks moves on without a decision that takes longer than the hand does
    (the clock's pace, or else the game's). Without ticks the time bank is all there is.

    Returns:
        None where the world waits.
    """
    if clock.kind == "paused" or spec is None:
        return None
    if spec.hz is None:
        if clock.bank_s is None:
            return None
        return clock.bank_s, f"the time bank of {clock.bank_s:g} s (clock.bank_s)"
    ticks = max(spec.pace if clock.pace is None else clock.pace, 1)
    whose = spec.id if clock.pace is None else "clock.pace"
    return ticks / spec.hz, f"{figure.count(ticks, 'tick')} at {spec.hz} a second ({whose})"


def in_numbers(found: Limits) -> SloSettings:
    """Limits as settings again, with nothing left that is only usual."""
    names = SloSettings.model_fields
    return SloSettings(**{name: getattr(found.slo, name) for name in names})


def _is_set(asked: SloSettings, name: str) -> bool:
    return getattr(asked, name) not in (None, USUAL)


def _check_together(given: Mapping[str, float], itl_percentile: float) -> None:
    """Refuse limits of which one makes another pointless."""
    for whole in ("time_to_action_s", "deadline_s"):
        for part in ("ttft_s", "tpot_s", "itl_s"):
            if part in given and whole in given and given[part] > given[whole]:
                raise ConfigError(
                    f"slo.{part}={given[part]:g} is longer than slo.{whole}={given[whole]:g}: a "
                    f"call that needs all of its {LABELS[part]} cannot bring an action in time, so "
                    f"the two cannot be met together; write slo.{part}={given[whole]:g} or less, "
                    "or null"
                )
    tpot, itl = given.get("tpot_s"), given.get("itl_s")
    if itl_percentile == 1 and tpot is not None and itl is not None and tpot > itl:
        raise ConfigError(
            f"slo.tpot_s={tpot:g} is longer than slo.itl_s={itl:g} for every wait "
            "(slo.itl_percentile=1): the mean of waits is not above the longest; write slo.tpot_s="
            f"{itl:g} or less, or null"
        )
