"""Which blocks prompts have in common: the ``hash_ids`` of a Mooncake trace.

A prompt is cut into blocks of so many tokens, and each block has a number. Two prompts
share a number exactly where they are equal from their first token to the end of that
block (Qin et al., Mooncake, https://arxiv.org/abs/2407.00079, section 4). The last block
of a prompt may be short; its number is shared with equal prompts only.

Where a server's tokens are known their bytes stand for them. Elsewhere a prompt is its
text, and the server's count is spread evenly over it: over what a prompt has for itself,
as what it shares with an earlier one has its tokens already. Counts are then exact, and
where a shared part ends is right to a few tokens.
"""

from __future__ import annotations

from dataclasses import dataclass, field

_STRIDE = 256


@dataclass(slots=True)
class _Node:
    """A stretch of text that some prompts have in common, after those above it.

    Attributes:
        text: The stretch.
        start, end: Tokens before it, and up to its end.
        blocks: Numbers of the whole blocks that end in it.
        below: What follows, by its first byte.
        tails: Of prompts that end here, by their count of tokens: the numbers of the
            blocks that do not end within the text.
    """

    text: bytes
    start: float
    end: float
    blocks: list[int]
    below: dict[int, _Node] = field(default_factory=dict)
    tails: dict[int, list[int]] = field(default_factory=dict)

    def split(self, at: int, block: int) -> _Node:
        """Cut the stretch in two; what follows hangs below this one."""
        middle = self.start + (self.end - self.start) * at / len(self.text)
        here = int(middle // block) - int(self.start // block)
        rest = _Node(self.text[at:], middle, self.end, self.blocks[here:], self.below, self.tails)
        self.text, self.end, self.blocks = self.text[:at], middle, self.blocks[:here]
        self.below, self.tails = {rest.text[0]: rest}, {}
        return rest


class Prefixes:
    """Numbers the blocks of prompts, one after another; from 0, as they first appear.

    Args:
        block: Tokens of a block.
    """

    def __init__(self, block: int) -> None:
        self._block = block
        self._roots: dict[str, _Node] = {}
        self.count = 0

    def blocks(self, scope: str, text: bytes, tokens: int) -> list[int]:
        """The numbers of a prompt's blocks.

        Args:
            scope: Prompts of different scopes share nothing: another model.
            text: The prompt.
            tokens: How many tokens it has, at least 1.
        """
        node = self._roots.setdefault(scope, _Node(b"", 0.0, 0.0, []))
        whole: list[int] = []
        while text:
            below = node.below.get(text[0])
            if below is None:
                node = self._grow(node, text, tokens)
                whole += node.blocks
                break
            common = _common(below.text, text)
            if common < len(below.text):
                below.split(common, self._block)
            node, text = below, text[common:]
            whole += node.blocks
        whole = whole[: tokens // self._block]
        missing = -(-tokens // self._block) - len(whole)
        if missing and tokens not in node.tails:
            node.tails[tokens] = self._fresh(missing)
        return whole + node.tails[tokens] if missing else whole

    def unshared(self, tokens: int) -> list[int]:
        """Numbers for a prompt that is not known: it shares nothing."""
        return self._fresh(-(-tokens // self._block))

    def _grow(self, above: _Node, text: bytes, tokens: int) -> _Node:
        end = max(above.end, float(tokens))
        count = int(end // self._block) - int(above.end // self._block)
        node = _Node(text, above.end, end, self._fresh(count))
        above.below[text[0]] = node
        return node

    def _fresh(self, count: int) -> list[int]:
        self.count += count
        return list(range(self.count - count, self.count))


def _common(one: bytes, other: bytes) -> int:
    """Bytes that two texts have in common at their start."""
    most, at = min(len(one), len(other)), 0
    while at < most and one[at : at + _STRIDE] == other[at : at + _STRIDE]:
        at += _STRIDE
    while at < most and one[at] == other[at]:
        at += 1
    return min(at, most)
