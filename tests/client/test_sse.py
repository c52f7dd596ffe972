from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmgame.client.sse import Event, EventParser, EventTooLong

LINES = st.one_of(
    st.just(b""),
    st.just(b""),
    st.binary(max_size=12).map(lambda b: b.replace(b"\r", b"").replace(b"\n", b"")),
    st.text(max_size=8).map(
        lambda s: b"data: " + s.encode("utf-8", "replace").replace(b"\r", b"").replace(b"\n", b"")
    ),
    st.sampled_from([b"data", b"data:", b"data:x", b"data: [DONE]", b": ping", b"event: error"]),
    st.sampled_from([b"id: 3", b"retry: 5", b"data: {}", b"\xef\xbb\xbfdata: bom", b"data:  two"]),
)
STREAMS = st.lists(st.tuples(LINES, st.sampled_from([b"\n", b"\r\n", b"\r"])), max_size=30).map(
    lambda pairs: b"".join(line + end for line, end in pairs)
)

unhurried = settings(deadline=None)  # the machine may be busy with other things


def parse(pieces: Sequence[bytes]) -> list[Event]:
    return parse_with(EventParser(), pieces)


def parse_with(parser: EventParser, pieces: Iterable[bytes]) -> list[Event]:
    return [event for piece in pieces for event in parser.feed(piece)]


def reference(stream: bytes) -> list[Event]:
    """The standard's algorithm, line by line over the whole text; no regard for speed."""
    text = stream.decode("utf-8", "replace").removeprefix("\ufeff")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    events, data, kind = [], list[str](), ""
    for line in text.split("\n")[:-1]:
        if line == "":
            if data:
                events.append(Event("\n".join(data), kind))
            data, kind = [], ""
            continue
        name, _, value = line.partition(":")
        value = value[1:] if value.startswith(" ") else value
        if name == "data":
            data.append(value)
        elif name == "event":
            kind = value
    return events


@unhurried
@given(STREAMS, st.data())
def test_events_do_not_depend_on_where_bytes_are_split(stream: bytes, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    edges = [0, *cuts, len(stream)]
    pieces = [stream[a:b] for a, b in itertools.pairwise(edges)]
    assert parse(pieces) == parse([stream])


@unhurried
@given(STREAMS)
def test_byte_by_byte_gives_the_same_events(stream: bytes) -> None:
    assert parse([bytes([byte]) for byte in stream]) == parse([stream])


@unhurried
@given(STREAMS)
def test_events_are_those_of_the_standard(stream: bytes) -> None:
    assert parse([stream]) == reference(stream)


@unhurried
@given(st.lists(st.binary(max_size=40)))
def test_any_bytes_are_survived(pieces: list[bytes]) -> None:
    parse(pieces)


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (b"data: a\n\n", [Event("a")]),
        (b"data: a\r\n\r\n", [Event("a")]),
        (b"data: a\r\rdata: b\r\r", [Event("a"), Event("b")]),
        (b"data: a\ndata: b\n\n", [Event("a\nb")]),
        (b": keep-alive\n\ndata:a\n\n", [Event("a")]),
        (b"data\n\n", [Event("")]),
        (b"data:  a\n\n", [Event(" a")]),
        (b"\xef\xbb\xbfdata: a\n\n", [Event("a")]),
        (b"event: error\ndata: a\n\n", [Event("a", "error")]),
        (b"event: x\n\ndata: a\n\n", [Event("a")]),
        (b"data: half", []),
        (b"data: no blank line\n", []),
        (b"data: \xff\xfe\n\n", [Event("\ufffd\ufffd")]),
        ("data: ♟\u2028\x85\n\n".encode(), [Event("♟\u2028\x85")]),
    ],
)
def test_known_streams(stream: bytes, expected: list[Event]) -> None:
    assert parse([stream]) == expected
    assert parse([bytes([byte]) for byte in stream]) == expected


def test_a_crlf_split_in_two_is_one_line_end() -> None:
    assert parse([b"data: a\r", b"\ndata: b\r", b"\n\r", b"\n"]) == [Event("a\nb")]


@pytest.mark.parametrize("size", [1, 7, 1000])
@pytest.mark.parametrize("unit", [b"data: xxxxxxxx", b"data: x\n"])
def test_an_endless_event_is_refused(size: int, unit: bytes) -> None:
    parser = EventParser(limit=5000)
    stream = unit * 1000
    pieces = itertools.cycle(stream[at : at + size] for at in range(0, len(stream), size))
    with pytest.raises(EventTooLong):
        parse_with(parser, itertools.islice(pieces, 20_000))


def test_time_is_linear_in_an_event_that_comes_in_small_pieces() -> None:
    def seconds(pieces: int) -> float:
        parser = EventParser(limit=1 << 30)
        begin = time.process_time()
        parser.feed(b"data: ")
        for _ in range(pieces):
            parser.feed(b"x" * 64)
        parser.feed(b"\n\n")
        return time.process_time() - begin

    small = min(seconds(2_000) for _ in range(5))
    large = min(seconds(40_000) for _ in range(3))
    assert large < 20 * small * 6  # quadratic would be 400 times as long
