"""What tests ask instead of a model."""

from __future__ import annotations

from lmgame.scripted_reply import Received, Reply


def picks(received: Received) -> Reply:
    """A deterministic model: one of the choices, by a hash of the prompt."""
    return Reply(received.pick(received.choices))
