from __future__ import annotations

import pytest

pytest.importorskip("aiohttp", reason="needs lmgame[embedded]")

from lmgame.placement import measure as module
from lmgame.placement.profile import Profile, parse

pytestmark = [pytest.mark.engine, pytest.mark.slow]


@pytest.mark.timeout(300)
def test_the_embedded_engine_can_be_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LENGTHS", (16, 32, 64, 128))
    monkeypatch.setattr(module, "CONTEXTS", (32, 64))
    monkeypatch.setattr(module, "BESIDE_S", 1.0)
    monkeypatch.setattr(module, "BESIDE_STEPS", 10)
    said: list[str] = []
    found = module.measure(said.append)
    assert any("1 thread" in line for line in said)
    assert parse(found.model_dump_json(), "again") == Profile.model_validate(found.model_dump())
    one = found.speed(1)
    # Slow or fast, but not nonsense: a longer prompt takes longer, a step some milliseconds.
    assert 0 < one.prefill.seconds([(64, 0)]) < one.prefill.seconds([(512, 0)])
    assert all(1e-4 < one.step(batch)[0] < 10 for batch in (1, 2, 4, 8))
    assert found.transfer.bytes_per_token == pytest.approx(23_053, rel=0.01)
    assert found.cores is not None
