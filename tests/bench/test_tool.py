"""How `benchmarks/client.py` reads other load tools: by the forms that they document."""

from __future__ import annotations

import json
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.client import Measured, installed, line
from benchmarks.tool import TOOLS, Asked, Sample, ToolFailed, write_tokenizer


@pytest.fixture
def asked(tmp_path: Path) -> Asked:
    return Asked("http://127.0.0.1:9/v1", 2, 4, 50, 150.0, 25.0, tmp_path, tmp_path / "tokenizer")


def program(folder: Path, name: str, script: str) -> str:
    """A program that stands for a tool; returns the PATH on which it is."""
    folder.mkdir(exist_ok=True)
    file = folder / name
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    return str(folder)


def read(name: str, asked: Asked) -> list[Sample]:
    return list(TOOLS[name].read(asked))


def test_aiperf_writes_a_record_a_call(asked: Asked) -> None:
    def record(ttft: float, itl: float) -> str:
        metrics = {
            "time_to_first_token": {"value": ttft, "unit": "ms"},
            "inter_token_latency": {"value": itl, "unit": "ms"},
            "inter_chunk_latency": {"value": [itl, itl], "unit": "ms"},
        }
        return json.dumps({"metadata": {"session_num": 0}, "metrics": metrics, "error": None})

    lost = {"metadata": {}, "metrics": {"error_isl": {"value": 550, "unit": "tokens"}},
            "error": {"code": 499, "type": "RequestCancellationError", "message": ""}}  # fmt: skip
    file = asked.folder / "somewhere" / "profile_export.jsonl"
    file.parent.mkdir()
    file.write_text("\n".join([record(101.5, 20.0), record(300.0, 21.0), json.dumps(lost)]) + "\n")
    assert read("aiperf", asked) == [(0.1015, 0.02), (0.3, 0.021), None]
    file.write_text(record(1.0, 1.0).replace('"ms"', '"sec"'))
    with pytest.raises(ValueError, match="time_to_first_token in sec, not in ms"):
        read("aiperf", asked)


def test_guidellm_sorts_calls_by_how_they_ended(asked: Asked) -> None:
    def one(ttft: float | None, itl: float | None) -> dict[str, float | None]:
        return {"time_to_first_token_ms": ttft, "inter_token_latency_ms": itl}

    requests = {
        "successful": [one(102.0, 20.5), one(99.0, None)],
        "errored": [one(None, None)],
        "incomplete": [one(1.0, 1.0)],
    }
    report = {"benchmarks": [{"requests": requests}]}
    (asked.folder / "guidellm.json").write_text(json.dumps(report))
    assert read("guidellm", asked) == [(0.102, 0.0205), None, None]


def test_vllm_writes_lists_with_an_entry_a_call(asked: Asked) -> None:
    found = {
        "duration": 1.0,
        "completed": 2,
        "ttfts": [0.1, 0.2, 0.0, 0.1],
        "itls": [[0.02, 0.02], [0.0, 0.06], [], []],
        "output_lens": [3, 3, 0, 1],
        "errors": ["", "", "Connection refused", ""],
    }
    (asked.folder / "vllm.json").write_text(json.dumps(found))
    assert read("vllm", asked) == [(0.1, 0.02), (0.2, 0.03), None, None]


@pytest.mark.parametrize("name", list(TOOLS))
def test_tools_are_told_where_how_much_and_what_is_good(name: str, asked: Asked) -> None:
    words = TOOLS[name].command(asked)
    text = " ".join(words)
    assert "http://127.0.0.1:9" in text
    assert str(asked.tokenizer) in text
    for number in ("150", "25", "50"):
        assert number in text
    assert asked.root == "http://127.0.0.1:9"


def test_what_is_not_installed_is_said_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = program(tmp_path / "bin", "aiperf", "exit 0")
    assert installed(["lmgame", "aiperf", "guidellm", "vllm"], place) == ["lmgame", "aiperf"]
    assert capsys.readouterr().out.splitlines() == [
        "guidellm: not installed (pip install guidellm), left out",
        "vllm: not installed (pip install vllm), left out",
    ]


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo starting; echo no such model; exit 3", "failed .3.: starting / no such model"),
        ("exit 0", "results cannot be read: FileNotFoundError"),
        ("echo '{' > vllm.json", "results cannot be read: JSONDecodeError"),
        ("echo '{}' > vllm.json", "results cannot be read: KeyError"),
        (
            """echo '{"ttfts":[],"itls":[],"output_lens":[],"errors":[]}' > vllm.json""",
            "vllm tells of no call: it said nothing",
        ),
    ],
)
def test_a_tool_that_fails_says_why_in_a_line(asked: Asked, script: str, message: str) -> None:
    place = program(asked.folder / "bin", "vllm", script)
    with pytest.raises(ToolFailed, match=message) as raised:
        TOOLS["vllm"].measure(asked, place)
    assert "\n" not in str(raised.value)


def test_a_tool_is_measured_with_all_its_cpu_time(asked: Asked) -> None:
    result = {"ttfts": [0.1], "itls": [[0.02]], "output_lens": [2], "errors": [""]}
    script = f"echo '{json.dumps(result)}' > vllm.json"
    samples, cpu_s = TOOLS["vllm"].measure(asked, program(asked.folder / "bin", "vllm", script))
    assert samples == [(0.1, 0.02)]
    assert 0 <= cpu_s < 5


def test_a_line_counts_failures_as_misses() -> None:
    found = Measured([(0.1, 0.02), (0.151, 0.02), (0.1, 0.026), None], None)
    told = line("tool", 2, found, 1.5).split()
    assert told[:4] == ["tool", "2", "4", "25.0%"]
    assert told[5:] == ["+0.0", "+50.0", "+0.0%", "-", "1.5"]
    assert "nan" in line("tool", 2, replace(found, samples=[None]), 1.5)


def test_the_tokenizer_is_a_byte_a_token(tmp_path: Path) -> None:
    write_tokenizer(tmp_path)
    told = json.loads((tmp_path / "tokenizer.json").read_text())
    vocabulary = told["model"]["vocab"]
    assert sorted(vocabulary.values()) == list(range(256))
    assert told["added_tokens"][0]["id"] == 256
