"""The control channel between router and worker: JSON lines over a socket pair.

Only words travel here: requests, tokens, slab numbers, time stamps. KV state goes
through shared memory.

Router to worker: ``start`` (id, slot, request, tokens; the slab to fill with the prompt's
state, or ``exported`` and the slab to read it from, or neither), ``cancel`` (id), ``tune``
(threads) and ``measure``. Worker to router: ``ready``, ``fatal``, ``measured``,
``prefilled``, ``first``, ``kept``, ``deltas``, ``exported``, ``loaded`` and, exactly once
per start, an end: ``exported`` or ``done``. All times are ``time.monotonic()``
seconds, which processes of one machine share.
"""

from __future__ import annotations

import json
import os
import queue
import socket
import threading
from collections.abc import Mapping
from typing import Any

Message = dict[str, Any]


def encode(*messages: Mapping[str, Any]) -> bytes:
    """Messages as lines."""
    return b"".join(json.dumps(m, separators=(",", ":")).encode() + b"\n" for m in messages)


class WorkerChannel:
    """The worker's end: a reading thread and a blocking writer.

    Args:
        descriptor: The inherited socket.
    """

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=descriptor)
        self._inbox: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self.cancelled: set[int] = set()
        threading.Thread(target=self._read, name="control", daemon=True).start()

    def _read(self) -> None:
        try:
            with self._socket.makefile("rb") as lines:
                for line in lines:
                    message: Message = json.loads(line)
                    if message["op"] == "cancel":
                        # Seen at once, so that a running prefill stops at its next chunk.
                        self.cancelled.add(message["id"])
                    self._inbox.put(message)
        except (OSError, ValueError):
            pass
        # The router is gone. The main thread may be deep in a C call for a second,
        # and there is nothing left to clean up.
        os._exit(0)

    def receive(self, *, wait: bool) -> Message | None:
        """The next message; None when there is none and ``wait`` is false."""
        try:
            return self._inbox.get(block=wait)
        except queue.Empty:
            return None

    def send(self, *messages: Mapping[str, Any]) -> None:
        """Send messages; the process ends if the router is gone."""
        try:
            self._socket.sendall(encode(*messages))
        except OSError:
            os._exit(0)
