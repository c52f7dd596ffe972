"""Words that are for matches: of a frontier's configurations, and of a load of matches."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Self

from pydantic import Field, field_validator, model_validator

from lmgame.backend_settings import Model
from lmgame.compose import check, compose, key_of, quoted, resolve_name
from lmgame.errors import ConfigError
from lmgame.settings import TournamentSettings

MAY_DIFFER = ("backend", "clock", "agent", "harness", "policy")
"""What may be said of one configuration among others; all else is the same for all."""
FEWEST = 2
Seconds = Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)]


class FrontierChoice(Model):
    """What is to be compared; see ``configs/frontier.yaml``."""

    configurations: tuple[str, ...] | None = None
    latency_s: tuple[Seconds, ...] | None = None
    turns: int = Field(5, ge=1, le=10_000)
    replay: Path | None = None

    @field_validator("configurations", "latency_s", mode="before")
    @classmethod
    def _one_is_a_list(cls, words: object) -> object:
        return (words,) if isinstance(words, str | int | float) else words

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        given = [one for one in (self.configurations, self.latency_s) if one is not None]
        if len(given) != 1:
            raise ValueError(
                "write either frontier=[A,B], what sets each configuration apart, or "
                "frontier.latency_s=[0,0.1,0.5]"
            )
        if len(given[0]) < FEWEST:
            raise ValueError(
                f"a frontier has two configurations or more, and this has {len(given[0])}: "
                "frontier=[A,B] or frontier.latency_s=[0,0.5]"
            )
        if self.replay is not None and self.latency_s is None:
            raise ValueError("frontier.replay goes with frontier.latency_s=[0,0.1,0.5]")
        return self


class FrontierSettings(TournamentSettings):
    """Everything a frontier needs; see ``configs/frontier.yaml`` for each key."""

    free: ClassVar[tuple[str, ...]] = (*TournamentSettings.free, "frontier")
    frontier: FrontierChoice


@dataclass(frozen=True, slots=True)
class Variant:
    """One configuration.

    Attributes:
        label: What to call it.
        overrides: What a tournament under it is composed from, its folder left out.
        latency_s: Seconds that every decision is charged; None where that is not given.
    """

    label: str
    overrides: tuple[str, ...]
    latency_s: float | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """What the user wrote, in parts.

    Attributes:
        game: The game's name; "" where nothing was said.
        common: Overrides for every configuration.
        settings: What they come to for all.
    """

    game: str
    common: tuple[str, ...]
    settings: FrontierSettings


def read(overrides: Sequence[str]) -> Asked:
    """Take a frontier's overrides apart, and check them.

    Args:
        overrides: What the user wrote.

    Raises:
        ConfigError: Something in them cannot be used; says what and what would.
    """
    named = [one for one in overrides if key_of(one) == "games"]
    if named:
        raise ConfigError(f"{named[0]}: a frontier is of one game: write game=NAME")
    ours = [_full(one) for one in overrides if key_of(one).partition(".")[0] == "frontier"]
    rest = [one for one in overrides if key_of(one).partition(".")[0] not in ("frontier", "run")]
    game, common = of_game(rest)
    if not any(key_of(one) == "clock" for one in common):
        common = ["clock=simulated", *common]
    run = [one for one in overrides if key_of(one) == "run"]
    words = [quoted(one) for one in (*common, *ours, *run)]
    resolved = [one for word in words for one in resolve_name(word)]
    settings = check(FrontierSettings, compose(resolved, "frontier"), resolved, "frontier")
    return Asked(game, tuple(common), settings)


OF_BENCH = (
    *("backend", "slo", "load", "target", "per", "run", "compare", "blocks", "search"),
    "metrics",
)
"""What a bench says of itself; with ``load=matches`` all else says what is played."""
_ELSEWHERE = {
    "seed": "load.seed",
    "seeds": "load.matches",
    "repeats": "load.matches",
    "concurrency": "load.streams",
    "games": "game",
    "executor": "load.processes",
}


def parted(overrides: Sequence[str]) -> tuple[list[str], tuple[str, ...]]:
    """What is said of a bench, and of the matches that are its load.

    Args:
        overrides: What the user wrote, ``load=matches`` among it.

    Raises:
        ConfigError: No game, or something that the load says itself.
    """
    of_both = [one for one in overrides if key_of(one).partition(".")[0] in OF_BENCH]
    rest = [one for one in overrides if one not in of_both]
    for one in rest:
        if instead := _ELSEWHERE.get(key_of(one)):
            raise ConfigError(f"{one}: of a load write {instead}=...")
    game, play = of_game(rest)
    if not game:
        raise ConfigError(
            "load=matches plays a game: write game=NAME agents=[llm] (lmgame games lists them)"
        )
    usual = {"anchors": "anchors=[]", "policy.failed": "policy.failed=default"}
    keys = {key_of(one) for one in play}
    served = [one for one in of_both if key_of(one).partition(".")[0] in ("backend", "slo")]
    # A call alone has no deadline: what the game's clock charges, it charges for a decision.
    bench = [one for one in of_both if key_of(one) != "slo.deadline_s"]
    return bench, (*(word for name, word in usual.items() if name not in keys), *play, *served)


def _full(override: str) -> str:
    """``frontier=[A,B]`` by its full name."""
    key, _, value = override.partition("=")
    return f"frontier.configurations={value}" if key_of(override) == key == "frontier" else override


def of_game(overrides: Sequence[str]) -> tuple[str, list[str]]:
    """The game's name, and the overrides with the game as a tournament names it."""
    its = [one for one in overrides if key_of(one) == "game" or key_of(one).startswith("game.")]
    names = [one.partition("=")[2] for one in its if key_of(one) == "game"]
    rest = [one for one in overrides if one not in its]
    if not names:
        return "", rest
    own = [shlex.quote(one) for one in its if key_of(one) != "game"]
    words = " ".join([names[-1], *own, f"as={names[-1]}"])
    return names[-1], [*rest, f"games=[{words}]"]


def variants(asked: Asked) -> list[Variant]:
    """The configurations, in the order given.

    Raises:
        ConfigError: One says what cannot be said of one alone, or is there twice.
    """
    chosen = asked.settings.frontier
    anchors = [] if any(key_of(one) == "anchors" for one in asked.common) else ["anchors=[]"]
    common = [*anchors, *asked.common]
    if chosen.latency_s is not None:
        found = [_late(seconds, common) for seconds in chosen.latency_s]
    else:
        found = [_told(words, common) for words in chosen.configurations or ()]
    labels = [one.label for one in found]
    for label in labels:
        if labels.count(label) > 1:
            raise ConfigError(
                f"frontier: {label!r} is there twice: name every configuration once (as=NAME)"
            )
    same: dict[tuple[str, ...], str] = {}
    for one in found:
        other = same.setdefault(one.overrides, one.label)
        if other != one.label:
            raise ConfigError(f"frontier: {one.label!r} is the same as {other!r}")
    return found


def _late(seconds: float, common: Sequence[str]) -> Variant:
    clocks = [one for one in common if key_of(one) == "clock"]
    if any(one.partition("=")[2] != "simulated" for one in clocks):
        raise ConfigError(
            f"{clocks[0]}: frontier.latency_s is of the simulated clock: leave it out, or write "
            "clock=simulated"
        )
    if any(key_of(one) == "clock.latency" for one in common):
        raise ConfigError("clock.latency and frontier.latency_s say the same: write one of them")
    rest = [one for one in common if key_of(one) != "clock"]
    words = (*rest, "clock=simulated", f"clock.latency={seconds:g}")
    return Variant(f"{seconds:g} s", words, seconds)


def _told(words: str, common: Sequence[str]) -> Variant:
    try:
        parts = shlex.split(words)
    except ValueError as error:
        raise ConfigError(f"frontier: {words!r}: {error}: write KEY=VALUE ...") from None
    names = [one.partition("=")[2] for one in parts if one.startswith("as=")]
    own = [one for one in parts if not one.startswith("as=")]
    for one in own:
        if "=" not in one or key_of(one).partition(".")[0] not in MAY_DIFFER or one == "agent":
            raise ConfigError(
                f"frontier: {words!r}: {one!r} cannot differ between configurations; what can: "
                f"{', '.join(MAY_DIFFER)}, and as=NAME"
            )
    keys = {key_of(one) for one in own}
    # Who chooses another preset wants none of what was said of the first.
    rest = [
        one
        for one in common
        if key_of(one) not in keys and key_of(one).partition(".")[0] not in keys
    ]
    label = names[-1].strip() if names else " ".join(own)
    if not label:
        raise ConfigError(f"frontier: {words!r} says nothing: write KEY=VALUE, or as=NAME")
    return Variant(label, (*rest, *own))
