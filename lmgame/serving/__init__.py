"""The disaggregated prefill/decode backend: an OpenAI-compatible server on llama.cpp.

``EmbeddedConfig`` says how, ``EmbeddedServer`` runs it as a child process, ``run`` in
the foreground. ``python -m lmgame.serving.weights`` fetches the model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lmgame.errors import MissingExtra

if TYPE_CHECKING:
    from lmgame.serving.config import EmbeddedConfig
    from lmgame.serving.launch import EmbeddedServer, run

__all__ = ["EmbeddedConfig", "EmbeddedServer", "run"]

_HOMES = {"EmbeddedConfig": "config", "EmbeddedServer": "launch", "run": "launch"}


def __getattr__(name: str) -> Any:  # noqa: ANN401  # a module attribute can be anything
    """Import on first use: the parts need the ``embedded`` extra."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    try:
        module = import_module(f"{__name__}.{_HOMES[name]}")
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("lmgame"):
            raise
        raise MissingExtra("the embedded backend", "embedded", error.name) from error
    return getattr(module, name)
