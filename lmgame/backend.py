"""Where a run's completions come from: starts our own server, or points at another."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from lmgame.backend_settings import EmbeddedBackend, OpenAIBackend
from lmgame.budget import Purse
from lmgame.client import Client, Endpoint, Limits
from lmgame.client.body import digest
from lmgame.client.call import Call, Failure, Request, Timing
from lmgame.config import embedded

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Backend:
    """A server to ask.

    Attributes:
        endpoint: How to reach it.
        images: Whether its model takes images.
    """

    endpoint: Endpoint
    images: bool


@contextmanager
def running(settings: EmbeddedBackend | OpenAIBackend, say: Say) -> Iterator[Backend]:
    """A backend for as long as the block lasts.

    Args:
        settings: Which one.
        say: Is told what is going on while a server starts.

    Raises:
        ConfigError: The key's variable is not set, or the settings are wrong.
        ServingError: The embedded server cannot start.
    """
    if isinstance(settings, EmbeddedBackend):
        from lmgame.serving.launch import EmbeddedServer

        config = embedded(settings)
        with EmbeddedServer(config, lambda health: say(_starting(health))) as server:
            endpoint = Endpoint(
                server.base_url, config.model, structured="choice", limits=_limits(settings)
            )
            yield Backend(endpoint, images=False)
        return
    endpoint = endpoint_of(settings)
    endpoint.key()  # a missing key is told now, not after a thousand failed calls
    yield Backend(endpoint, settings.images)


def endpoint_of(settings: OpenAIBackend) -> Endpoint:
    """The endpoint that settings describe."""
    return Endpoint(
        base_url=settings.base_url,
        model=settings.model,
        key_env=settings.key_env,
        limits=_limits(settings),
        structured=settings.structured,
        max_tokens_field=settings.max_tokens_field,
        omit=settings.omit,
        reasoning_effort=settings.reasoning_effort or "",
        stream_usage=settings.stream_usage,
        cost_field=settings.cost_field,
        image_detail=settings.image_detail,
        extra=settings.extra or {},
    )


def _limits(settings: EmbeddedBackend | OpenAIBackend) -> Limits:
    return Limits(
        connect_s=settings.connect_s,
        first_token_s=settings.first_token_s,
        total_s=settings.total_s,
    )


def _starting(health: Mapping[str, object]) -> str:
    """One line about a server that is starting, from its ``/health``."""
    workers = health.get("workers")
    if not isinstance(workers, list):
        return "starting the backend"
    ready = sum(bool(one.get("ready")) for one in workers if isinstance(one, dict))
    return f"starting the backend: {ready} of {len(workers)} workers ready"


class BackendClient:
    """The client that a run's agents share; it satisfies lmgame.agent.Client.

    Args:
        backend: Whom to ask.
        purse: What may be spent; None for all there is.
    """

    def __init__(self, backend: Backend, purse: Purse | None = None) -> None:
        self._purse = purse
        self._client = Client(backend.endpoint, on_call=None if purse is None else purse.add)
        self.model = backend.endpoint.model
        self.images = backend.images
        # Which dialect it is that holds a reply to choices is the client's business.
        self.structured = "off" if backend.endpoint.structured == "off" else "choice"

    async def complete(self, request: Request) -> Call:
        """Make one call; whatever goes wrong is in the Call.

        When the budget is used up no call is made, and the Call says so.
        """
        if self._purse is not None and (reason := self._purse.spent()):
            timing = Timing(at=time.time(), end=0.0)
            failure = Failure("budget", reason)
            return Call(self.model, digest(request), "", timing, failure=failure)
        return await self._client.complete(request)

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()
