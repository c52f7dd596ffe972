from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmgame.bench import session
from lmgame.bench.load import plan
from lmgame.bench.session import Session
from lmgame.bench.settings import LoadSettings
from lmgame.errors import ConfigError, LmgameError
from tests.bench.loads import bench, loading, shaped


def refusal(*overrides: str) -> str:
    with pytest.raises(LmgameError) as caught:
        bench(*overrides)
    return str(caught.value)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("slo.ttft_s=-1", "slo.ttft_s=-1: write seconds above 0, usual, or null"),
        ("slo.tpot_s=inf", "slo.tpot_s=inf: write seconds above 0, usual, or null"),
        ("load=closd", "unknown load 'closd'; did you mean 'closed'?"),
        ("load.rate=3", "unknown setting 'load.rate'"),
        ("load.streems=3", "unknown setting 'load.streems'; did you mean 'load.streams'"),
        ("load.calls=null", "a load must end: write load.calls=256 or load.seconds=60"),
        ("load.processes=99", "write at most as many processes as streams"),
        ("load=trace", "load: a trace needs load.file=FILE"),
        ("load.file=nowhere.jsonl", "load.file=nowhere.jsonl: there is no such file"),
        ("game=tetris", "unknown setting 'game'; known:"),
        ("backend.streams=3", "backend.streams: a bench sends what its load says"),
        ("search.low=2000", "low (2000) must be below high (1024)"),
        ("target=1", "target=1: Input should be less than 1"),
    ],
)
def test_what_is_wrong_is_said(override: str, message: str) -> None:
    assert message in refusal(override)


def test_every_preset_composes() -> None:
    for kind in ("closed", "poisson", "gamma", "constant", "ramp", "sessions"):
        assert loading(f"load={kind}").kind == kind
    with pytest.raises(ConfigError):
        loading("load=any")


def test_a_prompt_begins_with_the_whole_one_before() -> None:
    one = session.synthetic(loading("load.turns=4"), 3)
    for before, after in zip(one.steps, one.steps[1:], strict=False):
        assert after.messages[: len(before.messages)] == before.messages
        assert [m.role for m in after.messages[len(before.messages) :]] == ["assistant", "user"]


def test_sessions_share_the_rules_and_nothing_else() -> None:
    load = loading("load.system_tokens=30", "load.turn_tokens=7")
    one, other = session.synthetic(load, 0).steps[0], session.synthetic(load, 1).steps[0]
    assert one.messages[0] == other.messages[0]
    assert one.messages[1] != other.messages[1]
    assert [len(m.content.split()) for m in one.messages] == [30, 7]


def test_without_rules_there_is_no_system_message() -> None:
    one = session.synthetic(loading("load.system_tokens=0"), 0)
    assert [message.role for message in one.steps[0].messages] == ["user"]


def test_only_the_first_call_of_a_session_does_not_think() -> None:
    steps = session.synthetic(loading("load.think_s=2", "load.turns=3"), 0).steps
    assert [step.delay_s for step in steps] == [0.0, 2.0, 2.0]


def of(load: LoadSettings) -> list[list[Session]]:
    return [list(plan(load, process).sessions) for process in range(load.processes)]


def by_start(parts: Sequence[Sequence[Session]]) -> list[Session]:
    return sorted((one for part in parts for one in part), key=lambda one: one.start_s)


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(["poisson", "constant", "gamma", "sessions"]),
    st.integers(1, 60),
    st.integers(1, 5),
    st.integers(0, 1000),
)
def test_processes_send_together_what_one_sends_alone(
    kind: str, calls: int, processes: int, seed: int
) -> None:
    load = shaped(kind, calls=calls, seed=seed, turns=3)
    alone = of(load)[0]
    spread = of(load.model_copy(update={"processes": processes}))
    assert by_start(spread) == by_start([alone])
    assert sum(len(one.steps) for one in alone) == calls


def test_an_open_loop_takes_calls_of_its_sessions_in_turn() -> None:
    load = loading("load=constant", "load.sessions=2", "load.turns=2", "load.calls=8")
    assert [one.name for one in of(load)[0]] == ["s0", "s1", "s0", "s1", "s2", "s3", "s2", "s3"]


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 40), st.integers(1, 200), st.integers(1, 8), st.integers(0, 20))
def test_a_closed_loop_is_shared_out_whole(
    streams: int, calls: int, processes: int, warmup: int
) -> None:
    processes = min(processes, streams)
    load = shaped(
        "closed", streams=streams, calls=calls, processes=processes, warmup=warmup, turns=2
    )
    parts = [plan(load, process) for process in range(processes)]
    assert sum(part.streams or 0 for part in parts) == streams
    assert sum(part.calls or 0 for part in parts) == calls
    assert sum(len(part.warmup) for part in parts) == warmup
    names = [one.name for part in parts for one in islice(part.sessions, 10)]
    assert len(set(names)) == len(names)


def test_streams_begin_spread_over_the_ramp() -> None:
    load = loading("load.streams=4", "load.ramp_s=2", "load.processes=2")
    starts = [at for process in range(2) for at in plan(load, process).stagger_s]
    assert sorted(starts) == [0.0, 0.5, 1.0, 1.5]


def test_no_other_call_has_the_prompt_of_a_warm_up() -> None:
    load = loading("load.calls=20", "load=poisson")
    warm = {step.messages for step in plan(load).warmup}
    assert len(warm) == load.warmup
    assert not warm & {step.messages for one in of(load)[0] for step in one.steps}
