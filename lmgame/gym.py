"""The Gymnasium and PettingZoo faces of every game.

Every one-seat game is registered as ``lmgame/<Id>`` when this module is
imported; a many-seat game is made with :func:`parallel_env`::

    import gymnasium, lmgame.gym
    env = gymnasium.make("lmgame/Tetris-v1", observation="image")

Actions are numbers into the game's menu (``spec.menu``) where it has one, else
text. Which entries are legal now is ``info["action_mask"]``; an illegal one is
taken as the game's default action and reported in ``info["illegal"]``. The
reward of a step is the change of the seat's score. A game with time moves
``Game.pace`` ticks a step, as under the paused clock.
"""

from __future__ import annotations

import string
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, cast

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from pettingzoo import ParallelEnv  # type: ignore[import-untyped] # ships no types

from lmgame import registry
from lmgame.errors import ConfigError, IllegalAction, NameNotFound
from lmgame.game import Game

Seen = str | NDArray[np.uint8]
Given = int | str | np.integer
Kind = Literal["text", "image"]

LONGEST_TEXT = 8192
"""Characters that an observation's text may have in these faces."""
_SYMBOLS = frozenset(string.printable)


class _Face:
    """What both faces share: spaces, masks, and steps of one game."""

    def __init__(self, game: Game, observation: Kind) -> None:
        if observation not in ("text", "image"):
            raise ConfigError(f"observation={observation!r}: use text or image")
        self.game = game
        self.kind = observation
        self.menu = game.spec.menu
        self.index = {text: number for number, text in enumerate(self.menu or ())}
        game.reset(0)
        self.picture_size = game.observe(0).picture.size

    def observation_space(self) -> spaces.Space[Any]:
        """Text, or an RGB image of the game's native size."""
        if self.kind == "text":
            return spaces.Text(LONGEST_TEXT, min_length=0, charset=_SYMBOLS)
        width, height = self.picture_size
        return spaces.Box(0, 255, (height, width, 3), np.uint8)

    def action_space(self) -> spaces.Space[Any]:
        """Numbers into the menu, or text."""
        if self.menu is not None:
            return spaces.Discrete(len(self.menu))
        return spaces.Text(256, charset=_SYMBOLS)

    def see(self, seat: int) -> Seen:
        """The seat's observation."""
        seen = self.game.observe(seat)
        return seen.text if self.kind == "text" else seen.picture.rgb()

    def info(self, seat: int, illegal: bool = False) -> dict[str, Any]:
        """The seat's legal actions and score."""
        info: dict[str, Any] = {"score": self.game.scores()[seat], "illegal": illegal}
        if self.menu is not None:
            mask = np.zeros(len(self.menu), dtype=np.int8)
            if seat in self.game.acting():
                for text in self.game.actions(seat).choices:
                    mask[self.index[text]] = 1
            info["action_mask"] = mask
        return info

    def legal(self, seat: int, given: Given) -> tuple[str, bool]:
        """The action to apply, and whether the given one was illegal."""
        text = given if isinstance(given, str) else self._entry(given)
        try:
            return self.game.canonical(seat, text), False
        except IllegalAction:
            return self.game.actions(seat).default, True

    def _entry(self, given: object) -> str:
        whole = isinstance(given, int | np.integer) and not isinstance(given, bool)
        number = int(given) if whole else -1  # type: ignore[call-overload] # checked just above
        if self.menu is None or not 0 <= number < len(self.menu):
            raise ConfigError(f"action {given!r} is not in the action space of {self.game.spec.id}")
        return self.menu[number]

    def apply(self, actions: Mapping[int, str]) -> None:
        """Apply actions and let the game's pace pass."""
        self.game.apply(actions)
        if self.game.spec.hz is not None and self.game.outcome() is None:
            self.game.advance(self.game.pace())


class GameEnv(gymnasium.Env[Any, Any]):
    """A one-seat game as a Gymnasium environment.

    Args:
        game: The game's id.
        observation: What ``step`` returns: the text or the image.
        render_mode: ``rgb_array``, ``ansi``, or ``human`` for a pygame window.
        arguments: The game's own settings.

    Raises:
        NameNotFound: No game has that id.
        ConfigError: The game has several seats, or refuses a setting.
    """

    metadata: ClassVar[dict[str, Any]] = {  # type: ignore[misc] # an instance attribute upstream
        "render_modes": ["rgb_array", "ansi", "human"],
        "render_fps": 5,
    }

    def __init__(
        self,
        game: str,
        observation: Kind = "text",
        render_mode: str | None = None,
        **arguments: object,
    ) -> None:
        made = registry.games.make(game, arguments)
        if len(made.spec.seats) != 1:
            raise ConfigError(
                f"{game} has {len(made.spec.seats)} seats: use lmgame.gym.parallel_env"
            )
        if render_mode is not None and render_mode not in self.metadata["render_modes"]:
            raise ConfigError(f"render_mode={render_mode!r}: use rgb_array, ansi or human")
        self.render_mode = render_mode
        self._face = _Face(made, observation)
        self._window: _Window | None = None
        self.observation_space = self._face.observation_space()
        self.action_space = self._face.action_space()

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Seen, dict[str, Any]]:
        """Begin a match; without a seed, one drawn from the environment's generator."""
        super().reset(seed=seed)
        self._face.game.reset(int(self.np_random.integers(1 << 62)))
        self._show()
        return self._face.see(0), self._face.info(0)

    def step(self, action: Given) -> tuple[Seen, float, bool, bool, dict[str, Any]]:
        """Apply one action."""
        face, game = self._face, self._face.game
        before = game.scores()[0]
        text, illegal = face.legal(0, action)
        face.apply({0: text})
        self._show()
        ended = game.outcome() is not None
        return face.see(0), game.scores()[0] - before, ended, False, face.info(0, illegal)

    def render(self) -> Any:  # noqa: ANN401 - Gymnasium's own signature
        """The picture or the text, as ``render_mode`` says."""
        if self.render_mode == "ansi":
            return self._face.game.text(0)
        if self.render_mode == "rgb_array":
            return self._face.game.observe(0).picture.rgb()
        return None

    def _show(self) -> None:
        if self.render_mode == "human":
            if self._window is None:
                self._window = _Window(self._face.game.spec.id, self._face.picture_size)
            self._window.show(self._face.game.observe(0).picture.rgb(), self.metadata["render_fps"])

    def close(self) -> None:
        """Close the window, if there is one."""
        if self._window is not None:
            self._window.close()
            self._window = None


class _Window:
    """A pygame window; pygame is imported only when one is opened."""

    def __init__(self, title: str, size: tuple[int, int]) -> None:
        import pygame

        self._pygame = pygame
        pygame.display.init()
        pygame.display.set_caption(title)
        self._surface = pygame.display.set_mode(size)
        self._clock = pygame.time.Clock()

    def show(self, pixels: NDArray[np.uint8], fps: int) -> None:
        """Show one frame and keep the frame rate."""
        pygame = self._pygame
        pygame.surfarray.blit_array(self._surface, pixels.swapaxes(0, 1))
        pygame.event.pump()
        pygame.display.flip()
        self._clock.tick(fps)

    def close(self) -> None:
        """Close it."""
        self._pygame.display.quit()


class GameParallelEnv(ParallelEnv[str, Any, Any]):  # type: ignore[misc] # untyped upstream
    """A game of any number of seats as a PettingZoo parallel environment.

    In a turn-based game only the seat to move is listened to.

    Args:
        game: The game's id.
        observation: What agents are given: the text or the image.
        render_mode: ``rgb_array`` or ``ansi``: what the first seat sees.
        arguments: The game's own settings.
    """

    metadata: ClassVar[dict[str, Any]] = {
        "render_modes": ["rgb_array", "ansi"],
        "name": "lmgame",
        "is_parallelizable": True,
    }

    def __init__(
        self,
        game: str,
        observation: Kind = "text",
        render_mode: str | None = None,
        **arguments: object,
    ) -> None:
        self.render_mode = render_mode
        self._face = _Face(registry.games.make(game, arguments), observation)
        self.possible_agents = list(self._face.game.spec.seats)
        self.agents: list[str] = []
        self._seats = {name: seat for seat, name in enumerate(self.possible_agents)}
        self._observation = {name: self._face.observation_space() for name in self.possible_agents}
        self._action = {name: self._face.action_space() for name in self.possible_agents}
        self._random = np.random.default_rng()

    def observation_space(self, agent: str) -> spaces.Space[Any]:
        """The same object at every call."""
        return self._observation[agent]

    def action_space(self, agent: str) -> spaces.Space[Any]:
        """The same object at every call."""
        return self._action[agent]

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Seen], dict[str, dict[str, Any]]]:
        """Begin a match."""
        if seed is not None:
            self._random = np.random.default_rng(seed)
        self._face.game.reset(int(self._random.integers(1 << 62)))
        self.agents = list(self.possible_agents)
        return self._observe(), {name: self._face.info(self._seats[name]) for name in self.agents}

    def step(
        self, actions: dict[str, Given]
    ) -> tuple[
        dict[str, Seen],
        dict[str, float],
        dict[str, bool],
        dict[str, bool],
        dict[str, dict[str, Any]],
    ]:
        """Apply the actions of the seats that must act, at the same moment."""
        face, game = self._face, self._face.game
        before, illegal = game.scores(), set()
        chosen: dict[int, str] = {}
        for seat in game.acting():
            name = self.possible_agents[seat]
            if name in actions:
                chosen[seat], wrong = face.legal(seat, actions[name])
                if wrong:
                    illegal.add(name)
        if chosen:
            face.apply(chosen)
        ended = game.outcome() is not None
        names = self.agents
        rewards = {
            name: game.scores()[self._seats[name]] - before[self._seats[name]] for name in names
        }
        infos = {name: face.info(self._seats[name], name in illegal) for name in names}
        seen = self._observe()
        if ended:
            self.agents = []
        return seen, rewards, dict.fromkeys(names, ended), dict.fromkeys(names, False), infos

    def _observe(self) -> dict[str, Seen]:
        return {name: self._face.see(self._seats[name]) for name in self.agents}

    def render(self) -> Any:  # noqa: ANN401 - PettingZoo's own signature
        """What the first seat sees."""
        if self.render_mode == "ansi":
            return self._face.game.text(0)
        return self._face.game.observe(0).picture.rgb()


def parallel_env(game: str, **arguments: object) -> GameParallelEnv:
    """A PettingZoo parallel environment of a game, by its id."""
    return GameParallelEnv(game, **cast("dict[str, Any]", arguments))


def register_all() -> None:
    """Register every installed game with Gymnasium, without importing any."""
    for game_id in registry.games.names():
        name = f"lmgame/{game_id}"
        if name not in gymnasium.registry:
            gymnasium.register(id=name, entry_point="lmgame.gym:GameEnv", kwargs={"game": game_id})


def make(game: str, **arguments: object) -> gymnasium.Env[Any, Any]:
    """A Gymnasium environment of a one-seat game, by its id.

    Raises:
        NameNotFound: No game has that id.
    """
    if game not in registry.games.names():
        raise NameNotFound("game", game, registry.games.names())
    return gymnasium.make(f"lmgame/{game}", **cast("dict[str, Any]", arguments))


register_all()
