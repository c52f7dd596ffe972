"""One model, its shape and its KV cache: prefill, step, export, load, cut, free."""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Sequence
from ctypes import c_uint8
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lmgame.errors import EngineError
from lmgame.serving.binding import Library, load_library
from lmgame.serving.vocabulary import Vocabulary, open_model

_WORD = struct.Struct("=I")

# llama-context.cpp, state_seq_get_data: a magic word and the sequence id come first,
# then llama-kv-cache.cpp's state_write: the number of streams.
_STREAMS_AT = 2 * _WORD.size

# Before a state in a buffer, and behind it, for the empty streams that llama.cpp writes
# there: one word for each slot, of which config allows 64.
ROOM = _WORD.size * 64

Logits = npt.NDArray[np.float32]

PREFILL_CHUNK = 256
"""Tokens per prefill call: small enough to notice a cancellation within about 0.5 s
on one slow core, large enough to cost nothing (below 64 the cost per token grows)."""

EXACT = 64
"""A prompt's KV cache does not depend on how it was cut into prefill calls, to the bit,
as long as none of them has fewer tokens: below that llama.cpp's flash attention takes
another path (GGML_FA_TILE_Q in ggml-cpu), which rounds differently."""

# The state layout differs with flash attention (V is transposed without it), so it is
# fixed rather than left to llama.cpp's choice: prefill and decode workers must agree.
# Measured with Q8_0 on AVX2 kernels at 900 tokens: prefill 251 instead of 212 tok/s, a
# decode step 19 instead of 14 ms. Games send long prompts and want short replies; off
# would pay from about 120 tokens a reply. States are also copied twice as fast.
FLASH_ATTENTION = 1

# llama.cpp has a fast kernel for one sequence and one for many; in between, one after
# the other is faster: Q8_0 takes 14 ms for one, 37 for two, 53 for four; Q4_0 9, 21, 33.
ONE_BY_ONE = 3

_BYTES_PER_VALUE = 2  # llama.cpp keeps K and V as 16-bit floats unless told otherwise


def piece(left: int, limit: int) -> int:
    """How many tokens of a prompt to run next.

    Where ``limit`` allows it, no piece of a prompt of at least :data:`EXACT` tokens is
    smaller than that, so the last two share what would leave too little for the last.

    Args:
        left: Tokens to go.
        limit: The most in one call, unless a remainder would be too small.
    """
    if left <= limit or limit < EXACT:
        return min(left, limit)
    if left - limit >= EXACT:
        return limit
    return left - EXACT if left >= 2 * EXACT else left


@dataclass(frozen=True, slots=True)
class Step:
    """One token to feed to one sequence.

    Attributes:
        slot: The sequence.
        token: The token to feed.
        position: Its place in the sequence, from 0.
    """

    slot: int
    token: int
    position: int


class Engine:
    """llama.cpp with a fixed number of independent sequences.

    Not thread-safe: one thread calls it.

    Args:
        path: A GGUF file.
        context: Tokens that one sequence may hold.
        slots: Sequences held at once.
        threads: CPU threads.
    """

    def __init__(self, path: Path, *, context: int, slots: int, threads: int) -> None:
        library = load_library()
        self._lib: Any = library.lib
        self._model = open_model(path, library)
        self.vocabulary = Vocabulary(library, self._model)
        params = library.context_params()
        # Beyond the length it was trained on a model only babbles.
        context = min(context, self._lib.llama_model_n_ctx_train(self._model))
        params.n_batch = params.n_ubatch = max(PREFILL_CHUNK, slots)
        # With less, llama.cpp would take smaller batches than it was asked for.
        params.n_ctx = max(context * slots, params.n_batch)
        params.n_seq_max = slots
        params.n_threads = params.n_threads_batch = threads
        params.flash_attn_type = FLASH_ATTENTION
        params.offload_kqv = params.op_offload = False
        # With one unified buffer every sequence attends over everybody's cells:
        # 179 against 68 ms for a step of 16 sequences.
        params.kv_unified = False
        self._context = self._lib.llama_init_from_model(self._model, params)
        if not self._context:
            raise EngineError(
                f"llama.cpp cannot hold {slots} sequences of {context} tokens; lower "
                "backend.context or backend.slots"
            )
        self.context: int = self._lib.llama_n_ctx_seq(self._context)
        self.slots = slots
        self._memory = self._lib.llama_get_memory(self._context)
        self._room = max(PREFILL_CHUNK, slots)
        self._batch = self._lib.llama_batch_init(self._room, 0, 1)
        for index in range(self._room):
            self._batch.n_seq_id[index] = 1

    def close(self) -> None:
        """Free the model and its cache."""
        self._lib.llama_batch_free(self._batch)
        self._lib.llama_free(self._context)
        self._lib.llama_model_free(self._model)

    def prefill(self, tokens: Sequence[int], slot: int, start: int = 0) -> Logits:
        """Run a piece of a prompt into a slot.

        Args:
            tokens: What to add: 1 to :data:`PREFILL_CHUNK` tokens.
            slot: The sequence.
            start: Position of the first of ``tokens``.

        Returns:
            The logits after the last token, valid until the next call.
        """
        for index, token in enumerate(tokens):
            self._put(index, token, start + index, slot, logits=False)
        self._batch.logits[len(tokens) - 1] = 1
        self._decode(len(tokens))
        return self._logits(len(tokens) - 1)

    def step(self, batch: Sequence[Step]) -> list[Logits]:
        """Advance several sequences by one token each.

        Returns:
            For each, the logits of its next token, valid until the next call.
        """
        if 1 < len(batch) <= ONE_BY_ONE:
            # Copied, because each call overwrites the one before.
            return [self.step([item])[0].copy() for item in batch]
        for index, item in enumerate(batch):
            self._put(index, item.token, item.position, item.slot, logits=True)
        self._decode(len(batch))
        return [self._logits(index) for index in range(len(batch))]

    def export(self, slot: int, buffer: memoryview) -> int:
        """Copy a slot's KV state out, in the form that any number of slots can load.

        llama.cpp writes the number of its streams (slots), then for each a cell count
        and its cells, of which only this slot's has any. The empty ones before it are
        written into the room before the state, so that nothing need be moved.

        Args:
            slot: The sequence.
            buffer: Writable memory with :data:`ROOM` bytes before and behind the state.

        Returns:
            Bytes of the state, which begins at :data:`ROOM`.

        Raises:
            EngineError: The state is larger than the buffer.
        """
        raw = self._lib.llama_state_seq_get_size(self._context, slot)
        if raw > len(buffer) - ROOM:
            raise EngineError(f"a KV state of {raw} bytes does not fit {len(buffer)} bytes")
        begin = ROOM - _WORD.size * slot
        target = (c_uint8 * (len(buffer) - begin)).from_buffer(buffer, begin)
        written: int = self._lib.llama_state_seq_get_data(
            self._context, ctypes.cast(target, ctypes.POINTER(c_uint8)), len(target), slot
        )
        if written == 0:
            raise EngineError(f"llama.cpp could not export slot {slot}")
        head = bytes(buffer[begin : begin + _STREAMS_AT])
        if _WORD.unpack_from(buffer, begin + _STREAMS_AT)[0] != self.slots:
            raise EngineError("the KV state does not begin with a count of its streams")
        buffer[ROOM : ROOM + _STREAMS_AT] = head
        _WORD.pack_into(buffer, ROOM + _STREAMS_AT, 1)
        return written - _WORD.size * (self.slots - 1)

    def load(self, slot: int, buffer: memoryview, size: int) -> None:
        """Replace a slot's KV state with one that was exported.

        Args:
            slot: The sequence.
            buffer: The memory it was exported to; a few bytes of it are changed.
            size: Bytes of the state.

        Raises:
            EngineError: The bytes are not a state of this model and configuration.
        """
        self.free(slot)  # set_data needs an emptied sequence
        streams = ROOM + _STREAMS_AT
        if _WORD.unpack_from(buffer, streams)[0] != 1:
            raise EngineError("the KV state does not begin with a count of one stream")
        # llama.cpp refuses another number of streams than its own: the rest are empty.
        _WORD.pack_into(buffer, streams, self.slots)
        end = ROOM + size + _WORD.size * (self.slots - 1)
        buffer[ROOM + size : end] = bytes(end - ROOM - size)
        source = (c_uint8 * (end - ROOM)).from_buffer(buffer, ROOM)
        read = self._lib.llama_state_seq_set_data(
            self._context, ctypes.cast(source, ctypes.POINTER(c_uint8)), len(source), slot
        )
        _WORD.pack_into(buffer, streams, 1)  # so that it can be loaded again
        if read != len(source):
            raise EngineError(f"llama.cpp refused a KV state of {len(source)} bytes")

    def cut(self, slot: int, length: int) -> bool:
        """Forget a sequence's tokens from a position on.

        Returns:
            False where this kind of model cannot: nothing is left of the sequence then.
        """
        if self._lib.llama_memory_seq_rm(self._memory, slot, length, -1):
            return True
        self.free(slot)
        return False

    def state_size(self, slot: int) -> int:
        """Bytes of the buffer that :meth:`export` needs for a slot now."""
        return int(self._lib.llama_state_seq_get_size(self._context, slot)) + 2 * ROOM

    def use_threads(self, threads: int) -> None:
        """Use so many threads from the next call on."""
        self._lib.llama_set_n_threads(self._context, threads, threads)

    def free(self, slot: int) -> None:
        """Forget a sequence."""
        self._lib.llama_memory_seq_rm(self._memory, slot, -1, -1)

    def state_bytes(self) -> int:
        """Upper bound in bytes of the buffer that a full sequence's state needs.

        Measured on a two-token state rather than computed from the model's shape, which
        would have to know every attention variant.
        """
        self.free(0)
        self.prefill([self.vocabulary.eos] * 2, 0)
        two = self._lib.llama_state_seq_get_size(self._context, 0)
        self.prefill([self.vocabulary.eos] * 2, 0, 2)
        four = self._lib.llama_state_seq_get_size(self._context, 0)
        self.free(0)
        each = -(-(four - two) // 2)
        return int(two + each * self.context) + 2 * ROOM

    def _put(self, index: int, token: int, position: int, slot: int, *, logits: bool) -> None:
        batch = self._batch
        batch.token[index] = token
        batch.pos[index] = position
        batch.seq_id[index][0] = slot
        batch.logits[index] = logits

    def _decode(self, count: int) -> None:
        self._batch.n_tokens = count
        status = self._lib.llama_decode(self._context, self._batch)
        if status != 0:
            raise EngineError(f"llama_decode failed with status {status} on {count} tokens")

    def _logits(self, index: int) -> Logits:
        pointer = self._lib.llama_get_logits_ith(self._context, index)
        return np.ctypeslib.as_array(pointer, shape=(self.vocabulary.size,))


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
