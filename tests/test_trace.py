"""A run's model calls as serving benchmarks replay them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmgame import record
from lmgame.cli import main
from lmgame.client.call import Call, Failure, Message, Request, Timing, Usage
from lmgame.rebuild import rebuild
from lmgame.record import Log
from lmgame.scripted_reply import Received
from lmgame.testing import Reply, ScriptedServer
from lmgame.trace import Trace, Traced, collect
from tests.test_replay import changed

FILES = ["--trace", "trace.jsonl", "--prompts", "prompts.jsonl"]


def talks(received: Received) -> Reply:
    """Picks a choice; says as much as it is allowed where there is none."""
    return Reply(received.pick(received.choices)) if received.choices else Reply("I see now.")


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer(talks) as running:
        yield running


def play(server: ScriptedServer, *more: str) -> int:
    return main(
        [
            "play",
            "backend=any",
            f"backend.base_url={server.base_url}",
            "backend.model=scripted",
            "backend.structured=choice",
            "policy.backoff_s=0",
            "film=none",
            "anchors=[]",
            "run=run",
            *more,
        ]
    )


def logs(folder: Path) -> list[Log]:
    return [record.read(path) for path in sorted((folder / "run" / "matches").iterdir())]


def rows(path: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def bodies(server: ScriptedServer) -> list[object]:
    """What the server was asked, as it stands in the requests."""
    return [one.body["messages"] for one in server.requests]


PLAYED: dict[str, list[str]] = {
    "text": ["game=tetris", "max_decisions=6", "episodes=2"],
    "harness": ["game=tetris", "harness=full", "max_decisions=8"],
    "picture": [
        "game=tetris",
        "harness=full",
        "agent.observation=image",
        "backend.images=true",
        "max_decisions=4",
    ],
    "planner": ["game=tetris", "agent=deliberate", "max_decisions=8"],
    "two": ["game=tetris_versus", "agents=[llm,llm]", "max_decisions=4"],
    "corrected": ["game=tic_tac_toe", "agents=[llm,random]", "agent.structured=off"],
    "realtime": ["game=pong", "agents=[llm,greedy]", "clock=realtime", "max_decisions=3"],
}


@pytest.mark.parametrize("kind", PLAYED)
def test_every_prompt_is_built_again(folder: Path, server: ScriptedServer, kind: str) -> None:
    assert play(server, *PLAYED[kind]) == 0
    every = [rebuild(log) for log in logs(folder)]
    assert [one.problem for one in every] == [""] * len(every)
    assert main(["export", "run", *FILES]) == 0
    asked = [json.dumps(one, sort_keys=True) for one in bodies(server)]
    built = [json.dumps(row["messages"], sort_keys=True) for row in rows("prompts.jsonl")]
    # A call that was still on its way when its match ended is not in the log.
    if kind in ("planner", "realtime", "two"):
        assert {*built} <= {*asked}
    else:
        assert sorted(built) == sorted(asked)
    assert len(built) == sum(len(calls) for log in logs(folder) for _, calls in log.calls())


def test_lengths_are_the_servers_and_times_are_in_order(
    folder: Path, server: ScriptedServer
) -> None:
    assert play(server, "game=tetris", "harness=lmgame", "max_decisions=8", "episodes=3") == 0
    assert main(["export", "run", *FILES, "--block", "32"]) == 0
    found = rows("trace.jsonl")
    calls = [call for log in logs(folder) for _, each in log.calls() for call in each]
    calls.sort(key=lambda call: call.timing.at)
    assert [row["input_length"] for row in found] == [call.usage.prompt for call in calls]
    assert [row["output_length"] for row in found] == [call.usage.completion for call in calls]
    times = [row["timestamp"] for row in found]
    assert times == sorted(times)
    assert times[0] == 0
    assert times[-1] == round((calls[-1].timing.at - calls[0].timing.at) * 1000)
    assert all(len(row["hash_ids"]) == -(-row["input_length"] // 32) for row in found)
    assert all(row["hash_ids"][0] == 0 for row in found)  # the rules come first
    assert [row["output_tokens"] for row in rows("prompts.jsonl")] == [
        row["output_length"] for row in found
    ]


def test_sessions_keep_the_order_of_a_seat(folder: Path, server: ScriptedServer) -> None:
    assert play(server, "game=tetris_versus", "agents=[llm,llm]", "max_decisions=4") == 0
    assert main(["export", "run", *FILES, "--sessions"]) == 0
    key = logs(folder)[0].header.match
    for file in ("trace.jsonl", "prompts.jsonl"):
        sessions: dict[str, list[dict[str, Any]]] = {}
        for row in rows(file):
            sessions.setdefault(row["session_id"], []).append(row)
        assert {*sessions} == {f"{key}-0", f"{key}-1"}
        for first, *others in sessions.values():
            assert "timestamp" in first
            assert "delay" not in first
            assert all("timestamp" not in one and one["delay"] >= 0 for one in others)


def test_an_interrupted_match_is_built_again(folder: Path) -> None:
    """The backend fails in the middle of a decision, and the match is continued."""
    count = 0

    def fails(received: Received) -> Reply:
        nonlocal count
        count += 1
        return Reply("overloaded", status=503) if 9 <= count <= 11 else talks(received)

    words = ["game=tetris", "harness=full", "max_decisions=8"]
    with ScriptedServer(fails) as failing:
        assert play(failing, *words) == 3
        log = logs(folder)[0]
        assert log.suspended
        assert rebuild(log).problem == ""
        assert all(one.request for one in rebuild(log).sent)
    with ScriptedServer(talks) as server:
        assert play(server, *words) == 0
    (log,) = logs(folder)
    again = rebuild(log)
    assert again.problem == ""
    assert all(one.request for one in again.sent)
    failed = sum(one.call.failure is not None for one in again.sent)
    assert failed == 3
    assert main(["export", "run", *FILES]) == 0
    assert len(rows("trace.jsonl")) == len(rows("prompts.jsonl")) == len(again.sent) - failed


def test_what_was_asked_otherwise_is_named(
    folder: Path, server: ScriptedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    own = folder / "prompts"
    own.mkdir()
    (own / "ask.md").write_text("Well? {choices}")
    assert play(server, "game=tetris", f"agent.prompts={own}", "max_decisions=3") == 0
    (own / "ask.md").write_text("And now? {choices}")
    assert main(["export", "run", *FILES, "--block", "32"]) == 0
    told = capsys.readouterr().out
    assert "3 prompts cannot be told" in told
    assert "agent llm asks otherwise today than when this was played" in told
    ids = [number for row in rows("trace.jsonl") for number in row["hash_ids"]]
    assert len({*ids}) == len(ids)  # they share nothing
    assert rows("prompts.jsonl") == []


def test_a_log_that_cannot_be_followed_keeps_its_lengths(
    folder: Path, server: ScriptedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert play(server, "game=tetris", "max_decisions=3") == 0
    path = changed(logs(folder)[0].path, 3, observation="0" * 16).path
    capsys.readouterr()
    assert main(["export", str(path), "--trace", "trace.jsonl", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["not_rebuilt"] == 2
    assert "sees observation" in told["problems"][0]
    assert len(rows("trace.jsonl")) == told["trace"]["rows"] == 3


COUNTED = Usage(8, 2)


def traced(
    at: float = 0.0,
    usage: Usage = COUNTED,
    failure: Failure | None = None,
    text: str | None = "hello",
    end: float = 0.5,
) -> Traced:
    request = None if text is None else Request([Message("user", text)])
    call = Call("m", "0" * 16, "x", Timing(at, end), usage, failure=failure)
    return Traced("match", "match-0", at, call, request)


def test_calls_without_counts_are_told_and_have_no_length() -> None:
    trace = Trace(
        [
            traced(1.0, Usage()),
            traced(2.0, Usage(8, None)),
            traced(3.0, failure=Failure("timeout", "slow")),
            traced(4.0),
            traced(5.0, text=None),
        ]
    )
    assert [row["timestamp"] for row in trace.lengths()] == [0, 1000]
    assert [row.get("output_tokens") for row in trace.prompts()] == [None, None, 2]
    told = trace.summary()
    assert (told["failed"], told["uncounted"], told["not_rebuilt"]) == (1, 2, 1)
    assert (told["seconds"], told["longest_pause_s"]) == (1.5, 0.5)


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 5)), min_size=1, max_size=20))
def test_a_session_never_asks_twice_at_once(times: list[tuple[float, float]]) -> None:
    calls = [traced(at, end=end) for at, end in sorted(times)]
    delays = list(Trace(calls).lengths(sessions=True))
    assert sum("timestamp" in row for row in delays) == 1
    assert all(int(str(row.get("delay", 0))) >= 0 for row in delays)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "nothing to write: name a file, --trace FILE.jsonl"),
        (["--trace", "no/such/trace.jsonl"], "there is no folder no/such"),
        (["--trace", "t.jsonl", "--block", "0"], "--block 0: write a number of tokens"),
    ],
)
def test_what_cannot_be_written_is_one_message(
    folder: Path,
    server: ScriptedServer,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    message: str,
) -> None:
    assert play(server, "game=tic_tac_toe", "agents=[llm,random]", "max_decisions=1") == 0
    capsys.readouterr()
    assert main(["export", "run", *words]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_scripted_players_make_no_trace(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["game=tic_tac_toe", "agents=[random,greedy]", "film=none", "run=run"]
    assert main(["play", *words]) == 0
    assert main(["export", "run", "--trace", "trace.jsonl"]) == 2
    assert "nobody in them asks a model" in capsys.readouterr().err


def test_known_tokens_are_compared_as_they_are() -> None:
    """Where the server's own tokens can be made, their count and prefixes are exact."""

    def letters(messages: Sequence[Message]) -> bytes:
        return b"".join(ord(one).to_bytes(4, "little") for m in messages for one in m.content)

    texts = ["abcdefgh", "abcdefzz", "abcdzzzz"]
    trace = Trace([traced(float(n), text=text) for n, text in enumerate(texts)])
    trace.tokenizers["m"] = letters
    assert [row["hash_ids"] for row in trace.lengths(2)] == [
        [0, 1, 2, 3],
        [0, 1, 2, 4],
        [0, 1, 5, 6],
    ]
    assert (trace.inexact, trace.shared) == (0, 10)
    trace.tokenizers["m"] = lambda messages: b""
    assert len(list(trace.lengths(2))) == 3
    assert trace.inexact == 3


def test_matches_of_one_trace_stand_in_one_order(folder: Path, server: ScriptedServer) -> None:
    words = ["game=tetris", "max_decisions=4", "episodes=4", "concurrency=4"]
    assert play(server, *words) == 0
    found = collect(logs(folder))
    assert len({one.session for one in found.calls}) == 4
    times = [one.at for one in found.calls]
    assert times == sorted(times)
