"""Every failure ends as data: the right kind, a clear line, and no key in it."""

from __future__ import annotations

import asyncio
import socket
import tracemalloc
from time import perf_counter

import pytest

from lmgame.client import Call, Client, Endpoint, Limits, Message, Request
from lmgame.scripted_server import Received, Reply, ScriptedServer

ANY = Request([Message("user", "Which move?")])
PATIENT, HASTY = Limits(total_s=20), Limits(total_s=0.2)
HUGE = 10_000_000


def complete(url: str, limits: Limits = PATIENT, model: str = "scripted") -> Call:
    async def run() -> Call:
        async with Client(Endpoint(url, model, "LMGAME_TEST_KEY", limits)) as client:
            return await client.complete(ANY)

    return asyncio.run(run())


CASES = [
    ("500", Reply("cuda is gone", status=500), PATIENT, "status", "cuda is gone"),
    ("401", Reply("no such key", status=401), PATIENT, "status", "$LMGAME_TEST_KEY"),
    ("404", Reply("no such model", status=404), PATIENT, "status", "'scripted'"),
    ("400", Reply("context is 2048 tokens", status=400), PATIENT, "status", "2048 tokens"),
    ("html", Reply(body=b"<h1>Bad\nGateway</h1>", status=502), PATIENT, "status", "Bad Gateway"),
    ("no body", Reply(body=b"", status=503), PATIENT, "status", "look at the server's log"),
    ("huge error", Reply(body=b"e" * HUGE, status=500), PATIENT, "status", "eee…"),
    (
        "redirect",
        Reply(body=b"", status=307, headers={"Location": "http://other/v1"}, stream=False),
        PATIENT,
        "protocol",
        "to http://other/v1",
    ),
    ("cut", Reply("a b c d", break_after=3, ending="close"), PATIENT, "disconnect", "2 chunks"),
    ("no end", Reply("a b", break_after=3, ending="close"), PATIENT, "disconnect", "chunks"),
    ("half, silence", Reply(break_after=2, ending="silence"), HASTY, "timeout", "total_s"),
    ("no tokens", Reply(break_after=1, ending="silence"), HASTY, "timeout", "total_s"),
    ("silence", Reply(raw=b"", ending="silence"), HASTY, "timeout", "total_s"),
    ("closed", Reply(raw=b"", ending="close"), PATIENT, "disconnect", "before any response"),
    ("empty stream", Reply(events=[]), PATIENT, "protocol", "empty stream"),
    ("nothing", Reply(events=[], done=False), PATIENT, "protocol", "no JSON object"),
    ("bad JSON", Reply(events=['{"choices": [']), PATIENT, "protocol", "no JSON object"),
    ("bad body", Reply(body=b"OK", stream=False), PATIENT, "protocol", "no JSON object"),
    ("other API", Reply(body=b'{"ok": 1}', stream=False), PATIENT, "protocol", "'choices'"),
    ("not HTTP", Reply(raw=b"SSH-2.0-x\r\n"), PATIENT, "protocol", "SSH-2.0"),
    ("TLS", Reply(raw=b"\x15\x03\x01\x00\x02\x02\x46"), PATIENT, "protocol", "https"),
    ("error", Reply(events=['{"error": {"message": "gone"}}']), PATIENT, "server", "gone"),
    ("whole error", Reply(body=b'{"error": "gone"}', stream=False), PATIENT, "server", "gone"),
    ("huge event", Reply(chunks=["x" * HUGE]), PATIENT, "oversize", "max_tokens"),
    ("huge text", Reply(chunks=["x" * 1000] * 10_000), PATIENT, "oversize", "max_tokens"),
    ("huge body", Reply(body=b"x" * HUGE, stream=False), PATIENT, "oversize", "max_tokens"),
    (
        "endless",
        Reply("word", break_after=2, ending="endless"),
        Limits(reply_bytes=100_000),
        "oversize",
        "the 100000 bytes that a reply may hold",
    ),
    ("packed", Reply(headers={"Content-Encoding": "gzip"}), PATIENT, "protocol", "compression"),
    ("header", Reply(headers={"X-A": "a" * 70_000}), PATIENT, "oversize", "headers"),
    ("headers", Reply(raw=b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 20_000), PATIENT, "oversize", ""),
    ("status line", Reply(raw=b"HTTP/1.1 200 " + b"O" * 100_000), PATIENT, "oversize", ""),
]


@pytest.mark.parametrize(
    ("reply", "limits", "kind", "text"), [case[1:] for case in CASES], ids=[c[0] for c in CASES]
)
def test_failures_are_data(reply: Reply, limits: Limits, kind: str, text: str, key: str) -> None:
    with ScriptedServer(reply) as server:
        begin = perf_counter()
        call = complete(server.base_url, limits)
        assert perf_counter() - begin < 10
    assert call.failure is not None
    assert call.failure.kind == kind
    assert text in call.failure.message
    assert call.failure.message.isprintable()
    assert len(call.failure.message) < 500
    assert key not in repr(call)
    assert call.timing.end > 0


def test_a_failed_stream_keeps_what_came(key: str) -> None:
    with ScriptedServer(Reply("one two three", break_after=3, ending="close")) as server:
        call = complete(server.base_url)
    assert call.reply == "one two"
    assert len(call.timing.chunks) == 2
    assert call.usage.completion is None


def test_429_tells_how_long_to_wait(key: str) -> None:
    with ScriptedServer(Reply("slow", status=429, headers={"Retry-After": "7"})) as server:
        failure = complete(server.base_url).failure
    assert failure is not None
    assert (failure.kind, failure.status, failure.retry_after_s) == ("status", 429, 7.0)
    assert "wait 7 s" in failure.message


def test_a_wrong_key_and_a_wrong_model(key: str) -> None:
    with ScriptedServer(key="another") as server:
        failure = complete(server.base_url).failure
        assert failure is not None
        assert failure.status == 401
        assert "$LMGAME_TEST_KEY" in failure.message
    with ScriptedServer(key=key) as server:
        assert complete(server.base_url).failure is None
        failure = complete(server.base_url, model="gpt-99").failure
        assert failure is not None
        assert failure.status == 404
        assert "'gpt-99'" in failure.message


@pytest.mark.parametrize("shape", ["error", "reply", "event", "reasoning", "server", "raw"])
def test_a_server_that_repeats_the_key_does_not_get_it_shown(shape: str, key: str) -> None:
    def leak(received: Received) -> Reply:
        said = received.headers["authorization"].removeprefix("Bearer ")
        assert said == key
        return {
            "error": Reply("x" * 190 + said, status=401),  # where a cut would halve it
            "reply": Reply(chunks=["key ", said]),
            "event": Reply(events=['{"error": "' + "x" * 190 + said + '"}']),
            "reasoning": Reply(reasoning=[said], finish=said),
            "server": Reply(server={"mode": said, said: 1}),
            "raw": Reply(raw=("x" * 50 + said).encode()),
        }[shape]

    with ScriptedServer(leak) as server:
        call = complete(server.base_url)
    assert key[:8] not in repr(call)


def test_terminal_escapes_do_not_reach_the_terminal(key: str) -> None:
    with ScriptedServer(
        Reply("\x1b[2J\x1b]0;owned\x07 \u202eevil\r\nSet: x", status=500)
    ) as server:
        failure = complete(server.base_url).failure
    assert failure is not None
    assert failure.message.isprintable()
    assert "owned" in failure.message


def test_refused_and_unknown_hosts(key: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound but not listening: refuses
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        failure = complete(url).failure
    assert failure is not None
    assert failure.kind == "connect"
    assert url in failure.message
    assert "is the server running" in failure.message


def test_a_plain_server_asked_for_tls(key: str) -> None:
    with ScriptedServer() as server:
        failure = complete(server.base_url.replace("http:", "https:")).failure
    assert failure is not None
    assert failure.kind == "connect"


def test_a_connection_that_takes_too_long(key: str) -> None:
    with socket.socket() as deaf:  # a full queue of connections: the next one hangs
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(deaf.getsockname())
            fillers.append(filler)
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}/v1"
        failure = complete(url, Limits(connect_s=0.2, total_s=5)).failure
        for filler in fillers:
            filler.close()
    assert failure is not None
    assert failure.kind == "timeout"
    assert "raise backend.connect_s" in failure.message


def test_the_first_token_has_its_own_limit(key: str) -> None:
    limits = Limits(first_token_s=0.5, total_s=20)
    with ScriptedServer([Reply(ttft_s=30), Reply("a b c", itl_s=0.3)]) as server:
        failure = complete(server.base_url, limits).failure
        assert failure is not None
        assert failure.kind == "timeout"
        assert "raise backend.first_token_s" in failure.message
        assert complete(server.base_url, limits).failure is None  # slow later, which is allowed


def test_an_endless_reply_takes_bounded_memory(key: str) -> None:
    endless = Reply("word " * 50, break_after=2, ending="endless")
    with ScriptedServer(endless) as server:
        tracemalloc.start()
        failure = complete(server.base_url, Limits(reply_bytes=200_000)).failure
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert failure is not None
    assert failure.kind == "oversize"
    assert peak < 10 << 20


def test_whatever_a_server_does_the_next_call_is_served(key: str) -> None:
    replies = [case[1] for case in CASES if case[2] is PATIENT]
    replies.remove(Reply(raw=b"", ending="close"))  # is tried again, see test_connection.py

    async def run(url: str) -> list[Call]:
        endpoint = Endpoint(url, "scripted", "LMGAME_TEST_KEY", PATIENT)
        async with Client(endpoint) as client:
            return [await client.complete(ANY) for _ in range(2 * len(replies))]

    script = [reply for bad in replies for reply in (bad, Reply("fine"))]
    with ScriptedServer(script) as server:
        calls = asyncio.run(run(server.base_url))
        served = len(server.requests)
    assert [call.failure is None for call in calls] == [False, True] * len(replies)
    assert served == len(script)
