"""What can go wrong in a call, in words a person can act on.

Text from a server is hostile until shown otherwise: it is cut, and control
characters, terminal escapes and invisible formatting are taken out of it.
"""

from __future__ import annotations

import email.utils
import json
import math
import ssl
import time
from collections.abc import Mapping

from lmgame.client.call import Failure
from lmgame.client.endpoint import Endpoint

SHOWN = 200
"""The most characters of a server's text that a message repeats."""


class Trouble(Exception):
    """Carries a Failure from where it was seen to where the call ends."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


def clean(text: str, limit: int = SHOWN) -> str:
    """Make foreign text safe to show on one line.

    Args:
        text: Anything a server sent.
        limit: The most characters to keep; an ellipsis marks the cut.
    """
    shown = "".join(c if c.isprintable() else " " for c in text[: 4 * limit])
    shown = " ".join(shown.split())
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def said(text: str) -> str:
    """Find what an error's body says, cleaned; empty for an empty body."""
    try:
        found = error_text(json.loads(text))
    except (ValueError, RecursionError):
        found = text
    shown = clean(found or text)
    return f"; it says: {shown}" if shown else ""


def error_text(value: object) -> str:
    """Find the message in an error object of any of the usual shapes."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        for name in ("error", "message", "detail"):
            if found := error_text(value.get(name)):
                return found
    return ""


def no_connection(endpoint: Endpoint, error: Exception) -> Failure:
    """Say why no connection could be made."""
    url, reason = endpoint.base_url, clean(str(error) or type(error).__name__)
    if isinstance(error, ssl.SSLCertVerificationError):
        text = (
            f"the certificate of {url} is not trusted ({reason}): "
            "set SSL_CERT_FILE to its authority's file"
        )
    elif isinstance(error, ssl.SSLError):
        text = f"TLS with {url} failed ({reason}): does the server speak https there?"
    else:
        text = f"no connection to {url} ({reason}): is the server running, and base_url right?"
    return Failure("connect", text)


def too_slow(endpoint: Endpoint, what: str, limit: str, seconds: float) -> Failure:
    """Say which limit on time ran out."""
    return Failure(
        "timeout",
        f"{endpoint.base_url}: no {what} within {seconds:g} s: the server hangs or is "
        f"overloaded; lower the load or raise backend.{limit}",
    )


def bad_status(endpoint: Endpoint, status: int, headers: Mapping[str, str], body: str) -> Failure:
    """Say what an HTTP status other than 2xx means for the user."""
    url, says = endpoint.base_url, said(body)
    wait = retry_after(headers)
    if status < 400:
        target = clean(headers.get("location", "nowhere"))
        text = f"{url} redirects (HTTP {status}) to {target}: set base_url to the final address"
        return Failure("protocol", text, status)
    if status in (401, 403):
        where = f"check the key in ${endpoint.key_env}" if endpoint.key_env else "set key_env"
        text = f"{url} refused the key (HTTP {status}): {where}{says}"
    elif status == 404:
        text = (
            f"{url} does not know model {clean(endpoint.model)!r} or the path (HTTP 404): "
            f"check model, and whether base_url should end in /v1{says}"
        )
    elif status == 429:
        after = f"wait {wait:g} s" if wait is not None else "wait"
        text = f"{url} takes no more calls now (HTTP 429): {after} or lower the load{says}"
    elif status >= 500:
        text = f"{url} failed (HTTP {status}): look at the server's log{says}"
    else:
        text = f"{url} refused the request (HTTP {status}): {_advice(body)}{says}"
    return Failure("status", text, status, wait)


_HABITS = {
    "max_completion_tokens": "set backend.max_tokens_field=max_completion_tokens",
    "stream_options": "set backend.stream_usage=false",
    "reasoning_effort": "change backend.reasoning_effort, or leave it empty",
    "temperature": "if it is the temperature, set backend.omit=[temperature]",
    "'stop'": "set backend.omit=[stop]",
}


def _advice(body: str) -> str:
    """What to do about a refused request, where its error names a habit we can change."""
    return next((what for name, what in _HABITS.items() if name in body), "change the request")


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Read Retry-After (seconds or a date) or Retry-After-Ms, in seconds.

    Returns:
        At least 0 and at most a day, or None where there is none to read.
    """
    try:
        if "retry-after-ms" in headers:
            seconds = float(headers["retry-after-ms"]) / 1000
        elif "retry-after" in headers:
            seconds = _seconds_or_date(headers["retry-after"])
        else:
            return None
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(seconds, 0.0), 86400.0) if math.isfinite(seconds) else None


def _seconds_or_date(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        return email.utils.parsedate_to_datetime(value).timestamp() - time.time()
