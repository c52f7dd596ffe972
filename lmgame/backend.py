"""Where a run's completions come from: starts our own server, or points at another."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

from lmgame.backend_settings import AnyBackend, EmbeddedBackend, OpenAIBackend
from lmgame.budget import Purse
from lmgame.client import Client, Endpoint, Limits
from lmgame.client.body import digest
from lmgame.client.call import Call, Failure, Request, Timing
from lmgame.client.limit import UNLIMITED, Limiter, Rate, estimate, used
from lmgame.config import embedded
from lmgame.price import Price, from_backend

Say = Callable[[str], None]


@contextmanager
def running(settings: AnyBackend, say: Say) -> Iterator[Endpoint]:
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
            yield Endpoint(
                server.base_url, config.model, structured="choice", limits=_limits(settings)
            )
        return
    check_key(settings)
    yield endpoint_of(settings)


def check_key(settings: AnyBackend) -> None:
    """Tell of a missing key now, and not after a thousand failed calls.

    Raises:
        ConfigError: The key's variable is not set.
    """
    if not isinstance(settings, EmbeddedBackend):
        endpoint_of(settings).key()


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


def _limits(settings: AnyBackend) -> Limits:
    return Limits(
        connect_s=settings.connect_s,
        first_token_s=settings.first_token_s,
        total_s=settings.total_s,
    )


def _rate(settings: AnyBackend) -> Rate:
    return Rate(settings.requests_per_minute, settings.tokens_per_minute, settings.streams)


def _starting(health: Mapping[str, object]) -> str:
    """One line about a server that is starting, from its ``/health``."""
    workers = health.get("workers")
    if not isinstance(workers, list):
        return "starting the backend"
    ready = sum(bool(one.get("ready")) for one in workers if isinstance(one, dict))
    return f"starting the backend: {ready} of {len(workers)} workers ready"


def prices_of(settings: AnyBackend) -> tuple[Price, ...]:
    """What tokens cost at a backend."""
    return from_backend(settings.model_dump(mode="json"))


def key(settings: AnyBackend) -> str:
    """The same for the same settings: agents with one key share one server and one client."""
    return json.dumps(settings.model_dump(mode="json"), sort_keys=True)


def is_ours(settings: AnyBackend) -> bool:
    """Whether it is a server that is started here, on this machine's cores."""
    return isinstance(settings, EmbeddedBackend)


def model_of(settings: AnyBackend) -> str:
    """The model that is asked, or ""."""
    named = getattr(settings, "model", None)
    return str(named or (settings.model_extra or {}).get("model", ""))


class BackendClient:
    """The client that the agents of one backend share; it satisfies lmgame.agent.Client.

    Agents may be made before the server is there; a call does not wait for
    it, so it must have been opened by then.

    Args:
        settings: Whom to ask.
        purse: What may be spent; None for all there is.
    """

    def __init__(self, settings: AnyBackend, purse: Purse | None = None) -> None:
        self._purse, self._prices = purse, prices_of(settings)
        self._client: Client | None = None
        rate = _rate(settings)
        self._limiter = None if rate == UNLIMITED else Limiter(rate)
        self.model = model_of(settings)
        self.images = not isinstance(settings, EmbeddedBackend) and settings.images
        # Which dialect it is that holds a reply to choices is the client's business.
        free = not isinstance(settings, EmbeddedBackend) and settings.structured == "off"
        self.structured = "off" if free else "choice"

    def open(self, endpoint: Endpoint) -> None:
        """Learn where the server is."""
        self._client = Client(endpoint, on_call=None if self._purse is None else self._pay)

    @property
    def endpoint(self) -> Endpoint | None:
        """Where the server is, once that is known."""
        return None if self._client is None else self._client.endpoint

    def _pay(self, call: Call) -> None:
        assert self._purse is not None
        self._purse.add(call, self._prices)

    async def complete(self, request: Request) -> Call:
        """Make one call, when a rate limit allows it; whatever goes wrong is in the Call.

        When the budget is used up no call is made, and the Call says so.
        """
        assert self._client is not None, "the backend was not started"
        limiter = self._limiter
        if limiter is None:
            return self._unpaid(request) or await self._client.complete(request)
        intended = time.perf_counter()  # the agent wants it now: the wait counts
        permit = await limiter.take(estimate(request))
        unpaid = self._unpaid(request)  # others have spent meanwhile
        if unpaid is not None:
            limiter.give_back(permit)
            return unpaid
        tokens = None
        try:
            call = await self._client.complete(request, intended=intended)
            tokens = used(call.usage)
        finally:
            limiter.end(permit, tokens)
        return call

    def _unpaid(self, request: Request) -> Call | None:
        """The call that cannot be made because the budget is used up, or None."""
        if self._purse is None or not (reason := self._purse.spent()):
            return None
        timing = Timing(at=time.time(), end=0.0)
        failure = Failure("budget", reason)
        return Call(self.model, digest(request), "", timing, failure=failure)

    async def close(self) -> None:
        """Close all connections."""
        if self._client is not None:
            await self._client.close()
            self._client = None


class Backends:
    """The backends of a sitting: their clients, and which servers run by now.

    Our own servers work on this machine's cores, so one that nobody asks at the
    moment is stopped before another is started; the others cost nothing to keep.

    Args:
        purse: What may be spent on all of them together.
        say: Is told what is going on while a server starts.
    """

    def __init__(self, purse: Purse | None, say: Say) -> None:
        self._purse, self._say = purse, say
        self._clients: dict[str, BackendClient] = {}
        self._up: dict[str, ExitStack] = {}
        self._ours: set[str] = set()

    def client(self, settings: AnyBackend) -> BackendClient:
        """The client for a backend."""
        name = key(settings)
        if name not in self._clients:  # asked for by every agent of every match
            self._clients[name] = BackendClient(settings, self._purse)
        return self._clients[name]

    def need(self, wanted: Sequence[AnyBackend]) -> list[BackendClient]:
        """Start what is not running yet.

        Returns:
            The clients of the servers that were stopped for it; close them.
        """
        names = {key(one): one for one in wanted}
        late = [name for name in self._up if name not in names and name in self._ours]
        for name in late:
            self._up.pop(name).close()
        for name, settings in names.items():
            if name not in self._up:
                stack = ExitStack()
                self.client(settings).open(stack.enter_context(running(settings, self._say)))
                self._up[name] = stack
                if is_ours(settings):
                    self._ours.add(name)
        return [self._clients[name] for name in late]

    def stop(self) -> None:
        """Stop every server."""
        while self._up:
            self._up.popitem()[1].close()

    async def close(self) -> None:
        """Close every connection."""
        for client in self._clients.values():
            await client.close()
