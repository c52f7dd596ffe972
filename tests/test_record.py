from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lmgame import record
from lmgame.agent import Decision
from lmgame.client.call import Call, Failure, Timing, Usage
from lmgame.errors import LogCorrupt, LogError, LogNeverBegan, LogVersionError
from lmgame.game import digest
from lmgame.games.tetris import TetrisVersus
from lmgame.record import (
    SCHEMA_VERSION,
    Header,
    Played,
    Result,
    Suspended,
    decode,
    encode,
    essence,
)
from tests.nim import Nim
from tests.table import Table, header, spread

BYTES = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@pytest.fixture
def played(tmp_path: Path) -> Table:
    table = Table(Nim, [spread, spread], tmp_path / "log.jsonl")
    table.play()
    return table


def test_a_log_reads_back_what_was_written(played: Table) -> None:
    log = played.log()
    assert log.header.game == "Nim-v1"
    assert log.result is not None
    assert len(log.played) == sum(log.result.decisions)
    lines: list[Header | Played | Result] = [log.header, *log.played, log.result]
    assert [encode(one) for one in lines] == [line + b"\n" for line in played.lines()]


@given(
    reply=st.text(st.characters(exclude_categories=["Cs"])),
    status=st.none() | st.integers(100, 599),
    times=st.lists(st.floats(0, 1e6, allow_nan=False), max_size=5),
)
def test_any_reply_survives_the_log(reply: str, status: int | None, times: list[float]) -> None:
    failure = Failure("status", reply, status) if status else None
    timing = Timing(0.0, 1.0, chunks=tuple(times))
    call = Call("m", "d", reply, timing, Usage(1, None), reply, failure=failure)
    line = Suspended(0, 1, reply, (Decision(None, "failed", reply, (call,)),), 0.5)
    data = encode(line)
    assert data.count(b"\n") == 1
    assert decode(data[:-1], "x") == line


def test_every_torn_tail_is_left_out_and_nothing_before_it(played: Table, tmp_path: Path) -> None:
    data = played.path.read_bytes() if played.path else b""
    whole = played.log()
    ends = [end for end, byte in enumerate(data, start=1) if byte == ord("\n")]
    torn = tmp_path / "torn.jsonl"
    for size in range(0, len(data) + 1, 7):
        torn.write_bytes(data[:size])
        lines = sum(end <= size for end in ends)
        if lines == 0:
            with pytest.raises(LogNeverBegan):
                record.read(torn)
            continue
        log = record.read(torn)
        assert log.played == whole.played[: lines - 1]
        assert log.size <= size


@given(data=st.data())
@BYTES
def test_a_changed_byte_is_found_and_its_line_named(played: Table, data: st.DataObject) -> None:
    assert played.path is not None
    original = played.path.read_bytes()
    place = data.draw(st.integers(0, len(original) - 2))
    value = data.draw(st.integers(0, 255))
    if original[place] == value or ord("\n") in (original[place], value):
        return
    changed = original[:place] + bytes([value]) + original[place + 1 :]
    other = played.path.with_name("changed.jsonl")
    other.write_bytes(changed)
    line = original[:place].count(b"\n") + 1
    with pytest.raises(LogError, match=f"changed.jsonl:{line}: "):
        record.read(other)


def test_half_a_landing_is_left_out(tmp_path: Path) -> None:
    table = Table(TetrisVersus, [spread, spread], tmp_path / "log.jsonl")
    table.play()
    lines = table.lines()
    torn = tmp_path / "torn.jsonl"
    torn.write_bytes(b"\n".join(lines[:4]) + b"\n")  # header, two decisions, one decision
    log = record.read(torn)
    assert len(log.landings) == 1
    assert log.size == len(b"\n".join(lines[:3])) + 1


def test_a_newer_schema_says_to_upgrade(tmp_path: Path) -> None:
    line = json.loads(encode(header(Nim())))
    line["schema_version"] = SCHEMA_VERSION + 1
    line["something_new"] = {}
    path = tmp_path / "new.jsonl"
    path.write_bytes(json.dumps(line).encode() + b"\n")
    with pytest.raises(LogVersionError, match="pip install -U lmgame"):
        record.read(path)


def test_an_unknown_field_is_refused() -> None:
    body = encode(header(Nim())).rpartition(b',"sum"')[0][: -0 or None]
    body = body + b',"extra":1}'

    line = body[:-1] + b',"sum":"' + digest(body).encode() + b'"}'
    with pytest.raises(LogCorrupt, match="extra"):
        decode(line, "x:1")


@pytest.mark.parametrize(
    "text", [b"", b"\n", b"hello\n", b"{}\n", b"[]\n", b"\xff\xfe\n", b"null\n"]
)
def test_what_is_no_log_is_refused(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "no.jsonl"
    path.write_bytes(text)
    with pytest.raises(LogError):
        record.read(path)


def test_a_missing_log_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LogError, match="cannot read"):
        record.read(tmp_path / "none.jsonl")


def test_lines_out_of_order_are_refused(played: Table) -> None:
    assert played.path is not None
    lines = played.lines()
    lines[2], lines[3] = lines[3], lines[2]
    played.path.write_bytes(b"\n".join(lines) + b"\n")
    with pytest.raises(LogCorrupt, match="landing 2 where 1 is due"):
        played.log()


def test_nothing_follows_a_result(played: Table) -> None:
    assert played.path is not None
    lines = played.lines()
    played.path.write_bytes(b"\n".join([*lines, lines[1]]) + b"\n")
    with pytest.raises(LogCorrupt, match="does not belong here"):
        played.log()


def test_essence_leaves_out_what_was_measured_only() -> None:
    one = header(Nim(), created="now")
    other = header(Nim(), created="later", versions={"a": "1"})
    assert essence([encode(one)]) == essence([encode(other)])
    assert essence([encode(one)]) != essence([encode(header(Nim(), seed=2))])


def test_the_header_comes_first_in_the_file(played: Table) -> None:
    first = decode(played.lines()[0], "x")
    assert isinstance(first, Header)
    assert played.lines()[0].startswith(b'{"type":"header","schema_version":1,')
