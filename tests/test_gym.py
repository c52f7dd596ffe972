from __future__ import annotations

import warnings
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from pettingzoo.test import (  # type: ignore[import-untyped] # ships no types
    parallel_api_test,
    parallel_seed_test,
)

import lmgame.gym
from lmgame import registry
from lmgame.errors import ConfigError, NameNotFound
from lmgame.gym import GameEnv, GameParallelEnv, Kind
from tests.installed import each, make_or_skip

ONE = [name for name in registry.games.names() if len(registry.games.load(name).spec.seats) == 1]
MANY = [name for name in registry.games.names() if name not in ONE]


@pytest.mark.parametrize("observation", ["text", "image"])
@pytest.mark.parametrize("name", each(ONE))
def test_gymnasium_checks_every_one_seat_game(name: str, observation: str) -> None:
    make_or_skip(name)
    env = gymnasium.make(f"lmgame/{name}", observation=observation, disable_env_checker=True)
    with warnings.catch_warnings():
        # Advice about spaces meant for learners on raw pixels, not errors.
        warnings.filterwarnings("ignore", category=UserWarning)
        check_env(env.unwrapped, skip_render_check=False)


@pytest.mark.parametrize("observation", ["text", "image"])
@pytest.mark.parametrize("name", MANY)
def test_pettingzoo_checks_every_many_seat_game(name: str, observation: Kind) -> None:
    parallel_api_test(GameParallelEnv(name, observation), num_cycles=300)
    parallel_seed_test(lambda: GameParallelEnv(name, observation), num_cycles=30)


def test_one_seat_games_have_a_pettingzoo_face_too() -> None:
    parallel_api_test(lmgame.gym.parallel_env("Tetris-v1"), num_cycles=100)


def test_the_return_is_the_score() -> None:
    env = lmgame.gym.make("Tetris-v1")
    env.reset(seed=3)
    total, ended = 0.0, False
    info: dict[str, Any] = {}
    generator = np.random.default_rng(0)
    while not ended:
        mask = info.get("action_mask")
        action = 0 if mask is None else generator.choice(np.flatnonzero(mask))
        _, reward, ended, _, info = env.step(action)
        total += float(reward)
    assert total == info["score"] > 0
    assert not info["action_mask"].any()


def test_the_mask_says_what_is_legal() -> None:
    env = GameEnv("Tetris-v1", actions="placements")
    _, info = env.reset(seed=0)
    legal = {int(index) for index in np.flatnonzero(info["action_mask"])}
    space = env.action_space
    assert isinstance(space, gymnasium.spaces.Discrete)
    assert 0 < len(legal) < int(space.n)
    assert env.step(min(legal))[4]["illegal"] is False
    env.reset(seed=0)
    # Some equal placements are legal without being offered; an inputs-only word is not.
    left = (registry.games.load("Tetris-v1").spec.menu or ()).index("press left")
    assert left not in legal
    assert env.step(left)[4]["illegal"] is True


def test_actions_may_be_written_as_text() -> None:
    env = GameEnv("Tetris-v1")
    env.reset(seed=0)
    assert env.step("place 0 0")[4]["illegal"] is False


def test_renders_text_and_picture() -> None:
    for mode, kind in (("ansi", str), ("rgb_array", np.ndarray)):
        env = GameEnv("Tetris-v1", render_mode=mode)
        env.reset(seed=0)
        assert isinstance(env.render(), kind)


def test_renders_a_window(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    monkeypatch.setitem(GameEnv.metadata, "render_fps", 10_000)
    env = GameEnv("Tetris-v1", render_mode="human")
    env.reset(seed=0)
    env.step("place 0 0")
    env.close()


def test_mistakes_say_what_to_do() -> None:
    with pytest.raises(ConfigError, match="parallel_env"):
        GameEnv("TetrisVersus-v1")
    with pytest.raises(NameNotFound, match="Tetris-v1"):
        lmgame.gym.make("Tetriss-v1")
    with pytest.raises(ConfigError, match="no setting 'levl'; did you mean 'level'"):
        GameEnv("Tetris-v1", levl=3)
    with pytest.raises(ConfigError, match="text or image"):
        GameEnv("Tetris-v1", observation="smell")  # type: ignore[arg-type] # the mistake
    with pytest.raises(ConfigError, match="rgb_array"):
        GameEnv("Tetris-v1", render_mode="3d")
