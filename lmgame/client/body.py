"""Turns a Request into the bytes of an HTTP request."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from hashlib import blake2b

from lmgame.client.call import Message, Request
from lmgame.client.dialect import FREE, Form
from lmgame.client.endpoint import Endpoint
from lmgame.errors import ConfigError

_ENCODER = json.JSONEncoder(allow_nan=False, separators=(",", ":"))


def digest(request: Request) -> str:
    """Hash the messages: BLAKE2b, 16 hex digits, the same for every dialect."""
    state = blake2b(digest_size=8)
    for message in request.messages:
        parts = (message.role.encode(), message.content.encode("utf-8", "surrogatepass"))
        for part in (*parts, *message.images):
            state.update(len(part).to_bytes(8, "big"))
            state.update(part)
        state.update(b"\xff" * 8)  # no part has this length: ends the message
    return state.hexdigest()


def body(request: Request, endpoint: Endpoint, form: Form = FREE) -> bytes:
    """Write the JSON body of a streamed chat completion.

    Args:
        request: What to ask.
        endpoint: Whom, and its habits.
        form: How the reply is constrained, see lmgame.client.dialect.

    Raises:
        ConfigError: ``extra`` holds what JSON cannot, or replaces what is asked.
    """
    fields: dict[str, object] = {
        "model": request.model or endpoint.model,
        "messages": [spoken(message, endpoint.image_detail) for message in request.messages],
        "stream": True,
        endpoint.max_tokens_field: request.max_tokens,
        "temperature": request.temperature,
    }
    if endpoint.stream_usage:
        fields["stream_options"] = {"include_usage": True}
    if request.seed is not None:
        fields["seed"] = request.seed
    if request.stop:
        fields["stop"] = list(request.stop)
    for name in endpoint.omit:
        fields.pop(name, None)
    if endpoint.reasoning_effort:
        fields["reasoning_effort"] = endpoint.reasoning_effort
    fields.update(form.fields)
    for extra in (endpoint.extra, request.extra):
        for name in ("messages", "stream"):
            if name in extra:
                raise ConfigError(f"extra may not set {name!r}: the client does")
        fields.update(extra)
    try:
        return _ENCODER.encode(fields).encode("ascii")
    except (TypeError, ValueError, RecursionError) as error:
        raise ConfigError(f"the request cannot be written as JSON: {error}") from None


def head(endpoint: Endpoint, key: str) -> bytes:
    """Write the request's head up to the value of Content-Length.

    Compression is declined: unpacking would delay tokens behind a buffer.
    """
    address = endpoint.address
    headers: Mapping[str, str] = {
        "Host": address.authority,
        "User-Agent": "lmgame",
        **endpoint.headers,
        "Accept": "text/event-stream, application/json",
        "Accept-Encoding": "identity",
        "Content-Type": "application/json",
    }
    lines = [f"POST {address.path}/chat/completions HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if key:
        lines.append(f"Authorization: Bearer {key}")
    lines.append("Content-Length: ")
    return "\r\n".join(lines).encode("ascii")


def spoken(message: Message, image_detail: str = "") -> dict[str, object]:
    """A message as OpenAI's API writes it."""
    if not message.images:
        return {"role": message.role, "content": message.content}
    parts: list[dict[str, object]] = []
    if message.content:
        parts.append({"type": "text", "text": message.content})
    for png in message.images:
        shown = {"url": "data:image/png;base64," + base64.b64encode(png).decode("ascii")}
        if image_detail:
            shown["detail"] = image_detail
        parts.append({"type": "image_url", "image_url": shown})
    return {"role": message.role, "content": parts}
