from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmgame.client import Endpoint, Limits, Usage
from lmgame.client.reader import ReplyReader
from lmgame.client.trouble import Trouble, clean, retry_after

ENDPOINT = Endpoint("http://127.0.0.1:1/v1", "m")
STREAM = {"content-type": "text/event-stream"}
NAMES = (
    "choices",
    "delta",
    "content",
    "reasoning",
    "reasoning_content",
    "usage",
    "prompt_tokens",
    "completion_tokens",
    "prompt_tokens_details",
    "cached_tokens",
    "finish_reason",
    "index",
    "error",
    "message",
    "lmgame",
    "stages",
    "prefill_s",
    "mode",
)
KEYS = st.sampled_from(NAMES)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)

unhurried = settings(deadline=None)  # the machine may be busy with other things


def delta(finish: str | None = None, **fields: object) -> dict[str, object]:
    return {"choices": [{"index": 0, "delta": fields, "finish_reason": finish}]}


def event(value: object) -> bytes:
    return b"data: " + (value if isinstance(value, str) else json.dumps(value)).encode() + b"\n\n"


def read(*values: object, endpoint: Endpoint = ENDPOINT) -> ReplyReader:
    """Read one event per second."""
    reader = ReplyReader(endpoint)
    reader.head(200, STREAM)
    for at, value in enumerate(values, 1):
        reader.body(event(value), float(at))
    return reader


def test_roles_and_empty_chunks_are_no_tokens() -> None:
    reader = read(
        delta(role="assistant", content=""),
        delta(content=""),
        delta(content=None),
        delta(),
        {"choices": []},
        delta(content="left"),
        delta("stop"),
        "[DONE]",
    )
    assert (reader.first_token, reader.first_answer, reader.last_token) == (6.0, 6.0, 6.0)
    assert (reader.answer, reader.finish, reader.end) == ("left", "stop", 8.0)
    assert reader.chunks == [6.0]


@pytest.mark.parametrize("name", ["reasoning", "reasoning_content"])
def test_reasoning_is_a_first_token_but_no_answer(name: str) -> None:
    reader = read(
        delta(role="assistant"),
        delta(**{name: "let me"}),
        delta(**{name: " see"}),
        delta(content="left"),
        delta(content=" now"),
        delta("stop"),
    )
    assert (reader.first_token, reader.first_answer, reader.last_token) == (2.0, 4.0, 5.0)
    assert (reader.reasoning, reader.answer) == ("let me see", "left now")


def test_reasoning_under_two_names_is_taken_once() -> None:
    reader = read(delta(reasoning="hm", reasoning_content="hm"), delta("stop"))
    assert reader.reasoning == "hm"


def test_usage_comes_from_the_server_alone() -> None:
    usage = {
        "prompt_tokens": 7,
        "completion_tokens": 5,
        "completion_tokens_details": {"reasoning_tokens": 2},
        "prompt_tokens_details": {"cached_tokens": 3},
    }
    reader = read(delta(content="a"), delta("stop"), {"choices": [], "usage": usage}, "[DONE]")
    assert reader.usage == Usage(7, 5, 2, 3)
    assert read(delta(content="a"), delta(content="b"), delta("stop")).usage == Usage()


@pytest.mark.parametrize("wrong", [-1, 1.5, "7", True, None, [], 1 << 60])
def test_counts_that_are_no_counts_are_unknown(wrong: object) -> None:
    reader = read({"choices": [], "usage": {"completion_tokens": wrong, "prompt_tokens": 2}})
    assert reader.usage == Usage(prompt=2)


def test_stages_and_server_facts_are_checked() -> None:
    stages = {"prefill_s": 0.5, "transfer_s": "x", "decode_s": -1, "decode_queue_s": 1e9, "z": 1}
    facts = {
        "mode": "split\x1b[31m",
        "attempts": 1,
        "decode_worker": None,
        "deep": {"a": 1},
        "huge": 1e300,
        "flag": True,
        "stages": stages,
    }
    reader = read({**delta("stop"), "lmgame": facts})
    assert reader.stages == {"prefill_s": 0.5}
    assert reader.server == {"mode": "split [31m", "attempts": 1, "decode_worker": None}


def test_stage_times_that_json_cannot_hold_are_dropped() -> None:
    text = (
        '{"choices": [], "lmgame": {"stages": {"prefill_s": NaN, "decode_s": Infinity}, "x": NaN}}'
    )
    reader = read(text)
    assert (reader.stages, reader.server) == ({}, {})


def test_a_surrogate_pair_split_over_two_chunks_is_one_character() -> None:
    chunks = [r'{"choices":[{"delta":{"content":"\ud83d"}}]}']
    chunks += [r'{"choices":[{"delta":{"content":"\ude00 \ud800"}}]}']
    reader = read(*chunks)
    assert reader.answer == "😀 \ufffd"
    reader.answer.encode()


def test_a_whole_reply_in_one_json_body() -> None:
    reader = ReplyReader(ENDPOINT)
    reader.head(200, {"content-type": "application/json"})
    message = {"role": "assistant", "content": "left", "reasoning_content": "hm"}
    body = {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    data = json.dumps({**body, "usage": {"completion_tokens": 4}}).encode()
    reader.body(data[:10], 1.0)
    reader.body(data[10:], 2.0)
    assert not reader.chunks
    reader.close(2.0)
    assert (reader.answer, reader.reasoning, reader.finish) == ("left", "hm", "stop")
    assert (reader.first_token, reader.last_token, reader.end) == (2.0, 2.0, 2.0)
    assert reader.usage.completion == 4


@pytest.mark.parametrize(
    "kind", ["text/event-stream", "", "text/plain", "application/octet-stream"]
)
def test_a_stream_is_known_by_its_look_where_the_type_is_wrong(kind: str) -> None:
    reader = ReplyReader(ENDPOINT)
    reader.head(200, {"content-type": kind} if kind else {})
    reader.body(event(delta(content="a")) + event(delta("stop")), 1.0)
    reader.close(1.0)
    assert reader.answer == "a"


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["[DONE]"], "protocol"),
        (["{half"], "protocol"),
        (["[1, 2]"], "protocol"),
        (["[" * 100_000], "protocol"),
        (['{"a": ' + "9" * 5000 + "}"], "protocol"),
        ([delta(content="a"), {"error": {"message": "out of memory"}}], "server"),
        ([delta(content="a"), {"error": "gone", "code": 500}], "server"),
        ([delta(content="x" * 600), delta(content="ü" * 300)], "oversize"),
        ([delta(content="x" * 5000)], "oversize"),
        ([delta(content="")] * 1000, "oversize"),
    ],
)
def test_what_ends_a_stream_early(values: list[object], kind: str) -> None:
    endpoint = Endpoint("http://127.0.0.1:1/v1", "m", limits=Limits(reply_bytes=1000))
    if kind != "oversize":
        endpoint = ENDPOINT
    with pytest.raises(Trouble) as raised:
        read(*values, endpoint=endpoint)
    assert raised.value.failure.kind == kind


def test_a_stream_that_ends_without_a_reason_may_be_cut() -> None:
    reader = read(delta(content="a"))
    with pytest.raises(Trouble, match="finish reason") as raised:
        reader.close(2.0)
    assert raised.value.failure.kind == "disconnect"
    assert reader.answer == "a"


def test_a_break_after_the_finish_reason_loses_nothing() -> None:
    reader = read(delta(content="a"), delta("stop"))
    reader.lost("reset", 3.0)
    assert (reader.answer, reader.ended) == ("a", True)


@unhurried
@given(st.lists(JSON, max_size=6), st.sampled_from([200, 200, 404, 500]))
def test_any_json_is_survived(values: list[object], status: int) -> None:
    reader = ReplyReader(ENDPOINT)
    with contextlib.suppress(Trouble):
        reader.head(status, STREAM)
        for value in values:
            reader.body(event(value), 1.0)
        reader.close(2.0)
    reader.answer.encode()
    reader.reasoning.encode()
    assert all(isinstance(value, float) for value in reader.stages.values())


@unhurried
@given(st.binary(max_size=200), st.sampled_from(["text/event-stream", "application/json", ""]))
def test_any_body_is_survived(data: bytes, kind: str) -> None:
    reader = ReplyReader(ENDPOINT)
    reader.head(200, {"content-type": kind})
    with contextlib.suppress(Trouble):
        reader.body(data, 1.0)
        reader.close(1.0)
    assert not reader.ended  # no such bytes are a reply


@unhurried
@given(st.text())
def test_cleaned_text_is_one_printable_short_line(text: str) -> None:
    shown = clean(text)
    assert shown.isprintable()
    assert len(shown) <= 200


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "3"}, 3.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "-4"}, 0.0),
        ({"retry-after": "1e9"}, 86400.0),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "9" * 400}, None),
        ({}, None),
    ],
)
def test_retry_after(headers: Mapping[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds
