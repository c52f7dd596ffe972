"""From words on a command line to checked settings.

Hydra composes the configuration from the groups in ``configs/``; the result is
checked once, here, and nothing below sees a Hydra object. A key or name that
does not exist is an error that offers the nearest one, also behind ``+``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from importlib.util import find_spec
from typing import TYPE_CHECKING, TypeVar, cast

import yaml
from hydra import compose, initialize_config_module
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import BaseModel, ValidationError

from lmgame import registry
from lmgame.backend_settings import EmbeddedBackend
from lmgame.errors import ConfigError, MissingExtra, NameNotFound, ValueMissing, suggest
from lmgame.game import State
from lmgame.settings import AgentSettings, Settings, TournamentSettings

if TYPE_CHECKING:
    from lmgame.serving.config import EmbeddedConfig

GROUPS = ("game", "agent", "harness", "backend", "clock", "slo", "experiment")
_SECRET = re.compile(r"key|token$|secret|password|authorization", re.IGNORECASE)


def load_tournament(
    overrides: Sequence[str],
) -> tuple[TournamentSettings, dict[str, Settings], list[str]]:
    """Compose and check the settings of a tournament.

    Returns:
        Its own settings, those that each game's matches are played under, and the
        overrides that reach every match.

    Raises:
        ConfigError: Something in them cannot be used; says what and what would.
        NameNotFound: A game, agent or preset that does not exist.
    """
    resolved = [one for each in overrides for one in _resolve_name(_quoted(each))]
    settings = _check(TournamentSettings, _compose(resolved, "tournament"), resolved, "tournament")
    each = [
        one for one in overrides if one.partition("=")[0].lstrip("+") not in TournamentSettings.own
    ]
    games = {name: load([*each, f"game={name}"]) for name in settings.games}
    return settings, games, each


def load(overrides: Sequence[str]) -> Settings:
    """Compose and check the settings for a list of overrides.

    Args:
        overrides: Hydra overrides, e.g. ``["game=tetris", "slo.ttft_s=2"]``.

    Raises:
        ConfigError: Something in them cannot be used; says what and what would.
        NameNotFound: A game, agent or preset that does not exist.
    """
    overrides = [resolved for one in overrides for resolved in _resolve_name(_quoted(one))]
    settings = _check(Settings, _compose(overrides), overrides)
    if isinstance(settings.backend, EmbeddedBackend) and extra_installed():
        embedded(settings.backend, overrides)
    return settings


def as_preferred(settings: Settings, overrides: Sequence[str]) -> Settings:
    """The settings with what their agents prefer, except where the user chose.

    Args:
        settings: What :func:`load` made of ``overrides``.
        overrides: What the user wrote.

    Raises:
        ConfigError: As for :func:`load`, and what the game refuses.
    """
    names = settings.agents or (settings.agent.name,)
    game = registry.games.make(settings.game.id, settings.game.arguments).spec
    chosen = {one.partition("=")[0].lstrip("+~") for one in overrides}
    preferred = {
        key: value
        for name in names
        for key, value in registry.agents.load(name).prefers(game).items()
        if key.lstrip("+") not in chosen
    }
    if not preferred:
        return settings
    return load([*(f"{key}={value}" for key, value in preferred.items()), *overrides])


def extra_installed() -> bool:
    """Whether the packages of the extra ``lmgame[embedded]`` are there."""
    return all(find_spec(name) for name in ("aiohttp", "gguf", "prometheus_client", "psutil"))


def embedded(backend: EmbeddedBackend, overrides: Sequence[str] = ()) -> EmbeddedConfig:
    """The checked settings of the embedded backend.

    Raises:
        ConfigError: A key or value that it does not take.
        MissingExtra: Its packages are not installed.
    """
    if not extra_installed():
        raise MissingExtra("backend=embedded", "embedded", "llama.cpp and a web server")
    from lmgame.serving.config import EmbeddedConfig

    return _check(EmbeddedConfig, backend.settings, overrides, prefix="backend.")


def agent_settings(settings: Settings, name: str, overrides: Sequence[str]) -> AgentSettings:
    """The settings of the agent called ``name``, for one of several seats.

    ``agent.KEY=VALUE`` overrides reach every seat whose agent has that key.
    """
    if name == settings.agent.name:
        return settings.agent
    chosen = [one for one in overrides if not re.match(r"\+{0,2}(agents?|experiment)[=.]", one)]
    if not _has_harness(name):
        chosen = [one for one in chosen if not one.startswith("harness")]
    chosen = [*chosen, f"agent={name}"]
    resolved = [resolved for one in chosen for resolved in _resolve_name(one)]
    plain = cast(State, _compose(resolved)["agent"])
    shared = {
        key: value
        for key, value in settings.agent.settings.items()
        if key in plain and any(re.match(rf"\+{{0,2}}agent\.{key}[.=]", one) for one in overrides)
    }
    return _check(AgentSettings, {**plain, **shared}, resolved)


def _has_harness(agent: str) -> bool:
    """Whether an agent's preset takes harness=NAME."""
    preset = files("lmgame.configs") / "agent" / f"{agent}.yaml"
    return preset.is_file() and "/harness@harness" in preset.read_text()


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


_PLAIN = re.compile(r"[!#-&(-~]*")  # printable ASCII without spaces and quotes


def _quoted(override: str) -> str:
    """Quote a value that Hydra's grammar would trip over: spaces, and letters beyond ASCII."""
    key, equals, value = override.partition("=")
    if not equals or _PLAIN.fullmatch(value) or value[:1] in "'\"[{":
        return override
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"{key}='{escaped}'"


def _resolve_name(override: str) -> list[str]:
    """Check a group choice before Hydra does, and find what has no preset."""
    group, equals, name = override.partition("=")
    if not equals or group not in GROUPS:
        return [override]
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


def _compose(overrides: Sequence[str], root: str = "config") -> dict[str, object]:
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
        return compose(root, overrides=list(overrides))


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
            f"{choice[1]} takes one value; several agents are written agents=[llm,greedy], "
            "several seeds seed=0 episodes=3"
        )
    if "harness@agent.harness" in str(error):
        return ConfigError("this agent has no harness: harness=NAME is for agent=llm and its like")
    bad = re.search(r"Could not override '([^']*)'", str(error))
    if bad is not None and not bad[1]:
        return ConfigError("a setting has no name: write KEY=VALUE")
    if bad is None:
        return ConfigError(str(error).split("\n", 1)[0])
    return ConfigError(unknown_key(bad[1], overrides, root))


def unknown_key(key: str, overrides: Sequence[str] = (), root: str = "config") -> str:
    """The message for a key that does not exist."""
    # A tournament has many games, and no presets of its own.
    groups = GROUPS if root == "config" else tuple(set(GROUPS) - {"game", "experiment"})
    choices = [one for one in overrides if one.partition("=")[0] in groups]
    known = [*_keys(_hydra(choices, root)), *groups]
    return f"unknown setting {key!r}; {_nearest(key, known)}"


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


def _check(
    model: type[Checked],
    data: Mapping[str, object],
    overrides: Sequence[str],
    root: str = "config",
    prefix: str = "",
) -> Checked:
    try:
        return model.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        parts = [str(part) for part in first["loc"] if part not in ("embedded", "openai")]
        key = prefix + ".".join(parts)
        if first["type"] == "extra_forbidden":
            raise ConfigError(unknown_key(key, overrides, root)) from None
        message = first["msg"].removeprefix("Value error, ")
        value = repr(first["input"])
        shown = "" if _SECRET.search(key) or "@" in value else f"={value}"
        raise ConfigError(f"{key}{shown}: {message}") from None
