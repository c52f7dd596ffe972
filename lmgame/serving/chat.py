"""Reading a chat completion request; everything wrong with it is an :class:`ApiError`."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lmgame.serving.sampling import Sampling
from lmgame.serving.vocabulary import Message

ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}
MAX_CHOICES = 4096
MAX_STOPS = 16
MAX_TOKENS = 1_000_000
MAX_DEADLINE_S = 86_400.0
MAX_USER = 512
"""Characters: names are remembered for fairness."""
DEFAULT_MAX_TOKENS = 256
"""Reply tokens when a request sets no limit. A whole context would keep a first try by
hand waiting for a minute on a slow core; a game's reply is far shorter."""

# A parameter that changes the reply must not be ignored in silence. Others may be.
UNSUPPORTED = (
    "tools",
    "functions",
    "logprobs",
    "logit_bias",
    "audio",
    "frequency_penalty",
    "presence_penalty",
    "guided_json",
    "guided_regex",
    "guided_grammar",
    "grammar",
)


class ApiError(Exception):
    """A request that is refused, in OpenAI's form.

    Args:
        status: HTTP status.
        message: What is wrong, with which value, what to do.
        param: The request's field at fault.
        code: OpenAI's machine-readable code, where it has one.
        retry_after_s: Whole seconds after which to try again.
    """

    def __init__(
        self,
        status: int,
        message: str,
        param: str | None = None,
        code: str | None = None,
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.param, self.code = status, message, param, code
        self.retry_after_s = retry_after_s

    def to_json(self) -> dict[str, Any]:
        """The response body."""
        kind = "invalid_request_error" if self.status < 500 else "server_error"
        if self.status == 429:
            kind = "rate_limit_error"
        return {
            "error": {
                "message": self.message,
                "type": kind,
                "param": self.param,
                "code": self.code,
            }
        }


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A chat completion request that has been checked.

    Attributes:
        model: The model asked for.
        messages: The conversation.
        stream: Send the reply token by token.
        include_usage: Add a chunk with the token counts to a stream.
        max_tokens: Limit on the reply; :data:`DEFAULT_MAX_TOKENS` where none was given,
            except that a list of choices bounds the reply by itself.
        sampling: How to draw.
        stop: Strings that end the reply.
        choices: The only allowed replies; empty allows everything.
        ignore_eos: Go on past the end of the text, for load tests (vLLM's extension).
        user: Whose request it is, where the client says so.
        deadline_s: Seconds from its arrival after which the reply is of no use and is
            dropped (an extension of this server); None where there is none.
    """

    model: str
    messages: tuple[Message, ...]
    stream: bool
    include_usage: bool
    max_tokens: int
    sampling: Sampling
    stop: tuple[str, ...]
    choices: tuple[str, ...]
    ignore_eos: bool
    user: str
    deadline_s: float | None


def parse(body: bytes) -> ChatRequest:
    """Check a request body.

    Raises:
        ApiError: Something is wrong with it.
    """
    try:
        data = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ApiError(400, f"the request body is not valid JSON: {error}") from error
    if not isinstance(data, dict):
        raise ApiError(400, "the request body must be a JSON object")
    for name in UNSUPPORTED:
        if data.get(name):
            raise ApiError(400, f"{name} is not supported by this server", name)
    count = data.get("n")
    if count is not None and (type(count) is not int or count != 1):
        raise ApiError(
            400, f"n must be 1, not {count!r}: this server makes one reply per request", "n"
        )
    options = _object(data, "stream_options")
    choices = _choices(data)
    return ChatRequest(
        model=_string(data, "model"),
        messages=_messages(data),
        stream=_flag(data, "stream"),
        include_usage=_flag(options, "include_usage"),
        max_tokens=_max_tokens(data, MAX_TOKENS if choices else DEFAULT_MAX_TOKENS),
        sampling=_sampling(data),
        stop=_stop(data),
        choices=choices,
        ignore_eos=_flag(data, "ignore_eos"),
        user=_user(data),
        deadline_s=_deadline(data),
    )


def _messages(data: Mapping[str, Any]) -> tuple[Message, ...]:
    items = data.get("messages")
    if not isinstance(items, list) or not items:
        raise ApiError(400, "messages must be a non-empty list", "messages")
    return tuple(_message(item, f"messages[{place}]") for place, item in enumerate(items))


def _message(item: object, where: str) -> Message:
    if not isinstance(item, dict):
        raise ApiError(400, f"{where} must be an object with role and content", where)
    role = item.get("role")
    if not isinstance(role, str) or role not in ROLES:
        raise ApiError(400, f"{where}.role is {role!r}; known: {', '.join(ROLES)}", f"{where}.role")
    return Message(ROLES[role], _content(item.get("content"), f"{where}.content"))


def _content(content: object, where: str) -> str:
    if isinstance(content, str):
        return _whole_characters(content, where)
    if not isinstance(content, list):
        raise ApiError(400, f"{where} must be a string or a list of text parts", where)
    texts = []
    for place, part in enumerate(content):
        kind = part.get("type") if isinstance(part, dict) else None
        if isinstance(kind, str) and "image" in kind:
            raise ApiError(
                400,
                f"{where}[{place}] is an image, but this model reads text only: send the "
                "observation as text",
                f"{where}[{place}]",
            )
        if kind != "text" or not isinstance(part.get("text"), str):
            raise ApiError(
                400,
                f"{where}[{place}] must be {{'type': 'text', 'text': string}}, not {kind!r}",
                f"{where}[{place}]",
            )
        texts.append(_whole_characters(part["text"], f"{where}[{place}]"))
    return "".join(texts)


def _whole_characters(text: str, where: str) -> str:
    r"""The text itself, if UTF-8 can hold it: JSON can spell half a character, ``\ud83d``."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ApiError(
            400,
            f"{where} holds {text[error.start]!a}, half of a surrogate pair, at position "
            f"{error.start}: send the whole character",
            where,
        ) from error
    return text


def _max_tokens(data: Mapping[str, Any], default: int) -> int:
    for name in ("max_completion_tokens", "max_tokens"):
        if data.get(name) is not None:
            return int(_number(data, name, int, 0, 1, MAX_TOKENS))
    return default


def _user(data: Mapping[str, Any]) -> str:
    user = _string(data, "user") if data.get("user") is not None else ""
    if len(user) > MAX_USER:
        raise ApiError(400, f"user has {len(user)} characters; at most {MAX_USER}", "user")
    return user


def _deadline(data: Mapping[str, Any]) -> float | None:
    if data.get("deadline_s") is None:
        return None
    return float(_number(data, "deadline_s", float, 0.0, 0.001, MAX_DEADLINE_S))


def _sampling(data: Mapping[str, Any]) -> Sampling:
    seed = data.get("seed")
    if seed is None:
        seed = secrets.randbits(63)
    elif isinstance(seed, bool) or not isinstance(seed, int):
        raise ApiError(400, f"seed must be an integer, not {seed!r}", "seed")
    return Sampling(
        # Greedy unless asked otherwise: a match should come out the same twice.
        temperature=float(_number(data, "temperature", float, 0.0, 0.0, 2.0)),
        top_p=float(_number(data, "top_p", float, 1.0, 0.0, 1.0)),
        seed=seed % 2**64,
    )


def _stop(data: Mapping[str, Any]) -> tuple[str, ...]:
    stop = data.get("stop")
    if stop is None:
        return ()
    stops = [stop] if isinstance(stop, str) else stop
    good = isinstance(stops, list) and all(isinstance(item, str) and item for item in stops)
    if not good or len(stops) > MAX_STOPS:
        raise ApiError(400, f"stop must be a string or up to {MAX_STOPS} strings", "stop")
    return tuple(_whole_characters(item, "stop") for item in stops)


def _choices(data: Mapping[str, Any]) -> tuple[str, ...]:
    """The dialects in which clients say "one of these": vLLM's two and OpenAI's."""
    structured = _object(data, "structured_outputs")
    used = sorted(name for name, value in structured.items() if value is not None)
    if used not in ([], ["choice"]):
        raise ApiError(
            400,
            f"structured_outputs holds {', '.join(used)}; this server knows only choice",
            "structured_outputs",
        )
    if used:
        return _choice_list(structured["choice"], "structured_outputs.choice")
    if data.get("guided_choice") is not None:
        return _choice_list(data["guided_choice"], "guided_choice")
    return _response_format(_object(data, "response_format"))


def _response_format(wanted: Mapping[str, Any]) -> tuple[str, ...]:
    where = "response_format"
    if wanted.get("type", "text") == "text":
        return ()
    schema = _object(_object(wanted, "json_schema"), "schema")
    plain = set(schema) <= {"type", "enum", "title", "description", "$schema"}
    if wanted["type"] != "json_schema" or "enum" not in schema or not plain:
        raise ApiError(
            400,
            f"{where} can only be text or a json_schema whose schema is a plain string enum; "
            "for a list of allowed replies use structured_outputs.choice",
            where,
        )
    values = _choice_list(schema["enum"], f"{where}.json_schema.schema.enum")
    # A reply to a JSON schema is JSON, so a string keeps its quotes.
    return tuple(json.dumps(value, ensure_ascii=False) for value in values)


def _choice_list(value: object, where: str) -> tuple[str, ...]:
    good = isinstance(value, list) and value and all(isinstance(v, str) and v for v in value)
    if not isinstance(value, list) or not good:
        raise ApiError(400, f"{where} must be a non-empty list of non-empty strings", where)
    if len(value) > MAX_CHOICES:
        raise ApiError(400, f"{where} has {len(value)} strings; at most {MAX_CHOICES}", where)
    return tuple(_whole_characters(text, where) for text in value)


def _object(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = data.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ApiError(400, f"{name} must be an object, not {value!r}", name)
    return value


def _string(data: Mapping[str, Any], name: str) -> str:
    value = data.get(name)
    if not isinstance(value, str):
        raise ApiError(400, f"{name} must be a string", name)
    return _whole_characters(value, name)


def _flag(data: Mapping[str, Any], name: str) -> bool:
    value = data.get(name)
    if value is not None and not isinstance(value, bool):
        raise ApiError(400, f"{name} must be true or false, not {value!r}", name)
    return bool(value)


def _number(
    data: Mapping[str, Any],
    name: str,
    kind: type[int] | type[float],
    default: float,
    low: float,
    high: float,
) -> float:
    value = data.get(name)
    if value is None:
        return default
    kinds = (int,) if kind is int else (int, float)
    if isinstance(value, bool) or not isinstance(value, kinds) or not low <= value <= high:
        what = "an integer" if kind is int else "a number"
        raise ApiError(400, f"{name} must be {what} from {low} to {high}, not {value!r}", name)
    return value
