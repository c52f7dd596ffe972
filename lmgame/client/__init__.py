"""Speaks to any OpenAI-compatible server and times it."""

from lmgame.client.call import (
    Call,
    Failure,
    FailureKind,
    Message,
    Request,
    Timing,
    Usage,
)
from lmgame.client.client import Client
from lmgame.client.endpoint import Endpoint, Limits

__all__ = [
    "Call",
    "Client",
    "Endpoint",
    "Failure",
    "FailureKind",
    "Limits",
    "Message",
    "Request",
    "Timing",
    "Usage",
]
