"""`lmgame doctor`: can this machine do what lmgame needs, and if not, what to do."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lmgame import config, registry
from lmgame.backend import endpoint_of
from lmgame.backend_settings import EmbeddedBackend, OpenAIBackend
from lmgame.client.probe import probe
from lmgame.environment import cpu_name, versions
from lmgame.errors import LmgameError, ValueMissing
from lmgame.price import find, from_backend
from lmgame.settings import Settings

OLDEST = (3, 11)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        name: What.
        ok: True, False, or None where it does not matter here.
        detail: What was found, and what to do if it is not ok.
    """

    name: str
    ok: bool | None
    detail: str


def examine(overrides: Sequence[str]) -> list[Finding]:
    """Look at the machine, the installation, and the chosen backend.

    Args:
        overrides: Hydra overrides; ``backend=...`` chooses what is looked at.
    """
    settings, chosen = _load(overrides)
    checks: list[tuple[str, Callable[[], str]]] = [
        ("python", _python),
        ("machine", lambda: f"{cpu_name()}, {os.cpu_count()} cores, {platform.system()}"),
        ("packages", lambda: ", ".join(f"{name} {v}" for name, v in versions().items())),
        ("games", lambda: _loads(registry.games)),
        ("agents", lambda: _loads(registry.agents)),
        ("run folder", _writable),
    ]
    backend = settings.backend
    if isinstance(backend, EmbeddedBackend):
        checks += [
            ("engine", _engine),
            ("weights", lambda: _weights(backend)),
        ]
    else:
        checks += [("server", lambda: _server(backend, chosen))]
    findings = [_check(name, look) for name, look in checks]
    if isinstance(backend, OpenAIBackend):
        findings.append(Finding("model", *_model(backend, chosen)))
        if chosen or backend.cost_field:
            findings.append(Finding("price", *_price(backend)))
    return findings


_UNCHOSEN = "not-chosen"


def _load(overrides: Sequence[str]) -> tuple[Settings, bool]:
    """The settings, and whether they name a model: one can be chosen after a look."""
    try:
        return config.load(overrides), True
    except ValueMissing as error:
        if error.key != "backend.model":
            raise
        return config.load([*overrides, f"backend.model={_UNCHOSEN}"]), False


def _check(name: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(name, True, look())
    except LmgameError as error:
        return Finding(name, False, str(error))
    except ImportError as error:
        return Finding(name, False, f"{error}: pip install 'lmgame[embedded]'")


class _Unfit(LmgameError):
    """Something that was looked at is not as it must be."""


def _python() -> str:
    found = platform.python_version()
    if sys.version_info[:2] < OLDEST:
        raise _Unfit(f"Python {found}: lmgame needs {'.'.join(map(str, OLDEST))} or newer")
    return f"Python {found}"


def _loads(names: registry.Registry[Any]) -> str:
    known = names.names()
    for name in known:
        names.load(name)
    if not known:
        raise _Unfit(f"no {names.kind} is installed: run make setup, or pip install lmgame")
    return ", ".join(known)


def _writable() -> str:
    try:
        with tempfile.TemporaryFile(dir=Path.cwd()):
            pass
    except OSError as error:
        raise _Unfit(f"cannot write here ({error.strerror}): go to another folder") from None
    return "runs/ can be written here"


def _engine() -> str:
    from lmgame.serving.binding import load_library

    return f"llama.cpp from {load_library().source}"


def _weights(backend: EmbeddedBackend) -> str:
    from lmgame.serving import weights

    path = weights.find(str(backend.settings.get("weights", weights.DEFAULT)))
    return f"{path.name}, {path.stat().st_size / 1e6:.0f} MB, checksum right"


def _server(backend: OpenAIBackend, chosen: bool) -> str:
    found = probe(endpoint_of(backend), any_model=not chosen)
    if found.problem:
        raise _Unfit(found.problem)
    return f"{backend.base_url} answers: {', '.join(found.models[:5]) or 'no list of models'}"


def _model(backend: OpenAIBackend, chosen: bool) -> tuple[bool | None, str]:
    if not chosen:
        return None, "none is chosen yet: write backend.model=NAME"
    held = "plain text" if backend.structured == "off" else f"held by {backend.structured}"
    return True, f"{backend.model}; replies: {held}"


def _price(backend: OpenAIBackend) -> tuple[bool | None, str]:
    if backend.cost_field:
        return True, "the server tells what each call costs"
    price = find(from_backend(backend.model_dump()), backend.model)
    if price is None:
        return None, "not known, so cost is unknown and budget.usd cannot be used: backend.prices"
    cached = "" if price.cached_input is None else f", ${price.cached_input:g} cached"
    return True, (
        f"${price.input:g} in{cached}, ${price.output:g} out per million tokens "
        f"({price.date or 'no date'})"
    )
