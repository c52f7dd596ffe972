"""Fixtures of the embedded backend's tests: one server per mode for the whole session."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from openai import OpenAI

from lmgame.errors import LmgameError
from lmgame.serving import EmbeddedServer, weights
from lmgame.serving.binding import load_library
from lmgame.serving.vocabulary import Vocabulary

from .support import MODEL, openai_client, serving


@pytest.fixture(scope="session")
def weights_path() -> Path:
    try:
        load_library()
        return weights.find(MODEL)
    except LmgameError as error:
        pytest.skip(f"no embedded engine here: {error}")


@pytest.fixture(scope="session")
def vocabulary(weights_path: Path) -> Vocabulary:
    return Vocabulary.open(weights_path)


@pytest.fixture(scope="session")
def disaggregated(weights_path: Path) -> Iterator[EmbeddedServer]:
    with serving(queue=64) as server:
        yield server


@pytest.fixture(scope="session")
def prefill_first(weights_path: Path) -> Iterator[EmbeddedServer]:
    with serving(mode="colocated", schedule="prefill_first") as server:
        yield server


@pytest.fixture(scope="session")
def chunked(weights_path: Path) -> Iterator[EmbeddedServer]:
    with serving(mode="colocated", schedule="chunked", chunk=32) as server:
        yield server


@pytest.fixture
def client(disaggregated: EmbeddedServer) -> Iterator[OpenAI]:
    with openai_client(disaggregated) as client:
        yield client
