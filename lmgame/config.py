"""From words on a command line to checked settings, and to who plays what.

Everything is composed by lmgame.compose and checked once, here; nothing below sees
a Hydra object.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from importlib.util import find_spec
from typing import TYPE_CHECKING, cast

import yaml

from lmgame import registry
from lmgame.backend_settings import AnyBackend, EmbeddedBackend
from lmgame.compose import GROUPS, check, compose, key_of, quoted, resolve_name
from lmgame.errors import ConfigError, MissingExtra
from lmgame.game import State
from lmgame.settings import AgentSettings, Settings, Shared, TournamentSettings

if TYPE_CHECKING:
    from lmgame.serving.config import EmbeddedConfig

FOR_AN_AGENT = ("agent", "harness", "backend")
"""What may be said of one agent among others: ``agents=[greedy,llm harness=lmgame]``."""
FOR_A_GAME = ("game", "max_decisions", "clock", "policy", "slo")
"""What may be said of one game among others: ``games=[tetris,sokoban game.difficulty=3]``."""


@dataclass(frozen=True, slots=True)
class Entrant:
    """Somebody who takes part.

    Attributes:
        label: What to call it: the words it was named with.
        agent: The agent and its settings.
        backend: Where its completions come from; None for an agent that asks for none.
    """

    label: str
    agent: AgentSettings
    backend: AnyBackend | None


def load(overrides: Sequence[str]) -> Settings:
    """Compose and check the settings for a list of overrides.

    Args:
        overrides: Hydra overrides, e.g. ``["game=tetris", "slo.ttft_s=2"]``.

    Raises:
        ConfigError: Something in them cannot be used; says what and what would.
        NameNotFound: A game, agent or preset that does not exist.
    """
    resolved = _resolved(overrides)
    _check_experiment(resolved, "play")
    settings = check(Settings, compose(resolved), resolved)
    _check_embedded(settings, resolved)
    return settings


def load_tournament(overrides: Sequence[str]) -> tuple[TournamentSettings, dict[str, Settings]]:
    """Compose and check the settings of a tournament.

    Returns:
        Its own settings, and by what each game is called those that its matches are
        played under.

    Raises:
        ConfigError: Something in them cannot be used; says what and what would.
        NameNotFound: A game, agent or preset that does not exist.
    """
    resolved = _resolved(overrides)
    _check_experiment(resolved, "tournament")
    settings = check(TournamentSettings, compose(resolved, "tournament"), resolved, "tournament")
    _check_embedded(settings, resolved)
    games: dict[str, Settings] = {}
    for words in settings.games:
        label, one = _one_game(words, resolved)
        if label in games:
            raise ConfigError(f"games: {label} is named twice: name every game once")
        games[label] = one
    return settings, games


def _one_game(words: str, resolved: Sequence[str]) -> tuple[str, Settings]:
    """What to call one of a tournament's games, and what it is played under."""
    name, label, own = _words("games", words, FOR_A_GAME)
    its = [one for one in own if key_of(one).startswith("game.")]
    chosen = _resolved([f"game={name}", *its])
    rest = _resolved([one for one in own if one not in its])
    composed = compose([*_without(resolved, rest), *rest], "tournament")
    plain = {key: value for key, value in composed.items() if key in Settings.model_fields}
    plain["game"] = compose(chosen)["game"]
    return label, check(Settings, plain, [*chosen, *rest])


def entrant(settings: Shared, words: str, overrides: Sequence[str], root: str) -> Entrant:
    """One of several who take part.

    ``agent.KEY=VALUE`` overrides reach everybody whose agent has that key; what is
    written behind the agent's name is for this one alone.

    Args:
        settings: What ``overrides`` came to.
        words: How it was named: an agent, and what sets it apart.
        overrides: What the user wrote for all.
        root: What they were composed with: ``config`` or ``tournament``.

    Raises:
        ConfigError: Words that are not for an agent, or not for this one.
        NameNotFound: An agent or preset that does not exist.
    """
    name, label, own = _words("agents", words, FOR_AN_AGENT)
    serving = [one for one in own if key_of(one).partition(".")[0] == "backend"]
    agent = _agent(settings, name, [one for one in own if one not in serving], overrides, root)
    if not registry.agents.load(agent.name).asks:
        if serving:
            raise ConfigError(f"agents: {label!r}: {name} asks no model, so it takes no backend")
        return Entrant(label, agent, None)
    if not serving:
        return Entrant(label, agent, settings.backend)
    resolved, its = _resolved(overrides), _resolved(serving)
    composed = compose([*_without(resolved, its), *its], root)
    mine = check(type(settings), composed, its, root)
    _check_embedded(mine, its)
    return Entrant(label, agent, mine.backend)


def _agent(
    settings: Shared, name: str, own: Sequence[str], overrides: Sequence[str], root: str
) -> AgentSettings:
    """The settings of one agent among others."""
    same = name == settings.agent.name
    if same and not own:
        return settings.agent
    # Another agent has other keys than those that were set for the usual one.
    others = r"agents?|experiment" if not same else r"agents"
    chosen = [one for one in overrides if not re.match(rf"\+{{0,2}}({others})[=.]", one)]
    if not _has_harness(name):
        chosen = [one for one in chosen if not one.startswith("harness")]
    resolved = _resolved([*([] if same else [f"agent={name}"]), *own])
    resolved = [*_without(_resolved(chosen), resolved), *resolved]
    plain = cast(State, compose(resolved, root)["agent"])
    shared = {
        key: value
        for key, value in settings.agent.settings.items()
        if not same
        and key in plain
        and any(re.match(rf"\+{{0,2}}agent\.{key}[.=]", one) for one in overrides)
        and not any(key_of(one).startswith(f"agent.{key}") for one in own)
    }
    return check(AgentSettings, {**plain, **shared}, resolved)


def _words(kind: str, words: str, allowed: Sequence[str]) -> tuple[str, str, list[str]]:
    """A name, a label, and the overrides for it alone."""
    try:
        parts = shlex.split(words)
    except ValueError as error:
        raise ConfigError(f"{kind}: {words!r}: {error}: write NAME KEY=VALUE ...") from None
    if not parts or not parts[0]:
        raise ConfigError(f"{kind}: {words!r} names nothing: write NAME KEY=VALUE ...")
    name, *own = parts
    labels = [one.partition("=")[2] for one in own if one.startswith("as=")]
    if not all(one.strip() for one in labels):
        raise ConfigError(f"{kind}: {words!r}: as= is what to call it: write as=NAME")
    label = labels[-1] if labels else " ".join([name, *own])
    own = [one for one in own if not one.startswith("as=")]
    for one in own:
        key, equals, _ = one.partition("=")
        group = key.lstrip("+~").partition(".")[0]
        if not equals or group not in allowed or key in ("game", "agent"):
            what = "one agent" if kind == "agents" else "one game"
            known = ", ".join([*allowed, "as"])
            raise ConfigError(
                f"{kind}: {words!r}: {one!r} cannot be said of {what} alone; what can: {known}"
            )
    return name, label, own


def _resolved(overrides: Sequence[str]) -> list[str]:
    return [resolved for one in overrides for resolved in resolve_name(quoted(one))]


def _without(overrides: Sequence[str], own: Sequence[str]) -> list[str]:
    """The overrides that ``own`` ones leave standing."""
    keys = {key_of(one) for one in own}
    # Who chooses another preset wants none of what was said of the first.
    groups = {key for key in keys if key in GROUPS}
    return [
        one
        for one in overrides
        if key_of(one) not in keys and key_of(one).partition(".")[0] not in groups
    ]


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
    return all(find_spec(name) for name in ("aiohttp", "gguf", "psutil"))


def embedded(backend: EmbeddedBackend, overrides: Sequence[str] = ()) -> EmbeddedConfig:
    """The checked settings of the embedded backend.

    Raises:
        ConfigError: A key or value that it does not take.
        MissingExtra: Its packages are not installed.
    """
    if not extra_installed():
        raise MissingExtra("backend=embedded", "embedded", "llama.cpp and a web server")
    from lmgame.serving.config import EmbeddedConfig

    return check(EmbeddedConfig, backend.settings, overrides, prefix="backend.")


def _check_embedded(settings: Shared, overrides: Sequence[str]) -> None:
    """See that the embedded backend takes its settings, if it is there."""
    if isinstance(settings.backend, EmbeddedBackend) and extra_installed():
        embedded(settings.backend, overrides)


def _check_experiment(overrides: Sequence[str], command: str) -> None:
    """Refuse a preset of the other command, which Hydra would do in words of its own."""
    for one in overrides:
        group, _, name = one.partition("=")
        if group.lstrip("+") != "experiment":
            continue
        preset = files("lmgame.configs") / "experiment" / f"{name}.yaml"
        keys = set(yaml.safe_load(preset.read_text())) if preset.is_file() else set()
        meant = "tournament" if keys & set(TournamentSettings.own) else "play"
        if keys and meant != command:
            raise ConfigError(f"{one} is a preset of lmgame {meant}: lmgame {meant} {one}")


def _has_harness(agent: str) -> bool:
    """Whether an agent's preset takes harness=NAME."""
    preset = files("lmgame.configs") / "agent" / f"{agent}.yaml"
    return preset.is_file() and "/harness@harness" in preset.read_text()
