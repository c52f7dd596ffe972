"""A whole decision against a server that fails in every way, as design.md wants it to end.

The agent, the client and the sockets are the real ones; only the server is scripted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from lmgame import record, registry
from lmgame.agent import Agent, Decision, Seating
from lmgame.backend import BackendClient
from lmgame.backend_settings import OpenAIBackend
from lmgame.client import Call, Endpoint, Failure, Limits
from lmgame.clock import Paused, Simulated, latency_from
from lmgame.game import Turn
from lmgame.match import Match, Policy
from lmgame.record import Log, Played, Suspended, Writer
from lmgame.slo import tpot
from lmgame.testing import Reply, ScriptedServer
from tests.nim import Nim
from tests.table import Told, call, first, header

GOOD = Reply("take 1")
THINKING = ("one ", "or ", "two?")
PARTS = [
    '{"choices": [{"index": 0, "delta": {"content": '
    '[{"type": "thinking", "thinking": [{"type": "text", "text": "one or two?"}]}]}}]}',
    '{"choices": [{"index": 0, "delta": {"content": [{"type": "text", "text": "take 1"}]}, '
    '"finish_reason": "stop"}]}',
]
CALLED = [
    '{"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, "function": '
    '{"name": "move", "arguments": "take 1"}}]}}]}',
    '{"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}',
]


@dataclass(frozen=True)
class Case:
    """What the server does, and how the decision ends.

    Attributes:
        script: Its replies, one after another; the last one stays.
        outcome: Of the first decision; ``suspended`` where there was none.
        failures: How the calls that failed did.
        says: What the reason of a suspension holds.
        check: What else must be true of the call that succeeded.
    """

    script: Sequence[Reply]
    outcome: str = "ok"
    failures: tuple[str, ...] = ()
    says: str = ""
    check: Callable[[Call], bool] = lambda call: True


CASES = {
    "401": Case([Reply("no", status=401)], "suspended", ("status",), "key_env"),
    "404 model": Case([Reply("no", status=404)], "suspended", ("status",), "'scripted'"),
    "429 with Retry-After": Case(
        [Reply("slow", status=429, headers={"Retry-After": "0.1"}), GOOD], "ok", ("status",)
    ),
    "500 once": Case([Reply("oops", status=500), GOOD], "ok", ("status",)),
    "500 for ever": Case([Reply("oops", status=500)], "suspended", ("status",) * 3, "oops"),
    "disconnect mid-stream": Case(
        [Reply("take 1", break_after=2, ending="close"), GOOD], "ok", ("disconnect",)
    ),
    "empty stream": Case([Reply(events=[]), GOOD], "ok", ("protocol",)),
    "an answer without text": Case([Reply("", chunks=[]), GOOD], "ok"),
    "an error in the stream": Case(
        [Reply(events=['{"error": "overloaded"}']), GOOD], "ok", ("server",)
    ),
    "a stall": Case([Reply("take 1", break_after=2, ending="silence"), GOOD], "ok", ("timeout",)),
    "a stall for ever": Case(
        [Reply(raw=b"", ending="silence")], "suspended", ("timeout",) * 3, "total_s"
    ),
    "missing usage": Case(
        [replace(GOOD, usage=None)],
        check=lambda call: call.usage.completion is None and tpot(call) is None,
    ),
    "usage only at the end": Case(
        [GOOD], check=lambda call: (call.usage.completion, len(call.timing.chunks)) == (2, 2)
    ),
    "one chunk with many tokens": Case(
        [replace(GOOD, chunks=["take 1"], usage={"prompt_tokens": 9, "completion_tokens": 5})],
        check=lambda call: call.usage.completion == 5 and tpot(call) is None,
    ),
    **{
        f"reasoning as {name}": Case(
            [replace(GOOD, reasoning=THINKING, reasoning_field=name, itl_s=0.01)],
            check=lambda call: call.reasoning == "one or two?" and first_after_thought(call),
        )
        for name in ("reasoning_content", "reasoning")
    },
    "reasoning as parts": Case(
        [Reply(events=PARTS, itl_s=0.01)],
        check=lambda call: call.reasoning == "one or two?" and first_after_thought(call),
    ),
    "a tool call": Case([Reply(events=CALLED)], check=lambda call: "take 1" in call.reply),
    "the field refused": Case(
        [Reply("unknown field: structured_outputs", status=400), GOOD],
        check=lambda call: call.structured == "",
    ),
}


def first_after_thought(call: Call) -> bool:
    timing = call.timing
    assert timing.first_token is not None
    assert timing.first_answer is not None
    return call.reply == "take 1" and timing.first_answer > timing.first_token


def played(script: Sequence[Reply], path: Path) -> Log:
    """One decision of the model, then one of somebody who needs none."""

    async def run(url: str) -> None:
        limits = Limits(total_s=0.3 if any(one.ending == "silence" for one in script) else 20.0)
        said = {"kind": "openai", "base_url": url, "model": "scripted", "structured": "vllm"}
        client = BackendClient(OpenAIBackend.model_validate(said))
        client.open(Endpoint(url, "scripted", limits=limits, structured="vllm"))
        game = Nim()
        agents: list[Agent] = [
            registry.agents.make("llm", {"seating": Seating(game.spec, 0, 1, client)}),
            Told(first),
        ]
        writer = Writer(path, 0)
        head = header(game, max_decisions=1)
        try:
            await Match(head, game, agents, Paused(), Policy(backoff_s=0), writer).play()
        finally:
            writer.close()
            await client.close()

    with ScriptedServer(script) as server:
        asyncio.run(run(server.base_url))
    return record.read(path)


@pytest.mark.parametrize("name", CASES)
def test_a_decision_ends_as_it_should(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    log = played(case.script, tmp_path / "log")
    line: Played | Suspended = log.suspended[0] if log.suspended else log.played[0]
    calls = [call for one in line.tries for call in one.calls]
    failures = [call.failure for call in calls if call.failure is not None]
    assert tuple(failure.kind for failure in failures) == case.failures
    if isinstance(line, Suspended):
        assert case.outcome == "suspended"
        assert case.says in line.reason
        assert log.result is None
        return
    assert (line.outcome, line.action) == (case.outcome, "take 1")
    assert case.check(calls[-1])
    assert line.seconds >= sum(call.timing.end for call in calls)
    if "Retry-After" in name:
        assert failures[0].retry_after_s == 0.1
        assert line.seconds >= 0.1  # the wait is part of the decision


def test_waiting_for_the_server_is_thinking_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a retry nor its wait sets the decision's clock back."""
    now = 0.0

    async def wait(seconds: float) -> None:
        nonlocal now
        now += seconds

    def busy(*answers: Decision) -> Callable[[Turn], Decision]:
        rest = list(answers)

        def answer(turn: Turn) -> Decision:
            nonlocal now
            now += 2.0  # every call takes two seconds
            return rest.pop(0) if len(rest) > 1 else rest[0]

        return answer

    def refused(after: float | None) -> Decision:
        failed = replace(call(), failure=Failure("status", "wait", 429, after))
        return Decision(None, "failed", "wait", (failed,))

    monkeypatch.setattr("lmgame.match.asyncio.sleep", wait)
    bad = Decision(None, "unparsable", "what?", (call(),))
    answer = busy(refused(7.0), refused(None), bad, Decision("take 1", calls=(call(),)))
    game = Nim()
    policy = Policy(retries=1, attempts=3, backoff_s=0.5)
    clock = Simulated(latency_from("measured", 0.0, 0.0), bank_s=1000.0)
    agents: Sequence[Any] = [Told(answer), Told(first)]
    writer = Writer(tmp_path / "log", 0)
    match = Match(header(game), game, agents, clock, policy, writer, timer=lambda: now)
    asyncio.run(match.play())
    writer.close()
    line = record.read(tmp_path / "log").played[0]
    assert [one.outcome for one in line.tries] == ["failed", "failed", "unparsable", "ok"]
    assert line.seconds == 4 * 2.0 + 7.0 + 1.0
    assert line.charged_s == line.seconds


def test_the_table_is_the_one_that_was_asked_for() -> None:
    wanted = "401,404,429,500,disconnect,empty,missing usage,usage only,reasoning,one chunk,a stall"
    assert all(any(name.startswith(one) for name in CASES) for one in wanted.split(","))
