"""Draws a match log as an animated GIF: what was seen, what was answered, and when."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from lmgame.client.call import Call
from lmgame.client.trouble import clean
from lmgame.errors import LogError
from lmgame.game import Game
from lmgame.record import Log, Played
from lmgame.replay import begin, follow
from lmgame.world import World

Colour = tuple[int, int, int]
BACKGROUND: Colour = (13, 17, 23)
INK: Colour = (230, 237, 243)
FAINT: Colour = (125, 133, 144)
GOOD: Colour = (63, 185, 80)
BAD: Colour = (248, 81, 73)
BAR: Colour = (56, 139, 253)

PANEL = 250
"""Width in pixels of the panel beside the picture."""
HEIGHT = 300
"""The least height of a frame in pixels."""
FRAMES = 400
"""The most frames a film has; longer matches are drawn with frames left out."""


@dataclass(frozen=True, slots=True)
class Film:
    """How a film is drawn.

    Attributes:
        seconds: How long a frame stays.
        hold: How long the last frame stays.
        scale: Enlarges the game's picture by a whole factor.
    """

    seconds: float = 0.6
    hold: float = 3.0
    scale: int = 1


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
    step = max(1, -(-len(log.landings) // FRAMES))
    frames = [
        frame
        for number, frame in enumerate(_frames(log, film, game))
        if number % step == 0 or frame.last
    ]
    if len(frames) < 2:
        raise LogError(f"{log.path}: no decision was played, there is nothing to draw")
    palette = _shared_palette([frame.image for frame in frames])
    images = [frame.image.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    times = [int(film.seconds * 1000)] * (len(images) - 1) + [int(film.hold * 1000)]
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        images[0].save(
            path,
            format="GIF",
            save_all=True,
            append_images=images[1:],
            duration=times,
            loop=0,
            optimize=False,
        )
    except OSError as error:
        raise LogError(f"cannot write {path}: {error.strerror}") from None
    return len(images)


@dataclass(frozen=True, slots=True)
class _Frame:
    image: Image.Image
    last: bool


def _frames(log: Log, film: Film, game: Game | None) -> Iterator[_Frame]:
    world = begin(log.header, game)
    yield _Frame(_compose(world, log, None, film), last=False)
    for number, step in enumerate(follow(world, log), start=1):
        yield _Frame(_compose(world, log, step.played, film), last=number == len(log.landings))


def _compose(world: World, log: Log, landing: tuple[Played, ...] | None, film: Film) -> Image.Image:
    """The game's picture with a panel of facts beside it."""
    pixels = world.game.observe(0).picture.scaled(film.scale).rgb()
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    seats = len(log.header.seats)
    height = max(HEIGHT * seats, picture.height)
    image = Image.new("RGB", (picture.width + PANEL, height), BACKGROUND)
    image.paste(picture, (0, (height - picture.height) // 2))
    pen = ImageDraw.Draw(image)
    for seat in range(seats):
        played = next((one for one in landing or () if one.seat == seat), None)
        top = height * seat // seats
        _Panel(pen, picture.width + 14, top + 12).fill(world, log, seat, played)
    return image


class _Panel:
    """One seat's facts, written from the top down."""

    def __init__(self, pen: ImageDraw.ImageDraw, left: int, top: int) -> None:
        self._pen, self._left, self._y = pen, left, top

    def fill(self, world: World, log: Log, seat: int, played: Played | None) -> None:
        """Write the panel of one seat."""
        who = log.header.seats[seat]
        self._line(who.agent, 18, INK)
        self._line(clean(who.model or who.name), 12, FAINT)
        self._gap(6)
        self._line(f"score {world.game.scores()[seat]:g}", 22, INK)
        statistics = world.game.statistics(seat)
        shown = [
            f"{name} {statistics[name]:g}" for name in ("lines", "level") if name in statistics
        ]
        self._line("   ".join(shown), 12, FAINT)
        self._gap(6)
        if played is None:
            self._line(f"decision {world.counts[seat]}", 12, FAINT)
            return
        self._line(f"decision {played.turn + 1}", 12, FAINT)
        self._line(clean(played.action or "-"), 16, INK)
        self._line(played.outcome, 12, GOOD if played.outcome == "ok" else BAD)
        calls = [call for one in played.tries for call in one.calls]
        if calls:
            self._gap(4)
            self._timings(played, calls[-1])

    def _timings(self, played: Played, call: Call) -> None:
        self._line(f"time to action {_milliseconds(played.seconds)}", 12, INK)
        if call.ttft_s is not None:
            self._line(f"TTFT {_milliseconds(call.ttft_s)}", 12, INK)
        if call.tpot_s is not None:
            self._line(f"TPOT {_milliseconds(call.tpot_s)}", 12, INK)
        met = [
            value for verdict in played.verdicts for value in verdict.values() if value is not None
        ]
        if met:
            self._line("SLO met" if all(met) else "SLO missed", 12, GOOD if all(met) else BAD)
        stages = {name: seconds for name, seconds in call.stages.items() if seconds > 0}
        total = sum(stages.values())
        for name, seconds in stages.items():
            label = name.removesuffix("_s").replace("_", " ")
            self._bar(f"{label} {_milliseconds(seconds)}", seconds / total)

    def _line(self, text: str, size: int, colour: Colour) -> None:
        self._pen.text((self._left, self._y), text[:34], fill=colour, font=_font(size))
        self._y += size + 5

    def _bar(self, text: str, share: float) -> None:
        width = max(1, round(share * (PANEL - 30)))
        self._pen.rectangle((self._left, self._y + 1, self._left + width, self._y + 4), fill=BAR)
        self._y += 6
        self._line(text, 11, FAINT)

    def _gap(self, pixels: int) -> None:
        self._y += pixels


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 10 else f"{seconds:.1f} s"


def _shared_palette(images: list[Image.Image]) -> Image.Image:
    """One palette for all frames: a GIF with one is smaller and does not flicker."""
    first, middle, last = images[0], images[len(images) // 2], images[-1]
    strip = Image.new("RGB", (first.width, first.height * 3))
    for number, image in enumerate((first, middle, last)):
        strip.paste(image, (0, first.height * number))
    return strip.quantize(colors=128, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
