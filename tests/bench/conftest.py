from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is known of this machine's client is not for tests, nor theirs for it."""
    monkeypatch.setenv("LMGAME_CACHE", str(tmp_path / "cache"))
