"""The scripted anchor for 2048: expectimax, two moves ahead."""

from __future__ import annotations

from itertools import groupby, pairwise

from lmgame.game import Turn
from lmgame.games.twenty_forty_eight import SLIDES, Board, parse_text

HEAVY = True

# The evaluation of a line and its weights are those of R. Xiao's solver
# (https://stackoverflow.com/questions/22342854, github.com/nneonneo/2048-ai),
# found there by optimisation with CMA-ES.
_EMPTY, _MERGES, _SUM, _MONOTONE = 270.0, 700.0, 11.0, 47.0
_SUM_POWER, _MONOTONE_POWER = 3.5, 4
_WEIGHT = [float(tile**_SUM_POWER) for tile in range(18)]
_ALIVE = 200_000.0
"""What a line is worth before all else, so that losing is worse than anything."""
_FOUR = 0.1
_CROWDED = 6
"""With more empty cells than this a 4 is not looked at, only a 2."""


def best(turn: Turn) -> str:
    """The move with the highest expected worth after one more move of one's own."""
    board = parse_text(turn.observation.text)
    return max(turn.actions.choices, key=lambda move: _expected(SLIDES[move](board)))


def _expected(board: Board) -> float:
    """The mean, over the tiles that can appear, of the best that can follow."""
    cells = [cell for cell, tile in enumerate(board) if not tile]
    tiles = ((b"\1", 1.0),) if len(cells) > _CROWDED else ((b"\1", 1 - _FOUR), (b"\2", _FOUR))
    total = 0.0
    for cell in cells:
        before, after = board[:cell], board[cell + 1 :]
        for tile, chance in tiles:
            total += chance * _best_after(before + tile + after)
    return total / len(cells)


def _best_after(board: Board) -> float:
    worth = 0.0  # no move is left
    for slide in SLIDES.values():
        moved = slide(board)
        if moved != board:
            worth = max(worth, _worth(moved))
    return worth


def _worth(board: Board) -> float:
    lines = _LINES
    return (
        lines[board[:4]] + lines[board[4:8]] + lines[board[8:12]] + lines[board[12:]]
        + lines[board[::4]] + lines[board[1::4]] + lines[board[2::4]] + lines[board[3::4]]
    )  # fmt: skip


class _Lines(dict[bytes, float]):
    """The worth of every line met so far."""

    def __missing__(self, line: bytes) -> float:
        self[line] = worth = _line(line)
        return worth


_LINES = _Lines()


def _line(line: bytes) -> float:
    """Room, pairs that can merge, and tiles in order are good; many tiles are not."""
    tiles = [tile for tile in line if tile]
    runs = [len(list(run)) for _, run in groupby(tiles)]
    falling = rising = 0
    for one, other in pairwise([tile**_MONOTONE_POWER for tile in line]):
        falling += max(one - other, 0)
        rising += max(other - one, 0)
    room, weight = len(line) - len(tiles), sum([_WEIGHT[tile] for tile in tiles])
    merges = sum([run for run in runs if run > 1])
    order = min(falling, rising)
    return _ALIVE + _EMPTY * room + _MERGES * merges - _MONOTONE * order - _SUM * weight
