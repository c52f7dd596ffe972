"""Composes settings with Hydra from the groups in ``configs/``, and explains what is wrong.

A key or name that does not exist is an error that offers the nearest one, also
behind ``+``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from typing import TypeVar, cast

import yaml
from hydra import compose as hydra_compose
from hydra import initialize_config_module
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import BaseModel, ValidationError

from lmgame import registry
from lmgame.backend_settings import KINDS
from lmgame.errors import ConfigError, NameNotFound, ValueMissing, suggest
from lmgame.game import Json

GROUPS = ("game", "agent", "harness", "backend", "clock", "slo", "load", "experiment")
_FEW = {"bench": ("backend", "slo", "load"), "plan": ("slo",)}
"""The groups of the roots that have few."""
_SECRET = re.compile(r"key|token$|secret|password|authorization", re.IGNORECASE)


def options(group: str) -> list[str]:
    """The presets of a configuration group, sorted."""
    folder = files("lmgame.configs") / group
    return sorted(
        item.name.removesuffix(".yaml") for item in folder.iterdir() if item.name.endswith(".yaml")
    )


def game_names() -> dict[str, str]:
    """What ``game=`` takes, each with its game's id: installed games, and presets of them."""
    known = {registry.config_name(game_id): game_id for game_id in registry.games.names()}
    for name in set(options("game")) - {"any", *known}:
        preset = yaml.safe_load((files("lmgame.configs") / "game" / f"{name}.yaml").read_text())
        known[name] = preset["id"]
    return dict(sorted(known.items()))


def key_of(override: str) -> str:
    """What an override is about: its key, without what Hydra reads before it."""
    return override.partition("=")[0].lstrip("+~").partition("@")[0]


_LISTS = ("agents", "anchors", "games", "compare", "frontier.configurations")
_PLAIN = re.compile(r"[!#-&(-<>-~]*")  # printable ASCII without spaces, quotes, equals signs
_FUNCTION = re.compile(r"[a-z]+\(.*\)$")  # range(0,1,0.5), choice(a,b)


def quoted(override: str) -> str:
    """Quote a value that Hydra's grammar would trip over: spaces, and letters beyond ASCII."""
    key, equals, value = override.partition("=")
    if key in _LISTS and value[:1] == "[" and value[-1:] == "]":
        return f"{key}=[{','.join(_as_text(one) for one in _elements(value[1:-1]))}]"
    if not equals or value[:1] == "{" or value[:1] == "[" or _FUNCTION.match(value):
        return override
    return f"{key}={_as_text(value)}"


def _as_text(value: str) -> str:
    """A value that Hydra's grammar reads as this text, whatever is in it."""
    if _PLAIN.fullmatch(value) or value[:1] in "'\"":
        return value
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _elements(inside: str) -> Iterator[str]:
    """The elements of a list as they were written; a comma in brackets or quotes parts nothing."""
    depth, quote, begin = 0, "", 0
    for place, letter in enumerate(inside):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote = letter
        elif letter in "[{(":
            depth += 1
        elif letter in ")}]":
            depth -= 1
        elif letter == "," and depth == 0:
            yield inside[begin:place].strip()
            begin = place + 1
    if last := inside[begin:].strip():
        yield last


def resolve_name(override: str) -> list[str]:
    """Check a group choice before Hydra does, and find what has no preset."""
    # A preset is chosen from those there are; adding it with + is meant to be the same.
    group, equals, name = override.lstrip("+").partition("=")
    if not equals or group not in GROUPS:
        return [override]
    override = f"{group}={name}"
    presets = options(group)
    if name in presets:
        # What surrounds a model belongs to its agent.
        return [override if group != "harness" else f"harness@agent.harness={name}"]
    if group == "game":
        ids = game_names()
        found = ids.get(name) or (name if name in ids.values() else None)
        if found is None:
            raise NameNotFound("game", name, {*ids, *presets} - {"any"})
        preset = registry.config_name(found)
        return [f"game={preset}"] if preset in presets else ["game=any", f"game.id={found}"]
    if group == "agent" and name in registry.agents.names():
        return ["agent=any", f"agent.name={name}"]
    known = {*presets, *(registry.agents.names() if group == "agent" else ())} - {"any"}
    raise NameNotFound(group, name, known)


def compose(overrides: Sequence[str], root: str = "config") -> dict[str, object]:
    """What overrides come to, as plain values.

    Args:
        overrides: Hydra overrides, their names resolved.
        root: What they change: ``config``, ``tournament``, ``bench`` or ``plan``.

    Raises:
        ConfigError: One cannot be read, or is about nothing there is.
    """
    try:
        composed = _hydra(overrides, root)
        plain = OmegaConf.to_container(composed, resolve=True, throw_on_missing=True)
    except HydraException as error:
        raise _explain(error, overrides, root) from None
    except OmegaConfBaseException as error:
        key = error.full_key or "?"
        raise ValueMissing(key) from None
    return cast("dict[str, object]", plain)


def _hydra(overrides: Sequence[str], root: str) -> DictConfig:
    with initialize_config_module(config_module="lmgame.configs", version_base="1.3"):
        return hydra_compose(root, overrides=list(overrides))


def _explain(error: HydraException, overrides: Sequence[str], root: str) -> ConfigError:
    for one in overrides:
        try:
            OverridesParser.create().parse_override(one)
        except HydraException:
            shown = one.partition("=")[0] if _SECRET.search(one) else one
            return ConfigError(
                f"cannot read {shown!r}: write KEY=VALUE, lists as KEY=[a,b], text with "
                "spaces or commas in quotes"
            )
    choice = re.search(r"Ambiguous value for argument '([^'=]+)=", str(error))
    if choice is not None:
        return ConfigError(
            f"{choice[1]} takes one value; several agents are written agents=[llm,greedy], several "
            "seeds seed=0 episodes=3; a run for each value is played with -m"
        )
    if "harness@agent.harness" in str(error):
        return ConfigError("this agent has no harness: harness=NAME is for agent=llm and its like")
    bad = re.search(r"Could not (?:override|delete from config\.) '([^']*)'", str(error))
    if bad is not None and not bad[1]:
        return ConfigError("a setting has no name: write KEY=VALUE")
    if bad is None:
        return ConfigError(str(error).split("\n", 1)[0])
    return ConfigError(unknown_key(bad[1], overrides, root))


def unknown_key(key: str, overrides: Sequence[str] = (), root: str = "config") -> str:
    """The message for a key that does not exist."""
    if root == "tournament" and key.startswith("game."):
        return (
            f"{key}: a tournament has many games, and what is said of one stands behind its "
            "name: 'games=[tetris,sokoban game.difficulty=3]'"
        )
    groups = _groups(root)
    choices = [one for one in overrides if one.partition("=")[0] in groups]
    known = [*_keys(_hydra(choices, root)), *groups]
    return f"unknown setting {key!r}; {_nearest(key, known)}"


def _groups(root: str) -> tuple[str, ...]:
    """The groups from which a root takes presets."""
    if root in _FEW:
        return _FEW[root]
    others = ("load",) if root == "config" else ("load", "game")
    return tuple(one for one in GROUPS if one not in others)


def _nearest(key: str, known: Sequence[str]) -> str:
    """Suggest within the key's own group first, then anywhere."""
    group = key.rpartition(".")[0]
    inside = [one for one in known if one.rpartition(".")[0] == group]
    message = suggest(key, inside or known)
    return message if message.startswith("did") or inside else suggest(key, known)


def _keys(tree: DictConfig, prefix: str = "") -> Iterator[str]:
    for key, value in tree.items_ex(resolve=False):
        if isinstance(value, DictConfig):
            yield from _keys(value, prefix + str(key) + ".")
        else:
            yield prefix + str(key)


Checked = TypeVar("Checked", bound=BaseModel)


def check(
    model: type[Checked],
    data: Mapping[str, object],
    overrides: Sequence[str],
    root: str = "config",
    prefix: str = "",
) -> Checked:
    """Check plain values against a model of settings.

    Args:
        model: What they should be.
        data: The values.
        overrides: Where they came from.
        root: What they were composed with.
        prefix: What stands before every key in messages.

    Raises:
        ConfigError: A key that there is not, with the nearest; a value that is wrong.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        parts = [str(part) for part in first["loc"] if part not in KINDS]
        key = prefix + ".".join(parts)
        if first["type"] == "extra_forbidden":
            raise ConfigError(unknown_key(key, overrides, root)) from None
        message = first["msg"].removeprefix("Value error, ")
        value = repr(first["input"])
        # Where settings do not fit together the message names them: all are too many to show.
        hidden = isinstance(first["input"], Mapping) or _SECRET.search(key) or "@" in value
        shown = "" if hidden else f"={value}"
        raise ConfigError(f"{key}{shown}: {message}") from None


def flat(tree: Mapping[str, Json], prefix: str = "") -> Iterator[tuple[str, Json]]:
    """The leaves of nested settings, by dotted name."""
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
