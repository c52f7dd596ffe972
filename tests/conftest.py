"""Slow tests run with ``--slow`` (``make test-slow``, and in CI); else they say so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lmgame.testing import ScriptedServer
from tests.scripted import picks


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that a user works in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """A server on loopback whose model picks one of the choices."""
    with ScriptedServer(picks) as running:
        yield running


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="run the tests marked slow, and no others")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    wanted = bool(config.getoption("--slow"))
    if wanted:
        other = [item for item in items if item.get_closest_marker("slow") is None]
        items[:] = [item for item in items if item.get_closest_marker("slow") is not None]
        config.hook.pytest_deselected(items=other)
        return
    for item in items:
        if item.get_closest_marker("slow") is not None:
            item.add_marker(pytest.mark.skip(reason="slow: make test-slow runs it"))
