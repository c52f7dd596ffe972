"""Server-sent events: bytes in, events out, as the WHATWG standard has them.

https://html.spec.whatwg.org/multipage/server-sent-events.html, section 9.2.6.
"""

from __future__ import annotations

from typing import NamedTuple


class Event(NamedTuple):
    """One event: its data lines joined by line feeds, and its type."""

    data: str
    type: str = ""


class EventTooLong(Exception):
    """One event grew beyond the parser's limit."""


class EventParser:
    """An incremental parser whose events do not depend on where bytes are split.

    Each byte is looked at a bounded number of times, so the whole is linear in
    the input; it keeps no more than one unfinished event.

    Args:
        limit: The most bytes that one unfinished event may hold.
    """

    __slots__ = ("_after_cr", "_data", "_held", "_limit", "_line", "_partial", "_start", "_type")

    def __init__(self, limit: int = 1 << 20) -> None:
        self._limit = limit
        self._line: list[bytes] = []  # pieces of a line without its end yet
        self._data: list[str] = []
        self._type = ""
        self._held = 0  # bytes in the data lines of the unfinished event
        self._partial = 0  # bytes in the pieces of the unfinished line
        self._after_cr = False
        self._start = True

    def feed(self, data: bytes) -> list[Event]:
        """Take more bytes and give the events that they complete.

        Raises:
            EventTooLong: An event exceeds the limit; the parser is of no more use.
        """
        if self._after_cr and data:
            self._after_cr = False
            if data[0] == 10:  # the second half of a CRLF that was split
                data = data[1:]
        if not data:
            return []
        if (  # one whole event and nothing else, as nearly all servers send them
            data.startswith(b"data: ")
            and data.endswith(b"\n\n")
            and data.count(b"\n") == 2
            and b"\r" not in data
            and not (self._line or self._data or self._type)
        ):
            self._start = False
            if len(data) > self._limit:
                raise EventTooLong
            return [Event(data[6:-2].decode("utf-8", "replace"))]
        events: list[Event] = []
        lines = data.splitlines(keepends=True)  # for bytes: CR, LF and CRLF, nothing else
        if lines[-1][-1] not in b"\r\n":
            rest = lines.pop()
        else:
            rest = b""
            self._after_cr = lines[-1][-1] == 13
        for line in lines:
            if self._line:
                self._line.append(line)
                line = b"".join(self._line)
                self._line.clear()
                self._partial = 0
            self._take(line.rstrip(b"\r\n"), events)
        if rest:
            self._line.append(rest)
            self._partial += len(rest)
            self._check()
        return events

    def _check(self) -> None:
        if self._held + self._partial > self._limit:
            raise EventTooLong

    def _take(self, line: bytes, events: list[Event]) -> None:
        if self._start:
            self._start = False
            line = line.removeprefix(b"\xef\xbb\xbf")
        if not line:
            if self._data:
                events.append(Event("\n".join(self._data), self._type))
                self._data = []
            self._type = ""
            self._held = 0
            return
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._held += len(value) + 1
            self._check()
            self._data.append(value.decode("utf-8", "replace"))
        elif name == b"event":
            self._type = value.decode("utf-8", "replace")[:100]
        # Comments (an empty name), id and retry mean nothing here.
