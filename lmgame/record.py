"""The match log: one JSONL file per match, append-only.

A header, one line per decision, one result line; docs/log.md shows each field.
Every line ends in a checksum of its own bytes, so a changed byte is found and
its line named. Decisions that landed together are written in one go; a log
whose last line or last landing is incomplete (the process was killed) is read
up to the landing before. A log without a result is an unfinished match.

Measured values (times, and what the server tells of itself) sit in fields of
their own; :func:`essence` is a line without them, for comparing two matches.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from lmgame.client.call import Call
from lmgame.errors import LogCorrupt, LogError, LogNeverBegan, LogVersionError
from lmgame.game import Json, State, digest
from lmgame.schema import (
    MEASURED,
    SCHEMA_VERSION,
    TRANSPORT,
    Abandoned,
    Header,
    Played,
    Result,
    Seat,
    Suspended,
    match_key,
)

__all__ = [
    "MEASURED",
    "SCHEMA_VERSION",
    "TRANSPORT",
    "Abandoned",
    "Header",
    "Log",
    "Played",
    "Result",
    "Seat",
    "Suspended",
    "Writer",
    "decode",
    "encode",
    "essence",
    "match_key",
    "read",
]

_SUM = b',"sum":"'
_SUM_BYTES = len(_SUM) + 16 + len(b'"}')


Line = Annotated[Header | Played | Suspended | Result, Field(discriminator="type")]
_LINE: TypeAdapter[Header | Played | Suspended | Result] = TypeAdapter(Line)
_WRITERS: dict[type, TypeAdapter[Header | Played | Suspended | Result]] = {
    kind: TypeAdapter(kind) for kind in (Header, Played, Suspended, Result)
}  # twice as fast as through the union


@dataclass(slots=True)
class Log:
    """A match log that was read.

    Attributes:
        path: Where it came from.
        header: The first line.
        landings: The decisions, grouped by landing, in order.
        suspended: Interruptions by a failing backend.
        result: How it ended, or None for an unfinished match.
        size: Bytes of the file that are whole; what follows is torn.
        lines: Line number (from 1) of the first line of each landing.
    """

    path: Path
    header: Header
    landings: list[tuple[Played, ...]] = field(default_factory=list)
    suspended: list[Suspended] = field(default_factory=list)
    result: Result | None = None
    size: int = 0
    lines: list[int] = field(default_factory=list)

    @property
    def played(self) -> list[Played]:
        """All decisions, in order."""
        return [one for landing in self.landings for one in landing]

    def calls(self, seat: int | None = None) -> Iterator[tuple[float | None, list[Call]]]:
        """The calls of each decision, with its time to action in seconds.

        Failed ones of suspensions too, and those of decisions that never landed,
        for which nobody waited any more: their time is None.

        Args:
            seat: Whose; None for everybody's.
        """
        timed: list[tuple[float | None, Played | Suspended | Abandoned]] = [
            *((one.seconds, one) for one in self.played),
            *((stop.seconds, stop) for stop in self.suspended),
            *((None, left) for left in (self.result.abandoned if self.result else ())),
        ]
        for seconds, one in timed:
            if seat in (None, one.seat):
                yield seconds, [call for each in one.tries for call in each.calls]


def encode(line: Header | Played | Suspended | Result) -> bytes:
    """One line of a log, with its checksum and newline."""
    body = _WRITERS[type(line)].dump_json(line)
    return body[:-1] + _SUM + digest(body).encode() + b'"}\n'


def decode(data: bytes, where: str) -> Header | Played | Suspended | Result:
    """Read one line.

    Args:
        data: The line, without its newline.
        where: ``path:line``, for messages.

    Raises:
        LogVersionError: A newer schema wrote it.
        LogCorrupt: It is damaged, or not a line of a match log.
    """
    body = data[:-_SUM_BYTES] + b"}"
    found = data[-_SUM_BYTES:]
    if not (found.startswith(_SUM) and found.endswith(b'"}')):
        _refuse_newer(data, where)
        raise LogCorrupt(f"{where}: not a whole line of a match log (no checksum at its end)")
    if found[len(_SUM) : -2] != digest(body).encode():
        raise LogCorrupt(f"{where}: the line was changed after it was written (checksum differs)")
    _refuse_newer(body, where)
    try:
        return _LINE.validate_json(body)
    except ValidationError as error:
        first = error.errors()[0]
        at = ".".join(str(part) for part in first["loc"])
        raise LogCorrupt(f"{where}: {at}: {first['msg']}") from None


def _refuse_newer(body: bytes, where: str) -> None:
    """Look at the version before anything else: newer lines may be shaped differently."""
    try:
        line = json.loads(body)
    except ValueError:
        return
    version = line.get("schema_version") if isinstance(line, dict) else None
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise LogVersionError(
            f"{where}: written with log schema {version}, this lmgame reads up to "
            f"{SCHEMA_VERSION}: pip install -U lmgame"
        )


def read(path: Path) -> Log:
    """Read a match log.

    A torn tail (an incomplete last line or landing) is left out; anything else
    that is wrong is an error that names its line.

    Raises:
        LogError: The file cannot be read, or is no match log.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise LogError(f"cannot read {path}: {error.strerror}") from None
    log: Log | None = None
    pending: list[Played] = []
    position = 0
    for number, raw in enumerate(data.split(b"\n")[:-1], start=1):
        line = decode(raw, f"{path}:{number}")
        position += len(raw) + 1
        if log is None:
            if not isinstance(line, Header):
                raise LogCorrupt(f"{path}:{number}: a match log begins with its header")
            log = Log(path, line, size=position)
        elif log.result is not None or isinstance(line, Header):
            raise LogCorrupt(f"{path}:{number}: a line of type {line.type!r} does not belong here")
        else:
            _append(log, pending, line, number, position)
    if log is None:
        raise LogNeverBegan(f"{path} holds no whole line: no match was played here")
    return log


def _append(
    log: Log, pending: list[Played], line: Played | Suspended | Result, number: int, position: int
) -> None:
    if isinstance(line, Played):
        expected = pending[0].landing if pending else len(log.landings)
        if line.landing != expected:
            raise LogCorrupt(f"{log.path}:{number}: landing {line.landing} where {expected} is due")
        pending.append(line)
        if len(pending) == line.of:
            log.lines.append(number - line.of + 1)
            log.landings.append(tuple(pending))
            pending.clear()
            log.size = position
        return
    if pending:
        raise LogCorrupt(f"{log.path}:{number}: the landing before this line is incomplete")
    if isinstance(line, Suspended):
        log.suspended.append(line)
    else:
        log.result = line
    log.size = position


class Writer:
    """Appends to a match log; every call reaches the operating system whole.

    Args:
        path: The file; its folder is made.
        size: Keep this many bytes of an existing file (``Log.size``) and write
            after them; 0 begins a new log.
    """

    def __init__(self, path: Path, size: int = 0) -> None:
        how = os.O_RDWR | os.O_CREAT
        try:
            self._file = os.open(path, how, 0o644)
        except FileNotFoundError:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, how, 0o644)
        # A process that played here and was killed may take a moment to be gone.
        fcntl.flock(self._file, fcntl.LOCK_EX)
        os.ftruncate(self._file, size)
        os.lseek(self._file, size, os.SEEK_SET)

    def write(self, lines: Sequence[Header | Played | Suspended | Result]) -> None:
        """Append lines in one go.

        Raises:
            LogError: The disk refuses, for example because it is full.
        """
        data = b"".join(encode(line) for line in lines)
        try:
            while data:
                data = data[os.write(self._file, data) :]
        except OSError as error:
            raise LogError(f"cannot write the match log: {error.strerror}") from None

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)


def essence(lines: Iterable[bytes]) -> list[State]:
    """The lines of a log without what was measured, for comparing matches."""
    return [line for raw in lines if (line := _without(json.loads(raw))).get("type") != "suspended"]


def _without(value: State) -> State:
    return {key: _strip(item) for key, item in value.items() if key not in MEASURED}


def _strip(value: Json) -> Json:
    if isinstance(value, dict):
        return _without(value)
    if isinstance(value, list):
        return [_strip(item) for item in value]
    return value
