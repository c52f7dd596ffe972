from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest
from pydantic import ValidationError

import lmgame.serving
from lmgame.errors import ServerError
from lmgame.serving import EmbeddedConfig, EmbeddedServer

from .support import CONTEXT, MODEL


@pytest.mark.parametrize(
    "settings",
    [
        {"prot": 1},
        {"port": -1},
        {"port": 70_000},
        {"mode": "split"},
        {"prefill_workers": 0},
        {"chunk": 0},
        {"chunk": 257},
        {"context": 3},
        {"slots": 65},
    ],
)
def test_settings_that_make_no_sense(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(settings))):
        EmbeddedConfig.model_validate(settings)


def test_settings_cannot_change() -> None:
    config = EmbeddedConfig()
    with pytest.raises(ValidationError, match="frozen"):
        config.port = 1


def test_the_modes_use_as_many_processes() -> None:
    split = EmbeddedConfig(prefill_workers=2, decode_workers=3)
    assert split.workers() == {"prefill": 2, "decode": 3}
    assert EmbeddedConfig(mode="colocated", prefill_workers=2, decode_workers=3).workers() == {
        "colocated": 5
    }
    assert EmbeddedConfig(mode="colocated", replicas=1).workers() == {"colocated": 1}


def test_every_decode_slot_and_prefill_worker_has_a_slab() -> None:
    assert EmbeddedConfig(prefill_workers=2, decode_workers=3, slots=4).slabs() == 14


def test_only_local_clients_by_default() -> None:
    assert EmbeddedConfig().host == "127.0.0.1"


def test_unknown_names_of_the_package() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Server'"):
        _ = lmgame.serving.Server


def test_a_missing_dependency_names_the_extra() -> None:
    # In a process of its own: undoing imports here would split modules in two.
    code = (
        "import sys; sys.modules['aiohttp'] = None\n"
        "import lmgame.serving\n"
        "try: lmgame.serving.EmbeddedServer\n"
        "except lmgame.serving.MissingExtra as error: print(error)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "aiohttp: pip install 'lmgame[embedded]'" in result.stdout


def test_a_server_that_was_never_started_can_be_stopped() -> None:
    server = EmbeddedServer(EmbeddedConfig())
    server.check()
    server.stop()
    assert server.pid == 0


@pytest.mark.engine
def test_progress_is_told_while_starting(weights_path: Path) -> None:
    seen: list[dict[str, Any]] = []
    config = EmbeddedConfig(port=0, context=CONTEXT)
    with EmbeddedServer(config, on_progress=seen.append) as server:
        assert server.port > 0
        assert server.base_url == f"http://127.0.0.1:{server.port}/v1"
        assert server.health()["model"] == MODEL
    assert [health["status"] for health in seen][-1] == "ok"
    assert seen[0]["status"] == "starting"
    assert server.health() == {}


@pytest.mark.engine
def test_too_little_time_to_start_is_an_error(weights_path: Path) -> None:
    server = EmbeddedServer(EmbeddedConfig(port=0), timeout=0.05)
    with pytest.raises(ServerError, match="not ready after"), server:
        pass
    assert server.pid == 0


def test_prefill_yields_by_priority_and_nobody_is_pinned(weights_path: Path) -> None:
    ours = psutil.Process()
    with EmbeddedServer(EmbeddedConfig(port=0, context=128, slots=1)) as server:
        workers = psutil.Process(server.pid).children(recursive=True)
        assert sorted(one.nice() - ours.nice() for one in workers) == [0, 15]
        if sys.platform == "linux":
            assert all(one.cpu_affinity() == ours.cpu_affinity() for one in workers)
