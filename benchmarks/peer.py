"""The games of other libraries, to be timed beside ours by benchmarks/games.py.

Each is optional; what is not installed is left out of the table. To have all:
``pip install open-spiel ale-py rlcard textarena[online] chess`` and
``pip install --no-deps tetris-gymnasium opencv-python-headless``, best in an
environment of its own: some of them are GPL, and some pin old packages.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from itertools import cycle
from random import Random
from typing import Any

Work = Callable[[int], None]
"""Takes that many steps, and begins anew whenever a game is over."""


def spiel(name: str) -> Work:
    """OpenSpiel (C++ behind pybind11): the actions of random play, played back."""
    pyspiel = import_module("pyspiel")
    game, random = pyspiel.load_game(name), Random(1)
    scripts = []
    for _ in range(20):
        state, script = game.new_initial_state(), []
        while not state.is_terminal():
            chance = state.is_chance_node()
            outcomes = [a for a, _ in state.chance_outcomes()] if chance else state.legal_actions()
            script.append((random.choice(outcomes), not chance))
            state.apply_action(script[-1][0])
        scripts.append(script)

    def work(count: int) -> None:
        for script in cycle(scripts):
            state = game.new_initial_state()
            for action, counts in script:
                state.apply_action(action)
                count -= counts
            if count <= 0:
                return

    return work


def gymnasium_env(make: Callable[[], Any], actions: int) -> Work:
    """Random steps of a Gymnasium environment."""
    env, random = make(), Random(1)
    script = [random.randrange(actions) for _ in range(5000)]
    env.reset(seed=1)

    def work(count: int) -> None:
        for number, action in enumerate(cycle(script)):
            if number >= count:
                return
            _, _, terminated, truncated, _ = env.step(action)
            if terminated or truncated:
                env.reset(seed=number)

    return work


def tetris_gymnasium() -> Work:
    """tetris-gymnasium, from which Lmgame-Bench's Tetris was made."""
    return gymnasium_env(import_module("tetris_gymnasium.envs.tetris").Tetris, 7)


def atari_pong() -> Work:
    """Atari Pong in the Arcade Learning Environment; a step is one frame."""
    import gymnasium

    gymnasium.register_envs(import_module("ale_py"))
    return gymnasium_env(lambda: gymnasium.make("ALE/Pong-v5", frameskip=1, obs_type="ram"), 6)


def pettingzoo(name: str) -> Work:
    """A turn-based game of PettingZoo's classic collection."""
    env, random = import_module(f"pettingzoo.classic.{name}").env(), Random(1)
    env.reset(seed=1)

    def work(count: int) -> None:
        for number in range(count):
            observation, _, terminated, truncated, _ = env.last()
            if terminated or truncated:
                env.reset(seed=number)
                observation, *_ = env.last()
            mask = observation["action_mask"]
            env.step(random.choice(mask.nonzero()[0]))

    return work


def textarena(name: str, actions: tuple[str, ...]) -> Work:
    """A game of TextArena: text in, text out, as a model would play it."""
    env, random = import_module("textarena").make(name), Random(1)
    env.reset(num_players=1, seed=1)

    def work(count: int) -> None:
        for number in range(count):
            env.get_observation()
            done, _ = env.step(random.choice(actions))
            if done:
                env.reset(num_players=1, seed=number)

    return work


MOVES = ("[up]", "[down]", "[left]", "[right]")
PEERS: dict[str, tuple[tuple[str, str, Callable[[], Work]], ...]] = {
    "Tetris-v1 rules=lmgame": (("tetris-gymnasium", "tetris_gymnasium", tetris_gymnasium),),
    "TwentyFortyEight-v1": (
        ("OpenSpiel (C++)", "pyspiel", lambda: spiel("2048")),
        ("TextArena", "textarena", lambda: textarena("2048-v0", MOVES)),
    ),
    "Sokoban-v1": (("TextArena", "textarena", lambda: textarena("Sokoban-v0", MOVES)),),
    "TicTacToe-v1": (
        ("OpenSpiel (C++)", "pyspiel", lambda: spiel("tic_tac_toe")),
        ("PettingZoo", "pettingzoo", lambda: pettingzoo("tictactoe_v3")),
    ),
    "ConnectFour-v1": (
        ("OpenSpiel (C++)", "pyspiel", lambda: spiel("connect_four")),
        ("PettingZoo", "pettingzoo", lambda: pettingzoo("connect_four_v3")),
    ),
    "Chess-v1": (
        ("OpenSpiel (C++)", "pyspiel", lambda: spiel("chess")),
        ("PettingZoo", "chess", lambda: pettingzoo("chess_v6")),
    ),
    "Holdem-v1": (
        ("OpenSpiel (C++)", "pyspiel", lambda: spiel("universal_poker")),
        ("PettingZoo", "rlcard", lambda: pettingzoo("texas_holdem_no_limit_v6")),
    ),
    "Pong-v1": (("ALE Pong", "ale_py", atari_pong),),
}
"""For each of our games: a peer's name, the module it needs, and what makes it."""


def found(label: str) -> list[tuple[str, Work]]:
    """The peers of one of our games that are installed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # theirs are not ours to mend
        return [(name, make()) for name, module, make in PEERS.get(label, ()) if find_spec(module)]
