"""Where completions come from: address, model, the key's variable, limits."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args
from urllib.parse import urlsplit

from lmgame.client.dialect import DIALECTS, Structured
from lmgame.errors import ConfigError

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2
MaxTokensField = Literal["max_tokens", "max_completion_tokens"]
Detail = Literal["", "low", "high", "auto"]
OMITTABLE = ("temperature", "seed", "stop")
"""Fields of a request that some servers refuse."""

_OURS = {"host", "content-length", "transfer-encoding", "connection", "content-type"} | {
    "accept",
    "accept-encoding",
    "authorization",
}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one call may cost before it is given up. None means no limit.

    Times are seconds from the moment the call was started (not from when it was
    intended): they guard against a stuck server, they are not objectives.

    Attributes:
        connect_s: Until a connection stands, TLS included.
        first_token_s: Until the first token is read.
        total_s: Until the reply is complete.
        reply_bytes: Text of one reply in bytes, reasoning included; also the
            most that one event or one JSON body may hold. Sixteen times as much
            may come over the wire, because each token travels in JSON.
        header_bytes: The response's header section in bytes.
    """

    connect_s: float = 10.0
    first_token_s: float | None = None
    total_s: float = 120.0
    reply_bytes: int = 1 << 20
    header_bytes: int = 64 << 10

    def __post_init__(self) -> None:
        for name in ("connect_s", "first_token_s", "total_s"):
            value = getattr(self, name)
            if value is None and name == "first_token_s":
                continue
            if not _is_number(value) or not (math.isfinite(value) and value > 0):
                raise ConfigError(f"backend.{name} must be a positive number, not {value!r}")
        for name in ("reply_bytes", "header_bytes"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ConfigError(f"{name} must be a positive integer, not {value!r}")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An OpenAI-compatible server and how to speak to it.

    Proxy variables of the environment are not used: a proxy between client and
    server would be part of every time that is measured.

    Attributes:
        base_url: Up to and including the version, ``http://127.0.0.1:8000/v1``.
        model: The model's name at that server.
        key_env: Name of the environment variable that holds the key; empty for
            none. The key itself is never part of this object.
        limits: See Limits.
        structured: How the server is asked to hold a reply to a list or a
            grammar, see lmgame.client.dialect; ``"off"``: not at all.
        max_tokens_field: The body's name for the bound on reply tokens.
        omit: Fields that are never sent, of OMITTABLE.
        reasoning_effort: How much a reasoning model should think, in the
            server's own words (``"low"``); empty sends nothing.
        reasoning_fields: Names under which a delta may carry reasoning.
        stream_usage: Ask for token counts in streams (``stream_options``);
            turn off for servers that refuse the field.
        cost_field: Where the usage tells the call's cost in US dollars; empty
            where it does not.
        image_detail: How closely images are looked at; empty leaves it to the
            server.
        extra: Further fields of every request's body.
        headers: Further request headers; not for secrets, they are shown.
    """

    base_url: str
    model: str
    key_env: str = ""
    limits: Limits = Limits()
    structured: Structured = "off"
    max_tokens_field: MaxTokensField = "max_tokens"
    omit: tuple[str, ...] = ()
    reasoning_effort: str = ""
    reasoning_fields: tuple[str, ...] = ("reasoning_content", "reasoning", "thinking")
    stream_usage: bool = True
    cost_field: str = ""
    image_detail: Detail = ""
    extra: Mapping[str, object] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        Address.parse(self.base_url)
        if not isinstance(self.model, str) or not self.model.strip():
            raise ConfigError("model is empty: give the name the server knows it by")
        for name, allowed in _ALLOWED.items():
            value = getattr(self, name)
            if value not in allowed:
                known = ", ".join(map(repr, allowed))
                raise ConfigError(f"backend.{name} is {value!r}; write one of {known}")
        for name in self.omit:
            if name not in OMITTABLE:
                raise ConfigError(
                    f"backend.omit holds {name!r}; what may be left out: {', '.join(OMITTABLE)}"
                )
        for name, value in self.headers.items():
            check_header(name, value)

    @property
    def address(self) -> Address:
        """The parts of ``base_url``."""
        return Address.parse(self.base_url)

    def key(self) -> str:
        """Read the key from the environment; empty where none is configured.

        Raises:
            ConfigError: The variable is not set, or cannot be sent in a header.
        """
        if not self.key_env:
            return ""
        key = os.environ.get(self.key_env, "").strip()
        if not key:
            raise ConfigError(
                f"environment variable {self.key_env} is not set: "
                f"export {self.key_env}=... or set key_env to '' for a server without keys"
            )
        if not (key.isascii() and key.isprintable()):
            raise ConfigError(
                f"the key in {self.key_env} holds a line break or a character that no "
                "HTTP header may hold: set it again"
            )
        return key


_ALLOWED: Mapping[str, tuple[str, ...]] = {
    "structured": DIALECTS,
    "max_tokens_field": get_args(MaxTokensField),
    "image_detail": get_args(Detail),
}


@dataclass(frozen=True, slots=True)
class Address:
    """A base URL in parts; ``path`` has no slash at its end."""

    tls: bool
    host: str
    port: int
    path: str

    @classmethod
    def parse(cls, url: str) -> Address:
        """Take a base URL apart.

        Raises:
            ConfigError: It is not http(s)://host[:port]/path.
        """
        if not isinstance(url, str) or not url.isascii() or not url.isprintable() or " " in url:
            raise ConfigError(f"base_url {url!r} holds characters that no URL may hold")
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise ConfigError(f"base_url cannot be read: {error}") from None
        if "@" in parts.netloc:
            raise ConfigError(
                "base_url holds a user or password: put the key in key_env's variable"
            )
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError(f"base_url must look like http://127.0.0.1:8000/v1, not {url!r}")
        if parts.query or parts.fragment:
            raise ConfigError(f"base_url {url!r} must end with its path: no '?' and no '#'")
        tls = parts.scheme == "https"
        if port is None:
            port = 443 if tls else 80
        return cls(tls, parts.hostname, port, parts.path.rstrip("/"))

    @property
    def authority(self) -> str:
        """The Host header's value."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.tls else 80) else f"{host}:{self.port}"


def check_header(name: str, value: str) -> None:
    """Refuse a header that would break the request apart or that we set.

    Raises:
        ConfigError: Name or value cannot be sent. The value is not repeated.
    """
    if not isinstance(name, str) or not _TOKEN.fullmatch(name):
        raise ConfigError(f"header name {name!r} is not an HTTP token")
    if name.lower() in _OURS:
        raise ConfigError(f"header {name!r} is set by the client itself: leave it out of headers")
    if not isinstance(value, str) or not (value.isascii() and value.isprintable()):
        raise ConfigError(f"header {name!r} holds a line break or a character no header may hold")
