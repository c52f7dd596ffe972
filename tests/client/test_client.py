"""What goes out, what comes back, and when: against a server whose truth is known."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Callable
from time import perf_counter

import openai
import pytest

from lmgame.client import Call, Client, Endpoint, Message, Request, Timing, Usage
from lmgame.client.body import body, digest
from lmgame.client.endpoint import Detail
from lmgame.errors import ConfigError
from lmgame.scripted_server import Reply, ScriptedServer

ANY = Request([Message("user", "Which move?")])
ENDPOINT = Endpoint("http://127.0.0.1:1/v1", "m")
Ask = Callable[..., Call]


def test_a_plain_call(ask: Ask) -> None:
    before = time.time()
    call = ask(Reply("go left", server={"stages": {"prefill_s": 0.25}, "mode": "split"}))
    assert (call.reply, call.finish, call.failure) == ("go left", "stop", None)
    assert (call.usage.completion, call.usage.reasoning, call.usage.cached) == (2, 0, 0)
    assert (call.stages, call.server) == ({"prefill_s": 0.25}, {"mode": "split"})
    assert before <= call.timing.at <= time.time()
    assert call.model == "scripted"
    assert len(call.prompt_digest) == 16


def test_times_are_in_order_and_as_scripted(ask: Ask) -> None:
    call = ask(Reply("a b c d", reasoning=["hm"], ttft_s=0.1, itl_s=0.05))
    t = call.timing
    stamps = [t.sent, t.first_byte, t.first_token, t.first_answer, t.last_token, t.end]
    known = [stamp for stamp in stamps if stamp is not None]
    assert len(known) == 6
    assert known == sorted(known)
    assert len(t.chunks) == 5
    assert t.chunks[0] == t.first_token
    # The server never sends early; how late it may be is the machine's affair.
    assert known[2] >= 0.1
    assert known[3] >= 0.15
    assert known[4] >= 0.3
    assert call.tpot_s == pytest.approx((known[4] - known[2]) / 4)


def test_waiting_in_the_client_is_part_of_every_time() -> None:
    async def run(url: str) -> Call:
        async with Client(Endpoint(url, "scripted")) as client:
            return await client.complete(ANY, intended=perf_counter() - 5)

    with ScriptedServer() as server:
        call = asyncio.run(run(server.base_url))
    assert call.timing.sent is not None
    assert call.ttft_s is not None
    assert 5 < call.timing.sent < call.ttft_s < 20
    assert call.timing.at == pytest.approx(time.time() - 5, abs=5)


def test_a_reply_in_one_body_though_a_stream_was_asked(ask: Ask) -> None:
    call = ask(Reply("left now", stream=False, reasoning=["hm"]))
    assert (call.reply, call.reasoning, call.finish) == ("left now", "hm", "stop")
    assert call.timing.first_token == call.timing.last_token


def test_a_missing_usage_is_not_guessed(ask: Ask) -> None:
    call = ask(Reply("a b c", usage=None))
    assert call.failure is None
    assert call.usage.completion is None
    assert call.tpot_s is None


def test_reasoning_that_is_not_shown_is_not_paced() -> None:
    """Its tokens were made before the first one that came."""
    timing = Timing(0.0, 3.0, 0.0, 1.0, 2.0, 2.0, 3.0, (2.0, 2.5, 3.0))
    hidden = Call("m", "", "a b c", timing, Usage(9, 103, reasoning=100))
    assert hidden.tpot_s == pytest.approx(0.5)
    shown = Call("m", "", "a b c", timing, Usage(9, 103, reasoning=100), reasoning="hm")
    assert shown.tpot_s == pytest.approx(1 / 102)
    one = Call("m", "", "a", timing, Usage(9, 101, reasoning=100))
    assert one.tpot_s is None


def test_text_is_shown_as_it_comes(request_: Request) -> None:
    shown: list[str] = []

    async def run(url: str) -> Call:
        async with Client(Endpoint(url, "scripted")) as client:
            return await client.complete(request_, on_text=shown.append)

    with ScriptedServer(Reply("go left now", reasoning=["hm"])) as server:
        call = asyncio.run(run(server.base_url))
    assert shown == ["go", " left", " now"]
    assert call.reply == "go left now"


def test_the_same_request_gets_the_same_scripted_reply() -> None:
    requests = [Request([Message("user", str(n))], choices=("l", "r")) for n in range(20)]

    async def run(url: str) -> list[str]:
        async with Client(Endpoint(url, "scripted", structured="choice")) as client:
            return [(await client.complete(request)).reply for request in requests]

    with ScriptedServer(lambda received: Reply(received.pick(received.choices))) as server:
        first, second = asyncio.run(run(server.base_url)), asyncio.run(run(server.base_url))
    assert first == second
    assert set(first) == {"l", "r"}


FULL = Request(
    [Message("system", "Play."), Message("user", "Look:", (b"\x89PNG1", b"\x89PNG2"))],
    max_tokens=9,
    temperature=0.5,
    seed=7,
    stop=("\n",),
)


def test_what_is_asked_is_in_the_body() -> None:
    fields = json.loads(body(FULL, ENDPOINT))
    assert fields["stream"] is True
    assert fields["stream_options"] == {"include_usage": True}
    assert (fields["max_tokens"], fields["temperature"], fields["seed"]) == (9, 0.5, 7)
    assert fields["stop"] == ["\n"]
    first, second = fields["messages"]
    assert first == {"role": "system", "content": "Play."}
    assert second["content"][0] == {"type": "text", "text": "Look:"}
    url = second["content"][2]["image_url"]["url"]
    assert base64.b64decode(url.removeprefix("data:image/png;base64,")) == b"\x89PNG2"


def test_dialects() -> None:
    request = Request(ANY.messages, seed=1, stop=("\n",), extra={"top_k": 1, "temperature": 0.2})
    silent = Endpoint("http://h/v1", "m", stream_usage=False, extra={"top_k": 5, "top_p": 0.5})
    fields = json.loads(body(request, silent))
    assert "stream_options" not in fields
    assert (fields["top_k"], fields["top_p"], fields["temperature"]) == (1, 0.5, 0.2)
    thinker = Endpoint(
        "http://h/v1",
        "m",
        max_tokens_field="max_completion_tokens",
        omit=("temperature", "seed", "stop"),
        reasoning_effort="low",
    )
    fields = json.loads(body(Request(ANY.messages, seed=1, stop=("\n",)), thinker))
    assert fields["max_completion_tokens"] == 64
    assert fields["reasoning_effort"] == "low"
    assert not {"max_tokens", "temperature", "seed", "stop"} & set(fields)


def test_images_are_looked_at_as_closely_as_the_endpoint_says() -> None:
    request = Request([Message("user", "", (b"png",))])
    details: tuple[Detail, ...] = ("", "low")
    for detail in details:
        endpoint = Endpoint("http://h/v1", "m", image_detail=detail)
        (part,) = json.loads(body(request, endpoint))["messages"][0]["content"]
        assert part["image_url"].get("detail", "") == detail


@pytest.mark.parametrize(
    "extra", [{"stream": False}, {"messages": []}, {"x": object()}, {"x": 1e999}]
)
def test_a_request_that_cannot_be_sent_is_the_callers_error(extra: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        body(Request(ANY.messages, extra=extra), ENDPOINT)


def test_lone_surrogates_can_be_sent() -> None:
    request = Request([Message("user", "\ud800")])
    assert json.loads(body(request, ENDPOINT))["messages"][0]["content"] == "\ud800"
    assert digest(request) != digest(ANY)


def test_digests_tell_messages_apart() -> None:
    def of(*messages: Message) -> str:
        return digest(Request(messages))

    a, b = Message("user", "a"), Message("user", "b")
    some = [of(a), of(b), of(a, b), of(b, a), of(Message("system", "a")), of(), of(a, a)]
    some += [of(Message("user", "ab")), of(Message("user", "a", (b"b",)))]
    some += [of(Message("user", "", (b"a", b"b"))), of(Message("user", "", (b"ab",)))]
    assert len(set(some)) == len(some)
    assert digest(Request([a], max_tokens=1)) == of(a)


def test_headers_on_the_wire(key: str) -> None:
    endpoint_headers = {"X-Title": "lmgame"}

    async def run(url: str) -> None:
        endpoint = Endpoint(url, "scripted", "LMGAME_TEST_KEY", headers=endpoint_headers)
        async with Client(endpoint) as client:
            assert key not in repr(client)
            await client.complete(ANY)

    with ScriptedServer() as server:
        asyncio.run(run(server.base_url))
        headers = server.requests[0].headers
    assert headers["authorization"] == f"Bearer {key}"
    assert headers["host"] == f"127.0.0.1:{server.port}"
    assert headers["x-title"] == "lmgame"
    assert headers["accept-encoding"] == "identity"


def test_proxy_variables_are_not_used(monkeypatch: pytest.MonkeyPatch, ask: Ask) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert ask(Reply()).failure is None


# The openai SDK against the scripted server: the script has the API's true shape.


def sdk(server: ScriptedServer) -> openai.OpenAI:
    return openai.OpenAI(base_url=server.base_url, api_key="none", max_retries=0)


def test_the_sdk_reads_scripted_streams() -> None:
    reply = Reply("go left", usage="count", server={"mode": "split"})
    with ScriptedServer(reply) as server, sdk(server) as client:
        chunks = list(
            client.chat.completions.create(
                model="scripted",
                messages=[{"role": "user", "content": "x"}],
                stream=True,
                stream_options={"include_usage": True},
            )
        )
    assert chunks[0].choices[0].delta.role == "assistant"
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "go left"
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 2


def test_the_sdk_reads_scripted_bodies_and_models() -> None:
    with ScriptedServer(Reply("go left")) as server, sdk(server) as client:
        found = client.chat.completions.create(
            model="scripted", messages=[{"role": "user", "content": "x"}]
        )
        assert found.choices[0].message.content == "go left"
        assert [model.id for model in client.models.list()] == ["scripted"]


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, openai.AuthenticationError),
        (404, openai.NotFoundError),
        (429, openai.RateLimitError),
        (500, openai.InternalServerError),
    ],
)
def test_the_sdk_reads_scripted_errors(status: int, error: type[openai.APIStatusError]) -> None:
    with (
        ScriptedServer(Reply("told so", status=status)) as server,
        sdk(server) as client,
        pytest.raises(error, match="told so"),
    ):
        client.chat.completions.create(
            model="scripted", messages=[{"role": "user", "content": "x"}]
        )
