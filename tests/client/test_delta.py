"""Tool calls, the three ways to send reasoning, and where token counts stand."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmgame.client import Endpoint, Limits, Usage
from lmgame.client.delta import read as read_delta
from lmgame.client.reader import ReplyReader
from lmgame.client.trouble import Trouble
from tests.client.test_reader import ENDPOINT, STREAM, delta, event, read


def called(
    name: str | None = None, arguments: object = None, index: object = 0
) -> dict[str, object]:
    """A chunk with a piece of a tool call."""
    function = {"name": name, "arguments": arguments}
    return delta(tool_calls=[{"index": index, "id": "x", "type": "function", "function": function}])


def calls_in(answer: str) -> list[object]:
    """The tool calls in a reply's text."""
    begin, end = "<tool_call>", "</tool_call>"
    parts = answer.split(begin)[1:]
    assert all(part.endswith(end) for part in parts)
    return [json.loads(part.removesuffix(end)) for part in parts]


def test_a_tool_call_in_pieces_becomes_text_when_it_is_complete() -> None:
    said: list[str] = []
    reader = ReplyReader(ENDPOINT, said.append)
    reader.head(200, STREAM)
    pieces = [called("move", ""), called(None, '{"to": '), called(None, '"left"}')]
    for at, piece in enumerate([delta(role="assistant"), *pieces], 1):
        reader.body(event(piece), float(at))
        assert (reader.answer, said) == ("", [])
    reader.body(event(delta("tool_calls")), 5.0)
    reader.body(event("[DONE]"), 6.0)
    assert reader.answer == '<tool_call>{"name": "move", "arguments": {"to": "left"}}</tool_call>'
    assert said == [reader.answer]
    assert (reader.first_token, reader.first_answer, reader.last_token) == (2.0, 2.0, 4.0)
    assert (reader.chunks, reader.finish) == ([2.0, 3.0, 4.0], "tool_calls")


def test_several_tool_calls_keep_apart_and_follow_the_text() -> None:
    both = delta(
        tool_calls=[
            {"index": 1, "function": {"name": "hold", "arguments": "{}"}},
            {"index": 0, "function": {"name": "move", "arguments": '{"to":'}},
        ]
    )
    reader = read(delta(content="I move."), both, called(None, "1}"), delta("stop"), "[DONE]")
    assert reader.answer.startswith("I move.<tool_call>")
    assert calls_in(reader.answer) == [
        {"name": "move", "arguments": {"to": 1}},
        {"name": "hold", "arguments": {}},
    ]


@pytest.mark.parametrize(
    ("arguments", "read_as"),
    [
        ("left", "left"),
        ('{"to": ', '{"to": '),
        ({"to": 1}, {"to": 1}),  # an object instead of its text, as Ollama's own API has it
        ("</tool_call>", "</tool_call>"),
        ("[" * 10_000, "[" * 10_000),
        ("\ud800", "�"),
    ],
)
def test_arguments_of_any_kind(arguments: object, read_as: object) -> None:
    reader = read(called("move", arguments), delta("stop"), "[DONE]")
    if arguments == "\ud800":
        assert "\\ud800" in reader.answer  # JSON's own spelling, which UTF-8 can hold
    else:
        assert calls_in(reader.answer) == [{"name": "move", "arguments": read_as}]
    reader.answer.encode()


def test_a_name_that_is_repeated_is_one_name() -> None:
    reader = read(called("move", "{"), called("move", "}"), delta("stop"), "[DONE]")
    assert calls_in(reader.answer) == [{"name": "move", "arguments": {}}]


def test_the_older_function_call_and_whole_bodies() -> None:
    older = delta(function_call={"name": "move", "arguments": "{}"})
    assert calls_in(read(older, delta("stop"), "[DONE]").answer)
    reader = ReplyReader(ENDPOINT)
    reader.head(200, {"content-type": "application/json"})
    call = {"id": "x", "type": "function", "function": {"name": "move", "arguments": "{}"}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    whole = {"choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}
    reader.body(json.dumps(whole).encode(), 1.0)
    reader.close(2.0)
    assert calls_in(reader.answer) == [{"name": "move", "arguments": {}}]
    assert reader.first_answer == 2.0


def test_an_unfinished_tool_call_is_no_reply() -> None:
    reader = read(delta(content="So: "), called("move", '{"to'))
    with pytest.raises(Trouble):
        reader.lost("gone", 3.0)
    assert reader.answer == "So: "


def test_tool_calls_are_limited_like_text() -> None:
    small = Endpoint("http://h/v1", "m", limits=Limits(reply_bytes=1000))
    with pytest.raises(Trouble, match="1000 bytes"):
        read(*[called("move", "x" * 90)] * 12, endpoint=small)
    many = [called("move", "{}", index=number) for number in range(100)]
    assert len(calls_in(read(*many, delta("stop"), "[DONE]").answer)) <= 16


THOUGHTS: dict[str, Callable[[str], dict[str, object]]] = {
    "reasoning_content": lambda text: delta(reasoning_content=text),
    "reasoning": lambda text: delta(reasoning=text),
    "thinking": lambda text: delta(thinking=text),
    "both names": lambda text: delta(reasoning=text, reasoning_content=text),
    "parts": lambda text: delta(
        content=[{"type": "thinking", "thinking": [{"type": "text", "text": text}]}]
    ),
    "plain parts": lambda text: delta(content=[{"type": "thinking", "thinking": text}]),
    "reasoning parts": lambda text: delta(content=[{"type": "reasoning", "text": text}]),
}


@pytest.mark.parametrize("kind", THOUGHTS)
def test_reasoning_is_kept_apart_however_it_is_sent(kind: str) -> None:
    thought = THOUGHTS[kind]
    reader = read(
        delta(role="assistant"),
        thought("left or "),
        thought("right?"),
        delta(content=[{"type": "text", "text": "le"}]) if "parts" in kind else delta(content="le"),
        delta(content="ft"),
        delta("stop"),
        "[DONE]",
    )
    assert (reader.reasoning, reader.answer) == ("left or right?", "left")
    assert (reader.first_token, reader.first_answer, reader.last_token) == (2.0, 4.0, 5.0)


def test_thought_and_answer_in_one_list() -> None:
    parts = [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "left"}]
    reader = read(delta(content=parts), delta("stop"), "[DONE]")
    assert (reader.reasoning, reader.answer) == ("hm", "left")


def test_a_refusal_is_what_the_model_answered() -> None:
    reader = read(delta(refusal="I will "), delta(refusal="not."), delta("stop"), "[DONE]")
    assert reader.answer == "I will not."


LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=4)
NAMES = st.sampled_from(
    ["content", "type", "text", "thinking", "tool_calls", "function", "name", "arguments", "index"]
)
ANYTHING = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=15,
)


@given(st.dictionaries(NAMES, ANYTHING, max_size=5))
def test_anything_at_all_can_be_read(held: dict[str, object]) -> None:
    piece = read_delta(held, ENDPOINT.reasoning_fields)
    assert isinstance(piece.answer + piece.thought, str)
    assert all(0 <= number < 16 for number, _, _ in piece.tools)


# Token counts


def counted(endpoint: Endpoint = ENDPOINT, **event_fields: object) -> Usage:
    return read(delta(content="x"), {"choices": [], **event_fields}, endpoint=endpoint).usage


def test_counts_wherever_they_stand() -> None:
    plain = {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}
    assert counted(usage=plain) == Usage(9, 2)
    assert counted(x_groq={"usage": plain}) == Usage(9, 2)
    assert counted(usage=None) == Usage()
    for place in (
        {"prompt_tokens_details": {"cached_tokens": 4}},
        {"prompt_cache_hit_tokens": 4, "prompt_cache_miss_tokens": 5},
        {"cached_tokens": 4},
    ):
        assert counted(usage={**plain, **place}).cached == 4


def test_reasoning_that_is_counted_beside_the_reply_is_counted_in() -> None:
    # The numbers of a real reply of grok-3-mini, from vercel/ai#12425.
    details = {"completion_tokens_details": {"reasoning_tokens": 386}}
    beside = {"prompt_tokens": 12, "completion_tokens": 1, "total_tokens": 399, **details}
    assert counted(usage=beside) == Usage(12, 387, 386)
    # Gemini does not say what the rest is.
    silent = {"prompt_tokens": 21, "completion_tokens": 0, "total_tokens": 81}
    assert counted(usage=silent) == Usage(21, 60, 60)
    inside = {"prompt_tokens": 12, "completion_tokens": 387, "total_tokens": 399, **details}
    assert counted(usage=inside) == Usage(12, 387, 386)


def test_a_cost_is_read_where_the_endpoint_tells_one() -> None:
    usage = {"prompt_tokens": 8, "completion_tokens": 11, "cost": 0.00078}
    telling = replace(ENDPOINT, cost_field="cost")
    assert counted(usage=usage).usd is None
    assert counted(telling, usage=usage).usd == 0.00078
    for bad in ("1", True, -1, float("inf"), None, [1]):
        assert counted(telling, usage={**usage, "cost": bad}).usd is None
