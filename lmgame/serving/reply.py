"""The state of one reply: what was generated, what may be shown, why it ended.

It is a pure function of the request and the tokens, so a decode worker rebuilds it
from the tokens that the prefill worker made, and a restarted worker from the tokens
that were already sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from lmgame.serving.sampling import GREEDY, Sampling, draw
from lmgame.serving.trie import Trie, Walk
from lmgame.serving.vocabulary import Detokenizer, Vocabulary

Finish = Literal["stop", "length"]


@dataclass(frozen=True, slots=True)
class Request:
    """What a worker needs to know to serve one reply.

    Attributes:
        prompt: Token ids.
        max_tokens: Limit on the tokens that the model chooses; forced ones are free.
        sampling: How to draw.
        stop: Strings that end the reply; they are not part of it.
        choices: Token ids of the only allowed replies; empty allows everything.
        ignore_eos: Go on past the end of the text.
    """

    prompt: list[int]
    max_tokens: int
    sampling: Sampling = GREEDY
    stop: tuple[str, ...] = ()
    choices: tuple[tuple[int, ...], ...] = ()
    ignore_eos: bool = False

    def to_json(self) -> dict[str, Any]:
        """Plain values for the control channel."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Request:
        """The inverse of :meth:`to_json`."""
        return cls(
            prompt=list(data["prompt"]),
            max_tokens=int(data["max_tokens"]),
            sampling=Sampling(**data["sampling"]),
            stop=tuple(data["stop"]),
            choices=tuple(tuple(choice) for choice in data["choices"]),
            ignore_eos=bool(data["ignore_eos"]),
        )


@dataclass(slots=True)
class Delta:
    """What one token added.

    Attributes:
        tokens: The token chosen, then any forced ones.
        forced: How many of ``tokens`` were forced.
        text: What may be shown now; can be empty.
    """

    tokens: list[int] = field(default_factory=list)
    forced: int = 0
    text: str = ""


class Reply:
    """A reply being made.

    Args:
        request: What is wanted.
        vocabulary: The model's tokenizer.
        tokens: The reply's tokens so far, if another worker already began it.

    Attributes:
        tokens: The reply's tokens, forced ones included, end-of-text excluded.
        finish: Why it ended; None while it goes on.
        forced_at_start: How many of its tokens come before the first choice.
    """

    def __init__(
        self, request: Request, vocabulary: Vocabulary, tokens: Sequence[int] = ()
    ) -> None:
        self.request = request
        self.tokens: list[int] = []
        self.finish: Finish | None = None
        self._chosen = 0
        self._vocabulary = vocabulary
        self._detokenizer = Detokenizer(vocabulary)
        self._held = ""
        self._walk: Walk | None = None
        self._opening = Delta()
        if request.choices:
            self._walk = Trie(request.choices, vocabulary.eos).walk()
            self._opening = self._extend([], self._walk.forced())
        self.forced_at_start = len(self.tokens)
        if tokens:
            self._replay(tokens[len(self.tokens) :])

    def _replay(self, tokens: Sequence[int]) -> None:
        """Take in what was generated and shown before."""
        for token in tokens:
            free = self._walk is None or len(self._walk.allowed()) > 1
            if self._walk is not None:
                self._walk.push(token)
            self._extend([token] if free else [], [] if free else [token])
        self._opening = Delta()

    def whole(self) -> Delta | None:
        """The entire reply where the constraint leaves nothing to choose, else None."""
        return self._opening if self.finish is not None else None

    def next(self, logits: npt.NDArray[np.float32]) -> Delta:
        """Choose the next token and take it into the reply.

        What the constraint forced before the first choice is shown with that choice.
        """
        opening, self._opening = self._opening, Delta()
        delta = self._choose(logits)
        return Delta(
            opening.tokens + delta.tokens, opening.forced + delta.forced, opening.text + delta.text
        )

    def _choose(self, logits: npt.NDArray[np.float32]) -> Delta:
        allowed = None if self._walk is None else self._walk.allowed()
        token = draw(logits, self.request.sampling, len(self.tokens), allowed)
        if self._walk is None and self.request.ignore_eos:
            return self._extend([token], [])
        if self._vocabulary.ends(token):
            return self._end(Delta([token]), "stop")
        if self._walk is None:
            return self._extend([token], [])
        self._walk.push(token)
        return self._extend([token], self._walk.forced())

    def _extend(self, chosen: list[int], forced: list[int]) -> Delta:
        """Take tokens in; find stop strings and limits."""
        delta = Delta(chosen + forced, len(forced))
        self.tokens += delta.tokens
        self._chosen += len(chosen)
        self._held += self._detokenizer.push(delta.tokens)
        stops = self.request.stop
        cut = min((at for at in map(self._held.find, stops) if at >= 0), default=-1)
        if cut >= 0:
            delta.text, self._held = self._held[:cut], ""
            self.finish = "stop"
            return delta
        if self._walk is not None and self._walk.finished:
            return self._end(delta, "stop")
        if self._chosen >= self.request.max_tokens:
            return self._end(delta, "length")
        shown = len(self._held) - _overlap(self._held, stops)
        delta.text, self._held = self._held[:shown], self._held[shown:]
        return delta

    def _end(self, delta: Delta, finish: Finish) -> Delta:
        self.finish = finish
        delta.text = self._held + self._detokenizer.flush()
        self._held = ""
        return delta


def _overlap(text: str, stops: Sequence[str]) -> int:
    """How many trailing characters could still grow into a stop string."""
    longest = 0
    for stop in stops:
        for size in range(min(len(stop) - 1, len(text)), longest, -1):
            if text.endswith(stop[:size]):
                longest = size
                break
    return longest
