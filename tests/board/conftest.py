"""Short tournaments, played once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from lmgame.board.site import write_site
from lmgame.cli import main
from lmgame.record import Log
from lmgame.testing import ScriptedServer
from tests.board import boards
from tests.scripted import picks

GAMES = "games=[tic_tac_toe,twenty_forty_eight]"


@pytest.fixture(scope="session")
def anchors(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random and greedy at two games."""
    run = tmp_path_factory.mktemp("anchors") / "anchors"
    words = [GAMES, "agents=[random,greedy]", "seeds=3", "max_decisions=6", f"run={run}"]
    assert main(["tournament", *words]) == 0
    return run


@pytest.fixture(scope="session")
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer(picks) as running:
        yield running


@pytest.fixture(scope="session")
def asked(tmp_path_factory: pytest.TempPathFactory, server: ScriptedServer) -> Path:
    """A scripted model with memory, alone, on the anchors' seeds and at a known price."""
    run = tmp_path_factory.mktemp("asked") / "asked"
    words = [
        "games=[twenty_forty_eight]",
        "agents=llm",
        "anchors=[]",
        "harness=lmgame",
        "backend=any",
        f"backend.base_url={server.base_url}",
        "backend.model=scripted",
        "backend.structured=choice",
        "backend.prices=[{model: scripted, input: 1, output: 4}]",
        "seeds=3",
        "max_decisions=6",
        f"run={run}",
    ]
    assert main(["tournament", *words]) == 0
    return run


@pytest.fixture(scope="session")
def logs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Log]:
    """The logs of a small board."""
    return boards.played(tmp_path_factory.mktemp("logs"))


@pytest.fixture(scope="session")
def site(logs: Mapping[str, Log], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """That board's pages."""
    folder = tmp_path_factory.mktemp("site")
    write_site(boards.board(logs), logs, folder)
    return folder
