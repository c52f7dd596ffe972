"""The text observation, and its reader."""

from __future__ import annotations

from .board import CELLS, HIGHEST, SIDE, Board

_WORDS = [".", *(str(1 << tile) for tile in range(1, HIGHEST + 1))]
_TILES = {word: tile for tile, word in enumerate(_WORDS)}


def write(board: Board) -> str:
    """Four lines of four tiles, aligned to the right, ``.`` for an empty cell."""
    words = [_WORDS[tile] for tile in board]
    width = len(_WORDS[max(board)])
    return "\n".join(
        [
            " ".join([word.rjust(width) for word in words[start : start + SIDE]])
            for start in range(0, CELLS, SIDE)
        ]
    )


def parse_text(text: str) -> Board:
    """Read a text observation.

    Raises:
        ValueError: It is not one.
    """
    rows = [row.split() for row in text.split("\n")]
    if [len(row) for row in rows] != [SIDE] * SIDE:
        raise ValueError(f"not a 2048 observation: {text[:80]!r}")
    unknown = [word for row in rows for word in row if word not in _TILES]
    if unknown:
        raise ValueError(f"not a tile of 2048: {unknown[0][:20]!r}")
    return bytes([_TILES[word] for row in rows for word in row])
