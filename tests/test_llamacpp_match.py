"""Matches against llama.cpp's own server, as it really is: its dialects, usage and cache."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lmgame.cli import main
from lmgame.client import Endpoint
from lmgame.client.probe import probe
from lmgame.errors import LmgameError
from lmgame.record import read
from lmgame.serving import weights
from tests.waiting import wait_for

pytestmark = pytest.mark.engine

SERVER = """
import sys, xllamacpp
settings = xllamacpp.CommonParams()
settings.model.path, settings.port = sys.argv[1], int(sys.argv[2])
for threads in (settings.cpuparams, settings.cpuparams_batch):
    threads.n_threads, threads.poll = 1, 0  # beside other tests, threads that spin wait for ever
settings.n_ctx, settings.n_parallel, settings.warmup = 2048, 1, False
server = xllamacpp.Server(settings)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A server in a process of its own, which ends with its standard input."""
    try:
        model = weights.find(weights.DEFAULT)
    except LmgameError as error:
        pytest.skip(f"no weights here: {error}")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}/v1"
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(model), str(port)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(lambda: not probe(Endpoint(address, "m"), any_model=True).problem, "it", 60.0)
        yield address
    finally:
        process.kill()
        process.wait()
        assert process.stdin is not None
        process.stdin.close()


@pytest.mark.parametrize(
    ("dialect", "structured"),
    [("grammar", "choice"), ("json_schema", "json_schema"), ("vllm", "ignored")],
)
def test_it_holds_replies_to_the_legal_actions(
    dialect: str,
    structured: str,
    url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = [
        "game=tic_tac_toe",
        "agents=[llm,random]",
        "backend=llamacpp",
        f"backend.base_url={url}",
        "backend.model=smollm2-135m-instruct",
        f"backend.structured={dialect}",
        "policy.retries=0",
        "max_decisions=2",
        "film=none",
        "run=run",
    ]
    assert main(["play", "--json", *settings]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["serving"]["calls"], found["serving"]["failed"]) == (2, 0)
    assert found["serving"]["tokens"]["prompt"] > 100
    assert found["serving"]["tokens"]["cached"] > 0  # the second prompt begins like the first
    assert found["cost"]["usd"] is None
    (path,) = (tmp_path / "run" / "matches").iterdir()
    asked = [one for one in read(path).played if one.seat == 0]
    kinds = [one.tries[0].calls[0].structured for one in asked]
    assert structured in kinds  # it ignores what it does not know; a free reply may still fit
    assert set(kinds) <= {structured, "choice"}
    if dialect == "grammar":
        assert {one.outcome for one in asked} == {"ok"}
    if dialect == "json_schema":
        for one in asked:
            assert set(json.loads(one.tries[0].calls[0].reply)) == {"action"}
