from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmgame.placement.job import Job
from lmgame.placement.profile import Cores, Profile, Transfer
from lmgame.placement.simulate import Load, Outcome, simulate
from lmgame.placement.split import Shape, Split
from lmgame.placement.workload import Item, Made, Workload, from_lengths, synthetic
from lmgame.slo import Slo
from tests.placement.plain import at_times, profile

ONE = Split("split", 1, 1)
KINDS = (
    ONE,
    Split("split", 2, 3),
    Split("prefill_first", 0, 2),
    Split("chunked", 0, 2, chunk=64),
)
LENGTHS = st.lists(st.tuples(st.integers(1, 400), st.integers(1, 30)), min_size=1, max_size=30)


def run(prof: Profile, split: Split, work: Workload, **more: int) -> Outcome:
    """Each call once, at the trace's own times."""
    span = max(i.at_s or 0.0 for one in work.sessions for i in one)
    rate = work.calls / span if span else 1.0
    return simulate(prof, split, work, Load("trace", rate), calls=work.calls, edge=0.0, **more)


def poisson(
    prof: Profile, split: Split, work: Workload, rate: float, calls: int, seed: int = 0
) -> Outcome:
    return simulate(prof, split, work, Load("poisson", rate), calls=calls, seed=seed, edge=0.0)


# The formulas of DistServe, section 3.1.


@pytest.mark.parametrize("load", [0.2, 0.5, 0.8])
def test_one_prefill_worker_is_an_m_d_1_queue(load: float) -> None:
    prompt, second = from_lengths("x", [(100, 1)]), 0.1
    rate = load / second
    times = []
    for seed in range(8):
        jobs = poisson(profile(), ONE, prompt, rate, 5000, seed).jobs[500:]
        times.append(sum(job.first - job.arrived for job in jobs) / len(jobs))
    mean = sum(times) / len(times)
    spread = math.sqrt(sum((one - mean) ** 2 for one in times) / 7 / 8)
    expected = second + rate * second**2 / (2 * (1 - rate * second))
    # 2.36 of them would be the 95 % limits of Student's t for 7 degrees of freedom.
    assert abs(mean - expected) < 4 * spread


def test_pipeline_stages_are_an_m_d_1_queue_of_half_the_service() -> None:
    second, rate = 0.1, 12.0
    split = Split("split", 1, 1, prefill=Shape(1, 2))
    work = from_lengths("x", [(100, 1)])
    jobs = [
        job
        for seed in range(6)
        for job in poisson(profile(stages=(1, 2)), split, work, rate, 5000, seed).jobs[500:]
    ]
    mean = sum(job.first - job.arrived for job in jobs) / len(jobs)
    half = second / 2
    expected = second + rate * half**2 / (2 * (1 - rate * half))
    assert mean == pytest.approx(expected, rel=0.02)


# Small cases by hand.


def test_one_call() -> None:
    (job,) = run(profile(), ONE, at_times((0.0, 100, 11))).jobs
    assert job.first - job.arrived == pytest.approx(0.1)
    assert job.end - job.first == pytest.approx(0.1)  # ten steps of 10 ms
    assert job.stages() == pytest.approx((0, 0.1, 0, 0, 0.1))


def test_every_part_of_a_transfer_takes_its_time() -> None:
    transfer = Transfer(
        bytes_per_token=1000, bytes_per_s=1e6, latency_s=0.005, export_s=0.002, load_s=0.003
    )
    (job,) = run(profile(transfer=transfer), ONE, at_times((0.0, 100, 2))).jobs
    # 2 ms out, 5 ms and 100 kB at 1 MB/s on the link, 3 ms in; then one step.
    assert job.stages()[2] == pytest.approx(0.002 + 0.005 + 0.1 + 0.003)
    assert job.end - job.first == pytest.approx(0.110 + 0.010)


def test_a_link_carries_one_state_at_a_time() -> None:
    transfer = Transfer(bytes_per_token=1000, bytes_per_s=1e6)
    jobs = run(profile(token_s=0.0001, transfer=transfer), ONE, _burst(2, 100, 2)).jobs
    first, second = sorted(job.exported for job in jobs)
    assert second - first == pytest.approx(0.1)


def test_a_sequence_joins_at_the_end_of_the_step() -> None:
    # The first decodes from 0.1 s on; the second's prompt is in at 0.225, within the step
    # from 0.22 to 0.23.
    first, second = run(profile(), ONE, at_times((0.0, 100, 101), (0.125, 100, 3))).jobs
    begin = first.arrived
    assert second.first - begin == pytest.approx(0.225)
    assert second.loading - begin == pytest.approx(0.23)
    assert second.end - begin == pytest.approx(0.25)
    assert first.end - begin == pytest.approx(0.1 + 100 * 0.01)


def test_steps_grow_with_the_batch_and_its_context() -> None:
    prof = profile(step_s=0.01, sequence_s=0.002, context_s=1e-5)
    (job,) = run(prof, ONE, at_times((0.0, 100, 4))).jobs
    # Three steps that read 101, 102 and 103 tokens.
    assert job.end - job.first == pytest.approx(3 * 0.012 + 1e-5 * (101 + 102 + 103))


def test_prefill_first_stops_replies_for_a_prompt() -> None:
    split = Split("prefill_first", 0, 1)
    first, second = run(profile(), split, at_times((0.0, 100, 11), (0.125, 50, 1))).jobs
    begin = first.arrived
    # Steps end at 0.11, 0.12, 0.13; the prompt runs from 0.13 to 0.18.
    assert second.started - begin == pytest.approx(0.13)
    assert second.first - begin == pytest.approx(0.18)
    assert first.end - begin == pytest.approx(0.25)


def test_chunks_alternate_with_steps() -> None:
    split = Split("chunked", 0, 1, chunk=50)
    first, second = run(profile(), split, at_times((0.0, 50, 11), (0.055, 100, 1))).jobs
    begin = first.arrived
    # Step to 0.06; step 0.07, chunk 0.12, step 0.13, chunk 0.18.
    assert second.first - begin == pytest.approx(0.18)
    assert first.end - begin == pytest.approx(0.18 + 0.07)


def test_a_fused_chunk_and_step_pay_the_fixed_cost_once() -> None:
    split = Split("chunked", 0, 1, chunk=50)
    prof = profile(call_s=0.02, fused=True)
    first, second = run(prof, split, at_times((0.0, 50, 11), (0.075, 100, 1))).jobs
    begin = first.arrived
    # Alone 0.07; step to 0.08; then twice a step with a chunk: 0.06 each.
    assert second.first - begin == pytest.approx(0.20)


def test_prompts_run_together_up_to_a_number_of_tokens() -> None:
    jobs = run(profile(call_s=0.1, batch_tokens=200), ONE, _burst(4, 100, 1)).jobs
    begin = jobs[0].arrived
    firsts = [round(job.first - begin, 6) for job in jobs]
    # The first finds nobody else; two go together; the last alone.
    assert firsts == [0.2, 0.5, 0.5, 0.7] or firsts == [0.3, 0.3, 0.6, 0.6]


def test_slots_bound_the_batch_and_hold_prefill_back() -> None:
    jobs = run(profile(slots=1), ONE, _burst(4, 10, 101)).jobs
    begin = jobs[0].arrived
    # One decodes for a second, and two states may wait for it: the fourth prompt begins
    # only when the first has left.
    assert [round(job.loading - begin, 2) for job in jobs] == [0.01, 1.01, 2.01, 3.01]
    assert [round(job.started - begin, 2) for job in jobs] == [0, 0.01, 0.02, 1.01]


def test_a_sequence_larger_than_the_kv_cache_runs_alone() -> None:
    jobs = run(profile(kv_tokens=50), ONE, _burst(2, 100, 5)).jobs
    assert all(job.done for job in jobs)
    assert jobs[1].loading >= jobs[0].end


def test_prefill_takes_the_cores_that_decode_leaves() -> None:
    cores = Cores(count=1)
    alone, beside = run(profile(cores=cores), ONE, at_times((0.0, 100, 11), (0.15, 100, 1))).jobs
    begin = alone.arrived
    # Decode has the only core from 0.1 to 0.2; prefill moves at 2 % of its speed meanwhile.
    assert beside.first - begin == pytest.approx(0.2 + 0.1 - 0.05 * 0.02)
    assert alone.end - begin == pytest.approx(0.2)


def test_replicas_share_cores_evenly() -> None:
    prof = profile(cores=Cores(count=1))
    jobs = run(prof, Split("prefill_first", 0, 2), _burst(2, 100, 1)).jobs
    assert [job.first - job.arrived for job in jobs] == pytest.approx([0.2, 0.2])


# Prefix caches and sessions.


def test_a_session_finds_what_it_sent_before() -> None:
    session = (Item(100, 2, (1, 2)), Item(200, 2, (1, 2, 3, 4), think_s=0.5))
    work = Workload("s", (session,), ((0, 0), (0, 1)), block=50)
    load = Load("sessions", 1)
    first, second = simulate(profile(), ONE, work, load, calls=2, edge=0, cache_tokens=500).jobs
    assert (first.cached, second.cached) == (0, 100)
    assert second.first - second.started == pytest.approx(0.1)
    assert second.arrived == pytest.approx(first.end + 0.5)
    _, cold = simulate(profile(), ONE, work, load, calls=2, edge=0).jobs
    assert cold.first - cold.started == pytest.approx(0.2)


def test_a_session_played_again_is_another_match() -> None:
    sessions = ((Item(100, 1, (1, 2)),), (Item(100, 1, (1, 3)),))
    work = Workload("s", sessions, ((0, 0), (1, 0)), block=50)
    jobs = simulate(
        profile(), ONE, work, Load("sessions", 1), calls=4, edge=0, cache_tokens=10_000
    ).jobs
    assert [job.cached for job in jobs] == [0, 50, 50, 50]
    assert jobs[2].blocks[1] not in {2, 3}


def test_the_last_token_of_a_prompt_is_always_computed() -> None:
    work = Workload("s", ((Item(100, 1, (1, 2)),) * 2,), ((0, 0), (0, 1)), block=50)
    jobs = simulate(
        profile(), ONE, work, Load("sessions", 1), calls=2, edge=0, cache_tokens=500
    ).jobs
    assert jobs[1].cached == 99


def test_more_cache_is_never_worse_for_one_worker() -> None:
    work = synthetic(Made(sessions=6, turns=10, growth=60, prompt_max=400))
    shares = [
        simulate(
            profile(), ONE, work, Load("poisson", 0.5), calls=60, edge=0, cache_tokens=tokens
        ).cached()
        for tokens in (0, 1000, 4000, 100_000)
    ]
    assert shares == sorted(shares)
    assert shares[0] == 0
    assert shares[-1] > 0.5


def test_a_closed_loop_never_has_more_calls_than_sessions() -> None:
    work = synthetic(Made(sessions=5, turns=4))
    out = simulate(profile(), ONE, work, Load("sessions", 3), calls=60, edge=0)
    moments = sorted(
        [(job.arrived, 1) for job in out.all_jobs] + [(job.end, -1) for job in out.all_jobs]
    )
    level = most = 0
    for _, change in moments:
        level += change
        most = max(most, level)
    assert most == 3


# What holds for any load.


@settings(max_examples=40, deadline=None)
@given(LENGTHS, st.sampled_from(KINDS), st.floats(0.5, 50), st.integers(0, 9))
def test_every_call_is_served_once_and_in_order_of_time(
    lengths: list[tuple[int, int]], split: Split, rate: float, seed: int
) -> None:
    transfer = Transfer(bytes_per_token=100, bytes_per_s=1e6, export_s=0.001, load_s=0.001)
    prof = profile(slots=4, context_s=1e-6, transfer=transfer, kv_tokens=2000)
    out = poisson(prof, split, from_lengths("h", lengths), rate, len(lengths), seed)
    assert [job.number for job in out.jobs] == list(range(len(lengths)))
    for job in out.jobs:
        moments = [job.arrived, job.started, job.first]
        moments += [job.end] if job.output == 1 else [job.exported, job.loading, job.loaded]
        moments += [job.end]
        assert moments == sorted(moments)
        assert sum(job.stages()) == pytest.approx(job.end - job.arrived)
        # Nobody is faster than alone.
        assert job.end - job.arrived >= _alone(job) - 1e-9


def _alone(job: Job) -> float:
    return job.prompt * 0.001 + (job.output - 1) * 0.01


@settings(max_examples=25, deadline=None)
@given(LENGTHS, st.floats(1, 40), st.integers(0, 5))
def test_more_prefill_workers_are_never_worse_in_order_of_arrival(
    lengths: list[tuple[int, int]], rate: float, seed: int
) -> None:
    work = from_lengths("h", lengths)
    few = poisson(profile(), Split("split", 1, 1), work, rate, len(lengths), seed).jobs
    many = poisson(profile(), Split("split", 2, 1), work, rate, len(lengths), seed).jobs
    for one, two in zip(few, many, strict=True):
        assert two.arrived == one.arrived
        assert two.first <= one.first + 1e-9


@settings(max_examples=25, deadline=None)
@given(LENGTHS, st.sampled_from(KINDS), st.integers(0, 99))
def test_the_same_seed_gives_the_same_times(
    lengths: list[tuple[int, int]], split: Split, seed: int
) -> None:
    work = from_lengths("h", lengths)
    first, second = (
        [(j.arrived, j.first, j.end) for j in poisson(profile(), split, work, 5, 40, seed).jobs]
        for _ in range(2)
    )
    assert first == second


@settings(max_examples=30, deadline=None)
@given(LENGTHS, st.floats(1, 30))
def test_many_steps_at_once_are_as_many_single_steps(
    lengths: list[tuple[int, int]], rate: float
) -> None:
    """Against a simulation that makes every decode step by itself."""
    prof = profile(sequence_s=0.001, context_s=2e-6)
    out = poisson(prof, ONE, from_lengths("h", lengths), rate, len(lengths))
    ready = sorted((job.exported, job.number, job) for job in out.jobs if job.output > 1)
    active: dict[int, int] = {}
    jobs = {job.number: job for job in out.jobs}
    now = 0.0
    ends: dict[int, float] = {}
    while ready or active:
        if not active:
            now = max(now, ready[0][0])
        while ready and ready[0][0] <= now + 1e-9:
            active[ready.pop(0)[1]] = 1
        context = sum(jobs[number].prompt + made for number, made in active.items())
        now += 0.01 + 0.001 * len(active) + 2e-6 * context
        for number in list(active):
            active[number] += 1
            if active[number] == jobs[number].output:
                ends[number] = now
                del active[number]
    for number, end in ends.items():
        assert jobs[number].end == pytest.approx(end, abs=1e-6)


def test_verdicts_are_those_of_the_slo_module() -> None:
    jobs = run(profile(), ONE, _burst(3, 100, 3))
    slo = Slo(ttft_s=0.25, tpot_s=0.011)
    joint = [one.joint for one in jobs.verdicts(slo)]
    assert joint == [True, True, False]
    assert jobs.binding(slo) == "prefill_queue"
    one_token = run(profile(), ONE, at_times((0.0, 10, 1))).verdicts(Slo(tpot_s=0.001))
    assert one_token[0].joint is None  # TPOT does not apply to a reply of one token


def _burst(count: int, prompt: int, output: int) -> Workload:
    """Calls that come in the same instant (a nanosecond apart, so that there is a span)."""
    return at_times(*((n * 1e-9, prompt, output) for n in range(count)))
