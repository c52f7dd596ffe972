from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lmgame.bench import curve
from lmgame.slo import Slo
from tests.bench.loads import bench, call

LIMITS = Slo(ttft_s=0.2, tpot_s=0.02)


def found(joint: tuple[int, int], stages: dict[str, float] | None = None) -> dict[str, object]:
    share = {"met": joint[0], "n": joint[1]}
    none = {"met": 0, "n": 0}
    told = {name: {"mean": mean} for name, mean in (stages or {}).items()}
    attainment = {"joint": share, "ttft_s": share, "tpot_s": none}
    return {"serving": {"attainment": attainment, "stages_s": told}}


def test_wider_limits_are_met_by_the_calls_they_let_in() -> None:
    calls = [call(ttft=0.1, itl=0.01), call(ttft=0.3, itl=0.01), call(ttft=0.1, itl=0.05)]
    made = curve.against_scale(calls, LIMITS, (0.4, 1.0, 1.6, 3.0))
    assert [one.share for one in made["joint"]] == pytest.approx([0, 1 / 3, 2 / 3, 1])
    assert [one.share for one in made["ttft_s"]] == pytest.approx([0, 2 / 3, 1, 1])
    assert [one.share for one in made["tpot_s"]] == pytest.approx([0, 2 / 3, 2 / 3, 1])
    assert all(one.low <= one.share <= one.high for one in made["joint"])


def test_a_limit_that_is_not_set_has_no_line() -> None:
    made = curve.against_scale([call()], Slo(ttft_s=1.0))
    assert made["tpot_s"] == []
    assert len(made["ttft_s"]) == len(curve.SCALES)


def test_blocks_at_one_load_are_pooled() -> None:
    blocks = [(4.0, found((1, 10))), (1.0, found((9, 10))), (4.0, found((3, 10)))]
    made = curve.against_load(blocks)
    assert [(one.at, one.share) for one in made["joint"]] == [(1.0, 0.9), (4.0, 0.2)]
    assert made["tpot_s"] == []


def test_stages_are_averaged_by_label_and_those_without_left_out() -> None:
    results = [
        ("split", found((1, 1), {"prefill_s": 0.1, "transfer_s": 0.01})),
        ("split", found((1, 1), {"prefill_s": 0.3, "transfer_s": 0.03})),
        ("whole", found((1, 1), {"prefill_s": 0.2})),
        ("other", found((1, 1))),
    ]
    labels, stages = curve.stages(results)
    assert labels == ["split", "whole"]
    assert stages["prefill_s"] == pytest.approx([0.2, 0.2])
    assert stages["transfer_s"] == pytest.approx([0.02, 0.0])


def test_transfers_rise_to_all_calls() -> None:
    calls = [replace(call(), stages={"transfer_s": s}) for s in (0.3, 0.1, 0.2)]
    assert curve.transfers([*calls, call()]) == [(0.1, 1 / 3), (0.2, 2 / 3), (0.3, 1.0)]


def test_figures_are_written_twice_and_are_the_same_bytes_again(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from lmgame.bench import plot

    stages = {"prefill_s": 0.1, "transfer_s": 0.01, "decode_s": 0.3}
    calls = [replace(call(ttft=0.01 * n), stages=stages) for n in range(1, 40)]
    results = [("", found((30, 40), stages))]
    first, second = tmp_path / "a", tmp_path / "b"
    for folder in (first, second):
        folder.mkdir()
        plot.draw(folder, calls, LIMITS, results, bench())
        blocks = [("1", found((40, 40))), ("2", found((35, 40))), ("4", found((10, 40)))]
        plot.draw(folder, calls, LIMITS, blocks, bench("per=2"), searched=True)
    names = sorted(file.name for file in (first / "plots").iterdir())
    stems = ("attainment-load", "attainment-scale", "stages", "transfer")
    assert names == [f"{stem}.{kind}" for stem in stems for kind in ("png", "svg")]
    for name in names:
        assert (first / "plots" / name).read_bytes() == (second / "plots" / name).read_bytes()
