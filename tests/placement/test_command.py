from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from lmgame.cli import main
from lmgame.placement.measure import fit_decode, fit_prefill, scale
from lmgame.placement.profile import load, write
from lmgame.placement.question import read
from lmgame.placement.workload import Made, synthetic
from tests.placement.plain import profile

QUICK = ["plan.calls=100", "plan.rounds=1", "plan.tolerance=0.1"]


@pytest.fixture
def plain(tmp_path: Path) -> str:
    path = tmp_path / "plain.yaml"
    write(profile(sequence_s=0.001), path)
    return f"plan.profile={path}"


def test_a_profile_is_read_as_it_was_written(tmp_path: Path) -> None:
    for name in ("opt-13b-a100", "opt-66b-a100"):
        write(load(name), tmp_path / "p.yaml")
        assert load(str(tmp_path / "p.yaml")) == load(name)


def test_tables(plain: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = [plain, "plan.workers=3", "slo.ttft_s=2", "slo.tpot_s=0.1", *QUICK]
    assert main(["serve", "--plan", *words]) == 0
    told = capsys.readouterr().out
    assert "plain: 3 workers, synthetic" in told
    assert "2P + 1D" in told
    assert "best: " in told
    assert "best colocated: " in told or "best split: " in told


def test_json(plain: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = [plain, "plan.workers=2", "slo.ttft_s=2", "slo.tpot_s=0.1", *QUICK]
    assert main(["serve", "--plan", "--json", *words]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["splits"][0]["split"]["name"] == told["best"]["name"]
    assert told["nearest_slo"] is None
    first = told["splits"][0]
    assert first["attainment"]["joint"]["value"] >= 0.9
    assert first["capacity_rps_per_worker"] == pytest.approx(first["capacity_rps"] / 2)
    assert main(["serve", "--plan", "--json", *words]) == 0
    assert json.loads(capsys.readouterr().out) == told


def test_the_settings_are_the_models_own_where_both_say_something() -> None:
    assert read(["plan.profile=opt-13b-a100"]).workload == synthetic(Made())


def test_limits_out_of_reach(plain: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = [plain, "slo.ttft_s=0.1", "slo.tpot_s=0.1", *QUICK]
    assert main(["serve", "--plan", *words]) == 1
    told = " ".join(capsys.readouterr().out.split())
    assert "no number of workers meets these limits" in told
    hint = told.split("slo.ttft_s=")[1].split(",")[0]
    assert main(["serve", "--plan", plain, f"slo.ttft_s={hint}", "slo.tpot_s=0.1", *QUICK]) == 0


def test_a_rate_that_needs_more_workers(plain: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = [plain, "slo.ttft_s=2", "slo.tpot_s=0.1", *QUICK]
    assert main(["serve", "--plan", *words, "plan.rate=0.1"]) == 0
    assert main(["serve", "--plan", *words, "plan.rate=8"]) == 1
    told = " ".join(capsys.readouterr().out.split())
    assert "more than 2 workers carry. The nearest: " in told


def test_a_trace(plain: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trace = tmp_path / "t.jsonl"
    rows = []
    for turn in range(6):
        for session in ("a", "b"):
            when = {"timestamp": 0} if not turn else {"delay": 20}
            rows.append({"session_id": session, **when, "input_length": 100, "output_length": 4})
    trace.write_text("\n".join(map(json.dumps, rows)))
    words = [plain, f"plan.trace={trace}", "slo.ttft_s=1", *QUICK]
    assert main(["serve", "--plan", *words, "plan.arrivals=sessions"]) == 0
    assert "sessions" in capsys.readouterr().out
    assert main(["serve", "--plan", *words, "plan.arrivals=trace"]) == 2
    assert "set plan.arrivals=sessions" in capsys.readouterr().err
    trace.write_text('{"timestamp": 0, "input_length": 5, "output_length": 2}\n{')
    assert main(["serve", "--plan", *words]) == 2
    assert "line 2: not JSON" in capsys.readouterr().err


BAD = [
    (["slo.ttft_s=null", "slo.tpot_s=null"], "there is no limit to plan for"),
    (["slo.ttft_s=-1"], "slo.ttft_s=-1: write seconds above 0, usual, or null"),
    (["slo.itl_s=0.1"], "slo.itl_s=0.1: the plan knows when replies end"),
    (["slo=fast"], "unknown slo 'fast'"),
    (["slo.ttft_s=1", "plan.worker=3"], "did you mean 'plan.workers'"),
    (["slo.ttft_s=1", "slo.ttf_s=3"], "did you mean 'slo.ttft_s'"),
    (["slo.ttft_s=1", "plan.workers=0"], "greater than or equal to 1"),
    (["slo.ttft_s=1", "plan.workers=many"], "plan.workers"),
    (["slo.ttft_s=1", "plan.target=1"], "plan.target"),
    (["slo.ttft_s=1", "plan.rate=-2"], "plan.rate"),
    (["slo.ttft_s=1", "plan.workers"], "write KEY=VALUE"),
    (["slo.ttft_s=1", "plan=3"], "plan"),
    (["slo.ttft_s=1", "backend.port=1"], "backend.port has no effect with --plan"),
    (["slo.ttft_s=1", "backend=vllm_pd"], "backend has no effect with --plan"),
    (["slo.ttft_s=1", "game=tetris"], "unknown setting 'game'"),
    (["slo.ttft_s=1", "plan.profile=opt-13b"], "did you mean 'opt-13b-a100'"),
    (["slo.ttft_s=1", "plan.profile=none.yaml"], "No such file"),
    (["slo.ttft_s=1", "plan.profile=opt-66b-a100", "plan.workers=1"], "at least 2 GPUs"),
    (["slo.ttft_s=1", "plan.arrivals=trace"], "needs a trace"),
    (["slo.ttft_s=1", "plan.profile=opt-13b-a100", "plan.save=x.yaml"], "plan.save goes with"),
    (["slo.ttft_s=1", "plan.save=nowhere/x.yaml"], "there is no folder nowhere"),
    (["slo.ttft_s=1", "workload.prompt_min=5000"], "more than prompt_max=1200"),
    (["slo.ttft_s=1", "plan.trace=x", "workload.turns=2"], "workload.turns has no effect"),
]


@pytest.mark.parametrize(("words", "said"), BAD)
def test_bad_questions(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--plan", *words]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"speeds": []}, "speeds"),
        ({"speed": []}, "speed"),
        ({"slots": -1}, "slots"),
        ({"overhead_s": float("nan")}, "overhead_s"),
        (
            {
                "speeds": [
                    {"prefill": {"call_s": 0, "token_s": 1}, "decode": [{"batch": 2, "step_s": 1}]}
                ]
            },
            "regimes must begin at batch 1",
        ),
    ],
)
def test_a_profile_that_is_none(
    change: dict[str, object], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(yaml.safe_dump({**profile().model_dump(mode="json"), **change}))
    assert main(["serve", "--plan", f"plan.profile={path}", "slo.ttft_s=1"]) == 2
    assert said in capsys.readouterr().err
    path.write_text("a: [")
    assert main(["serve", "--plan", f"plan.profile={path}", "slo.ttft_s=1"]) == 2
    assert "is no YAML" in capsys.readouterr().err


def test_what_does_not_go_together(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--json"]) == 2
    assert "--json goes with --plan" in capsys.readouterr().err
    assert main(["serve", "--plan", "--dry-run"]) == 2
    assert "--plan and --dry-run cannot be had together" in capsys.readouterr().err
    assert main(["serve", "--plan", "--format", "compose"]) == 2
    assert "--plan and --format cannot be had together" in capsys.readouterr().err


def test_fits_find_what_made_the_times() -> None:
    lengths = [16, 64, 256, 512, 1024]
    times = [0.002 * -(-n // 256) + 0.001 * n + 1e-7 * n * n for n in lengths]
    fit = fit_prefill(lengths, times, 256)
    assert (fit.call_s, fit.token_s, fit.square_s) == pytest.approx((0.002, 0.001, 1e-7))
    steps = {
        batch: [(total, 0.004 + 0.003 * batch + 1e-6 * total) for total in (100, 900)]
        for batch in (1, 2, 4)
    }
    decode = profile().speeds[0].model_copy(update={"decode": fit_decode(steps)})
    for batch in (1, 2, 3, 4, 8):
        fixed, each = decode.step(batch)
        assert (fixed, each) == pytest.approx((0.004 + 0.003 * batch, 1e-6))


def test_a_measurement_in_which_more_cores_are_slower_is_told() -> None:
    said: list[str] = []
    assert scale(2.0, 1.0, 3, said.append) == (1.0, 1.5, 2.0)
    assert scale(1.0, 1.0, 1, said.append) == (1.0,)
    assert not said
    assert scale(1.0, 2.5, 2, said.append) == (1.0, 1.0)
    assert "measure again" in said[0]
