"""Replies held to a list or a grammar: what each server is asked, and what if it will not."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmgame.client import Call, Client, Endpoint, Limits, Message, Request
from lmgame.client.dialect import DIALECTS, FREE, form, gbnf, regex
from lmgame.scripted_server import Received, Reply, ScriptedServer

MOVES = ("press left", 'hold "all"')
LIST = Request([Message("user", "Which move?")], choices=MOVES)
GRAMMAR = replace(LIST, choices=(), grammar='root ::= "go " [0-9]')
TEXTS = st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), min_size=1)


@pytest.mark.parametrize(
    ("dialect", "listed", "by_grammar"),
    [
        ("off", {}, {}),
        ("choice", {"structured_outputs": {"choice": list(MOVES)}}, {}),
        (
            "vllm",
            {"structured_outputs": {"choice": list(MOVES)}},
            {"structured_outputs": {"grammar": GRAMMAR.grammar}},
        ),
        ("guided", {"guided_choice": list(MOVES)}, {"guided_grammar": GRAMMAR.grammar}),
        ("sglang", {"regex": '(press left|hold "all")'}, {"ebnf": GRAMMAR.grammar}),
        (
            "grammar",
            {"grammar": r'root ::= "press left" | "hold \"all\""'},
            {"grammar": GRAMMAR.grammar},
        ),
    ],
)
def test_what_each_server_is_asked(dialect: str, listed: object, by_grammar: object) -> None:
    assert form(LIST, dialect).fields == listed
    assert form(GRAMMAR, dialect).fields == by_grammar
    assert form(replace(LIST, choices=()), dialect) == FREE


def test_a_schema_allows_the_listed_actions_and_nothing_else() -> None:
    asked = form(LIST, "json_schema")
    assert asked.kind == "json_schema"
    wanted = asked.fields["response_format"]
    assert isinstance(wanted, dict)
    schema = wanted["json_schema"]["schema"]
    assert schema["properties"]["action"]["enum"] == list(MOVES)
    assert schema["required"] == ["action"]
    assert schema["additionalProperties"] is False
    assert wanted["json_schema"]["strict"] is True


def test_choices_come_before_a_grammar() -> None:
    for dialect in DIALECTS:
        both = replace(LIST, grammar=GRAMMAR.grammar)
        assert form(both, dialect) == form(LIST, dialect)


@given(TEXTS, st.text())
def test_the_regular_expression_matches_the_choices_alone(texts: list[str], other: str) -> None:
    written = re.compile(regex(tuple(texts)))
    assert all(written.fullmatch(text) for text in texts)
    assert bool(written.fullmatch(other)) == (other in texts)


def strings_of(grammar: str) -> list[str]:
    """The alternatives of a grammar of one rule, by llama.cpp's rules for literals."""
    escapes = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\", "[": "[", "]": "]"}
    head, rest = grammar[:9], grammar[9:]
    assert head == "root ::= "
    found: list[str] = []
    at = 0
    while at < len(rest):
        if found:
            assert rest[at : at + 3] == " | "
            at += 3
        assert rest[at] == '"'
        at, text = at + 1, ""
        while rest[at] != '"':
            if rest[at] != "\\":
                text, at = text + rest[at], at + 1
            elif rest[at + 1] in "xuU":
                digits = {"x": 2, "u": 4, "U": 8}[rest[at + 1]]
                text += chr(int(rest[at + 2 : at + 2 + digits], 16))
                at += 2 + digits
            else:
                text, at = text + escapes[rest[at + 1]], at + 2
        found.append(text)
        at += 1
    return found


@given(TEXTS)
def test_the_grammar_spells_the_choices(texts: list[str]) -> None:
    written = gbnf(tuple(texts))
    assert strings_of(written) == texts
    assert "\n" not in written  # a line break would begin another rule


# A server that will not


def run(server: ScriptedServer, *requests: Request, dialect: str = "vllm") -> list[Call]:
    async def all_of() -> list[Call]:
        endpoint = Endpoint(
            server.base_url,
            "scripted",
            limits=Limits(total_s=20),
            structured=dialect,  # type: ignore[arg-type]  # one of the dialects
        )
        async with Client(endpoint) as client:
            return [await client.complete(request) for request in requests]

    return asyncio.run(all_of())


def refusing(*names: str, status: int = 400, text: str = "unknown field {}") -> object:
    """A server that refuses requests with some fields, as strict ones do."""

    def answer(received: Received) -> Reply:
        bad = [name for name in names if name in received.body]
        return Reply(text.format(bad[0]), status=status) if bad else Reply("press left")

    return answer


@pytest.mark.parametrize("status", [400, 422])
def test_a_server_that_refuses_the_field_is_asked_without_it(status: int) -> None:
    with ScriptedServer(refusing("structured_outputs", status=status)) as server:  # type: ignore[arg-type]  # a script
        first, second = run(server, LIST, LIST)
        bodies = [received.body for received in server.requests]
    assert ["structured_outputs" in body for body in bodies] == [True, False, False]
    for call in (first, second):
        assert (call.failure, call.reply, call.structured) == (None, "press left", "")


def test_what_is_refused_for_lists_may_be_taken_for_grammars() -> None:
    def answer(received: Received) -> Reply:
        asked = received.body.get("structured_outputs")
        listed = isinstance(asked, dict) and "choice" in asked
        return Reply("structured_outputs.choice?", status=400) if listed else Reply("go 1")

    with ScriptedServer(answer) as server:
        calls = run(server, LIST, GRAMMAR, LIST)
    assert [call.structured for call in calls] == ["", "grammar", ""]


def test_both_tries_are_one_call_that_counts_from_the_first() -> None:
    def answer(received: Received) -> Reply:
        if "structured_outputs" in received.body:
            return Reply("no structured_outputs", status=400, ttft_s=0.2)
        return Reply("press left")

    shown: list[Call] = []

    async def one(url: str) -> Call:
        endpoint = Endpoint(url, "scripted", structured="vllm")
        async with Client(endpoint, on_call=shown.append) as client:
            return await client.complete(LIST)

    with ScriptedServer(answer) as server:
        call = asyncio.run(one(server.base_url))
    assert shown == [call]
    assert call.ttft_s is not None
    assert call.ttft_s >= 0.2
    assert call.timing.sent is not None
    assert call.timing.sent >= 0.2


def test_another_refusal_is_left_as_it_is() -> None:
    with ScriptedServer(Reply("context is 2048 tokens", status=400)) as server:
        (call,) = run(server, LIST)
        assert len(server.requests) == 1
    assert call.failure is not None
    assert "2048 tokens" in call.failure.message


def test_a_request_that_is_refused_either_way_does_not_teach_anything() -> None:
    replies = [Reply("grammar? no", status=400)] * 2 + [Reply('hold "all"')]
    with ScriptedServer(replies) as server:
        first, second = run(server, LIST, LIST, dialect="grammar")
        assert "grammar" in server.requests[2].body
    assert first.failure is not None
    assert (second.structured, second.reply) == ("choice", 'hold "all"')


@pytest.mark.parametrize(
    ("dialect", "reply", "structured"),
    [
        ("vllm", "press left", "choice"),
        ("vllm", " press left\n", "choice"),
        ("vllm", "I would press left", "ignored"),
        ("json_schema", json.dumps({"action": MOVES[1]}), "json_schema"),
        ("json_schema", "press left", "ignored"),
        ("json_schema", '{"action": ["press left"]}', "ignored"),
        ("json_schema", "[" * 100_000, "ignored"),
        ("off", "anything", ""),
    ],
)
def test_a_server_that_takes_no_notice_is_found_out(
    dialect: str, reply: str, structured: str
) -> None:
    with ScriptedServer(Reply(chunks=[reply])) as server:
        (call,) = run(server, LIST, dialect=dialect)
    assert call.structured == structured


def test_a_reply_that_was_cut_off_shows_nothing() -> None:
    with ScriptedServer(Reply("press", finish="length")) as server:
        (call,) = run(server, LIST)
    assert call.structured == "choice"
