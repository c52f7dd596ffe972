"""What a model's file says about its size: the trained context, memory per token."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass

from lmgame.serving.binding import Library

_BYTES_PER_VALUE = 2  # llama.cpp keeps K and V as 16-bit floats unless told otherwise


@dataclass(frozen=True, slots=True)
class Shape:
    """A model's dimensions, as far as serving needs them.

    Attributes:
        context: Tokens it was trained for; None where its file does not say.
        kv_bytes: KV state of one token in bytes; None where its file does not say.
    """

    context: int | None
    kv_bytes: int | None


def read_shape(library: Library, model: int) -> Shape:
    """Read the dimensions from a GGUF file's metadata.

    Args:
        library: A checked llama.cpp.
        model: A ``llama_model`` handle; its vocabulary is enough.
    """

    def read(key: str) -> str | None:
        buffer = ctypes.create_string_buffer(128)
        size = library.lib.llama_model_meta_val_str(model, key.encode(), buffer, len(buffer))
        return buffer.value.decode("utf-8", "replace") if size >= 0 else None

    kind = read("general.architecture")

    def number(name: str) -> int | None:
        # Lists (one value per layer) are not given as text, so they count as unknown.
        text = read(f"{kind}.{name}")
        return int(text) if text is not None and text.isdecimal() else None

    layers, width = number("block_count"), number("embedding_length")
    heads = number("attention.head_count")
    # Without a number of its own there is a KV head per head, as llama.cpp reads it.
    kv_heads = number("attention.head_count_kv") or heads
    if not (layers and width and heads and kv_heads):
        return Shape(number("context_length"), None)
    key = number("attention.key_length") or width // heads
    value = number("attention.value_length") or width // heads
    kv_bytes = layers * kv_heads * (key + value) * _BYTES_PER_VALUE
    return Shape(number("context_length"), kv_bytes)
