from __future__ import annotations

from typing import Any

import pytest

from lmgame.client import Client, Endpoint, Limits
from lmgame.client.endpoint import Address
from lmgame.client.probe import probe
from lmgame.errors import ConfigError
from lmgame.scripted_server import ScriptedServer


@pytest.mark.parametrize(
    ("url", "address", "authority"),
    [
        ("http://127.0.0.1:8000/v1", Address(False, "127.0.0.1", 8000, "/v1"), "127.0.0.1:8000"),
        ("https://api.x.ai/v1/", Address(True, "api.x.ai", 443, "/v1"), "api.x.ai"),
        ("http://[::1]:80/a/b", Address(False, "::1", 80, "/a/b"), "[::1]"),
        ("http://host", Address(False, "host", 80, ""), "host"),
    ],
)
def test_addresses(url: str, address: Address, authority: str) -> None:
    assert Address.parse(url) == address
    assert Address.parse(url).authority == authority


@pytest.mark.parametrize(
    "url",
    [
        "",
        "127.0.0.1:8000/v1",
        "ftp://host/v1",
        "http://",
        "http://host:99999/v1",
        "http://host:x/v1",
        "http://host/v1?a=b",
        "http://host/v1#a",
        "http://host/v1\r\nX: y",
        "http://host/v 1",
        "http://hös.t/v1",
        "http://[::1/v1",
    ],
)
def test_addresses_that_are_none(url: str) -> None:
    with pytest.raises(ConfigError, match="base_url"):
        Endpoint(url, "m")


def test_a_secret_in_the_address_is_refused_and_not_shown() -> None:
    with pytest.raises(ConfigError) as raised:
        Endpoint("http://user:hunter22@host/v1", "m")
    assert "hunter22" not in str(raised.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-A", "a\r\nX-B: b"),
        ("X-A", "ä"),
        ("X A", "a"),
        ("X-A\n", "a"),
        ("", "a"),
        ("Host", "evil"),
        ("Authorization", "Bearer x"),
        ("content-length", "3"),
    ],
)
def test_headers_that_would_break_the_request(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match="header"):
        Endpoint("http://host/v1", "m", headers={name: value})


@pytest.mark.parametrize(
    "limits",
    [
        {"connect_s": 0},
        {"total_s": -1},
        {"total_s": float("nan")},
        {"total_s": None},
        {"first_token_s": float("inf")},
        {"reply_bytes": 0},
        {"reply_bytes": 1.5},
        {"header_bytes": True},
        {"connect_s": "10"},
    ],
)
def test_limits_that_are_none(limits: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(limits))):
        Limits(**limits)


@pytest.mark.parametrize(
    "fields",
    [
        {"model": " "},
        {"structured": "gbnf"},
        {"max_tokens_field": "tokens"},
        {"image_detail": "huge"},
        {"omit": ("messages",)},
    ],
)
def test_fields_that_make_no_sense(fields: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(fields))):
        Endpoint(**{"base_url": "http://host/v1", "model": "m", **fields})


def test_a_key_that_is_not_set_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LMGAME_TEST_KEY", raising=False)
    with pytest.raises(ConfigError, match="LMGAME_TEST_KEY is not set"):
        Client(Endpoint("http://host/v1", "m", "LMGAME_TEST_KEY"))


@pytest.mark.parametrize("secret", ["sk-line\nbreak", "sk-ünprintable", "sk-\x00null"])
def test_a_key_that_cannot_be_sent_is_refused_and_not_shown(
    secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = Endpoint("http://host/v1", "m", "LMGAME_TEST_KEY")
    monkeypatch.setattr("os.environ", {"LMGAME_TEST_KEY": secret})
    with pytest.raises(ConfigError, match="LMGAME_TEST_KEY") as raised:
        Client(endpoint)
    assert secret not in str(raised.value)


# probe


def test_probing_a_server_that_is_well(key: str) -> None:
    with ScriptedServer(models=("a", "b"), key=key) as server:
        found = probe(Endpoint(server.base_url, "a", "LMGAME_TEST_KEY"))
    assert (found.reachable, found.models, found.problem) == (True, ("a", "b"), "")


def test_probing_for_a_model_that_is_not_there() -> None:
    with ScriptedServer(models=("llama-8b", "qwen-4b")) as server:
        found = probe(Endpoint(server.base_url, "lama-8b"))
    assert found.reachable
    assert "did you mean 'llama-8b'?" in found.problem


def test_probing_where_nothing_is() -> None:
    with ScriptedServer() as server:
        url = server.base_url
    found = probe(Endpoint(url, "m"))
    assert not found.reachable
    assert "is the server running" in found.problem


def test_probing_without_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LMGAME_TEST_KEY", raising=False)
    found = probe(Endpoint("http://127.0.0.1:9/v1", "m", "LMGAME_TEST_KEY"))
    assert "LMGAME_TEST_KEY is not set" in found.problem
