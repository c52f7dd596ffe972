"""A run's summary as it is printed."""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from lmgame.agent import Decision
from lmgame.game import Turn
from lmgame.record import Log
from lmgame.report import show
from lmgame.slo import Slo
from lmgame.summary import summary
from tests.nim import Nim
from tests.table import Answer, Table, call, first, spread

SLO = Slo(ttft_s=1.0, tpot_s=0.1, time_to_action_s=6.0)
STAGES = {"prefill_queue_s": 1.24, "prefill_s": 1.31, "decode_s": 0.04}
WIDTHS = [20, 40, 69, 70, 80, 120]


def refused(turn: Turn) -> Decision:
    return replace(spread(turn), action="take 9")


def late(turn: Turn) -> Decision:
    """As long as a real model takes, with stages."""
    said = call("take 1", completion=3, ttft_s=2.5)
    return Decision("take 1", calls=(replace(said, stages=STAGES),))


def logs(folder: Path, *answers: Answer, most: int = 40) -> list[Log]:
    found = []
    for seed, answer in enumerate(answers):
        table = Table(
            Nim,
            [answer, first],
            folder / f"{seed}.jsonl",
            changes={"seed": seed, "max_decisions": most},
        )
        table.play()
        found.append(table.log())
    return found


def printed(
    found: Mapping[str, object], width: int = 80, terminal: bool = False, run: Path | None = None
) -> str:
    file = io.StringIO()
    console = Console(
        width=width, file=file, force_terminal=terminal, color_system=None, _environ={}
    )
    show(found, console, run)
    return file.getvalue()


def of(folder: Path, *answers: Answer, most: int = 40) -> dict[str, object]:
    return summary(logs(folder, *answers, most=most), [], SLO)


def figures(text: str) -> Counter[str]:
    return Counter(re.findall(r"\d[\d.,%]*", text))


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("terminal", [True, False])
def test_no_figure_is_ever_cut(tmp_path: Path, width: int, terminal: bool) -> None:
    found = of(tmp_path, late, spread, spread)
    wide = printed(found, 200)
    text = printed(found, width, terminal)
    assert "…" not in text
    assert figures(wide) <= figures(text)  # headings are repeated where rows are stacked


@pytest.mark.parametrize("width", WIDTHS)
def test_lines_fit_and_have_no_trailing_spaces_in_a_pipe(tmp_path: Path, width: int) -> None:
    text = printed(of(tmp_path, late, spread), width)
    for line in text.splitlines():
        assert line == line.rstrip()
        assert len(line) <= width


def test_a_narrow_screen_gets_a_line_for_each_figure(tmp_path: Path) -> None:
    lines = printed(of(tmp_path, spread, spread), 40).splitlines()
    assert lines[1:4] == ["decisions each", "", "told"]
    assert "  model: -" in lines
    assert "  n: 2" in lines
    start = lines.index("time to action")
    assert [line.partition(":")[0] for line in lines[start + 1 : start + 7]] == [
        *("  p50", "  p90", "  p99", "  limit", "  met", "  95 % CI"),
    ]
    assert lines[lines.index("all limits") + 1].startswith("  met: ")


def test_a_wide_screen_gets_tables(tmp_path: Path) -> None:
    text = printed(of(tmp_path, late, spread), 80)
    assert re.search(r"agent +model +score +95 % CI +sd +n\n", text)
    assert re.search(r"prefill queue +1.24 s", text)
    assert "n: 2" not in text


def test_long_names_go_on_in_the_next_line(tmp_path: Path) -> None:
    found = of(tmp_path, first, first)
    found["seats"][0]["model"] = "a-vendor/" + "very-" * 20 + "long-model"  # type: ignore[index] # JSON
    text = printed(found, 80)
    assert "long-model" in re.sub(r"\s", "", text)
    assert "…" not in text
    assert "95 % CI" in text


def test_figures_too_wide_for_a_table_are_stacked(tmp_path: Path) -> None:
    found = of(tmp_path, first, first)
    found["seats"][0]["score"] |= {"mean": 1e30, "ci95": (-1e30, 1e30)}  # type: ignore[index] # JSON
    text = printed(found, 80)
    assert f"  score: {1e30:.1f}" in text


def test_one_is_not_many(tmp_path: Path) -> None:
    text = printed(of(tmp_path, spread, most=1))
    assert "Nim-v1: 1 finished match, at most 1 decision each\n" in text
    assert "Serving: 1 call, 0 failed\n" in text
    (tmp_path / "more").mkdir()
    text = printed(of(tmp_path / "more", spread, spread, most=2))
    assert "Nim-v1: 2 finished matches, at most 2 decisions each\n" in text


def test_unfinished_matches_are_counted(tmp_path: Path) -> None:
    some = logs(tmp_path, spread, spread)
    some[1].result = None
    assert "1 finished match, 1 unfinished" in printed(summary(some, [], SLO))


def test_bad_decisions_come_before_serving_with_the_way_to_see_them(tmp_path: Path) -> None:
    found = of(tmp_path, refused)
    text = printed(found)
    said = re.search(r"(\d+) of (\d+) decisions were not ok: \1 illegal\n", text)
    assert said is not None
    assert text.index("not ok") < text.index("Serving")
    assert "lmgame replay RUN --text\n" in text
    assert "lmgame replay 'my runs/1' --text\n" in printed(found, run=Path("my runs/1"))


def test_the_command_to_copy_is_never_broken(tmp_path: Path) -> None:
    run = Path("runs/" + "long" * 30)
    for terminal in (True, False):
        assert f"lmgame replay {run} --text\n" in printed(of(tmp_path, refused), 40, terminal, run)
        (tmp_path / "0.jsonl").unlink()


def test_no_decision_and_one_decision_that_were_not_ok(tmp_path: Path) -> None:
    found = of(tmp_path, spread)
    decisions = {"n": 40, "outcomes": {"illegal": 30, "unreadable": 10}}
    text = printed({**found, "decisions": decisions})
    assert "No decision was ok, of 40: 30 illegal, 10 unreadable\n" in text
    decisions = {"n": 40, "outcomes": {"ok": 39, "late": 1}}
    assert "1 of 40 decisions was not ok: 1 late\n" in printed({**found, "decisions": decisions})
    assert "not ok" not in printed(found)


def test_goodput_of_very_short_calls_is_said_to_mean_nothing(tmp_path: Path) -> None:
    found = of(tmp_path, spread)
    serving = found["serving"]
    assert isinstance(serving, dict)
    caveat = "(calls this short say nothing about a server)"
    for median, says in ((0.0009, True), (0.001, False), (None, False)):
        serving["time_to_action_s"]["p50"] = median
        assert (caveat in " ".join(printed(found).split())) is says


def test_scripted_players_have_no_serving(tmp_path: Path) -> None:
    text = printed(of(tmp_path, first))
    assert "Serving" not in text
    assert "goodput" not in text


def test_names_from_outside_are_no_markup(tmp_path: Path) -> None:
    found = of(tmp_path, first)
    found["seats"][0]["model"] = "[red]x[/red]"  # type: ignore[index] # JSON
    assert "[red]x[/red]" in printed(found)


def test_a_limit_on_itl_has_a_line_with_its_percentile(tmp_path: Path) -> None:
    slo = Slo(ttft_s=1.0, itl_s=0.05, itl_percentile=0.9)
    found = summary(logs(tmp_path, streamed), [], slo, source={"itl_s": "set"})
    text = printed(found, 120)
    assert re.search(r"ITL \(p90 of a call\) +20\.0 ms +20\.0 ms +20\.0 ms +0\.05 s", text)
    assert "game's own" not in text


def streamed(turn: Turn) -> Decision:
    """Three tokens, 20 ms apart."""
    said = call("take 1", completion=3, ttft_s=0.1)
    timing = replace(said.timing, last_token=0.14, end=0.14, chunks=(0.1, 0.12, 0.14))
    return Decision("take 1", calls=(replace(said, timing=timing),))
