from __future__ import annotations

import json
from itertools import islice, pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from lmgame.errors import UsageError
from lmgame.placement.workload import Made, from_trace, synthetic


def wrote(path: Path, *rows: object) -> Path:
    text = "\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows)
    path.write_text(text + "\n")
    return path


def row(**more: object) -> dict[str, object]:
    return {"timestamp": 0, "input_length": 100, "output_length": 5, **more}


def test_a_trace_with_sessions(tmp_path: Path) -> None:
    first = row(session_id="a", hash_ids=[1, 2])
    other = row(session_id="b", timestamp=500, hash_ids=[1, 3])
    second = row(session_id="a", hash_ids=[1, 2, 4], input_length=130, delay=250)
    del second["timestamp"]
    work = from_trace(wrote(tmp_path / "t.jsonl", first, other, second), block=50)
    assert work.chained
    assert [len(one) for one in work.sessions] == [2, 1]
    assert work.order == ((0, 0), (1, 0), (0, 1))
    assert work.sessions[0][1].think_s == 0.25
    assert work.sessions[1][0].at_s == 0.5
    # When it begins again, only what sessions share is the same.
    blocks = [item.blocks for item in islice(work.items(), 6)]
    assert blocks[3][0] == blocks[0][0] == 1
    assert blocks[3][1] not in (2, 3, 4)
    assert blocks[5][:2] == blocks[3]


def test_a_trace_without_sessions(tmp_path: Path) -> None:
    work = from_trace(wrote(tmp_path / "t.jsonl", row(), "", row(timestamp=40)))
    assert not work.chained
    assert work.calls == 2
    assert [one[0].at_s for one in work.sessions] == [0, 0.04]


BROKEN = [
    ("{", "not JSON"),
    ("[1]", "not a JSON object"),
    (row(input_length=0), "input_length must be a whole number of tokens from 1, not 0"),
    (row(input_length=-3), "not -3"),
    (row(input_length=True), "not True"),
    (row(input_length=1e300), "input_length"),
    (row(output_length="5"), "output_length must be a whole number of tokens from 0, not '5'"),
    ({"timestamp": 0, "prompt": "a"}, "only a trace has both"),
    (row(timestamp=None), "neither a timestamp nor a delay"),
    (row(timestamp=-1), "timestamp must be milliseconds from 0"),
    (row(timestamp=None, delay=5, session_id="new"), "neither a timestamp nor a delay"),
    (row(hash_ids=[1, 2, 3]), "3 hash_ids do not fit 100 tokens in blocks of 512"),
    (row(hash_ids=[1.5]), "hash_ids must be a list of whole numbers"),
]


@pytest.mark.parametrize(("line", "said"), BROKEN)
def test_a_broken_line_is_named(tmp_path: Path, line: object, said: str) -> None:
    path = wrote(tmp_path / "t.jsonl", row(), line, row())
    with pytest.raises(UsageError, match="line 2: ") as caught:
        from_trace(path)
    assert said in str(caught.value)


def test_many_broken_lines_are_counted(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"line 5: .*; and 3 more"):
        from_trace(wrote(tmp_path / "t.jsonl", *["x"] * 8))


def test_no_trace(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no calls"):
        from_trace(wrote(tmp_path / "t.jsonl", ""))
    with pytest.raises(UsageError, match="No such file"):
        from_trace(tmp_path / "none")


@settings(max_examples=15, deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.mktemp("t") / "t.jsonl"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(UsageError):
        from_trace(path)


def test_a_made_up_load_has_its_shape() -> None:
    shape = Made(sessions=3, turns=4, prompt_min=300, prompt_max=300, growth=100, shared=128)
    work = synthetic(shape, seed=1, block=64)
    assert work.calls == 12
    for session in work.sessions:
        assert [item.prompt for item in session] == [300, 400, 500, 600]
        assert session[0].think_s == 0
        assert all(shape.output_min <= item.output <= shape.output_max for item in session)
        for before, after in pairwise(session):
            full = before.prompt // 64
            assert after.blocks[:full] == before.blocks[:full]
    one, other = (set(session[-1].blocks) for session in work.sessions[:2])
    assert len(one & other) == 2  # the rules: 128 tokens
    assert synthetic(shape, seed=1).sessions == work.sessions
    assert synthetic(shape, seed=2).sessions != work.sessions


def test_a_shape_that_cannot_be() -> None:
    with pytest.raises(ValidationError, match="prompt_min=9 is more than prompt_max=5"):
        Made(prompt_min=9, prompt_max=5)
