"""Keeps connections for the next call; taking and giving back are O(1)."""

from __future__ import annotations

import asyncio
import ssl
from time import perf_counter

from lmgame.client.call import Failure
from lmgame.client.connection import Connection, Inbox
from lmgame.client.endpoint import Endpoint
from lmgame.client.trouble import Trouble, no_connection, too_slow

_IDLE_S = 60.0
"""Connections that idled longer are likely to be dropped by something on the way."""


class Pool:
    """The connections to one server.

    There is no upper bound on their number: a call that had to wait for a free
    connection would measure the client. The one used last is taken first.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._address = endpoint.address
        self._tls = ssl.create_default_context() if self._address.tls else None
        self._inbox = Inbox()
        self._idle: dict[Connection, None] = {}
        self._all: set[Connection] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    def take(self) -> Connection | None:
        """Take an idle connection, or None where there is none worth taking."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:  # connections cannot follow to another loop
            self._idle.clear()
            self._all.clear()
            self._inbox = Inbox()
            self._loop = loop
        while self._idle:
            connection, _ = self._idle.popitem()
            if connection.usable and perf_counter() - connection.idle_since < _IDLE_S:
                return connection
            connection.close()
        return None

    async def connect(self, within_s: float) -> Connection:
        """Open a connection.

        Args:
            within_s: Seconds that this may take, besides the endpoint's limit.

        Raises:
            Trouble: There is no connection to be had.
        """
        loop = asyncio.get_running_loop()
        address, limits = self._address, self._endpoint.limits
        seconds = max(min(limits.connect_s, within_s), 0.0)
        try:
            async with asyncio.timeout(seconds) as timer:
                _, connection = await loop.create_connection(
                    self._made,
                    address.host,
                    address.port,
                    ssl=self._tls,
                    server_hostname=address.host if self._tls else None,
                )
        except (OSError, UnicodeError) as error:
            if timer.expired():
                limit = "connect_s" if seconds == limits.connect_s else "total_s"
                raise Trouble(too_slow(self._endpoint, "connection", limit, seconds)) from None
            raise Trouble(no_connection(self._endpoint, error)) from None
        self._all.add(connection)
        return connection

    async def warm(self, connections: int) -> Failure | None:
        """Have this many connections idle; says why where that cannot be."""
        if (idle := self.take()) is not None:
            self._keep(idle)
        for _ in range(connections - len(self._idle)):
            try:
                connection = await self.connect(self._endpoint.limits.connect_s)
            except Trouble as trouble:
                return trouble.failure
            connection.idle_since = perf_counter()
            self._keep(connection)
        return None

    async def close(self) -> None:
        """Close every connection; calls under way end as cancelled."""
        closed = Failure("cancelled", f"the client of {self._endpoint.base_url} was closed")
        for connection in list(self._all):
            connection.fail(closed)
        for _ in range(100):  # let the loop tell the transports
            if not self._all:
                break
            await asyncio.sleep(0)

    def _made(self) -> Connection:
        url, limits = self._endpoint.base_url, self._endpoint.limits
        return Connection(url, limits, self._inbox, self._keep, self._forget)

    def _keep(self, connection: Connection) -> None:
        self._idle[connection] = None

    def _forget(self, connection: Connection) -> None:
        self._idle.pop(connection, None)
        self._all.discard(connection)
