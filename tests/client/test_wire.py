"""Every request we send is one that the openai SDK's wire types accept and the SDK sends.

The SDK comes from the API's own description, so it is the independent reference.
Fields of other vendors go where the SDK has them go: into ``extra_body``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import pytest
from openai import OpenAI
from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming
from pydantic import TypeAdapter, ValidationError

from lmgame import compose, config
from lmgame.backend import endpoint_of
from lmgame.backend_settings import OpenAIBackend
from lmgame.client import Client, Endpoint, Message, Request
from lmgame.client.dialect import DIALECTS
from lmgame.picture import Picture
from lmgame.scripted_server import Reply, ScriptedServer

VENDOR = {
    "choice": {"structured_outputs"},
    "vllm": {"structured_outputs"},
    "guided": {"guided_choice", "guided_grammar"},
    "sglang": {"regex", "ebnf"},
    "grammar": {"grammar"},
}
WIRE: TypeAdapter[Any] = TypeAdapter(CompletionCreateParamsStreaming)
KNOWN = set(CompletionCreateParamsStreaming.__annotations__)
TALK = (
    Message("system", "You play."),
    Message("user", "Which move?"),
    Message("assistant", "press left"),
)
PNG = Picture(np.zeros((2, 2, 3), np.uint8)).png()
REQUESTS = {
    "plain": Request([*TALK, Message("user", "And now?")]),
    "listed": Request([*TALK, Message("user", "And now?")], choices=("press left", "hold")),
    "grammar": Request([*TALK, Message("user", "And now?")], grammar='root ::= "hold"'),
    "image": Request([*TALK, Message("user", "And now?", (PNG, PNG))], seed=3, temperature=0.7),
    "stop": Request([Message("user", "", (PNG,))], stop=("\n", "."), max_tokens=1),
}


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer(Reply("ok")) as running:
        yield running


@pytest.fixture(scope="module")
def sdk(server: ScriptedServer) -> Iterator[OpenAI]:
    with OpenAI(base_url=server.base_url, api_key="none", max_retries=0) as client:
        yield client


def exhausted(value: object) -> object:
    """Validation of iterables is lazy: walk through everything."""
    if isinstance(value, Mapping):
        return {name: exhausted(inner) for name, inner in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str):
        return [exhausted(inner) for inner in value]
    return value


def sent(endpoint: Endpoint, request: Request, server: ScriptedServer) -> dict[str, Any]:
    """The body that our client sends."""

    async def run() -> None:
        async with Client(endpoint) as client:
            call = await client.complete(request)
            assert call.failure is None

    asyncio.run(run())
    return dict(server.requests[-1].body)


def check(body: dict[str, Any], vendor: set[str], server: ScriptedServer, sdk: OpenAI) -> None:
    """The wire types accept it whole, and the SDK sends the same."""
    assert set(body) - KNOWN <= vendor
    known = {name: value for name, value in body.items() if name in KNOWN}
    extra = {name: value for name, value in body.items() if name not in KNOWN}
    assert exhausted(WIRE.validate_python(known)) == known  # what it does not know it drops
    stream = sdk.chat.completions.create(**known, extra_body=extra)
    assert "".join(one.choices[0].delta.content or "" for one in stream if one.choices) == "ok"
    assert server.requests[-1].body == body


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_dialect(dialect: str, server: ScriptedServer, sdk: OpenAI) -> None:
    endpoint = Endpoint(server.base_url, "scripted", structured=dialect)  # type: ignore[arg-type]  # one of them
    for request in REQUESTS.values():
        check(sent(endpoint, request, server), VENDOR.get(dialect, set()), server, sdk)


@pytest.mark.parametrize("preset", sorted(set(compose.options("backend")) - {"embedded"}))
def test_every_preset(
    preset: str, server: ScriptedServer, sdk: OpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = config.load(
        [
            f"backend={preset}",
            f"backend.base_url={server.base_url}",
            "backend.model=scripted",
            "backend.reasoning_effort=low",
            "backend.image_detail=high",
        ]
    ).backend
    assert isinstance(settings, OpenAIBackend)
    if settings.key_env:
        monkeypatch.setenv(settings.key_env, "sk-0123456789")
    for request in REQUESTS.values():
        body = sent(endpoint_of(settings), request, server)
        assert body["reasoning_effort"] == "low"
        assert not set(settings.omit) & set(body)
        check(body, VENDOR.get(settings.structured, set()), server, sdk)


@pytest.mark.parametrize(
    "bad",
    [
        {"temperature": "hot"},
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]},
        {"messages": [{"role": "nobody", "content": "x"}]},
        {"stream": False},
        {"response_format": {"type": "json_schema"}},
    ],
)
def test_the_reference_would_notice(bad: dict[str, Any]) -> None:
    good = {"model": "m", "messages": [{"role": "user", "content": "x"}], "stream": True}
    assert exhausted(WIRE.validate_python(good)) == good
    with pytest.raises(ValidationError):
        exhausted(WIRE.validate_python({**good, **bad}))
