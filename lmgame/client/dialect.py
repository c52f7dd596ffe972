"""How servers are asked to hold a reply to a list or a grammar: each has its own way.

The sources are the servers' documentation; docs/backends.md names them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from lmgame.client.call import Request

Structured = Literal["off", "choice", "vllm", "guided", "sglang", "grammar", "json_schema"]
"""``choice``: a list only, as ``lmgame serve`` takes it (vLLM's field).
``vllm``: ``structured_outputs``, a list or a grammar. ``guided``: ``guided_choice``
and ``guided_grammar``, as vLLM took them before and Dynamo does. ``sglang``:
``regex`` and ``ebnf``. ``grammar``: llama.cpp's GBNF. ``json_schema``: OpenAI's
``response_format``; the reply is ``{"action": "..."}``.
"""

DIALECTS: tuple[str, ...] = get_args(Structured)

_REFUSED = (400, 422)  # Bad Request; Unprocessable Content, as FastAPI's servers say it
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_SPECIAL = re.compile(r"[\\^$.|?*+()\[\]{}]")


@dataclass(frozen=True, slots=True)
class Form:
    """How one request's reply is constrained.

    Attributes:
        kind: ``"choice"``, ``"grammar"`` or ``"json_schema"``; ``""`` for nothing.
        fields: What is added to the body.
    """

    kind: str = ""
    fields: Mapping[str, object] = field(default_factory=dict)

    def is_refused(self, status: int, text: str) -> bool:
        """Whether an error says that the server does not take this form.

        Args:
            status: The HTTP status.
            text: The error's body.
        """
        names = [*self.fields, *_inner(self.fields)]
        return status in _REFUSED and any(name in text for name in names)

    def is_ignored(self, request: Request, reply: str) -> bool:
        """Whether a whole reply shows that nobody held the model to the request's choices.

        Many servers take fields that they do not know and say nothing.
        """
        if self.kind == "json_schema":
            try:
                value = json.loads(reply)
            except (ValueError, RecursionError):
                return True
            action = value.get("action") if isinstance(value, dict) else None
            return action not in request.choices
        return self.kind == "choice" and reply.strip() not in map(str.strip, request.choices)


FREE = Form()
"""No constraint at all."""


def form(request: Request, dialect: str) -> Form:
    """Find how this server takes what the request wants to be held to.

    Args:
        request: Its choices come first, its grammar where there are none.
        dialect: One of DIALECTS.
    """
    if request.choices:
        return _choices(request.choices, dialect)
    if request.grammar:
        return _grammar(request.grammar, dialect)
    return FREE


def gbnf(choices: tuple[str, ...]) -> str:
    """Write a list of replies as a GBNF grammar."""
    return "root ::= " + " | ".join(map(_literal, choices))


def regex(choices: tuple[str, ...]) -> str:
    """Write a list of replies as a regular expression that matches them whole.

    Only what is special in every flavour is escaped: some engines refuse an
    escape that changes nothing.
    """
    return "(" + "|".join(_SPECIAL.sub(r"\\\g<0>", choice) for choice in choices) + ")"


def _choices(choices: tuple[str, ...], dialect: str) -> Form:
    if dialect in ("choice", "vllm"):
        return Form("choice", {"structured_outputs": {"choice": list(choices)}})
    if dialect == "guided":
        return Form("choice", {"guided_choice": list(choices)})
    if dialect == "sglang":
        return Form("choice", {"regex": regex(choices)})
    if dialect == "grammar":
        return Form("choice", {"grammar": gbnf(choices)})
    if dialect == "json_schema":
        schema = {
            "type": "object",
            "properties": {"action": {"type": "string", "enum": list(choices)}},
            "required": ["action"],
            "additionalProperties": False,
        }
        wanted = {"name": "action", "strict": True, "schema": schema}
        return Form(
            "json_schema", {"response_format": {"type": "json_schema", "json_schema": wanted}}
        )
    return FREE


def _grammar(grammar: str, dialect: str) -> Form:
    if dialect == "vllm":
        return Form("grammar", {"structured_outputs": {"grammar": grammar}})
    names = {"guided": "guided_grammar", "sglang": "ebnf", "grammar": "grammar"}
    return Form("grammar", {names[dialect]: grammar}) if dialect in names else FREE


def _literal(text: str) -> str:
    """Spell a string for GBNF, which takes UTF-8 as it is."""
    return (
        '"' + "".join(_ESCAPES.get(c) or (c if c.isprintable() else _code(c)) for c in text) + '"'
    )


def _code(character: str) -> str:
    return f"\\U{ord(character):08X}"


def _inner(fields: Mapping[str, object]) -> list[str]:
    """Names one level down that an error may cite alone, e.g. ``json_schema``."""
    return [
        name
        for value in fields.values()
        if isinstance(value, dict)
        for name in value
        if name not in ("type", "choice")  # words that any error may hold
    ]
