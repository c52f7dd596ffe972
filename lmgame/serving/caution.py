"""What a user should be told about settings before anything is started."""

from __future__ import annotations

import ipaddress
import sys
from collections.abc import Iterable

from lmgame.errors import ServerError
from lmgame.serving.config import EmbeddedConfig
from lmgame.serving.shape import Shape

PREFIX = "warning: "
"""Begins every line that :func:`warn` writes, so that an owner can pass it on."""

_FOR_COLOCATED = ("replicas", "schedule", "chunk")
_FOR_SPLIT = ("prefill_threads", "prefill_nice")
_GB = 1e9


def warn(text: str) -> None:
    """Write one line to standard error."""
    print(PREFIX + text, file=sys.stderr, flush=True)


def without_effect(config: EmbeddedConfig) -> str | None:
    """Name the settings that were changed but that nothing reads in this mode.

    Returns:
        One line; None where there is no such setting.
    """
    if config.mode == "disaggregated":
        idle, why = list(_FOR_COLOCATED), "backend.mode=disaggregated"
    else:
        idle, why = list(_FOR_SPLIT), "backend.mode=colocated"
        if config.replicas is not None:
            idle += ["prefill_workers", "decode_workers"]
            why += f" and backend.replicas={config.replicas}"
        if config.schedule == "prefill_first":
            idle.append("chunk")
            why += " and backend.schedule=prefill_first"
    fields = type(config).model_fields
    changed = [name for name in idle if getattr(config, name) != fields[name].default]
    if not changed:
        return None
    verb = "has" if len(changed) == 1 else "have"
    return f"{', '.join(f'backend.{name}' for name in changed)} {verb} no effect with {why}"


def exposed(addresses: Iterable[str]) -> str | None:
    """Say that others can reach the server, where they can.

    Args:
        addresses: The IP addresses it listens on.
    """
    open_to = [one for one in addresses if not ipaddress.ip_address(one).is_loopback]
    if not open_to:
        return None
    return (
        f"listening on {', '.join(open_to)}: there is no authentication, so whoever "
        "reaches this address can use the server"
    )


def within_training(config: EmbeddedConfig, shape: Shape) -> EmbeddedConfig:
    """The settings with a context that the model can use; warns where that is less."""
    if shape.context is None or config.context <= shape.context:
        return config
    warn(
        f"backend.context={config.context} is more than the {shape.context} tokens that "
        f"{config.model} was trained for; serving {shape.context}"
    )
    return config.model_copy(update={"context": shape.context})


def check_memory(config: EmbeddedConfig, shape: Shape, available: int) -> None:
    """Refuse settings whose KV states cannot fit.

    Args:
        config: The settings.
        shape: The model's dimensions.
        available: Bytes of memory that can be had without swapping.

    Raises:
        ServerError: They need more.
    """
    if shape.kv_bytes is None:
        return
    sequences = sum(count * config.slots_of(role) for role, count in config.workers().items())
    slabs = config.slabs() if config.mode == "disaggregated" else 0
    need = (sequences + slabs) * config.context * shape.kv_bytes
    if need <= available:
        return
    workers = "replicas" if config.mode == "colocated" else "decode_workers"
    raise ServerError(
        f"{sequences} slots and {slabs} slabs of {config.context} tokens need "
        f"{need / _GB:.1f} GB of memory, but {available / _GB:.1f} GB are available; lower "
        f"backend.context, backend.slots or backend.{workers}"
    )
