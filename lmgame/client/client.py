"""The client: one call in, one Call out, whatever the server does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from time import perf_counter
from types import TracebackType

from lmgame.client import body, dialect
from lmgame.client.call import Call, Failure, Request, Timing
from lmgame.client.connection import Connection
from lmgame.client.dialect import FREE, Form
from lmgame.client.endpoint import Endpoint
from lmgame.client.pool import Pool
from lmgame.client.reader import ReplyReader
from lmgame.client.trouble import Trouble, too_slow

_SHORTEST_SECRET = 8
"""Shorter keys ("EMPTY", "none") are placeholders; hiding them would maim replies."""


class Client:
    """Streams chat completions from one endpoint and times them.

    Use it inside one event loop, and close it there (``async with``). It runs
    on whatever loop the caller runs; uvloop saves about a fifth of the CPU time.

    Args:
        endpoint: Where to send calls.
        on_call: Shown every call when it is over, cancelled ones included.

    Raises:
        ConfigError: The key's environment variable is not set.
    """

    def __init__(
        self, endpoint: Endpoint, *, on_call: Callable[[Call], None] | None = None
    ) -> None:
        self.endpoint = endpoint
        self._on_call = on_call
        self._key = endpoint.key()
        self._head = body.head(endpoint, self._key)
        self._pool = Pool(endpoint)
        self._refused: set[str] = set()  # kinds of constraint that the server does not take

    def __repr__(self) -> str:
        return f"Client({self.endpoint!r})"

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections; calls under way end with failure ``cancelled``."""
        await self._pool.close()

    async def warm(self, connections: int) -> Failure | None:
        """Open connections ahead of a burst, so that no call pays for its own.

        Returns:
            Why it was not possible, or None.
        """
        return await self._pool.warm(connections)

    async def complete(
        self,
        request: Request,
        *,
        intended: float | None = None,
        on_text: Callable[[str], None] | None = None,
    ) -> Call:
        """Make one call and wait for its end.

        What a server or a network does never raises: it is in ``Call.failure``.
        Cancelling the task closes the connection at once.

        Args:
            request: What to ask.
            intended: When the call should have gone out (``time.perf_counter``);
                all times of the call count from there, the limits on time
                from now. Default: now.
            on_text: Called with each piece of the answer as it arrives.

        Raises:
            ConfigError: The request cannot be written as JSON.
            asyncio.CancelledError: The task was cancelled.
        """
        begin = perf_counter()
        start = begin if intended is None else intended
        form = dialect.form(request, self.endpoint.structured)
        if form.kind in self._refused:
            form = FREE
        exchange = _Exchange(self, request, form, start, on_text, begin)
        failure = await self._make(exchange, begin)
        if failure is not None and form.is_refused(failure.status or 0, exchange.error_body):
            # Plain text is the fallback. Both tries are one call: its times count
            # from the first, so that the detour is not hidden.
            exchange = _Exchange(self, request, FREE, start, on_text, begin)
            failure = await self._make(exchange, begin)
            if failure is None:  # so the form was at fault, not the rest of the request
                self._refused.add(form.kind)
        call = exchange.call(failure)
        if self._on_call is not None:
            self._on_call(call)
        return call

    async def _make(self, exchange: _Exchange, begin: float) -> Failure | None:
        payload = exchange.payload()
        data = b"%b%d\r\n\r\n%b" % (self._head, len(payload), payload)
        try:
            return await exchange.run(data, begin)
        except asyncio.CancelledError:
            if self._on_call is not None:
                self._on_call(exchange.call(Failure("cancelled", "the caller gave up")))
            raise

    def hide(self, text: str) -> str:
        """Take the key out of text that a server may have put it into."""
        if len(self._key) >= _SHORTEST_SECRET and self._key in text:
            return text.replace(self._key, "***")
        return text


class _Exchange:
    """One call under way: its reader, its connection, its limits on time."""

    def __init__(
        self,
        client: Client,
        request: Request,
        form: Form,
        intended: float,
        on_text: Callable[[str], None] | None,
        begin: float,
    ) -> None:
        self._client, self._request, self._intended = client, request, intended
        self._queued = max(0.0, begin - intended)
        self._form = form
        self._endpoint, self._pool = client.endpoint, client._pool
        self._at = time.time() - (perf_counter() - intended)
        if on_text is not None:
            show = on_text
            on_text = lambda text: show(client.hide(text))  # noqa: E731 - a wrapper, once
        self._reader = ReplyReader(self._endpoint, on_text, client.hide)
        self._connection: Connection | None = None

    @property
    def error_body(self) -> str:
        """What the server said, where it refused."""
        return self._reader.error_body

    def payload(self) -> bytes:
        """The request's body."""
        return body.body(self._request, self._endpoint, self._form)

    async def run(self, data: bytes, begin: float) -> Failure | None:
        """Send the request and wait for the end of the response."""
        limits = self._endpoint.limits
        connection = self._pool.take()
        reused = connection is not None
        while True:
            if connection is None:
                try:
                    rest = begin + limits.total_s - perf_counter()
                    connection = await self._pool.connect(rest)
                except Trouble as trouble:
                    return trouble.failure
            failure = await self._send(connection, data, begin)
            # An idle connection may be closed by the server just as we use it
            # (RFC 9112, 9.3.1); no byte came back, so the call starts afresh.
            stale = failure is not None and failure.kind == "disconnect"
            if not (reused and stale and self._reader.first_byte is None):
                return failure
            connection, reused = None, False

    async def _send(self, connection: Connection, data: bytes, begin: float) -> Failure | None:
        loop, limits = asyncio.get_running_loop(), self._endpoint.limits
        self._connection = connection
        done = connection.send(data, self._reader)
        spent = perf_counter() - begin
        timers = [loop.call_later(limits.total_s - spent, self._expire)]
        if limits.first_token_s is not None:
            timers.append(loop.call_later(limits.first_token_s - spent, self._expire_first))
        try:
            return await done
        except asyncio.CancelledError:
            connection.close()
            raise
        finally:
            for timer in timers:
                timer.cancel()

    def _expire(self) -> None:
        if self._connection is not None:
            seconds = self._endpoint.limits.total_s
            self._connection.fail(too_slow(self._endpoint, "complete reply", "total_s", seconds))

    def _expire_first(self) -> None:
        seconds = self._endpoint.limits.first_token_s
        if self._connection is not None and self._reader.first_token is None and seconds:
            self._connection.fail(too_slow(self._endpoint, "token", "first_token_s", seconds))

    def call(self, failure: Failure | None) -> Call:
        """Put together what is known of the call."""
        reader, hide = self._reader, self._client.hide
        end = perf_counter() if failure or reader.end is None else reader.end
        if failure is not None:
            failure = Failure(
                failure.kind, hide(failure.message), failure.status, failure.retry_after_s
            )
        return Call(
            model=self._request.model or self._endpoint.model,
            purpose=self._request.purpose,
            prompt_digest=body.digest(self._request),
            reply=hide(reader.answer),
            timing=Timing(
                at=self._at,
                end=end - self._intended,
                sent=self._since(self._connection.sent if self._connection else None),
                first_byte=self._since(reader.first_byte),
                first_token=self._since(reader.first_token),
                first_answer=self._since(reader.first_answer),
                last_token=self._since(reader.last_token),
                chunks=tuple(at - self._intended for at in reader.chunks),
                queued=self._queued,
            ),
            usage=reader.usage,
            reasoning=hide(reader.reasoning),
            finish=reader.finish and hide(reader.finish),
            structured=self._structured(),
            stages=reader.stages,
            server={
                hide(name): hide(fact) if isinstance(fact, str) else fact
                for name, fact in reader.server.items()
            },
            failure=failure,
        )

    def _structured(self) -> str:
        reader = self._reader
        if reader.finish == "stop" and self._form.is_ignored(self._request, reader.answer):
            return "ignored"
        return self._form.kind

    def _since(self, at: float | None) -> float | None:
        return None if at is None else at - self._intended
