"""Choosing a token from logits: greedy, or temperature with top-p, seeded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a reply's tokens are drawn.

    Attributes:
        temperature: 0 takes the most likely token.
        top_p: Draw from the smallest set of tokens with this probability mass.
        seed: Makes the draw reproducible.
    """

    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0


GREEDY_BELOW = 1e-3
"""Colder than this the division overflows, and the draw is greedy to any precision."""

GREEDY = Sampling()
"""Always the most likely token."""


def draw(
    logits: npt.NDArray[np.float32],
    sampling: Sampling,
    index: int,
    allowed: Sequence[int] | None = None,
) -> int:
    """Choose the next token.

    The random number depends only on the seed and the token's index in the reply, so
    a reply that is taken up again by another worker goes on exactly as it would have.

    Args:
        logits: One value per token of the vocabulary.
        sampling: How to draw.
        index: How many tokens the reply already has.
        allowed: The only tokens that may be chosen; None allows all.

    Returns:
        The token id. Among equals the lowest id wins.
    """
    if allowed is not None:
        ids = np.array(sorted(allowed), dtype=np.int64)
        logits = logits[ids]
    if sampling.temperature < GREEDY_BELOW:
        pick = int(np.argmax(logits))
    else:
        pick = _draw(logits.astype(np.float64) / sampling.temperature, sampling, index)
    return pick if allowed is None else int(ids[pick])


def _draw(scaled: npt.NDArray[np.float64], sampling: Sampling, index: int) -> int:
    weights = np.exp(scaled - scaled.max())
    weights /= weights.sum()
    order = np.argsort(-weights, kind="stable")
    mass = np.cumsum(weights[order])
    # The first token that reaches top_p is the last one kept.
    kept = int(np.searchsorted(mass, sampling.top_p, side="left")) + 1
    kept = min(kept, len(order))
    generator = np.random.Generator(
        np.random.Philox(key=np.array([sampling.seed, index], dtype=np.uint64))
    )
    point = generator.random() * mass[kept - 1]
    return int(order[min(int(np.searchsorted(mass[:kept], point, side="right")), kept - 1)])
