from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from lmgame.bench import beside
from lmgame.cli import main
from lmgame.client import Call
from lmgame.errors import LmgameError
from lmgame.metric.dialect import recognise
from lmgame.metric.page import names, parse
from lmgame.metric.scrape import Told
from lmgame.metric.window import window
from lmgame.serving import weights
from lmgame.serving.binding import load_library
from lmgame.testing import Reply, ScriptedServer
from tests.bench.loads import bench, call
from tests.metric.pages import DYNAMO, LMGAME, VLLM, VLLM_ROUTER, scaled

STAGES = {"prefill_s": 0.07, "transfer_s": 0.004}


@pytest.fixture(autouse=True)
def own_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def told(page: str, url: str = "http://h/metrics") -> Told:
    dialect = recognise(names(page))
    assert dialect is not None
    pages = [parse(scaled(page, one), one, dialect.metrics) for one in (0.25, 1.0)]
    return Told(url, window(pages, dialect))


def calls(n: int = 12) -> list[Call]:
    return [replace(call(ttft=0.3), stages=STAGES) for _ in range(n)]


def test_nobody_stands_in_for_anybody() -> None:
    found = list(beside.rows(calls(), [told(LMGAME)]))
    means = {(row["what"], row["who"]): row["mean"] for row in found}
    assert means["ttft_s", "client"] == pytest.approx(0.3)
    assert means["ttft_s", "lmgame page"] == pytest.approx(0.25)
    assert means["prefill_s", "replies"] == pytest.approx(0.07)
    assert means["prefill_s", "lmgame page"] == pytest.approx(0.08)
    # The page has no whole replies, the client sees no prefill: neither is made up.
    assert ("e2e_s", "lmgame page") not in means
    assert ("prefill_s", "client") not in means
    sums = {(row["what"], row["who"]): row["sum_s"] for row in found}
    assert sums["prefill_s", "replies"] == pytest.approx(12 * 0.07)
    assert sums["prefill_s", "lmgame page"] == pytest.approx(12 * 0.08)


def test_two_workers_of_one_kind_are_told_apart() -> None:
    found = beside.server([told(VLLM, "http://p"), told(VLLM, "http://d")], calls(60), 2.0)
    rows = found["beside"]
    assert isinstance(rows, list)
    assert {row["who"] for row in rows} >= {"vllm page 1", "vllm page 2"}


def test_calls_that_only_the_page_knows_are_said() -> None:
    notes = beside.server([told(LMGAME)], calls(10), 2.0)["notes"]
    assert notes == [
        "lmgame page: lmgame_ttft_seconds counts 12 calls, and 10 count here: it knows nothing of "
        "which are left out, and counts what others ask"
    ]
    assert beside.server([told(LMGAME)], calls(12), 2.0)["notes"] == []


def test_what_is_not_the_clients_word_is_said() -> None:
    notes = beside.server([told(VLLM_ROUTER)], calls(18), 2.0)["notes"]
    assert isinstance(notes, list)
    assert (
        "vllm-router page: until it begins (vllm_router_pd_request_duration_seconds) is until the "
        "decode worker's response begins, where it streams"
    ) in notes


def test_of_a_wide_bucket_only_its_end_is_shown() -> None:
    (sheet, _) = beside.sheets(beside.server([told(DYNAMO)], calls(30), 2.0))
    ttft, *_ = (row for row in sheet.rows if row[1] == "dynamo page")
    assert ttft[3].startswith("~")
    assert len([row for row in sheet.rows if "≤2.00 s" in row]) == 1
    (late, _) = beside.sheets(beside.server([told(LMGAME)], calls(12), 2.0))
    assert any(">200 ms" in row for row in late.rows)


def test_tables_and_markdown_hold_the_same() -> None:
    found = beside.server([told(LMGAME)], calls(12), 2.0)
    written = io.StringIO()
    console = Console(width=140, file=written)
    for sheet in beside.sheets(found):
        sheet.print(console)
    text, page = written.getvalue(), beside.markdown(found)
    for wanted in ("TTFT", "client", "replies", "lmgame page", "≤100 ms", "prompt tokens"):
        assert wanted in text
        assert wanted in page
    assert page.count("\n| ---") == 2


def test_foreign_text_is_no_markup() -> None:
    missing = Told("http://h", None, "no server metrics from http://h: (<b>*x*</b>|[a](b))")
    page = beside.markdown(beside.server([missing], calls(), 2.0))
    assert r"\<b\>\*x\*\</b\>\|\[a\](b)" in page
    assert beside.sheets(beside.server([missing], calls(), 2.0)) == []


def growing(page: str) -> Iterator[str]:
    """A page that has counted more after the first look."""
    yield scaled(page, 0.25)
    while True:
        yield page


def asked(server: ScriptedServer, *more: str) -> list[str]:
    place = f"backend.base_url={server.base_url}"
    small = ["load.warmup=1", "load.calls=12", "load.streams=3"]
    return ["bench", "backend=any", place, "backend.model=scripted", *small, *more]


def test_a_bench_tells_what_the_server_counted(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "140")
    reply = Reply("left right", ttft_s=0.01, server={"stages": STAGES})
    pages = growing(LMGAME)
    with ScriptedServer(reply, metrics=lambda: next(pages)) as server:
        assert main(asked(server, "run=out")) == 0
    said = capsys.readouterr().out
    found = json.loads(Path("out/bench.json").read_text())["server"]
    (page,) = found["pages"]
    assert (page["kind"], page["restarts"], found["notes"]) == ("lmgame", 0, [])
    times = {one["what"]: one for one in page["times"]}
    assert times["ttft_s"]["n"] == 12
    assert times["ttft_s"]["p50"]["between"] == [0.1, 0.2]
    rows = {(row["what"], row["who"]): row for row in found["beside"]}
    assert rows["transfer_s", "replies"]["sum_s"] == pytest.approx(12 * 0.004)
    assert rows["transfer_s", "lmgame page"]["sum_s"] == pytest.approx(12 * 0.005)
    for wanted in ("Client and server side by side", "What the server counted", "lmgame page"):
        assert wanted in said
        assert wanted in Path("out/server.md").read_text()


def test_a_bench_of_a_server_without_a_page_says_so_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with ScriptedServer(Reply("left right")) as server:
        assert main(asked(server, "run=a")) == 0
        said = capsys.readouterr().out
        assert said.replace("\n", " ").count("no server metrics from") == 1
        assert main(asked(server, "run=b", "metrics.url=null")) == 0
    assert "no server metrics" not in capsys.readouterr().out
    assert not Path("a/server.md").exists()


def test_pages_elsewhere_may_be_named() -> None:
    both = "metrics.url=[http://h:29000/metrics,http://h:8200/metrics]"
    assert bench(both).metrics.urls("http://x/v1") == (
        "http://h:29000/metrics",
        "http://h:8200/metrics",
    )
    assert bench("metrics.url=http://h/m").metrics.urls("http://x/v1") == ("http://h/m",)
    assert bench().metrics.urls("http://x/v1") == ("http://x/metrics",)
    assert bench("metrics.url=null").metrics.urls("http://x/v1") == ()


@pytest.mark.parametrize("url", ["h:29000", "http://me:secret@h/metrics", "ftp://h/metrics"])
def test_addresses_that_are_none_are_refused(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    with ScriptedServer() as server:
        assert main(asked(server, f"metrics.url={url}")) == 2
    said = capsys.readouterr().err
    assert "write http://HOST:PORT/metrics" in said
    assert "secret" not in said


@pytest.mark.engine
def test_our_own_server_and_its_replies_tell_the_same(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()  # the weights are in the user's cache
    monkeypatch.chdir(tmp_path)
    try:
        load_library()
        weights.find("smollm2-135m-instruct")
    except LmgameError as error:
        pytest.skip(f"no embedded engine here: {error}")
    shape = ["load.system_tokens=40", "load.turn_tokens=10", "load.max_tokens=4"]
    small = ["load.calls=12", "load.streams=2", "load.warmup=2", *shape, "backend.context=1024"]
    assert main(["bench", *small, "run=out", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    (page,) = found["server"]["pages"]
    assert page["kind"] == "lmgame"
    rows = {(row["what"], row["who"]): row for row in found["server"]["beside"]}
    for stage in ("prefill_queue_s", "prefill_s", "transfer_s", "decode_queue_s", "decode_s"):
        replies, counted = rows[stage, "replies"], rows[stage, "lmgame page"]
        assert replies["n"] == counted["n"] == 12
        # A reply tells its stages to the microsecond.
        assert replies["sum_s"] == pytest.approx(counted["sum_s"], abs=12e-6)
    assert rows["ttft_s", "client"]["mean"] > rows["ttft_s", "lmgame page"]["mean"]
