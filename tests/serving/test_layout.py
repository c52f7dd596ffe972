from __future__ import annotations

import ctypes
import ctypes.util
from ctypes import Structure
from pathlib import Path

import pytest

from lmgame.errors import EngineError, MissingExtra
from lmgame.serving import binding
from lmgame.serving.layout import LAYOUTS, WANTED, choose_layout


def defaults(layout_index: int) -> dict[str, Structure]:
    """What a library with this layout would return."""
    layout = LAYOUTS[layout_index]
    context, model = layout.context_params(), layout.model_params()
    context.n_ctx, context.n_batch, context.n_ubatch, context.n_seq_max = 512, 2048, 512, 1
    for name in ("rope_scaling_type", "pooling_type", "attention_type", "flash_attn_type"):
        setattr(context, name, -1)
    context.yarn_ext_factor = context.defrag_thold = -1.0
    context.type_k = context.type_v = 1
    context.offload_kqv = context.no_perf = context.op_offload = context.swa_full = True
    model.n_gpu_layers, model.split_mode, model.load_mode = -1, 1, -1
    model.use_extra_bufts = True
    return {"llama_context_default_params": context, "llama_model_default_params": model}


class FakeLibrary:
    """Returns the bytes of one layout, read through whatever structure is asked for."""

    def __init__(self, values: dict[str, Structure]) -> None:
        self.values = values

    def read(self, name: str, kind: type[Structure]) -> Structure:
        raw = bytes(self.values[name]).ljust(ctypes.sizeof(kind), b"\0")
        return kind.from_buffer_copy(raw)


@pytest.mark.parametrize("index", range(len(LAYOUTS)))
def test_each_known_layout_is_recognised_as_itself(index: int) -> None:
    assert choose_layout(FakeLibrary(defaults(index)).read, "fake") is LAYOUTS[index]


@pytest.mark.parametrize(
    ("field", "value"),
    [("n_ctx", 4096), ("type_k", 2), ("kv_unified", True), ("n_samplers", 3), ("cb_eval", 1)],
)
def test_an_unexpected_default_fails_closed(field: str, value: int) -> None:
    values = defaults(0)
    setattr(values["llama_context_default_params"], field, value)
    with pytest.raises(EngineError, match="does not know") as caught:
        choose_layout(FakeLibrary(values).read, "fakellama 9")
    assert WANTED in str(caught.value)
    assert "fakellama 9" in str(caught.value)


@pytest.mark.parametrize("shift", [4, 8, 16])
def test_an_inserted_field_fails_closed(shift: int) -> None:
    values = defaults(0)

    def read(name: str, kind: type[Structure]) -> Structure:
        raw = bytes(values[name])
        moved = raw[:16] + bytes(shift) + raw[16:]
        return kind.from_buffer_copy(moved[: ctypes.sizeof(kind)])

    with pytest.raises(EngineError):
        choose_layout(read, "fake")


def test_a_changed_model_structure_fails_closed() -> None:
    values = defaults(0)
    values["llama_model_default_params"].n_gpu_layers = 0
    with pytest.raises(EngineError, match="n_gpu_layers"):
        choose_layout(FakeLibrary(values).read, "fake")


def test_a_library_without_the_functions_is_refused() -> None:
    with pytest.raises(EngineError, match="cannot be used"):
        binding.open_library(Path(ctypes.util.find_library("c") or "libc.so.6"), "libc")


def test_a_file_that_is_no_library_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "libllama.so"
    path.write_bytes(b"not a library")
    with pytest.raises(EngineError, match="cannot be used"):
        binding.open_library(path, "broken")


def test_nothing_installed_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binding, "_loaded", None)
    monkeypatch.setattr(binding, "library_files", lambda: iter(()))
    with pytest.raises(MissingExtra, match=r"lmgame\[embedded\]"):
        binding.load_library()


@pytest.mark.engine
def test_the_installed_library_is_known(weights_path: Path) -> None:
    library = binding.load_library()
    assert library.context_params().n_ctx == 512
    assert library.layout in LAYOUTS
