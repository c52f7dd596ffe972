"""Asks a server whether it is there and what models it has, for people.

Not for timing: this is an ordinary blocking request.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from time import perf_counter

import httpx

from lmgame.client.endpoint import Endpoint
from lmgame.client.trouble import bad_status, clean, no_connection, too_slow
from lmgame.errors import ConfigError, suggest

_MOST_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Probe:
    """What a look at a server has shown.

    Attributes:
        reachable: Something answered HTTP at that address.
        models: What it says it has; empty where it does not say.
        problem: One line saying what is wrong and what to do; empty for nothing.
    """

    reachable: bool
    models: tuple[str, ...] = ()
    problem: str = ""


def probe(endpoint: Endpoint, timeout_s: float = 5.0, any_model: bool = False) -> Probe:
    """Ask for ``/models`` and look for the endpoint's model among them.

    Args:
        endpoint: Whom to ask.
        timeout_s: Seconds that the answer may take.
        any_model: The model is not chosen yet: do not look for it.

    Never raises for what the server, the network or the key's variable does.
    """
    try:
        key = endpoint.key()
    except ConfigError as error:
        return Probe(False, problem=str(error))

    def hide(text: str) -> str:
        return text.replace(key, "***") if len(key) >= 8 else text

    try:
        status, headers, body = _get(endpoint, key, timeout_s)
    except httpx.TimeoutException:
        slow = too_slow(endpoint, "answer", "connect_s", timeout_s)
        return Probe(False, problem=slow.message)
    except httpx.HTTPError as error:
        cause = no_connection(endpoint, Exception(hide(str(error))))
        return Probe(False, problem=cause.message)
    except _TooLong:
        problem = f"{endpoint.base_url}/models sent over {_MOST_BYTES} bytes: is base_url right?"
        return Probe(True, problem=problem)
    if status in (404, 405, 501):
        return Probe(True)  # a server need not list its models
    if status != 200:
        shown = {name: hide(value) for name, value in headers.items()}
        text = hide(body.decode("utf-8", "replace"))
        return Probe(True, problem=bad_status(endpoint, status, shown, text).message)
    models = tuple(clean(hide(name), 200) for name in _names(body))
    if models and endpoint.model not in models and not any_model:
        known = suggest(endpoint.model, models)
        problem = f"{endpoint.base_url} has no model {clean(endpoint.model)!r}; {known}"
        return Probe(True, models, problem)
    return Probe(True, models)


class _TooLong(Exception):
    pass


def _get(endpoint: Endpoint, key: str, timeout_s: float) -> tuple[int, dict[str, str], bytes]:
    headers = {"User-Agent": "lmgame", "Accept-Encoding": "identity", **endpoint.headers}
    if key:
        headers["Authorization"] = f"Bearer {key}"
    url = endpoint.base_url.rstrip("/") + "/models"
    body, begin = bytearray(), perf_counter()
    with (
        httpx.Client(trust_env=False, timeout=timeout_s) as client,
        client.stream("GET", url, headers=headers) as response,
    ):
        for piece in response.iter_raw():
            body += piece
            if len(body) > _MOST_BYTES:
                raise _TooLong
            if perf_counter() - begin > timeout_s:  # httpx limits each read, not their sum
                raise httpx.ReadTimeout("too slow")
    return response.status_code, dict(response.headers), bytes(body)


def _names(body: bytes) -> list[str]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return []
    entries = value.get("data") if isinstance(value, dict) else None
    if not isinstance(entries, list):
        return []
    names = [entry.get("id") for entry in entries[:1000] if isinstance(entry, dict)]
    return [name for name in names if isinstance(name, str)]
