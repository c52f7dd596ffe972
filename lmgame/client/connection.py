"""One HTTP/1.1 connection that carries one exchange at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import perf_counter
from typing import ParamSpec, cast

import httptools

from lmgame.client.call import Failure
from lmgame.client.endpoint import Limits
from lmgame.client.reader import ReplyReader
from lmgame.client.trouble import Trouble, clean

P = ParamSpec("P")

_LINGER_S = 0.05
"""How long HTTP's own ending may come after the reply's last event."""


class Inbox:
    """What was read in this turn of the event loop and is not parsed yet.

    When many sockets become readable at once, each would be stamped only after
    all before it were parsed; so all are read and stamped first, then parsed.
    """

    def __init__(self) -> None:
        self._waiting: list[Connection] = []

    def add(self, connection: Connection) -> None:
        """Parse this connection's bytes once all sockets are read."""
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._empty)
        self._waiting.append(connection)

    def _empty(self) -> None:
        waiting, self._waiting = self._waiting, []
        for connection in waiting:
            connection.parse()


class Connection(asyncio.Protocol):
    """Sends a request and stamps what comes back, before anything is parsed.

    ``data_received`` stamps and no more, and no task is woken per chunk, so
    hundreds of streams stay honest in one process.

    Args:
        url: The server, for messages.
        limits: What a response may cost.
        inbox: Calls ``parse`` when all sockets have been read.
        on_idle: Called when the connection can take another exchange.
        on_lost: Called when it is gone.

    Attributes:
        sent: When the request's last byte was handed to the socket.
        idle_since: When it last became idle.
    """

    def __init__(
        self,
        url: str,
        limits: Limits,
        inbox: Inbox,
        on_idle: Callable[[Connection], None],
        on_lost: Callable[[Connection], None],
    ) -> None:
        self._url, self._limits, self._inbox = url, limits, inbox
        self._unread: list[tuple[float, bytes]] = []
        self._on_idle, self._on_lost = on_idle, on_lost
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._reader: ReplyReader | None = None
        self._done: asyncio.Future[Failure | None] | None = None
        self._linger: asyncio.TimerHandle | None = None
        self._paused = False
        self._at = 0.0
        self._reset()
        self.sent: float | None = None
        self.idle_since = 0.0

    def _reset(self) -> None:
        self._headers: dict[str, str] = {}
        self._in_head = True
        self._head_bytes = 0
        self._status = 0
        self._reusable = False
        self._whole = False  # HTTP says that the response is complete
        self._trouble: Failure | Exception | None = None

    @property
    def usable(self) -> bool:
        """Whether a request could be sent now."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return False
        return self._reader is None and not self._unread  # unread: bytes nobody asked for

    def send(self, data: bytes, reader: ReplyReader) -> asyncio.Future[Failure | None]:
        """Send a request; its response goes to the reader.

        Returns:
            A future of the exchange's end: None, or why it failed.
        """
        assert self._transport is not None
        assert self._reader is None
        self._reset()
        self._reader, self.sent = reader, None
        self._done = asyncio.get_running_loop().create_future()
        self._transport.write(data)
        if not self._paused:
            self.sent = perf_counter()
        return self._done

    def fail(self, failure: Failure) -> None:
        """End the exchange, if one is under way, and close the connection."""
        self._settle(failure)
        self.close()

    def close(self) -> None:
        """Close at once; the server sees a dropped connection."""
        if self._transport is not None:
            self._transport.abort()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport; its buffer tells when the last byte has left."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass
        self._transport.set_write_buffer_limits(high=0)

    def pause_writing(self) -> None:
        """Some bytes did not fit into the socket yet."""
        self._paused = True

    def resume_writing(self) -> None:
        """All bytes are with the socket."""
        self._paused = False
        if self._reader is not None and self.sent is None:
            self.sent = perf_counter()

    def data_received(self, data: bytes) -> None:
        """Stamp; parse later in this turn of the loop."""
        at = perf_counter()
        if not self._unread:
            self._inbox.add(self)
        self._unread.append((at, data))

    def parse(self) -> None:
        """Parse what was read, with the times at which it was."""
        unread, self._unread = self._unread, []
        for at, data in unread:
            self._parse(data, at)

    def _parse(self, data: bytes, at: float) -> None:
        self._at = at
        reader = self._reader
        if reader is None:  # bytes that nobody asked for
            self.close()
            return
        if reader.first_byte is None:
            reader.first_byte = at
        if self._in_head:
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            if self._trouble is None:
                self._trouble = self._not_http(data, error)
        if self._trouble is None and self._in_head:
            self._check_head()
        if self._trouble is not None:
            self._settle(self._trouble)
            self.close()
        elif self._whole:
            self._settle(None)
            self._rest()
        elif reader.ended and self._linger is None:
            loop = asyncio.get_running_loop()
            self._linger = loop.call_later(_LINGER_S, self._stop_lingering)

    def eof_received(self) -> bool:
        """Let the transport close."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """End the exchange: a body without a stated length ends here rightly."""
        at = perf_counter()
        self.parse()
        reader = self._reader
        if reader is not None:
            try:
                if self._ends_with_connection() and exc is None:
                    reader.close(at)
                else:
                    reader.lost(clean(str(exc)) if exc else "end of data", at)
                self._settle(None)
            except Trouble as trouble:
                self._settle(trouble.failure)
        self._transport = None
        self._on_lost(self)

    # httptools; exceptions must not pass through the parser, so they are kept.

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header; of equal names the first, as they must not differ."""
        key = name.decode("latin-1").lower()
        self._headers.setdefault(key, value.decode("latin-1"))

    def on_headers_complete(self) -> None:
        """Pass the head on, unless it is an interim one (1xx)."""
        if self._whole:  # a second response to one request: see on_message_complete
            return
        self._status = self._parser.get_status_code()
        if self._status >= 200 and self._reader is not None:
            self._in_head = False
            self._guard(self._reader.head, self._status, self._headers)
        self._check_head()

    def on_body(self, data: bytes) -> None:
        """Pass a piece of the body on with the time at which it was read."""
        if self._reader is not None and self._trouble is None and not self._whole:
            self._guard(self._reader.body, data, self._at)

    def on_message_complete(self) -> None:
        """Note the end, unless of an interim response."""
        if self._status < 200:
            self._headers = {}
            return
        if self._whole:  # more than was asked for: use this connection no more
            self._reusable = False
            return
        self._whole, self._reusable = True, self._parser.should_keep_alive()
        if self._reader is not None and self._trouble is None:
            self._guard(self._reader.close, self._at)

    def _guard(self, step: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> None:
        try:
            step(*args, **kwargs)
        except Trouble as trouble:
            self._trouble = trouble.failure
        except Exception as error:  # from the caller's on_text: theirs to see
            self._trouble = error

    def _check_head(self) -> None:
        size = self._head_bytes if self._in_head else sum(map(len, self._headers.values()))
        if size > self._limits.header_bytes and self._trouble is None:
            self._trouble = Failure(
                "oversize",
                f"{self._url} sent more than {self._limits.header_bytes} bytes of headers: "
                "is base_url right?",
            )

    def _not_http(self, data: bytes, error: Exception) -> Failure:
        hide = self._reader.hide if self._reader is not None else str
        shown = clean(hide(data[:4096].decode("latin-1")), 60)
        hint = "is base_url right?"
        if data[:2] == b"\x15\x03":  # a TLS alert
            hint = "it speaks TLS: does base_url begin with https://?"
        return Failure(
            "protocol",
            f"{self._url} sent what is not HTTP ({clean(str(error), 60)}; {shown!r}): {hint}",
            self._status or None,
        )

    def _ends_with_connection(self) -> bool:
        framed = "content-length" in self._headers or "transfer-encoding" in self._headers
        return self._status >= 200 and not self._in_head and not framed

    def _stop_lingering(self) -> None:
        self._linger = None
        self._settle(None)
        self.close()

    def _settle(self, end: Failure | Exception | None) -> None:
        if self._linger is not None:
            self._linger.cancel()
            self._linger = None
        done, self._done, self._reader = self._done, None, None
        if done is None or done.done():
            return
        if isinstance(end, Exception):
            done.set_exception(end)
        else:
            done.set_result(end)

    def _rest(self) -> None:
        if self._reusable and self.usable:
            self.idle_since = perf_counter()
            self._on_idle(self)
        else:
            self.close()
