from __future__ import annotations

import random
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from lmgame import record
from lmgame.bench import session, think
from lmgame.bench.settings import LoadSettings
from lmgame.cli import main
from lmgame.errors import ConfigError, UsageError
from lmgame.testing import ScriptedServer
from tests.bench.loads import loading, shaped
from tests.scripted import picks


def drawn(load: LoadSettings, n: int = 4000) -> list[float]:
    rng = random.Random(11)
    return [think.draw(load, rng) for _ in range(n)]


def test_constant_pauses_are_all_the_same() -> None:
    assert set(drawn(shaped("closed", think_s=0.3), 5)) == {0.3}


def test_exponential_pauses_have_their_mean() -> None:
    values = drawn(shaped("closed", think="exponential", think_s=0.5))
    assert stats.kstest(values, stats.expon(scale=0.5).cdf).pvalue > 0.01


@pytest.mark.parametrize("cv", [0.3, 1.0, 2.5])
def test_lognormal_pauses_have_their_mean_and_spread(cv: float) -> None:
    values = drawn(shaped("closed", think="lognormal", think_s=0.5, think_cv=cv))
    sigma = np.sqrt(np.log1p(cv**2))
    truth = stats.lognorm(s=sigma, scale=0.5 / np.exp(sigma**2 / 2))
    assert truth.mean() == pytest.approx(0.5)
    assert truth.std() / truth.mean() == pytest.approx(cv)
    assert stats.kstest(values, truth.cdf).pvalue > 0.01


def test_pauses_follow_from_the_seed_and_change_no_prompt() -> None:
    plain = shaped("sessions", turns=6, think_s=0.5)
    spread = shaped("sessions", turns=6, think_s=0.5, think="exponential")
    one, other = session.synthetic(plain, 3), session.synthetic(spread, 3)
    assert [step.messages for step in one.steps] == [step.messages for step in other.steps]
    assert other == session.synthetic(spread, 3)
    assert other != session.synthetic(spread.model_copy(update={"seed": 1}), 3)
    delays = [step.delay_s for step in other.steps]
    assert delays[0] == 0
    assert len(set(delays[1:])) == 5


def test_pauses_are_a_runs_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with ScriptedServer(picks) as server:
        asked = ["backend=any", f"backend.base_url={server.base_url}", "backend.model=scripted"]
        short = ["game=tetris", "max_decisions=5", "anchors=[]", "film=none", "episodes=2"]
        assert main(["play", *asked, *short, "backend.structured=choice", "run=was"]) == 0
    truth = []
    for path in Path("was/matches").glob("*.jsonl"):
        calls = [call for one in record.read(path).played for call in one.tries[0].calls]
        for before, after in pairwise(calls):
            truth.append(after.timing.at - before.timing.at - before.timing.end)
    known = think.recorded(Path("was"))
    assert sorted(known) == pytest.approx(sorted(truth), abs=1e-6)
    assert len(known) == 8
    load = loading("load=sessions", "load.think=recorded", "load.think_from=was")
    assert set(drawn(load)) == set(known)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["load.think=exponential"], "write load.think_s=0.5"),
        (["load.think=recorded"], "go together"),
        (["load.think_from=somewhere"], "go together"),
        (["load.think=sometimes"], "load.think"),
        (["load.think=lognormal", "load.think_s=1", "load.think_cv=0"], "load.think_cv"),
    ],
)
def test_pauses_that_cannot_be_drawn_are_refused(words: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        loading(*words)


def test_a_run_without_pauses_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has asked a model twice"):
        loading("load.think=recorded", f"load.think_from={tmp_path}")
