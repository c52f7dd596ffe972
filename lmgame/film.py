"""A match log as a film: what was seen, what was answered, and when; drawn as a GIF.

Where the world waited for decisions, each is shown for as long as it takes to
read. Where time ran on, it runs in the film as it ran in the match.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from PIL import Image

from lmgame.errors import LogError
from lmgame.frame import Look, compose
from lmgame.game import Game
from lmgame.record import Log
from lmgame.replay import begin, follow
from lmgame.world import Applied, World

FRAMES = 400
"""The most frames a GIF has; longer matches are drawn with frames left out."""
SHORTEST_MS = 20
"""Browsers slow down GIFs whose frames are shorter."""


@dataclass(frozen=True, slots=True)
class Film:
    """How a film is drawn.

    Attributes:
        seconds: How long a decision stays that the world waited for.
        hold: How long the last frame stays.
        fps: Frames a second while the world moves; None for one a decision.
        look: How a frame is laid out.
    """

    seconds: float = 0.6
    hold: float = 3.0
    fps: int | None = None
    look: Look = field(default_factory=Look)


@dataclass(frozen=True, slots=True)
class Shot:
    """A frame and when it is shown, in seconds since the film's beginning."""

    image: Image.Image
    at_s: float


def shots(log: Log, film: Film, game: Game | None = None) -> Iterator[Shot]:
    """A match, frame by frame; the last one is the end.

    Raises:
        ReplayMismatch: The log does not fit the rules.
        LogError: Nothing was played.
    """
    if not log.landings:
        raise LogError(f"{log.path}: no decision was played, there is nothing to draw")
    camera = _Camera(begin(log.header, game), log, film)
    yield camera.begin()
    for _ in follow(camera, log):
        camera.decided()
        yield from camera.develop()
    if log.result is not None:  # a match may end by itself while everybody is still thinking
        camera.run_out(log.result.ticks)
        yield from camera.develop()


class _Camera(World):
    """A world that is filmed while a log moves it."""

    def __init__(self, world: World, log: Log, film: Film) -> None:
        super().__init__(world.game, log.header.seed)
        self._log, self._film = log, film
        self._waits = self.hz is None or log.header.clock.get("kind", "paused") == "paused"
        self._flows = self.hz is not None and (film.fps is not None or not self._waits)
        self._at_s = 0.0
        self._landings = 0
        self._shots: list[Shot] = []

    def begin(self) -> Shot:
        self._shoot()
        self._stay()
        return self._shots.pop()

    def develop(self) -> list[Shot]:
        """The frames since the last call."""
        taken, self._shots = self._shots, []
        return taken

    def land(self, wanted: Mapping[int, str | None]) -> dict[int, Applied]:
        applied = super().land(wanted)
        self._landings += 1
        if self._film.fps is not None:
            self._shoot()
            self._stay()
        return applied

    def decided(self) -> None:
        """A landing is over, with the time that it let pass."""
        if self._film.fps is None:
            self._shoot()
            self._stay()

    def run_out(self, tick: int) -> None:
        """Film the time after the last decision."""
        if tick > self.tick:
            self.advance(tick - self.tick)
            if self._film.fps is None:
                self._shoot()

    def advance(self, ticks: int) -> None:
        fps = self._film.fps
        stride = ticks if fps is None else max(1, (self.hz or 1) // fps)
        while ticks > 0:
            part = min(stride, ticks)
            super().advance(part)
            ticks -= part
            if self._flows:
                self._at_s += part / (self.hz or 1)
            if fps is not None:
                self._shoot()

    def _stay(self) -> None:
        """Leave time to read, where the world waited for the decision."""
        if self._waits:
            self._at_s += self._film.seconds

    def _shoot(self) -> None:
        landing = self._log.landings[self._landings - 1] if self._landings else None
        self._shots.append(Shot(compose(self, self._log, landing, self._film.look), self._at_s))


def draw(log: Log, path: Path, film: Film = Film(), game: Game | None = None) -> int:
    """Draw a log into a GIF.

    Args:
        log: A match, finished or not.
        path: Where to; its folder is made.
        film: How.
        game: An instance to draw with; None to make one from the header.

    Returns:
        The number of frames.

    Raises:
        ReplayMismatch: The log does not fit the rules.
        LogError: Nothing was played, or the file cannot be written.
    """
    taken = _thinned(shots(log, film, game), max(1, -(-len(log.landings) // FRAMES)))
    palette = _shared_palette([shot.image for shot in taken])
    images = [shot.image.quantize(palette=palette, dither=Image.Dither.NONE) for shot in taken]
    times = [max(SHORTEST_MS, round(1000 * (b.at_s - a.at_s))) for a, b in pairwise(taken)]
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        images[0].save(
            path,
            format="GIF",
            save_all=True,
            append_images=images[1:],
            duration=[*times, round(film.hold * 1000)],
            loop=0,
            optimize=False,
        )
    except OSError as error:
        raise LogError(f"cannot write {path}: {error.strerror}") from None
    return len(images)


def _thinned(taken: Iterable[Shot], step: int) -> list[Shot]:
    """Every so many shots, and the last one."""
    kept: list[Shot] = []
    for number, shot in enumerate(taken):
        if number % step == 0:
            kept.append(shot)
    return kept if kept[-1] is shot else [*kept, shot]


def _shared_palette(images: list[Image.Image]) -> Image.Image:
    """One palette for all frames: a GIF with one is smaller and does not flicker."""
    first, middle, last = images[0], images[len(images) // 2], images[-1]
    strip = Image.new("RGB", (first.width, first.height * 3))
    for number, image in enumerate((first, middle, last)):
        strip.paste(image, (0, first.height * number))
    return strip.quantize(colors=128, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
