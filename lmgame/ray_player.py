"""What plays on one node of a Ray cluster; knows nothing of Ray.

It is to its node what ``executor=local`` is to one machine: an event loop that reads
all sockets, with worker processes beside it. Its logs lie in a folder of its own,
from where whoever leads the run takes them.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from lmgame import __version__
from lmgame.backend import BackendClient, key
from lmgame.backend_settings import AnyBackend
from lmgame.client import Endpoint
from lmgame.errors import LmgameError, UsageError
from lmgame.executor import Local
from lmgame.plan import Planned
from lmgame.record import Result, Suspended


@dataclass(frozen=True, slots=True)
class Played:
    """A match that was played.

    Attributes:
        result: How it ended.
        log: Its log's bytes.
    """

    result: Result | Suspended
    log: bytes


@dataclass(frozen=True, slots=True)
class Failed:
    """A match that could not be played; in words, as not every error can be sent.

    Attributes:
        usage: Whether the request itself is at fault.
        reason: The error's message.
    """

    usage: bool
    reason: str


class Player:
    """Plays the matches that it is sent, as many at a time as it is sent.

    Args:
        workers: How many processes to have beside the event loop.
    """

    def __init__(self, workers: int) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="lmgame-")
        self._clients: dict[tuple[str, str], BackendClient] = {}
        self._endpoints: Mapping[str, Endpoint] = {}
        self._local = Local(self._client, lambda planned: None, 1, workers)

    async def ready(self) -> str:
        """The version of this package that plays here."""
        return __version__

    async def play(
        self, ticket: int, planned: Planned, begun: bytes, endpoints: Mapping[str, Endpoint]
    ) -> Played | Failed:
        """Play a match.

        Args:
            ticket: What to call it; each attempt at a match has its own.
            planned: The match.
            begun: What there is of its log.
            endpoints: Where its backends are, by lmgame.backend.key.
        """
        path = self._path(ticket)
        path.write_bytes(begun)
        self._endpoints = {**self._endpoints, **endpoints}
        try:
            result = await self._local.play(replace(planned, path=path))
            return Played(result, path.read_bytes())
        except LmgameError as error:
            return Failed(isinstance(error, UsageError), str(error))
        finally:
            path.unlink(missing_ok=True)

    async def news(self, known: Mapping[int, int]) -> dict[int, bytes]:
        """What was written of matches under way, beyond the bytes that are known."""
        found = {}
        for ticket, size in known.items():
            try:
                with self._path(ticket).open("rb") as log:
                    log.seek(size)
                    found[ticket] = log.read()
            except FileNotFoundError:  # it has just ended
                continue
        return found

    async def close(self) -> None:
        """Let go of workers, connections and the folder."""
        self._local.close()
        for client in self._clients.values():
            await client.close()
        self._folder.cleanup()

    def _path(self, ticket: int) -> Path:
        return Path(self._folder.name) / f"{ticket}.jsonl"

    def _client(self, backend: AnyBackend) -> BackendClient:
        """The client of this node for a backend; its key is read here."""
        endpoint = self._endpoints[key(backend)]
        name = (key(backend), endpoint.base_url)
        if name not in self._clients:
            self._clients[name] = BackendClient(backend)
            self._clients[name].open(endpoint)
        return self._clients[name]
