"""Prompts whose KV cache is kept, so that what a prompt shares with one is not run again.

A worker keeps copies of states under a limit of memory and forgets the one that was of
no use for longest. The router remembers which prompts each worker keeps, to send a
prompt to the worker that has most of it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lmgame.serving.engine import EXACT, Engine

Tokens = npt.NDArray[np.int32]


def shared(one: Tokens, other: Tokens) -> int:
    """How many tokens two prompts begin with alike."""
    length = min(len(one), len(other))
    different = np.flatnonzero(one[:length] != other[:length])
    return int(different[0]) if len(different) else length


class PrefixMap:
    """Prompts by a number, least useful first."""

    def __init__(self) -> None:
        self._prompts: OrderedDict[int, Tokens] = OrderedDict()

    def __iter__(self) -> Iterator[int]:
        return iter(self._prompts)

    def add(self, number: int, prompt: Sequence[int]) -> None:
        """Take a prompt in as the latest."""
        self._prompts[number] = np.asarray(prompt, dtype=np.int32)
        self._prompts.move_to_end(number)

    def remove(self, number: int) -> None:
        """Forget a prompt, if it is there."""
        self._prompts.pop(number, None)

    def clear(self) -> None:
        """Forget all of them."""
        self._prompts.clear()

    def longest(self, prompt: Sequence[int]) -> tuple[int, int] | None:
        """The prompt that shares most with this one.

        Returns:
            Its number and how many tokens are shared; None where there is none.
        """
        tokens = np.asarray(prompt, dtype=np.int32)
        found = ((shared(kept, tokens), number) for number, kept in self._prompts.items())
        best = max(found, default=None)  # among equals the latest
        return None if best is None else (best[1], best[0])

    def within(self, prompt: Sequence[int]) -> list[int]:
        """The prompts that this one begins with: it has all that they have."""
        tokens = np.asarray(prompt, dtype=np.int32)
        return [n for n, kept in self._prompts.items() if shared(kept, tokens) == len(kept)]

    def touch(self, number: int) -> None:
        """Say that a prompt was of use."""
        self._prompts.move_to_end(number)


@dataclass(frozen=True, slots=True)
class Kept:
    """What changed in a store.

    Attributes:
        added: Whether the prompt was kept.
        removed: The numbers of those that were forgotten.
    """

    added: bool
    removed: list[int]


class PrefixStore:
    """The states that one worker keeps.

    Args:
        limit: Bytes they may take together; 0 keeps none.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.bytes = 0
        self._map = PrefixMap()
        self._states: dict[int, tuple[bytearray, int]] = {}

    def load(self, engine: Engine, slot: int, prompt: Sequence[int], length: int) -> int:
        """Put what is known of a prompt into an empty slot.

        Args:
            engine: The model.
            slot: The sequence.
            prompt: Its tokens.
            length: How many tokens are to be in the cache before the first choice: the
                last :data:`EXACT` of them are always run, for their logits.

        Returns:
            How many tokens are in the slot now.
        """
        found = self._map.longest(prompt)
        if found is None:
            return 0
        number, common = found
        common = min(common, length - EXACT)
        if common < EXACT:  # copying more than it saves
            return 0
        state, size = self._states[number]
        engine.load(slot, memoryview(state), size)
        if not engine.cut(slot, common):
            return 0
        if common >= length - EXACT:
            self._map.touch(number)
        return common

    def keep(self, engine: Engine, slot: int, number: int, prompt: Sequence[int]) -> Kept:
        """Copy a prompt's state out of a slot, and forget others for it.

        Args:
            engine: The model.
            slot: A sequence that holds the prompt and nothing else.
            number: What to call it.
            prompt: Its tokens.
        """
        if self.limit == 0 or len(prompt) < 2 * EXACT:
            return Kept(added=False, removed=[])
        needed = engine.state_size(slot)
        if needed > self.limit:
            return Kept(added=False, removed=[])
        removed = self._map.within(prompt)
        for one in removed:
            self._forget(one)
        for one in list(self._map):
            if self.bytes + needed <= self.limit:
                break
            self._forget(one)
            removed.append(one)
        state = bytearray(needed)
        size = engine.export(slot, memoryview(state))
        self._states[number] = (state, size)
        self._map.add(number, prompt)
        self.bytes += needed
        return Kept(added=True, removed=removed)

    def _forget(self, number: int) -> None:
        self._map.remove(number)
        state, _ = self._states.pop(number)
        self.bytes -= len(state)
