"""Every error this package raises on purpose.

LmgameError
├── UsageError              what the user asked for cannot be done
│   ├── NameNotFound        an id or key that does not exist (names the nearest)
│   ├── ConfigError         a value of the wrong type or out of range
│   │   └── ValueMissing    a setting that must be given and is not
│   ├── MissingExtra        an optional dependency is not installed
│   └── RomError            a console game's ROM is missing, or is another one
├── GameError
│   ├── IllegalAction       the rules refuse this action now
│   ├── StateError          a saved state does not belong to this game
│   └── EmulatorError       an emulator cannot start, crashed or hangs
├── LogError
│   ├── LogVersionError     written by a newer schema
│   ├── LogNeverBegan       not one whole line was written
│   ├── LogCorrupt          a line cannot be read or breaks the schema
│   └── ReplayMismatch      the log and the rules disagree
├── WorkerLost              processes that work for us died
├── MixedClocks             times that are not of one clock
└── ServingError
    ├── WeightsError        model weights are missing or damaged
    ├── EngineError         the inference library cannot be used
    └── ServerError         the server did not start or went away

Each message says what was wrong, with which value, and what to do. A bad reply
or a dead backend during a match is none of these: it is data, kept in the log
as the outcome of the decision or the failure of the call.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class LmgameError(Exception):
    """Base of all errors that a user may see; printed as one line, no traceback."""


class UsageError(LmgameError):
    """The request itself is at fault."""


class NameNotFound(UsageError):
    """A name that is not known; the message offers the nearest known ones."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        known = sorted(known)
        self.kind, self.name, self.known = kind, name, known
        super().__init__(f"unknown {kind} {name!r}; {suggest(name, known)}")


class ConfigError(UsageError):
    """A configuration value that cannot be used."""


class ValueMissing(ConfigError):
    """A setting without a value."""

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(f"{key} has no value: write {key}=VALUE")


class MissingExtra(UsageError):
    """An optional dependency that this feature needs."""

    def __init__(self, feature: str, extra: str, missing: str) -> None:
        super().__init__(f"{feature} needs {missing}: pip install 'lmgame[{extra}]'")


class RomError(UsageError):
    """A ROM that is missing, or is not the one that is meant."""


class GameError(LmgameError):
    """The rules of a game were asked for something they do not allow."""


class IllegalAction(GameError):
    """An action that the game refuses; the state is unchanged."""


class StateError(GameError):
    """A saved state that was not made by this game and version."""


class EmulatorError(GameError):
    """An emulator that cannot start, crashed or does not answer."""


class LogError(LmgameError):
    """A match log that cannot be used."""


class LogVersionError(LogError):
    """A match log written by a newer lmgame."""


class LogNeverBegan(LogError):
    """A match log without one whole line: nothing was played."""


class LogCorrupt(LogError):
    """A match log with a broken line."""


class ReplayMismatch(LogError):
    """Replaying a log does not give what the log says."""


class WorkerLost(LmgameError):
    """Processes that play matches died, and others in their place."""


class MixedClocks(LmgameError):
    """Times that are not of one clock, and cannot be put together."""


class ServingError(LmgameError):
    """The backend cannot serve."""


class WeightsError(ServingError):
    """Model weights that are missing or damaged."""


class EngineError(ServingError):
    """An inference library that is missing or not the one this code knows."""


class ServerError(ServingError):
    """A server that did not start or went away."""


def suggest(name: str, known: Iterable[str]) -> str:
    """Say which known names are nearest to one that is not known.

    Args:
        name: What was asked for.
        known: The names that exist.

    Returns:
        ``did you mean 'tetris'?`` or, when nothing is near, the list of names.
    """
    known = list(known)
    near = get_close_matches(name.lower(), known, n=2, cutoff=0.6)
    if near:
        return "did you mean " + " or ".join(repr(match) for match in near) + "?"
    return "known: " + (", ".join(known) if known else "none")
