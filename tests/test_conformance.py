from __future__ import annotations

from collections.abc import Callable

import pytest

from lmgame import registry
from lmgame.agent import Decision, Seating
from lmgame.errors import ConfigError
from lmgame.game import Game
from lmgame.testing import check_agent, check_game
from tests.installed import SHORT, each, make_or_skip
from tests.nim import Nim


@pytest.mark.parametrize("name", each(registry.games.names()))
def test_every_installed_game_keeps_the_contract(name: str) -> None:
    make_or_skip(name)
    seeds = (0,) if name in SHORT else (0, 1)
    check_game(lambda: registry.games.make(name, SHORT.get(name, {})), seeds=seeds)


def test_a_turn_based_game_keeps_the_contract() -> None:
    check_game(Nim)


@pytest.mark.parametrize("actions", ["all", "inputs", "placements"])
@pytest.mark.parametrize("name", ["Tetris-v1", "TetrisVersus-v1"])
def test_tetris_keeps_the_contract_with_every_kind_of_action(name: str, actions: str) -> None:
    check_game(lambda: registry.games.make(name, {"actions": actions, "level": 12}), seeds=(5,))


@pytest.mark.parametrize("game", each(registry.games.names()))
@pytest.mark.parametrize("agent", ["random", "greedy"])
def test_scripted_agents_keep_the_contract(agent: str, game: str) -> None:
    make_or_skip(game)
    check_agent(
        lambda seating: registry.agents.make(agent, {"seating": seating}), registry.games.load(game)
    )


def test_greedy_says_which_games_it_plays() -> None:
    with pytest.raises(ConfigError, match="no rule for Nim-v1; it plays Tetris-v1"):
        registry.agents.make("greedy", {"seating": Seating(Nim.spec, 0, 0)})


def always_the_same_start(game: Nim, seed: int) -> None:
    game.heap, game.moves = 10, 0


def broken(**changes: object) -> Callable[[], Game]:
    return type("Broken", (Nim,), changes)


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (broken(scores=lambda self: (0.0,)), "a score for every seat"),
        (broken(text=lambda self, seat: "always the same"), "one text, two pictures"),
        (broken(save=lambda self: {"game": "Nim-v1", "heap": 5, "moves": 0}), None),
        (broken(find=lambda self, reply: []), "find"),
        (broken(canonical=lambda self, seat, text: text), "not refused"),
        (broken(rules=" "), "rules"),
        (broken(reset=always_the_same_start), "seeds"),
        (broken(acting=lambda self: (1, 0) if self.heap else ()), None),
        (broken(restore=lambda self, state: None), None),
    ],
)
def test_broken_games_are_caught(make: Callable[[], Game], complaint: str | None) -> None:
    with pytest.raises((AssertionError, ArithmeticError, LookupError), match=complaint):
        check_game(make)


def test_a_broken_agent_is_caught() -> None:
    class Cheat:
        def __init__(self, seating: Seating) -> None: ...

        async def decide(self, turn: object) -> object:
            return Decision("take 9")

    with pytest.raises(AssertionError, match="'take 9' is not canonical"):
        check_agent(Cheat, Nim)  # type: ignore[arg-type] # the mistake
