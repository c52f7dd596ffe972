"""Who is ranked: agents with their model, harness and serving, told apart and named."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import cast

import yaml

from lmgame import compose
from lmgame.board.table import Unit
from lmgame.client.trouble import clean
from lmgame.game import Json, State, digest
from lmgame.record import TRANSPORT, Header, Log
from lmgame.standing import RANDOM

SCRIPTED = "greedy"
"""The agent that plays like the scripted anchor."""
ANCHORS = (RANDOM, SCRIPTED)
SEPARATOR = " · "
_LABEL = 60
"""The most characters of one part of a label."""


def key_of(header: Header, seat: int) -> str:
    """The hash of everything that makes a seat's player: the same in every board."""
    return _make(header, seat).key


def units(logs: Iterable[Log]) -> dict[str, Unit]:
    """Everybody who sat in a seat, by key, with labels that tell them apart."""
    found: dict[str, Unit] = {}
    prompts: dict[str, str] = {}
    for log in logs:
        for seat in range(len(log.header.seats)):
            unit = _make(log.header, seat)
            found[unit.key] = unit
            prompts[unit.key] = log.header.seats[seat].prompts
    return _labelled([found[key] for key in sorted(found)], prompts)


def _make(header: Header, seat: int) -> Unit:
    one = header.seats[seat]
    served = {key: value for key, value in header.backend_of(seat).items() if key not in TRANSPORT}
    said = [one.agent, one.model, one.settings, one.prompts, served]
    return Unit(
        key=digest(json.dumps(said, sort_keys=True).encode()),
        label="",
        agent=one.agent,
        model=one.model,
        harness=_harness(one.settings.get("harness")),
        serving=_serving(served),
        settings=one.settings,
        backend=served,
        anchor=not one.model and one.agent in ANCHORS,
    )


def _harness(settings: Json) -> str:
    """The name of a preset, or the nearest one with what is different."""
    if not isinstance(settings, dict):
        return ""
    given = dict(compose.flat(settings))
    best: tuple[int, str, list[str]] | None = None
    for name, preset in _presets().items():
        other = [key for key in sorted({*given, *preset}) if given.get(key) != preset.get(key)]
        if best is None or len(other) < best[0]:
            best = (len(other), name, other)
    if best is None:
        return "custom"
    _, name, other = best
    if not other:
        return name
    changed = ", ".join(f"{key}={_shown(given.get(key))}" for key in other)
    return f"custom ({name} with {changed})"


@cache
def _presets() -> Mapping[str, dict[str, Json]]:
    folder = files("lmgame.configs") / "harness"
    return {
        name: dict(compose.flat(yaml.safe_load((folder / f"{name}.yaml").read_text())))
        for name in ("off", *(one for one in compose.options("harness") if one != "off"))
    }


def _serving(backend: State) -> str:
    """How completions were served, in few words and without any address."""
    if not backend:
        return ""
    if backend.get("kind") != "embedded":
        words = [_launched(backend) or "OpenAI API"]
        if backend.get("structured") not in (None, "off"):
            words.append(f"structured={backend['structured']}")
        if backend.get("reasoning_effort"):
            words.append(f"effort={backend['reasoning_effort']}")
        return ", ".join(words)
    prefill, decode = (cast(int, backend.get(f"{one}_workers", 1)) for one in ("prefill", "decode"))
    if backend.get("mode") == "colocated":
        replicas = backend.get("replicas") or prefill + decode
        return f"embedded colocated {replicas}x {backend.get('schedule', 'prefill_first')}"
    if backend.get("mode") == "auto":
        return f"embedded auto {prefill + decode}x"
    return f"embedded split {prefill}P{decode}D"


def _launched(backend: State) -> str:
    """What `lmgame serve` starts for a backend, in few words; "" for any other."""
    kind = str(backend.get("kind"))
    if not kind.endswith("_pd"):
        return ""
    name = "/".join(filter(None, [kind.removesuffix("_pd"), str(backend.get("engine") or "")]))
    prefill, decode = (cast(int, backend.get(f"{one}_workers", 1)) for one in ("prefill", "decode"))
    if backend.get("mode") == "colocated":
        return f"{name} colocated {backend.get('replicas') or prefill + decode}x"
    return f"{name} split {prefill}P{decode}D"


def _labelled(made: Sequence[Unit], prompts: Mapping[str, str]) -> dict[str, Unit]:
    """Names no longer than it takes: a part stands only where units differ in it."""
    asking = [unit for unit in made if unit.model]
    shown = [
        name for name in ("harness", "serving") if len({getattr(unit, name) for unit in asking}) > 1
    ]
    short = {"harness": {}, "serving": _short({unit.serving for unit in asking})}
    one_agent = len({unit.agent for unit in asking}) == 1
    parts = {
        unit.key: [
            "" if one_agent and unit.model else unit.agent,
            unit.model,
            *(short[name].get(value := getattr(unit, name), value) for name in shown),
        ]
        for unit in made
    }
    for group in _alike(parts):
        _tell_apart([unit for unit in made if unit.key in group], prompts, parts)
    for group in _alike(parts):
        for key in group:
            parts[key].append(key[:6])
    labels = {
        key: SEPARATOR.join(clean(part, _LABEL) for part in some if part)
        for key, some in parts.items()
    }
    return {unit.key: replace(unit, label=labels[unit.key]) for unit in made}


def _short(servings: Collection[str]) -> dict[str, str]:
    """Fewer words for ways of serving: as few as still tell all of them apart."""
    without = {one: one.removeprefix("embedded ") for one in servings}
    kinds = {
        one: rest.partition(" ")[0] if rest != one else one.partition(",")[0]
        for one, rest in without.items()
    }
    for words in (kinds, without):
        if len(set(words.values())) == len(servings):
            return words
    return {}


def _alike(parts: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """Groups of keys whose labels would be the same."""
    groups: dict[str, list[str]] = {}
    for key, some in parts.items():
        groups.setdefault(SEPARATOR.join(clean(p, _LABEL) for p in some if p), []).append(key)
    return [group for group in groups.values() if len(group) > 1]


def _tell_apart(
    group: Sequence[Unit], prompts: Mapping[str, str], parts: Mapping[str, list[str]]
) -> None:
    """Add the settings in which units of the same name differ."""
    told = {unit.key: _told(unit, prompts[unit.key]) for unit in group}
    names = sorted({name for one in told.values() for name in one})
    differing = [name for name in names if len({_shown(told[k].get(name)) for k in told}) > 1]
    for key, one in told.items():
        parts[key] += [f"{name}={_shown(one.get(name))}" for name in differing]


def _told(unit: Unit, prompts: str) -> dict[str, Json]:
    """All that may differ where labels do not; a file's place is nobody's name."""
    settings = {name: value for name, value in unit.settings.items() if name != "prompts"}
    return {
        **dict(compose.flat(settings)),
        **dict(compose.flat(unit.backend)),
        "prompts": prompts[:6],
    }


def _shown(value: Json) -> str:
    """A value in a label; of a path only its end."""
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return text.replace("\\", "/").rstrip("/").rpartition("/")[2]
