from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from lmgame.errors import ServerError
from lmgame.serving import EmbeddedConfig, EmbeddedServer
from lmgame.serving.binding import load_library
from lmgame.serving.config import without_effect
from lmgame.serving.engine import Engine, Shape, read_shape
from lmgame.serving.server import check_memory, exposed, within_training
from lmgame.serving.vocabulary import open_model

from .support import openai_client, serving


@pytest.mark.parametrize("field", ["host", "model"])
@pytest.mark.parametrize("value", ["", " "])
def test_an_empty_host_or_model_is_refused(field: str, value: str) -> None:
    with pytest.raises(ValidationError, match=rf"(?s){field}.*is empty"):
        EmbeddedConfig.model_validate({field: value})


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({}, []),
        ({"prefill_workers": 2, "slots": 3, "context": 100}, []),
        ({"chunk": 64, "schedule": "prefill_first"}, []),  # named, but not changed
        ({"schedule": "chunked"}, ["schedule"]),
        ({"chunk": 32, "replicas": 2}, ["replicas", "chunk"]),
        ({"mode": "colocated"}, []),
        ({"mode": "colocated", "chunk": 32}, ["chunk"]),
        ({"mode": "colocated", "chunk": 32, "schedule": "chunked"}, []),
        ({"mode": "colocated", "prefill_nice": 0}, ["prefill_nice"]),
        ({"mode": "colocated", "replicas": 1, "decode_workers": 3}, ["decode_workers"]),
        ({"mode": "colocated", "decode_workers": 3}, []),
    ],
)
def test_settings_without_effect_are_named(settings: dict[str, Any], named: list[str]) -> None:
    line = without_effect(EmbeddedConfig.model_validate(settings))
    if not named:
        assert line is None
        return
    assert line is not None
    assert line.split(" ha")[0] == ", ".join(f"backend.{name}" for name in named)
    assert f"backend.mode={settings.get('mode', 'disaggregated')}" in line


def test_only_addresses_that_others_reach_are_warned_of() -> None:
    assert exposed(["127.0.0.1", "::1", "127.3.2.1"]) is None
    line = exposed(["127.0.0.1", "0.0.0.0", "::"])
    assert line is not None
    assert line.startswith("listening on 0.0.0.0, ::: there is no authentication")


def test_the_context_is_cut_to_what_the_model_knows(capsys: pytest.CaptureFixture[str]) -> None:
    config = EmbeddedConfig(context=5000)
    assert within_training(config, Shape(None, None)) is config
    assert within_training(config, Shape(5000, None)) is config
    assert capsys.readouterr().err == ""
    assert within_training(config, Shape(2048, None)).context == 2048
    words = capsys.readouterr().err
    assert words.startswith("warning: backend.context=5000 ")
    assert words.count("2048") == 2
    assert words.count("\n") == 1


@pytest.mark.parametrize(
    ("mode", "sequences", "lower"),
    # 1 + 4 slots and 5 slabs; two replicas of 4 slots; two of 4 and as many slabs and two.
    [
        ("disaggregated", 10, "decode_workers"),
        ("colocated", 8, "replicas"),
        ("auto", 18, "decode_workers"),
    ],
)
def test_memory_that_cannot_be_had_is_refused(mode: str, sequences: int, lower: str) -> None:
    wanted = {"mode": mode, "slots": 4, "context": 1000, "prefix_mb": 500}
    config = EmbeddedConfig.model_validate(wanted)
    shape = Shape(None, 10**6)
    keeping = 1 if mode == "disaggregated" else 2
    need = sequences * 10**9 + keeping * 5 * 10**8
    check_memory(config, shape, need)
    check_memory(config, Shape(None, None), 0)
    with pytest.raises(ServerError) as caught:
        check_memory(config, shape, need - 1)
    assert f"need {need / 1e9:.1f} GB" in str(caught.value)
    assert f"backend.slots, backend.prefix_mb or backend.{lower}" in str(caught.value)


@pytest.mark.engine
def test_the_file_says_what_the_engine_uses(weights_path: Path) -> None:
    library = load_library()
    shape = read_shape(library, open_model(weights_path, library, vocabulary_only=True))
    assert shape.context == 8192
    engine = Engine(weights_path, context=256, slots=1, threads=1)
    measured = engine.state_bytes()
    engine.close()
    assert shape.kv_bytes is not None
    # The state adds a few bytes of position per token and layer.
    assert 0.98 * measured < shape.kv_bytes * 256 <= measured


@pytest.mark.engine
def test_too_much_memory_is_refused_before_anything_starts(weights_path: Path) -> None:
    config = EmbeddedConfig(port=0, context=8192, slots=64, decode_workers=64)
    with (
        pytest.raises(ServerError, match=r"need 15\d\d\.\d GB of memory, but"),
        EmbeddedServer(config),
    ):
        pass


@pytest.mark.engine
def test_an_owner_passes_warnings_on_and_the_real_context_is_told(
    weights_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = {"host": "0.0.0.0", "context": 10_000, "slots": 1, "chunk": 32}
    with serving(**settings) as server, openai_client(server) as client:
        model = client.models.list().data[0]
        assert (model.model_extra or {})["max_model_len"] == 8192
        assert server.health()["status"] == "ok"
    lines = capsys.readouterr().err.splitlines()
    assert [line.split()[1] for line in lines] == [
        "backend.chunk",
        "backend.context=10000",
        "listening",
    ]
