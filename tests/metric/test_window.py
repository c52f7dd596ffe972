from __future__ import annotations

import math
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmgame.metric.dialect import DIALECTS, recognise
from lmgame.metric.page import BrokenPage, lines, names, parse
from lmgame.metric.window import Window, quantile, window
from tests.metric.pages import ALL, DYNAMO, LMGAME, VLLM, VLLM_ROUTER, scaled


def seen(*pages: str) -> Window:
    dialect = recognise(names(pages[-1]))
    assert dialect is not None
    return window([parse(one, 2.0 * n, dialect.metrics) for n, one in enumerate(pages)], dialect)


def quarter(kind: str) -> Window:
    """From a page with a quarter of the numbers to the page: three quarters are gained."""
    return seen(scaled(ALL[kind], 0.25), ALL[kind])


@pytest.mark.parametrize(
    ("kind", "what", "n", "mean"),
    [
        ("vllm", "ttft_s", 60, 0.2),
        ("vllm", "itl_s", 3000, 0.02),
        ("vllm", "e2e_s", 60, 1.2),
        ("vllm", "prefill_queue_s", 60, 0.05),
        ("vllm", "prefill_s", 60, 0.15),
        ("vllm", "decode_s", 60, 1.0),
        ("vllm", "transfer_s", 30, 0.03),
        ("sglang", "ttft_s", 6, 0.2),
        ("sglang", "prefill_queue_s", 6, 0.05),
        ("sglang", "prefill_s", 6, 0.1),
        ("sglang", "transfer_s", 6, 0.03),
        ("sglang", "decode_queue_s", 6, 0.02),
        ("dynamo", "ttft_s", 30, 0.15),
        ("dynamo", "itl_s", 870, 0.01),
        ("dynamo", "e2e_s", 30, 0.5),
        ("dynamo", "route_s", 30, 0.001),
        ("vllm-router", "begun_s", 18, 0.5),
        ("vllm-router", "decode_pending_s", 18, 0.02),
        ("dynamo worker", "e2e_s", 30, 0.1),
        ("dynamo worker", "queue_s", 30, 0.002),
        ("lmgame", "ttft_s", 12, 0.25),
        ("lmgame", "prefill_s", 12, 0.08),
        ("lmgame", "transfer_s", 12, 0.005),
    ],
)
def test_every_servers_stages_are_what_its_histograms_gained(
    kind: str, what: str, n: int, mean: float
) -> None:
    found = quarter(kind)
    assert found.kind == kind
    one = found.named(what)
    assert one is not None
    assert one.n == n
    assert one.mean == pytest.approx(mean)
    assert one.sum_s == pytest.approx(n * mean)


@pytest.mark.parametrize(
    ("kind", "counts", "gauges"),
    [
        (
            "vllm",
            {"prompt_tokens": 60000, "generation_tokens": 3000, "cached_tokens": 45000,
             "received_tokens": 3000, "requests": 60},
            {"running": (5.0, 8.0), "waiting": (2.5, 4.0), "kv_cache_usage": (0.25, 0.4)},
        ),
        (
            "sglang",
            {"prompt_tokens": 6000, "generation_tokens": 300, "cached_tokens": 4500,
             "requests": 6},
            {"running": (5.0, 8.0), "waiting": (2.5, 4.0), "kv_cache_usage": (0.25, 0.4)},
        ),
        (
            "dynamo",
            {"prompt_tokens": 12000, "generation_tokens": 900, "cached_tokens": 9000,
             "requests": 30},
            {"running": (5.0, 8.0), "waiting": (2.5, 4.0)},
        ),
        ("vllm-router", {"requests": 18}, {"running": (2.5, 4.0), "waiting": (1.25, 2.0)}),
        (
            "lmgame",
            {"prompt_tokens": 4800, "generation_tokens": 240, "requests": 12},
            {"running": (5.0, 8.0), "waiting": (2.5, 4.0)},
        ),
    ],
)  # fmt: skip
def test_counters_gain_and_gauges_have_a_mean_and_a_most(
    kind: str, counts: dict[str, float], gauges: dict[str, tuple[float, float]]
) -> None:
    found = quarter(kind)
    said = {one.what: one.value for one in found.counts}
    assert {name: said[name] for name in counts} == pytest.approx(counts)
    load = {one.what: (one.mean, one.most) for one in found.gauges}
    assert {name: load[name] for name in gauges} == {
        name: pytest.approx(value) for name, value in gauges.items()
    }


def test_percentiles_are_interpolated_and_tell_their_bucket() -> None:
    ttft = quarter("vllm").named("ttft_s")
    assert ttft is not None
    # 15 up to 0.1 s, 45 up to 0.25 s, 60 up to 0.5 s: the 30th is half way in the second.
    middle = ttft.percentiles[50]
    assert middle.value == pytest.approx(0.175)
    assert (middle.low, middle.high) == (0.1, 0.25)
    late = quarter("lmgame").named("ttft_s")
    assert late is not None
    assert (late.percentiles[99].value, late.percentiles[99].high) == (0.2, None)


@given(
    st.lists(st.floats(0.0, 20.0), min_size=1, max_size=200),
    st.lists(st.floats(0.001, 15.0), min_size=1, max_size=12, unique=True),
    st.sampled_from([0.5, 0.9, 0.99]),
)
def test_the_true_quantile_is_in_the_bucket_that_is_told(
    values: list[float], bounds: list[float], q: float
) -> None:
    ends = [*sorted(bounds), math.inf]
    buckets = {end: float(sum(value <= end for value in values)) for end in ends}
    found = quantile(buckets, q)
    assert found is not None
    true = float(np.quantile(values, q, method="inverted_cdf"))
    assert found.low <= true + 1e-12
    if found.high is not None:
        assert true <= found.high + 1e-12
        assert found.low <= found.value <= found.high + 1e-12


def test_a_restart_is_told_and_what_came_after_it_is_counted() -> None:
    pages = [scaled(VLLM, one) for one in (0.5, 1.0, 0.25, 0.5)]
    found = seen(*pages)
    assert found.restarts == 1
    assert "started again" in found.notes[0]
    ttft = found.named("ttft_s")
    assert ttft is not None
    assert ttft.n == 40 + 20 + 20
    assert ttft.mean == pytest.approx(0.2)
    assert found.looks == 4
    assert found.seconds == 6.0


def test_one_of_two_engines_that_restarts_takes_nothing_from_the_other() -> None:
    def page(one: int, other: int) -> str:
        return (
            "# TYPE vllm:prompt_tokens_total counter\n"
            f'vllm:prompt_tokens_total{{engine="0"}} {one}\n'
            f'vllm:prompt_tokens_total{{engine="1"}} {other}\n'
        )

    found = seen(page(100, 1000), page(10, 1500))
    assert (found.counts[0].value, found.restarts) == (510, 1)


def test_a_summarys_quantiles_rise_and_fall_without_a_restart() -> None:
    before = scaled(VLLM_ROUTER, 0.5).replace('{quantile="0.5"} 0.005', '{quantile="0.5"} 9')
    assert '0.5"} 9' in before
    assert seen(before, VLLM_ROUTER).restarts == 0


def test_series_that_appear_in_between_began_at_nothing() -> None:
    found = seen("# TYPE lmgame_jobs gauge\nlmgame_jobs 0\n", LMGAME)
    ttft = found.named("ttft_s")
    assert ttft is not None
    assert (ttft.n, found.restarts) == (16, 0)


def test_a_split_vllm_and_a_dynamo_frontend_say_what_their_numbers_leave_out() -> None:
    assert any("leaves out the prefill" in note for note in quarter("vllm").notes)
    whole = VLLM.replace("nixl_", "other_")
    assert seen(scaled(whole, 0.5), whole).notes == ()
    assert any("buckets are coarse" in note for note in seen(DYNAMO).notes)


def test_one_look_alone_tells_the_load_and_no_times() -> None:
    found = seen(VLLM)
    assert found.times == ()
    assert found.gauges


def test_names_are_told_apart() -> None:
    for kind, page in ALL.items():
        dialect = recognise(names(page))
        assert dialect is not None
        assert dialect.kind == kind
    assert recognise(["http_requests_total", "up"]) is None
    kinds = [one.kind for one in DIALECTS]
    assert len(set(kinds)) == len(kinds)


@pytest.mark.parametrize(
    "page",
    [
        "lmgame_jobs",
        'lmgame_jobs{a="b 1',
        "lmgame_jobs{a=b} 1",
        "lmgame_jobs one",
        "lmgame_jobs " + "9" * 400,
    ],
)
def test_what_is_no_page_is_refused_in_one_line(page: str) -> None:
    with pytest.raises(BrokenPage) as refused:
        parse(page, 0.0, {"lmgame_jobs"})
    assert len(str(refused.value)) <= 200
    assert str(refused.value).isprintable()


@given(st.text(max_size=400))
def test_no_page_breaks_more_than_itself(text: str) -> None:
    hostile = f'lmgame_jobs{{worker="{text}"}} 1\n{text}\nlmgame_jobs 2\n'
    with suppress(BrokenPage):
        page = parse(hostile, 0.0, {"lmgame_jobs"})
        assert set(names(hostile)) >= {name for name, _ in page.samples}


def test_endless_lines_and_pages_are_cut() -> None:
    long = 'lmgame_jobs{a="' + "\\" * 100_000 + '"} 1\n'
    many = "lmgame_jobs 1\n" * 300_000
    assert lines(long, {"lmgame_jobs"}) == []
    assert len(lines(many, {"lmgame_jobs"})) == 100_000
