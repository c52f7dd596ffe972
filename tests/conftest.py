"""Slow tests run with ``--slow`` (``make test-slow``, and in CI); else they say so."""

from __future__ import annotations

import pytest


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
