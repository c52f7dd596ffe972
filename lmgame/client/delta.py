"""What one piece of a reply holds: answer, reasoning, tool calls.

Everything here comes from a server and may be of any type and any size; who
collects it limits the sizes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

MOST_TOOLS = 16
"""Tool calls of one reply that are kept; no game asks for any."""

_MOST_PARTS = 256
_THOUGHTS = ("thinking", "reasoning", "reasoning_content")


class Piece(NamedTuple):
    """A piece of a reply.

    Attributes:
        answer: Text of the answer.
        thought: Text of the reasoning.
        tools: Pieces of tool calls: which call, its name, its arguments.
    """

    answer: str
    thought: str
    tools: tuple[tuple[int, str, str], ...]


def read(delta: Mapping[str, Any], reasoning_fields: Sequence[str]) -> Piece:
    """Take a delta or a whole message apart.

    Args:
        delta: As the server sent it.
        reasoning_fields: Names under which it may carry reasoning. The first
            that holds text counts: some servers send the same text under two.
    """
    thought = ""
    for name in reasoning_fields:
        value = delta.get(name)
        if isinstance(value, str) and value:
            thought = value
            break
    content = delta.get("content")
    answer = content if isinstance(content, str) else ""
    if isinstance(content, list):  # Mistral's way: parts, some of them thinking
        parts = [part for part in content[:_MOST_PARTS] if isinstance(part, dict)]
        thought += "".join(map(_thought, parts))
        answer = "".join(_string(part.get("text")) for part in parts if _is_text(part))
    # A model that declines under a JSON schema says so in a field of its own.
    answer = answer or _string(delta.get("refusal"))
    return Piece(answer, thought, tuple(_tools(delta)))


def _is_text(part: Mapping[str, Any]) -> bool:
    return part.get("type", "text") in ("text", "output_text")


def _thought(part: Mapping[str, Any]) -> str:
    if part.get("type") not in _THOUGHTS:
        return ""
    for name in (*_THOUGHTS, "text"):
        value = part.get(name)
        if isinstance(value, str):
            return value
        if isinstance(value, list):
            inner = [one for one in value[:_MOST_PARTS] if isinstance(one, dict)]
            return "".join(_string(one.get("text")) for one in inner)
    return ""


def _tools(delta: Mapping[str, Any]) -> Iterator[tuple[int, str, str]]:
    calls = delta.get("tool_calls")
    if isinstance(calls, list):
        for place, call in enumerate(calls[:MOST_TOOLS]):
            if isinstance(call, dict):
                index = call.get("index")
                number = index if type(index) is int and 0 <= index < MOST_TOOLS else place
                yield number, *_function(call.get("function"))
    elif isinstance(delta.get("function_call"), dict):  # what tool_calls was before 2023-11
        yield 0, *_function(delta["function_call"])


def _function(function: object) -> tuple[str, str]:
    if not isinstance(function, dict):
        return "", ""
    arguments = function.get("arguments")
    if isinstance(arguments, dict):
        arguments = json.dumps(arguments)
    return _string(function.get("name")), _string(arguments)


def _string(value: object) -> str:
    return value if isinstance(value, str) else ""


class ToolCall:
    """A tool call that arrives in pieces."""

    __slots__ = ("_arguments", "_name")

    def __init__(self) -> None:
        self._name: list[str] = []
        self._arguments: list[str] = []

    def add(self, name: str, arguments: str) -> None:
        """Take another piece; some servers repeat the whole name in each."""
        if name != "".join(self._name):
            self._name.append(name)
        self._arguments.append(arguments)

    def text(self) -> str:
        """The call as models write it themselves: JSON between ``<tool_call>`` tags."""
        joined = "".join(self._arguments)
        try:
            arguments = json.loads(joined)
        except (ValueError, RecursionError):
            arguments = joined
        try:
            written = json.dumps({"name": "".join(self._name), "arguments": arguments})
        except (ValueError, RecursionError):
            written = json.dumps({"name": "".join(self._name), "arguments": joined})
        # JSON may spell a slash so; the arguments cannot close the tag then.
        return f"<tool_call>{written.replace('</', '<' + chr(92) + '/')}</tool_call>"
