"""The golden playthrough of Sokoban: a whole match as text.

A difference is a change of rules, levels or of what players see, and needs a new
version. Write it again with ``python -m tests.games.sokoban_golden``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

from lmgame.games.sokoban import MOVES, Room, Sokoban, cells, parse_text, solve

PATH = Path(__file__).with_name("golden") / "Sokoban-v1.txt"
SEED = 2026


def playthrough() -> Iterator[str]:
    """The lines of one match, played by the solver with odd moves in between."""
    random = Random(SEED)
    game = Sokoban()
    game.reset(SEED)
    yield f"{game.spec.id} seed {SEED}"
    shown = ""
    number = 0
    while game.acting():
        level = game.text(0).split(",")[0]
        if level != shown or number % 40 == 0:
            shown = level
            yield game.text(0)
        action = chosen(game, random)
        game.apply({0: action})
        yield f"{number} | {action} | score {game.scores()[0]:g} | {game.fingerprint()}"
        number += 1
    yield game.text(0)
    yield ", ".join(f"{name} {value:g}" for name, value in game.statistics(0).items())
    outcome = game.outcome()
    assert outcome is not None
    yield f"outcome: {outcome.reason}"


def chosen(game: Sokoban, random: Random) -> str:
    plan = solution(parse_text(game.text(0)).board)
    if random.random() < 0.05 or not plan:
        return random.choice((*game.actions(0).choices, "stay"))
    return plan[0]


def solution(board: str) -> list[str]:
    """Moves that solve a board; none when it cannot be solved."""
    found = solve(board, 10_000, weight=3)
    if not found.solved:
        return []
    boxes, player = cells(board, "$*"), cells(board, "@+").bit_length() - 1
    return [MOVES[move] for move in Room(board).route(player, boxes, found.pushes)]


def write() -> str:
    return "\n".join(playthrough()) + "\n"


if __name__ == "__main__":
    PATH.write_text(write(), encoding="utf-8")
    print(f"wrote {PATH}")
