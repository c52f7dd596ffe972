from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmgame import trace_line
from lmgame.bench import source
from lmgame.bench.load import plan
from lmgame.bench.session import Session
from lmgame.client.body import spoken
from lmgame.client.call import Message
from lmgame.errors import UsageError
from lmgame.trace_line import BrokenLine
from tests.bench.loads import loading


def written(folder: Path, *rows: object) -> Path:
    path = folder / "rows.jsonl"
    path.write_text("\n".join(r if isinstance(r, str) else json.dumps(r) for r in rows) + "\n")
    return path


def sessions(path: Path, *overrides: str) -> list[Session]:
    return list(plan(loading("load=trace", f"load.file={path}", *overrides)).sessions)


def ask(text: str) -> dict[str, object]:
    return {"messages": [{"role": "user", "content": text}]}


def test_timestamps_are_open_and_delays_wait(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        {"timestamp": 500, **ask("a"), "output_length": 3},
        {"session_id": "x", "timestamp": 1500, **ask("b"), "output_tokens": 4},
        {"session_id": "x", "delay": 250, **ask("c")},
    )
    found = sessions(path, "load.max_tokens=9")
    assert [one.start_s for one in found] == [0.0, 1.0]
    assert [step.max_tokens for one in found for step in one.steps] == [3, 4, 9]
    assert [step.delay_s for step in found[1].steps] == [0.0, 0.25]
    assert [one.start_s for one in sessions(path, "load.speed=2")] == [0.0, 0.5]


def test_a_session_with_timestamps_of_its_own_stays_open(tmp_path: Path) -> None:
    rows = [{"session_id": "x", "timestamp": 1000 * n, **ask(str(n))} for n in range(3)]
    assert [one.start_s for one in sessions(written(tmp_path, *rows))] == [0.0, 1.0, 2.0]


def test_prompts_begin_alike_exactly_where_their_blocks_are_the_same(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        {"timestamp": 0, "input_length": 10, "output_length": 1, "hash_ids": [1, 2, 3]},
        {"timestamp": 1, "input_length": 11, "output_length": 1, "hash_ids": [1, 2, 4]},
        {"timestamp": 2, "input_length": 9, "output_length": 1},
    )
    one, other, bare = (
        session.steps[0].messages[0].content.split() for session in sessions(path, "load.block=4")
    )
    assert [len(one), len(other), len(bare)] == [10, 11, 9]
    assert one[:8] == other[:8]
    assert one[8:] != other[8:10]


def test_what_we_write_with_images_is_read_back(tmp_path: Path) -> None:
    message = Message("user", "look", (b"\x89PNG1", b"\x89PNG2"))
    path = written(tmp_path, {"timestamp": 0, "messages": [spoken(message)]})
    assert sessions(path)[0].steps[0].messages == (message,)


BROKEN = [
    ("{", "not JSON"),
    ("[]", "not a JSON object"),
    ('{"timestamp": -1, "prompt": "a"}', "timestamp must be milliseconds from 0"),
    ('{"timestamp": NaN, "prompt": "a"}', "timestamp must be milliseconds from 0"),
    ('{"timestamp": true, "prompt": "a"}', "timestamp must be milliseconds from 0"),
    ('{"timestamp": 0}', "no messages, no prompt and no input_length"),
    ('{"timestamp": 0, "prompt": 3}', "prompt is no text"),
    (
        '{"timestamp": 0, "input_length": 1.5}',
        "must be a whole number of tokens",
    ),
    (
        '{"timestamp": 0, "input_length": 99999999999}',
        "must be a whole number of tokens",
    ),
    (
        '{"timestamp": 0, "input_length": 5, "hash_ids": ["a"]}',
        "hash_ids must be a list",
    ),
    ('{"timestamp": 0, "input_length": 5, "hash_ids": [1, 2]}', "do not fit 5 tokens in blocks"),
    ('{"timestamp": 0, "messages": []}', "messages is no list of messages"),
    ('{"timestamp": 0, "messages": [{"role": "cat", "content": ""}]}', "a message whose role"),
    ('{"timestamp": 0, "messages": [{"role": "user", "content": 3}]}', "a message whose content"),
    ('{"delay": 3, "prompt": "a"}', "a delay without a session_id"),
    ('{"session_id": [], "timestamp": 0, "prompt": "a"}', "session_id must be a text, not []"),
]


@pytest.mark.parametrize(("line", "why"), BROKEN)
def test_a_broken_line_is_named(tmp_path: Path, line: str, why: str) -> None:
    path = written(tmp_path, {"timestamp": 0, **ask("a")}, "", line)
    with pytest.raises(UsageError) as caught:
        sessions(path)
    assert "1 broken line: line 3: " in str(caught.value)
    assert why in str(caught.value)
    assert "load.broken=skip" in str(caught.value)
    made = plan(loading("load=trace", f"load.file={path}", "load.broken=skip"))
    assert len(list(made.sessions)) == 1
    assert len(made.skipped) == 1


def test_of_many_broken_lines_five_are_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"20 broken lines: .*line 5: not JSON; and 15 more:"):
        sessions(written(tmp_path, *["{"] * 20))


def test_a_file_without_calls_or_times_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no calls"):
        sessions(written(tmp_path, ""))
    with pytest.raises(UsageError, match="says of no call when it is due"):
        sessions(written(tmp_path, {"prompt": "a"}))


def test_prompts_of_a_file_are_sent_again_and_again_under_another_load(tmp_path: Path) -> None:
    path = written(tmp_path, {"prompt": "a"}, {"prompt": "b"})
    load = loading("load=constant", "load.calls=5", "load.sessions=1", f"load.file={path}")
    said = [one.steps[0].messages[0].content for one in plan(load).sessions]
    assert said == ["a", "b", "a", "b", "a"]


@settings(max_examples=200, deadline=None)
@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["timestamp", "delay", "messages", "prompt", "input_length", "hash_ids",
                         "session_id", "output_length", "role", "content", "type", "text",
                         "image_url", "url"]), inner, max_size=5),
    max_leaves=12,
))  # fmt: skip
def test_no_line_is_worse_than_broken(value: object) -> None:
    load = loading("load.block=4")
    try:
        row = source._row(trace_line.line(json.dumps(value).encode(), 1), load)
    except BrokenLine:
        return
    assert row.step.max_tokens >= 1
