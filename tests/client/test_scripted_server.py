from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading

import pytest

from lmgame.client import Call, Client, Endpoint, Message, Request
from lmgame.client.probe import probe
from lmgame.scripted_server import Received, Reply, ScriptedServer


def ask(server: ScriptedServer, *prompts: str) -> list[Call]:
    async def run() -> list[Call]:
        async with Client(Endpoint(server.base_url, "scripted")) as client:
            return [await client.complete(Request([Message("user", p)])) for p in prompts]

    return asyncio.run(run())


def test_a_list_is_played_in_order_and_its_last_reply_stays() -> None:
    with ScriptedServer([Reply("one"), Reply("two")]) as server:
        assert [call.reply for call in ask(server, *"abc")] == ["one", "two", "two"]


def test_a_function_sees_the_request() -> None:
    def echo(received: Received) -> Reply:
        messages = received.body["messages"]
        assert isinstance(messages, list)
        return Reply(messages[-1]["content"])

    with ScriptedServer(echo) as server:
        assert [call.reply for call in ask(server, "left", "right")] == ["left", "right"]
        assert [received.connection for received in server.requests] == [0, 0]
        assert server.requests[0].path == "/v1/chat/completions"
        assert server.requests[0].choices == ()


def test_usage_may_be_stated_or_left_out() -> None:
    stated = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
    with ScriptedServer([Reply(usage=stated), Reply(usage=None), Reply("a b")]) as server:
        counts = [call.usage.completion for call in ask(server, *"abc")]
    assert counts == [4, None, 2]


def test_waiting_for_what_never_happens_ends() -> None:
    with ScriptedServer() as server:
        assert not server.wait(lambda s: s.dropped > 0, timeout_s=0.01)


def test_nothing_is_left_behind() -> None:
    before = threading.active_count()
    with ScriptedServer() as server:
        ask(server, "a")
        port = server.port
    assert threading.active_count() == before
    with socket.socket() as again, pytest.raises(ConnectionRefusedError):
        again.connect(("127.0.0.1", port))


def test_a_port_in_use_is_an_error_and_leaves_nothing_behind() -> None:
    before = threading.active_count()
    with ScriptedServer() as server, pytest.raises(OSError, match="in use"):
        ScriptedServer(port=server.port).__enter__()
    assert threading.active_count() == before


def test_it_can_be_run_by_itself() -> None:
    command = [sys.executable, "-m", "lmgame.scripted_server", "--ttft-s=0", "--tokens=3"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        found = probe(Endpoint(process.stdout.readline().strip(), "scripted"))
        process.communicate("\n", timeout=20)
    assert found.models == ("scripted",)
    assert process.returncode == 0
