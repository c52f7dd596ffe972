"""Which matches may be compared: those of one game, played under the same rules."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import cast

import yaml

from lmgame import compose, registry
from lmgame.errors import NameNotFound
from lmgame.game import GameSpec, Json, State
from lmgame.record import Header, Log

_LONGEST = 60
"""Characters of a name; a longer one gets a number instead of what is different."""


@dataclass(frozen=True, slots=True)
class Ruleset:
    """What the matches of one table have in common.

    Attributes:
        name: Fit for a file's name, unique among the board's.
        title: The same for people.
        header: Of any of the matches.
        logs: The matches.
    """

    name: str
    title: str
    header: Header
    logs: tuple[Log, ...]

    @property
    def seats(self) -> int:
        """How many seats the game has."""
        return len(self.header.seats)

    @property
    def score(self) -> str:
        """What the score counts; "" where the game is not installed."""
        spec = _spec(self.header.game)
        return "" if spec is None else spec.score


def rulesets(logs: Iterable[Log]) -> list[Ruleset]:
    """Matches in groups that may be compared, by name."""
    groups: dict[str, list[Log]] = {}
    for log in logs:
        groups.setdefault(json.dumps(_rules(log.header), sort_keys=True), []).append(log)
    named: dict[str, list[str]] = {}
    for key in sorted(groups):
        header = groups[key][0].header
        named.setdefault(_config_name(header.game, header.arguments), []).append(key)
    found = []
    for name, keys in named.items():
        suffixes = _suffixes([groups[key][0].header for key in keys], name)
        for key, suffix in zip(keys, suffixes, strict=True):
            ordered = tuple(sorted(groups[key], key=lambda log: log.header.match))
            told = f" ({suffix[1:].replace('_', ' ')})" if suffix else ""
            title = name.replace("_", " ").capitalize() + told
            found.append(Ruleset(name + suffix, title, ordered[0].header, ordered))
    return sorted(found, key=lambda one: one.name)


def _rules(header: Header) -> State:
    return {
        "game": header.game,
        "arguments": header.arguments,
        "clock": header.clock,
        "policy": header.policy,
        "max_decisions": header.max_decisions,
        "slo": header.slo,
        "seats": len(header.seats),
    }


def _suffixes(headers: Sequence[Header], name: str) -> list[str]:
    """What tells rules of one name apart: the settings that differ, or a number."""
    if len(headers) == 1:
        return [""]
    told = [dict(compose.flat(_rules(header))) for header in headers]
    keys = sorted({key for one in told for key in one})
    differing = [key for key in keys if len({json.dumps(one.get(key)) for one in told}) > 1]
    found = ["".join(f"-{_word(key, one.get(key))}" for key in differing) for one in told]
    if len({one.lower() for one in found}) < len(found) or any(
        len(name + one) > _LONGEST for one in found
    ):
        return [f"-{number}" for number in range(1, len(headers) + 1)]
    return found


def _word(key: str, value: Json) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return re.sub(r"[^A-Za-z0-9_.]+", "-", f"{key.rpartition('.')[2]}-{text}").strip("-.")


def _config_name(game: str, arguments: Mapping[str, Json]) -> str:
    """The name a user types for a game: that of the preset with these settings, if there is one."""
    plain = registry.config_name(game)
    for name, (preset_id, settings) in _presets().items():
        spec = _spec(game)
        local = spec.local if spec is not None else ()
        here = {key: value for key, value in settings.items() if key not in local}
        if preset_id == game and here == arguments:
            return name
    return plain


@cache
def _presets() -> Mapping[str, tuple[str, State]]:
    folder = files("lmgame.configs") / "game"
    found = {}
    for name in compose.options("game"):
        content = yaml.safe_load((folder / f"{name}.yaml").read_text())
        found[name] = (cast(str, content.pop("id")), cast(State, content))
    return found


@cache
def _spec(game: str) -> GameSpec | None:
    """What is known of a game; None where it is not installed."""
    try:
        return registry.games.load(game).spec
    except NameNotFound:
        return None
