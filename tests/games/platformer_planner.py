"""Finds a way to the flag by search over short actions, with the game's own physics."""

from __future__ import annotations

import heapq

from lmgame.game import State
from lmgame.games.platformer import Platformer

MOVES = ("right 10", "right+jump 10", "right+jump 20", "wait 10", "left 10", "jump 10")


def plan(game: Platformer, most: int = 5000) -> list[str] | None:
    """Actions, each played for its frames, that lead from here to the flag.

    Best first by the time used and the way left; states that are nearly the same
    are looked at once.

    Returns:
        None if none was found within so many looked-at states.
    """
    heap: list[tuple[int, int, State, list[str]]] = [(0, 0, game.save(), [])]
    seen: set[tuple[int, ...]] = set()
    for _ in range(most):
        if not heap:
            return None
        _, _, state, way = heapq.heappop(heap)
        for move in MOVES:
            game.restore(state)
            game.apply({0: move})
            game.advance(int(move.split()[1]))
            outcome = game.outcome()
            if outcome is not None:
                if outcome.reason == "flag":
                    return [*way, move]
                continue
            body = game._body
            time = body.tick // 10 if body.level.near[body.x >> 8] else 0
            key = (body.x >> 6, body.y >> 6, body.vx >> 3, body.vy >> 4, time)
            if key not in seen:
                seen.add(key)
                cost = body.tick * 20 - body.x
                heapq.heappush(heap, (cost, len(seen), game.save(), [*way, move]))
    return None
