"""The C structures of llama.h that cross the boundary by value, and their probe.

llama.cpp has no stable ABI: fields are inserted between weekly builds. Calling
with the wrong layout corrupts memory silently, so the library's own defaults are
read through every layout known here and must come out as the documented values
(llama.h, ``llama_context_default_params`` and ``llama_model_default_params``).
No match means no call: :func:`choose_layout` fails closed.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from ctypes import Structure, c_bool, c_float, c_int32, c_int64, c_size_t, c_uint32, c_void_p
from dataclasses import dataclass
from typing import Any

from lmgame.errors import EngineError

Field = tuple[str, Any]  # Any: ctypes has no common base class for C types that mypy accepts

WANTED = "xllamacpp==2026.10.11549"

_SIZES: list[Field] = [("n_ctx", c_uint32), ("n_batch", c_uint32), ("n_ubatch", c_uint32)]
_SIZES += [("n_seq_max", c_uint32)]
_THREADS: list[Field] = [("n_threads", c_int32), ("n_threads_batch", c_int32)]
_KINDS: list[Field] = [
    ("rope_scaling_type", c_int32),
    ("pooling_type", c_int32),
    ("attention_type", c_int32),
    ("flash_attn_type", c_int32),
]
_ROPE: list[Field] = [
    ("rope_freq_base", c_float),
    ("rope_freq_scale", c_float),
    ("yarn_ext_factor", c_float),
    ("yarn_attn_factor", c_float),
    ("yarn_beta_fast", c_float),
    ("yarn_beta_slow", c_float),
    ("yarn_orig_ctx", c_uint32),
    ("defrag_thold", c_float),
]
_POINTERS: list[Field] = [
    ("cb_eval", c_void_p),
    ("cb_eval_user_data", c_void_p),
    ("type_k", c_int32),
    ("type_v", c_int32),
    ("abort_callback", c_void_p),
    ("abort_callback_data", c_void_p),
]
_FLAGS: list[Field] = [
    ("embeddings", c_bool),
    ("offload_kqv", c_bool),
    ("no_perf", c_bool),
    ("op_offload", c_bool),
    ("swa_full", c_bool),
    ("kv_unified", c_bool),
]
_SAMPLERS: list[Field] = [("samplers", c_void_p), ("n_samplers", c_size_t)]
# A callee reads a by-value structure from its start, so spare room at the end is
# harmless, and it holds whatever a later build appends. One that is too short is not.
_ROOM: list[Field] = [("room", c_int64 * 8)]

_CONTEXT_2026: list[Field] = [
    *_SIZES,
    ("n_rs_seq", c_uint32),
    ("n_outputs_max", c_uint32),
    ("n_outputs_max_per_seq", c_uint32),
    *_THREADS,
    ("ctx_type", c_int32),
    *_KINDS,
    *_ROPE,
    *_POINTERS,
]
_CONTEXT: dict[str, list[Field]] = {
    "b11549": [*_CONTEXT_2026, ("moe_cache_size", c_size_t), *_FLAGS, *_SAMPLERS, *_ROOM],
    "b11434": [*_CONTEXT_2026, *_FLAGS, *_SAMPLERS, *_ROOM],
}
_MODEL: dict[str, list[Field]] = {
    "b11549": [
        ("devices", c_void_p),
        ("tensor_buft_overrides", c_void_p),
        ("n_gpu_layers", c_int32),
        ("split_mode", c_int32),
        ("load_mode", c_int32),
        ("lazy_mode", c_int32),
        ("main_gpu", c_int32),
        ("tensor_split", c_void_p),
        ("progress_callback", c_void_p),
        ("progress_callback_user_data", c_void_p),
        ("kv_overrides", c_void_p),
        ("vocab_only", c_bool),
        ("check_tensors", c_bool),
        ("use_extra_bufts", c_bool),
        ("no_host", c_bool),
        ("no_alloc", c_bool),
        *_ROOM,
    ]
}
_NO_POINTERS = ("cb_eval", "cb_eval_user_data", "abort_callback", "abort_callback_data")
_CONTEXT_DEFAULTS: dict[str, float | None] = {
    "n_ctx": 512,
    "n_batch": 2048,
    "n_ubatch": 512,
    "n_seq_max": 1,
    "rope_scaling_type": -1,
    "pooling_type": -1,
    "attention_type": -1,
    "flash_attn_type": -1,
    "yarn_ext_factor": -1.0,
    "defrag_thold": -1.0,
    **dict.fromkeys(_NO_POINTERS),
    "type_k": 1,
    "type_v": 1,
    "embeddings": False,
    "offload_kqv": True,
    "no_perf": True,
    "op_offload": True,
    "swa_full": True,
    "kv_unified": False,
    "samplers": None,
    "n_samplers": 0,
}
_MODEL_DEFAULTS: dict[str, float | None] = {
    "devices": None,
    "tensor_buft_overrides": None,
    "n_gpu_layers": -1,
    "split_mode": 1,
    "load_mode": -1,
    "main_gpu": 0,
    "tensor_split": None,
    "progress_callback": None,
    "kv_overrides": None,
    "vocab_only": False,
    "check_tensors": False,
    "use_extra_bufts": True,
    "no_host": False,
    "no_alloc": False,
}


class Batch(Structure):
    """``llama_batch``: token ids, positions and sequence ids of one decode call."""

    _fields_ = (
        ("n_tokens", c_int32),
        ("token", ctypes.POINTER(c_int32)),
        ("embd", c_void_p),
        ("pos", ctypes.POINTER(c_int32)),
        ("n_seq_id", ctypes.POINTER(c_int32)),
        ("seq_id", ctypes.POINTER(ctypes.POINTER(c_int32))),
        ("logits", ctypes.POINTER(ctypes.c_int8)),
    )


class ChatMessage(Structure):
    """``llama_chat_message``: role and content, UTF-8."""

    _fields_ = (("role", ctypes.c_char_p), ("content", ctypes.c_char_p))


@dataclass(frozen=True, slots=True)
class Layout:
    """The structures of one llama.cpp build."""

    build: str
    context_params: type[Structure]
    model_params: type[Structure]


def _structure(name: str, fields: list[Field]) -> type[Structure]:
    return type(name, (Structure,), {"_fields_": fields})


LAYOUTS: tuple[Layout, ...] = tuple(
    Layout(
        build,
        _structure(f"context_params_{build}", _CONTEXT[build]),
        _structure(f"model_params_{build}", _MODEL.get(build, _MODEL["b11549"])),
    )
    for build in _CONTEXT
)


def _misfits(params: Structure, wanted: dict[str, float | None]) -> list[str]:
    return [
        f"{name} is {getattr(params, name)!r}, not {value!r}"
        for name, value in wanted.items()
        if getattr(params, name) != value
    ]


def choose_layout(
    read: Callable[[str, type[Structure]], Structure],
    source: str,
    layouts: Sequence[Layout] = LAYOUTS,
) -> Layout:
    """Find the layout under which the library's defaults read as documented.

    Args:
        read: Calls the named default-params function with the given result type.
        source: Where the library came from, for the error message.
        layouts: The layouts to try, in order.

    Returns:
        The only layout that fits.

    Raises:
        EngineError: None fits; nothing but the two default functions was called.
    """
    problems: list[str] = []
    for layout in layouts:
        wrong = _misfits(
            read("llama_context_default_params", layout.context_params), _CONTEXT_DEFAULTS
        ) + _misfits(read("llama_model_default_params", layout.model_params), _MODEL_DEFAULTS)
        if not wrong:
            return layout
        problems.append(f"{layout.build}: {wrong[0]}")
    raise EngineError(
        f"{source} is a llama.cpp build that this version does not know "
        f"({'; '.join(problems)}); install the one it was written for: "
        f"pip install '{WANTED}'"
    )
