"""The prefix cache of one simulated worker."""

from __future__ import annotations

from collections import OrderedDict

from lmgame.placement.job import Job


class PrefixCache:
    """Blocks of prompts that a worker still holds; the least recently used goes first.

    Args:
        tokens: What it may hold; 0 holds nothing.
        block: Tokens of a block.
    """

    def __init__(self, tokens: int, block: int) -> None:
        self.limit = tokens // block
        self._block = block
        self._held: OrderedDict[int, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._held)

    def hit(self, job: Job) -> int:
        """Tokens of a prompt that are here; the last is never, for it makes the first token."""
        if not self._held:
            return 0
        count = 0
        for block in job.blocks:
            if block not in self._held:
                break
            count += 1
        return min(count * self._block, job.prompt - 1)

    def hold(self, job: Job) -> None:
        """Take a prompt in.

        Its last blocks are touched first, so that they go first: a beginning is worth
        more than an end that nobody can use without it.
        """
        if not self.limit:
            return
        for block in reversed(job.blocks[: self.limit]):
            self._held[block] = None
            self._held.move_to_end(block)
        while len(self._held) > self.limit:
            self._held.popitem(last=False)
