"""Moves that solve a Sokoban board, by the game's own solver."""

from __future__ import annotations

from lmgame.games.sokoban import MOVES, Room, cells, solve


def solution(board: str) -> list[str]:
    """Moves that solve a board; none when it cannot be solved."""
    found = solve(board, 10_000, weight=3)
    if not found.solved:
        return []
    boxes, player = cells(board, "$*"), cells(board, "@+").bit_length() - 1
    return [MOVES[move] for move in Room(board).route(player, boxes, found.pushes)]
