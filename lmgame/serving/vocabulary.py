"""Text to tokens and back: tokenizer, chat template, UTF-8-safe detokenizer."""

from __future__ import annotations

import codecs
import ctypes
from collections.abc import Iterable, Sequence
from ctypes import c_int32
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lmgame.errors import EngineError, WeightsError
from lmgame.serving.binding import Library, load_library
from lmgame.serving.layout import ChatMessage

FALLBACK_TEMPLATE = "chatml"


@dataclass(frozen=True, slots=True)
class Message:
    """One chat turn."""

    role: str
    content: str


def open_model(path: Path, library: Library, *, vocabulary_only: bool = False) -> int:
    """Load a GGUF file.

    Args:
        path: The file.
        library: A checked llama.cpp.
        vocabulary_only: Leave the weights on disk: enough to count tokens.

    Returns:
        The ``llama_model`` handle.

    Raises:
        WeightsError: llama.cpp cannot read the file.
    """
    params = library.model_params()
    params.vocab_only = vocabulary_only
    # The stage split and its priorities are about CPU cores; a GPU would hide them.
    params.n_gpu_layers = 0
    handle = library.lib.llama_model_load_from_file(str(path).encode(), params)
    if not handle:
        raise WeightsError(
            f"llama.cpp cannot load {path}: it is missing, damaged or of a kind this build "
            "does not know; fetch the default weights again with: "
            "python -m lmgame.serving.weights --force"
        )
    return int(handle)


class Vocabulary:
    """The tokenizer of one model.

    Args:
        library: A checked llama.cpp.
        model: A ``llama_model`` handle, which must outlive this object.
    """

    def __init__(self, library: Library, model: int) -> None:
        self._lib: Any = library.lib
        self._vocab = self._lib.llama_model_get_vocab(model)
        template = self._lib.llama_model_chat_template(model, None)
        self._template: bytes = template or FALLBACK_TEMPLATE.encode()
        self.size: int = self._lib.llama_vocab_n_tokens(self._vocab)
        self.eos: int = self._lib.llama_vocab_eos(self._vocab)
        self._bytes: dict[int, bytes] = {}

    @classmethod
    def open(cls, path: Path) -> Vocabulary:
        """Load only the vocabulary of a GGUF file (about 0.2 s, no weights in memory)."""
        library = load_library()
        return cls(library, open_model(path, library, vocabulary_only=True))

    def tokenize(self, text: str, *, special: bool = False) -> list[int]:
        """Turn text into token ids.

        Args:
            text: Any text.
            special: Read ``<|im_end|>`` and its like as control tokens. Only for text
                that this server wrote itself, never for what a client sent.
        """
        data = text.encode()
        room = len(data) + 8
        buffer = (c_int32 * room)()
        count = self._lib.llama_tokenize(
            self._vocab, data, len(data), buffer, room, special, special
        )
        if count < 0:
            raise EngineError(f"llama_tokenize failed on {len(data)} bytes")
        return list(buffer[:count])

    def piece(self, token: int) -> bytes:
        """The bytes a token stands for; empty for control tokens."""
        known = self._bytes.get(token)
        if known is not None:
            return known
        room = 64
        while True:
            buffer = ctypes.create_string_buffer(room)
            count = self._lib.llama_token_to_piece(self._vocab, token, buffer, room, 0, False)
            if count >= 0:
                break
            room = -count
        self._bytes[token] = buffer.raw[:count]
        return self._bytes[token]

    def ends(self, token: int) -> bool:
        """Whether this token ends a generation."""
        return bool(self._lib.llama_vocab_is_eog(self._vocab, token))

    def render(self, messages: Sequence[Message]) -> str:
        """Apply the model's own chat template, ready for the assistant's turn.

        llama.cpp recognises the template's family; one that it does not know is
        rendered as ChatML.
        """
        # The C interface copies the strings, so these must live until it returns.
        kept = [(m.role.encode(), m.content.encode()) for m in messages]
        chat = (ChatMessage * len(kept))(*(ChatMessage(role, text) for role, text in kept))
        room = 256 + 2 * sum(len(role) + len(text) + 64 for role, text in kept)
        for template in (self._template, FALLBACK_TEMPLATE.encode()):
            buffer = ctypes.create_string_buffer(room)
            count = self._lib.llama_chat_apply_template(
                template, chat, len(kept), True, buffer, room
            )
            if 0 <= count <= room:
                return buffer.raw[:count].decode("utf-8", "replace")
        raise EngineError("the model's chat template cannot be applied")

    def prompt(self, messages: Sequence[Message]) -> list[int]:
        """The token ids of a conversation up to the point where the assistant answers.

        A client's text cannot smuggle in control tokens: the template is rendered with
        placeholders, and each message is tokenized as plain text in its place.
        """
        marks = [f"\x02{number}\x03" for number in range(len(messages))]
        frame = self.render([Message(m.role, k) for m, k in zip(messages, marks, strict=True)])
        tokens: list[int] = []
        for message, mark in zip(messages, marks, strict=True):
            before, found, frame = frame.partition(mark)
            if not found:
                raise EngineError(f"the chat template drops the {message.role} message")
            # ChatML strips nothing; what a message holds is text, whatever it looks like.
            tokens += self.tokenize(before, special=True) + self.tokenize(message.content)
        return tokens + self.tokenize(frame, special=True)


class Detokenizer:
    """Turns a stream of tokens into text, never splitting a UTF-8 character.

    A token may hold part of a character; its bytes are held back until the rest
    arrives. Bytes that can never become valid turn into U+FFFD.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def push(self, tokens: Iterable[int]) -> str:
        """The text that became complete with these tokens."""
        return "".join(self._decoder.decode(self._vocabulary.piece(token)) for token in tokens)

    def flush(self) -> str:
        """What is left when no token follows: U+FFFD for half a character, else nothing."""
        return self._decoder.decode(b"", final=True)
