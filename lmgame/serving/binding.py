"""llama.cpp through its C API: finding the library, its prototypes, its log.

Two packages bring the library: llama-cpp-python (compiled on the user's machine,
about twice as fast) and xllamacpp (prebuilt; its extension module exports the C
symbols). ctypes releases the GIL around every call.
"""

from __future__ import annotations

import ctypes
import importlib.util
import logging
from collections.abc import Iterator
from ctypes import (
    CFUNCTYPE,
    POINTER,
    Structure,
    c_bool,
    c_char_p,
    c_float,
    c_int,
    c_int32,
    c_size_t,
    c_uint8,
    c_uint32,
    c_void_p,
)
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lmgame.errors import EngineError, MissingExtra
from lmgame.serving.layout import LAYOUTS, Batch, ChatMessage, Layout, choose_layout

log = logging.getLogger("lmgame.serving.llama")

# ggml_log_level in ggml.h: 1 debug, 2 info, 3 warn, 4 error, 5 continuation of the last.
_LEVELS = {
    1: logging.DEBUG,
    2: logging.DEBUG,
    3: logging.INFO,
    4: logging.WARNING,
    5: logging.DEBUG,
}
_LOG_CALLBACK = CFUNCTYPE(None, c_int, c_char_p, c_void_p)

_PROTOTYPES: dict[str, tuple[Any, list[Any]]] = {
    "llama_backend_init": (None, []),
    "llama_model_free": (None, [c_void_p]),
    "llama_model_get_vocab": (c_void_p, [c_void_p]),
    "llama_model_n_ctx_train": (c_int32, [c_void_p]),
    "llama_model_meta_val_str": (c_int32, [c_void_p, c_char_p, c_char_p, c_size_t]),
    "llama_model_chat_template": (c_char_p, [c_void_p, c_char_p]),
    "llama_free": (None, [c_void_p]),
    "llama_get_memory": (c_void_p, [c_void_p]),
    "llama_memory_seq_rm": (c_bool, [c_void_p, c_int32, c_int32, c_int32]),
    "llama_n_ctx_seq": (c_uint32, [c_void_p]),
    "llama_set_n_threads": (None, [c_void_p, c_int32, c_int32]),
    "llama_batch_init": (Batch, [c_int32, c_int32, c_int32]),
    "llama_batch_free": (None, [Batch]),
    "llama_decode": (c_int32, [c_void_p, Batch]),
    "llama_get_logits_ith": (POINTER(c_float), [c_void_p, c_int32]),
    "llama_vocab_n_tokens": (c_int32, [c_void_p]),
    "llama_vocab_is_eog": (c_bool, [c_void_p, c_int32]),
    "llama_vocab_eos": (c_int32, [c_void_p]),
    "llama_vocab_get_add_bos": (c_bool, [c_void_p]),
    "llama_tokenize": (
        c_int32,
        [c_void_p, c_char_p, c_int32, POINTER(c_int32), c_int32, c_bool, c_bool],
    ),
    "llama_token_to_piece": (
        c_int32,
        [c_void_p, c_int32, c_char_p, c_int32, c_int32, c_bool],
    ),
    "llama_chat_apply_template": (
        c_int32,
        [c_char_p, POINTER(ChatMessage), c_size_t, c_bool, c_char_p, c_int32],
    ),
    "llama_state_seq_get_size": (c_size_t, [c_void_p, c_int32]),
    "llama_state_seq_get_data": (c_size_t, [c_void_p, POINTER(c_uint8), c_size_t, c_int32]),
    "llama_state_seq_set_data": (c_size_t, [c_void_p, POINTER(c_uint8), c_size_t, c_int32]),
    "llama_log_set": (None, [_LOG_CALLBACK, c_void_p]),
}


def _to_logging(level: int, text: bytes, _: int | None) -> None:
    """llama.cpp prints about 300 lines per model on stderr; they go to DEBUG instead."""
    log.log(_LEVELS.get(level, logging.DEBUG), "%s", text.decode("utf-8", "replace").rstrip())


# A module constant, because llama.cpp keeps calling it until the process ends.
_LOG_TARGET = _LOG_CALLBACK(_to_logging)


@dataclass(frozen=True, slots=True)
class Library:
    """A loaded llama.cpp whose structure layout has been checked."""

    lib: ctypes.CDLL
    layout: Layout
    source: str

    def context_params(self) -> Any:  # noqa: ANN401  # a ctypes structure: fields are set by name
        """The library's default context parameters, to be changed and passed back."""
        return self.lib.llama_context_default_params()

    def model_params(self) -> Any:  # noqa: ANN401  # a ctypes structure: fields are set by name
        """The library's default model parameters, to be changed and passed back."""
        return self.lib.llama_model_default_params()


def _package_folder(name: str) -> Path | None:
    # find_spec does not run the package: importing xllamacpp starts its own server code.
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations)))


def library_files() -> Iterator[tuple[str, Path]]:
    """Yield (package, shared library) of every installed candidate, fastest first."""
    native = _package_folder("llama_cpp")
    if native is not None:
        for pattern in ("libllama.so", "libllama.dylib"):
            for path in sorted((native / "lib").glob(pattern)):
                yield "llama-cpp-python", path
    prebuilt = _package_folder("xllamacpp")
    if prebuilt is not None:
        for path in sorted(prebuilt.glob("xllamacpp*.so")):
            yield "xllamacpp", path


def open_library(path: Path, source: str) -> Library:
    """Load one shared library and check its structures.

    Raises:
        EngineError: It does not load, lacks a function, or its layout is unknown.
    """
    try:
        lib = ctypes.CDLL(str(path))
        for name, (result, arguments) in _PROTOTYPES.items():
            function = getattr(lib, name)
            function.restype, function.argtypes = result, arguments
    except (OSError, AttributeError) as error:
        raise EngineError(f"{source} ({path}) cannot be used: {error}") from error

    def read(name: str, kind: type[Structure]) -> Structure:
        function = getattr(lib, name)
        function.restype, function.argtypes = kind, []
        result: Structure = function()
        return result

    layout = choose_layout(read, source, LAYOUTS)
    lib.llama_context_default_params.restype = layout.context_params
    lib.llama_model_default_params.restype = layout.model_params
    lib.llama_model_load_from_file.restype = c_void_p
    lib.llama_model_load_from_file.argtypes = [c_char_p, layout.model_params]
    lib.llama_init_from_model.restype = c_void_p
    lib.llama_init_from_model.argtypes = [c_void_p, layout.context_params]
    _check_batch(lib, source)
    return Library(lib, layout, source)


def _check_batch(lib: ctypes.CDLL, source: str) -> None:
    batch = lib.llama_batch_init(2, 0, 1)
    pointers = (batch.token, batch.pos, batch.n_seq_id, batch.seq_id, batch.logits)
    if batch.n_tokens != 0 or batch.embd is not None or not all(pointers):
        raise EngineError(f"{source}: llama_batch is not laid out as this version expects")
    lib.llama_batch_free(batch)


_loaded: Library | None = None


def load_library() -> Library:
    """Load the fastest usable llama.cpp, once per process.

    Raises:
        MissingExtra: No package that carries the library is installed.
        EngineError: Those that are installed cannot be used.
    """
    global _loaded
    if _loaded is not None:
        return _loaded
    problems: list[str] = []
    for source, path in library_files():
        try:
            library = open_library(path, source)
        except EngineError as error:
            log.info("%s", error)
            problems.append(str(error))
            continue
        library.lib.llama_log_set(_LOG_TARGET, None)
        library.lib.llama_backend_init()
        _loaded = library
        return library
    if problems:
        raise EngineError("; ".join(problems))
    raise MissingExtra("the embedded backend", "embedded", "llama.cpp")
