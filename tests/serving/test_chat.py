from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmgame.serving.chat import ApiError, parse
from lmgame.serving.vocabulary import Message

GOOD: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


def parsed(**changes: object) -> Any:  # noqa: ANN401  # read by attribute in the tests
    return parse(json.dumps({**GOOD, **changes}).encode())


def test_defaults_are_greedy_and_bounded() -> None:
    request = parsed()
    assert request.messages == (Message("user", "hi"),)
    assert (request.stream, request.include_usage, request.max_tokens) == (False, False, 256)
    assert request.sampling.temperature == 0.0
    assert (request.stop, request.choices) == ((), ())


def test_unknown_harmless_fields_are_ignored() -> None:
    parsed(user="someone", metadata={"a": "b"}, frequency_penalty=0, tools=[], logprobs=False)


def test_max_completion_tokens_wins_over_the_older_name() -> None:
    assert parsed(max_tokens=5, max_completion_tokens=7).max_tokens == 7


def test_a_list_of_choices_is_never_cut_unasked() -> None:
    assert parsed(guided_choice=["a", "b"]).max_tokens >= 131_072
    assert parsed(guided_choice=["a", "b"], max_tokens=3).max_tokens == 3


def test_developer_is_the_new_name_of_system() -> None:
    assert parsed(messages=[{"role": "developer", "content": "x"}]).messages[0].role == "system"


def test_any_integer_is_a_seed() -> None:
    for seed in (-1, 0, 2**70):
        assert 0 <= parsed(seed=seed).sampling.seed < 2**64


@pytest.mark.parametrize(
    ("changes", "param", "words"),
    [
        ({"model": 3}, "model", "must be a string"),
        ({"model": None}, "model", "must be a string"),
        ({"messages": []}, "messages", "non-empty list"),
        ({"messages": "hi"}, "messages", "non-empty list"),
        ({"messages": ["hi"]}, "messages[0]", "object with role"),
        ({"messages": [{"role": "wizard", "content": "x"}]}, "messages[0].role", "'wizard'; known"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].role", "'tool'"),
        ({"messages": [{"role": ["user"], "content": "x"}]}, "messages[0].role", "known"),
        ({"messages": [{"role": "user"}]}, "messages[0].content", "string or a list"),
        ({"messages": [{"role": "user", "content": 3}]}, "messages[0].content", "string"),
        (
            {"messages": [{"role": "user", "content": [{"type": "input_image"}]}]},
            "messages[0].content[0]",
            "reads text only",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]},
            "messages[0].content[0]",
            "not 'input_audio'",
        ),
        ({"messages": [{"role": "user", "content": ["x"]}]}, "messages[0].content[0]", "text"),
        *[({"n": n}, "n", f"n must be 1, not {n!r}:") for n in (0, 2, 129, "2", 1.0, True)],
        ({"stream": "yes"}, "stream", "true or false"),
        ({"stream_options": 3}, "stream_options", "object"),
        ({"max_tokens": 0}, "max_tokens", "integer from 1"),
        ({"max_tokens": 1.5}, "max_tokens", "integer"),
        ({"max_tokens": True}, "max_tokens", "integer"),
        ({"temperature": -0.1}, "temperature", "from 0.0 to 2.0"),
        ({"temperature": "hot"}, "temperature", "'hot'"),
        ({"temperature": float("nan")}, "temperature", "number"),
        ({"top_p": 1.1}, "top_p", "from 0.0 to 1.0"),
        ({"seed": 1.5}, "seed", "integer"),
        ({"seed": True}, "seed", "integer"),
        ({"stop": 3}, "stop", "string"),
        ({"stop": [""]}, "stop", "string"),
        ({"stop": ["x"] * 17}, "stop", "16"),
        ({"tools": [{}]}, "tools", "not supported"),
        ({"logprobs": True}, "logprobs", "not supported"),
        ({"presence_penalty": 0.5}, "presence_penalty", "not supported"),
        ({"guided_json": {}, "guided_regex": "a"}, "guided_regex", "not supported"),
        ({"guided_choice": []}, "guided_choice", "non-empty list"),
        ({"guided_choice": ["a", ""]}, "guided_choice", "non-empty strings"),
        ({"guided_choice": "left"}, "guided_choice", "list"),
        ({"guided_choice": ["a"] * 5000}, "guided_choice", "at most"),
        ({"structured_outputs": {"json": {}}}, "structured_outputs", "knows only choice"),
        ({"structured_outputs": {"choice": 1}}, "structured_outputs.choice", "list"),
        ({"response_format": {"type": "json_object"}}, "response_format", "string enum"),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"schema": {}}}},
            "response_format",
            "structured_outputs.choice",
        ),
        ({"response_format": {"type": "json_schema"}}, "response_format", "string enum"),
        (
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"schema": {"enum": [1, 2]}},
                }
            },
            "response_format.json_schema.schema.enum",
            "strings",
        ),
    ],
)
def test_what_is_refused_and_why(changes: dict[str, Any], param: str, words: str) -> None:
    with pytest.raises(ApiError) as caught:
        parsed(**changes)
    assert caught.value.status == 400
    assert caught.value.param == param
    assert words in caught.value.message
    error = caught.value.to_json()["error"]
    assert set(error) == {"message", "type", "param", "code"}


HALF = "\ud83d"


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"messages": [{"role": "user", "content": f"ab{HALF}"}]}, "messages[0].content"),
        (
            {"messages": [{"role": "user", "content": [{"type": "text", "text": f"ab{HALF}"}]}]},
            "messages[0].content[0]",
        ),
        ({"model": f"ab{HALF}"}, "model"),
        ({"stop": f"ab{HALF}"}, "stop"),
        ({"stop": ["x", f"ab{HALF}"]}, "stop"),
        ({"guided_choice": ["x", f"ab{HALF}"]}, "guided_choice"),
    ],
)
def test_half_a_surrogate_pair_is_refused(changes: dict[str, Any], param: str) -> None:
    with pytest.raises(
        ApiError, match=r"'\\ud83d', half of a surrogate pair, at position 2"
    ) as caught:
        parsed(**changes)
    assert caught.value.status == 400
    assert caught.value.param == param
    json.dumps(caught.value.to_json(), ensure_ascii=False).encode()


def test_n_may_be_one_or_absent() -> None:
    assert parsed(n=1, seed=1) == parsed(seed=1)
    parsed(n=None)


@pytest.mark.parametrize("body", [b"", b"[]", b'"x"', b"\xff", b"{" * 100, b"[" * 100_000])
def test_bodies_that_are_no_json_object(body: bytes) -> None:
    with pytest.raises(ApiError) as caught:
        parse(body)
    assert caught.value.status == 400


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
KEYS = ["stream", "n", "stop", "seed", "messages", "response_format", "structured_outputs"]


@given(st.dictionaries(st.sampled_from(KEYS), json_values, min_size=1))
def test_no_json_crashes_the_reader(changes: dict[str, Any]) -> None:
    with contextlib.suppress(ApiError):
        parsed(**changes)
