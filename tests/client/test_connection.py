"""Connections: reuse, staleness, cancellation, and HTTP's odder corners."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
import uvloop

from lmgame.client import Call, Client, Endpoint, Limits, Message, Request
from lmgame.scripted_server import Reply, ScriptedServer

ANY = Request([Message("user", "Which move?")])
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
BODY = (
    b'data: {"choices":[{"index":0,"delta":{"content":"left"}}]}\n\n'
    b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
    b"data: [DONE]\n\n"
)
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Run = Callable[[Coroutine[object, object, None]], None]


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """Run a coroutine on either loop."""
    return asyncio.run if request.param == "asyncio" else uvloop.run


def chunked(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def framed(data: bytes) -> bytes:
    return STREAM + b"Content-Length: %d\r\n\r\n%b" % (len(data), data)


async def read_request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    size = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    return head + await reader.readexactly(size)


PATIENT = Limits(total_s=10)


@asynccontextmanager
async def serving(handler: Handler, limits: Limits = PATIENT) -> AsyncIterator[Client]:
    async def guarded(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await handler(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(guarded, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with (
        server,
        Client(Endpoint(f"http://127.0.0.1:{port}/v1", "m", limits=limits)) as client,
    ):
        yield client


async def answered(answer: bytes) -> Call:
    """Send these bytes to every request, close after the first."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(answer)
        await writer.drain()

    async with serving(handler) as client:
        return await client.complete(ANY)


def test_calls_one_after_another_share_a_connection(run: Run) -> None:
    async def calls(url: str) -> None:
        async with Client(Endpoint(url, "scripted")) as client:
            for _ in range(20):
                assert (await client.complete(ANY)).failure is None

    with ScriptedServer(Reply("a b c")) as server:
        run(calls(server.base_url))
        assert server.connections == 1
        assert server.wait(lambda s: not s._open)
        assert server.dropped == 0


def test_calls_at_once_have_connections_of_their_own(run: Run) -> None:
    async def calls(url: str) -> None:
        async with Client(Endpoint(url, "scripted")) as client:
            for _ in range(2):
                found = await asyncio.gather(*(client.complete(ANY) for _ in range(50)))
                assert not any(call.failure for call in found)

    with ScriptedServer(Reply("a b c", ttft_s=0.2)) as server:
        run(calls(server.base_url))
        assert 25 < server.connections <= 50  # fewer where the machine is slow to start them


def test_warming_opens_connections_ahead(run: Run) -> None:
    async def calls(url: str) -> None:
        async with Client(Endpoint(url, "scripted")) as client:
            assert await client.warm(8) is None
            assert await client.warm(8) is None
            await asyncio.gather(*(client.complete(ANY) for _ in range(8)))

    with ScriptedServer(Reply(ttft_s=0.1)) as server:
        run(calls(server.base_url))
        assert server.connections == 8


def test_a_stale_connection_is_replaced_once(run: Run) -> None:
    seen = 0

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal seen
        seen += 1
        await read_request(reader)
        writer.write(framed(BODY))
        await read_request(reader)  # the second request is read, then dropped

    async def calls() -> None:
        async with serving(handler) as client:
            assert (await client.complete(ANY)).failure is None
            assert (await client.complete(ANY)).reply == "left"
            assert seen == 2

    run(calls())


@pytest.mark.parametrize("answer", [b"", b"H", STREAM + b"\r\n"])
def test_a_fresh_connection_that_breaks_is_not_tried_again(run: Run, answer: bytes) -> None:
    seen = 0

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal seen
        seen += 1
        await read_request(reader)
        writer.write(answer)

    async def calls() -> None:
        async with serving(handler) as client:
            failure = (await client.complete(ANY)).failure
            assert failure is not None
            assert seen == 1

    run(calls())


def test_a_used_connection_that_breaks_after_a_byte_is_not_tried_again(run: Run) -> None:
    seen = 0

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal seen
        seen += 1
        await read_request(reader)
        writer.write(framed(BODY))
        await read_request(reader)
        writer.write(b"HTTP/1.1 200")

    async def calls() -> None:
        async with serving(handler) as client:
            assert (await client.complete(ANY)).failure is None
            failure = (await client.complete(ANY)).failure
            assert failure is not None
            assert failure.kind == "disconnect"
            assert seen == 1

    run(calls())


def test_bytes_that_nobody_asked_for_are_no_answer_to_the_next_call(run: Run) -> None:
    seen = 0

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal seen
        seen += 1
        await read_request(reader)
        writer.write(framed(BODY))
        await writer.drain()
        await asyncio.sleep(0)
        writer.write(framed(BODY.replace(b"left", b"evil")))
        await reader.read()

    async def calls() -> None:
        async with serving(handler) as client:
            for _ in range(5):
                assert (await client.complete(ANY)).reply == "left"
                while client._pool._idle:  # until the unasked bytes are read
                    await asyncio.sleep(0)
            assert seen == 5

    run(calls())


@pytest.mark.parametrize("when", ["before the first token", "in the middle", "while connecting"])
def test_cancelling_closes_the_connection_at_once(run: Run, when: str) -> None:
    replies = {
        "before the first token": Reply(ttft_s=60),
        "in the middle": Reply("a b", itl_s=60),
        "while connecting": Reply(ttft_s=60),
    }
    shown: list[Call] = []

    async def calls(server: ScriptedServer) -> None:
        first = asyncio.Event()
        async with Client(Endpoint(server.base_url, "scripted"), on_call=shown.append) as client:
            task = asyncio.create_task(client.complete(ANY, on_text=lambda _: first.set()))
            if when == "in the middle":
                await first.wait()
            elif when == "before the first token":
                assert await asyncio.to_thread(server.wait, lambda s: len(s.requests) == 1)
            else:
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            if when != "while connecting":
                assert await asyncio.to_thread(server.wait, lambda s: s.dropped == 1)

    with ScriptedServer(replies[when]) as server:
        run(calls(server))
    assert len(shown) == 1
    assert shown[0].failure is not None
    assert shown[0].failure.kind == "cancelled"
    assert shown[0].reply == ("a" if when == "in the middle" else "")


def test_closing_the_client_ends_calls_under_way(run: Run) -> None:
    async def calls(server: ScriptedServer) -> None:
        client = Client(Endpoint(server.base_url, "scripted"))
        task = asyncio.create_task(client.complete(ANY))
        assert await asyncio.to_thread(server.wait, lambda s: len(s.requests) == 1)
        await client.close()
        failure = (await task).failure
        assert failure is not None
        assert failure.kind == "cancelled"

    with ScriptedServer(Reply(ttft_s=60)) as server:
        run(calls(server))


def test_a_callback_that_raises_is_the_callers_to_see(run: Run) -> None:
    def broken(text: str) -> None:
        raise RuntimeError(f"cannot show {text!r}")

    async def calls(server: ScriptedServer) -> None:
        async with Client(Endpoint(server.base_url, "scripted")) as client:
            with pytest.raises(RuntimeError, match="cannot show 'a'"):
                await client.complete(ANY, on_text=broken)
            assert (await client.complete(ANY)).reply == "a b"

    with ScriptedServer(Reply("a b", itl_s=0.05)) as server:
        run(calls(server))


def test_one_client_in_two_loops_one_after_the_other() -> None:
    with ScriptedServer() as server:
        client = Client(Endpoint(server.base_url, "scripted"))

        async def call() -> Call:
            try:
                return await client.complete(ANY)
            finally:
                await client.close()

        assert asyncio.run(call()).failure is None
        assert uvloop.run(call()).failure is None


GOOD = {
    "length": framed(BODY),
    "chunked": STREAM + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(BODY) + b"0\r\n\r\n",
    "until the end": STREAM + b"\r\n" + BODY,
    "HTTP/1.0": framed(BODY).replace(b"HTTP/1.1", b"HTTP/1.0"),
    "interim": b"HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n" + framed(BODY),
    "continue": b"HTTP/1.1 100 Continue\r\n\r\n" + framed(BODY),
    "two answers": framed(BODY) + framed(BODY.replace(b"left", b"evil")),
    "no terminator": STREAM + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(BODY),
    "trailers": STREAM
    + b"Transfer-Encoding: chunked\r\n\r\n"
    + chunked(BODY)
    + b"0\r\nX-Time: 1\r\n\r\n",
}


@pytest.mark.parametrize("answer", GOOD.values(), ids=GOOD)
def test_ways_to_frame_a_good_reply(run: Run, answer: bytes) -> None:
    async def call() -> None:
        found = await answered(answer)
        assert found.failure is None
        assert (found.reply, found.finish) == ("left", "stop")

    run(call())


def test_a_reply_is_over_at_done_even_where_http_goes_on(run: Run) -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(STREAM + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(BODY))
        await reader.read()  # never says that the body is complete

    async def call() -> None:
        async with serving(handler) as client:
            found = await client.complete(ANY)
            assert found.failure is None
            assert found.timing.end < 5

    run(call())


BAD = {
    "101": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    "204": b"HTTP/1.1 204 No Content\r\n\r\n",
    "two lengths": STREAM + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n" + BODY,
    "bad chunk": STREAM + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n" + BODY,
    "cut chunk": STREAM + b"Transfer-Encoding: chunked\r\n\r\nff\r\ndata: ",
    "too short": STREAM + b"Content-Length: 5000\r\n\r\n" + BODY[:40],
    "endless interim": b"HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n" * 5000,
}


@pytest.mark.parametrize("answer", BAD.values(), ids=BAD)
def test_broken_framing_is_a_failure(run: Run, answer: bytes) -> None:
    async def call() -> None:
        found = await answered(answer)
        assert found.failure is not None
        assert found.failure.kind in ("protocol", "disconnect", "oversize")

    run(call())


def test_a_large_request_is_sent_whole_and_its_sending_is_timed(run: Run) -> None:
    async def calls(server: ScriptedServer) -> None:
        picture = bytes(3_000_000)
        async with Client(Endpoint(server.base_url, "scripted")) as client:
            found = await client.complete(Request([Message("user", "see", (picture,))]))
            assert found.failure is None
            assert found.timing.sent is not None
            assert found.timing.first_byte is not None
            assert 0 < found.timing.sent <= found.timing.first_byte

    with ScriptedServer() as server:
        run(calls(server))
        assert len(str(server.requests[0].body)) > 4_000_000


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A key and a certificate for 127.0.0.1 that nobody trusts."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed: no certificate to test TLS with")
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    options = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(key), "-out", str(cert)]
    subprocess.run([openssl, *options.split(), *subject, *files], check=True, capture_output=True)
    return key, cert


@pytest.mark.parametrize("trusted", [True, False])
def test_tls(
    run: Run, trusted: bool, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    key, cert = certificate
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(cert))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(cert, key)

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                await read_request(reader)
                writer.write(framed(BODY))
        writer.close()

    async def calls() -> None:
        server = await asyncio.start_server(handler, "127.0.0.1", 0, ssl=context)
        port = server.sockets[0].getsockname()[1]
        endpoint = Endpoint(f"https://127.0.0.1:{port}/v1", "m", limits=Limits(total_s=10))
        async with server, Client(endpoint) as client:
            found = [await client.complete(ANY) for _ in range(3)]
        if trusted:
            assert [call.reply for call in found] == ["left"] * 3
        else:
            assert found[0].failure is not None
            assert found[0].failure.kind == "connect"
            assert "SSL_CERT_FILE" in found[0].failure.message

    run(calls())
