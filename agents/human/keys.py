"""Which keys play which game: read from ``keys.yaml`` and from a file of the user's own."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pygame
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from lmgame.errors import ConfigError, suggest
from lmgame.game import GameSpec

OURS = Path(__file__).with_name("keys.yaml")
_CODES = {
    (name[2:] if len(name) == 3 else name[2:].lower()): code
    for name, code in vars(pygame).items()
    if name.startswith("K_") and isinstance(code, int)
}
RESERVED = ("escape", "return", "kp_enter", "tab", "backspace", "f1")
"""Keys that mean the same in every game."""


class Bindings(BaseModel):
    """The keys of one game; ``keys.yaml`` says what each field is."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    settings: dict[str, bool | int | float | str] = {}
    press: dict[str, str] = {}
    again: tuple[str, ...] = ()
    hold: dict[str, str] = {}
    held: str = "{buttons}"
    renew: int | None = Field(default=None, ge=1)
    released: str = ""

    @field_validator("press", "hold", "again")
    @classmethod
    def _known(cls, keys: dict[str, str] | tuple[str, ...]) -> dict[str, str] | tuple[str, ...]:
        for key in keys:
            if key not in _CODES:
                raise ValueError(f"there is no key {key!r}; {suggest(key, _CODES)}")
            if key in RESERVED:
                raise ValueError(f"the key {key!r} means the same in every game: choose another")
        return keys

    def codes(self, keys: Mapping[str, str]) -> dict[int, str]:
        """What stands behind each key, by pygame's number of the key."""
        return {_CODES[key]: text for key, text in keys.items()}

    @property
    def again_codes(self) -> frozenset[int]:
        """Pygame's numbers of the keys that act again while they stay down."""
        return frozenset(_CODES[key] for key in self.again)

    def hints(self) -> list[tuple[str, str]]:
        """Keys and what they do, as told to the player; keys that do the same stand together."""
        told: dict[str, list[str]] = {}
        for key, does in [*self.hold.items(), *self.press.items()]:
            told.setdefault(does, []).append(key)
        return [(" ".join(keys), does) for does, keys in told.items()]


NONE = Bindings()


def bindings(game: GameSpec, file: str | None) -> Bindings:
    """The keys of a game, or none.

    Args:
        game: What is played; in a race, what is raced counts.
        file: A file of the user's own, or None.

    Raises:
        ConfigError: The file cannot be read or has a mistake.
    """
    known = _read(OURS) | (_read(Path(file)) if file else {})
    return known.get(game.wraps or game.id, NONE)


@cache
def _read(path: Path) -> dict[str, Bindings]:
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        why = " ".join(str(getattr(error, "strerror", None) or error).split())
        raise ConfigError(f"agent.keys={path}: {why}") from None
    if not isinstance(found, dict):
        raise ConfigError(f"agent.keys={path}: write a game's id and its keys, as in {OURS.name}")
    entries: dict[str, Bindings] = {}
    for game, entry in found.items():
        try:
            entries[str(game)] = Bindings.model_validate(entry)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in (game, *first["loc"]))
            raise ConfigError(
                f"agent.keys={path}: {where}: {first['msg'].removeprefix('Value error, ')}"
            ) from None
    return entries
