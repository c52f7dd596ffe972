"""One picture of a film: what was seen, with the facts of the decision beside it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from lmgame.client.call import Call
from lmgame.client.trouble import clean
from lmgame.record import Log, Played
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
"""The least height in pixels of one seat's panel."""


@dataclass(frozen=True, slots=True)
class Look:
    """How a picture is laid out.

    Attributes:
        scale: Enlarges the game's picture by a whole factor.
        zoom: Enlarges the panel beside it.
    """

    scale: int = 1
    zoom: float = 1.0


def compose(
    world: World, log: Log, landing: tuple[Played, ...] | None, look: Look = Look()
) -> Image.Image:
    """The game's picture with a panel of facts beside it.

    Args:
        world: Where the match stands.
        log: The match.
        landing: The decisions that were taken last, or None before the first.
        look: How.
    """
    pixels = np.ascontiguousarray(world.game.observe(0).picture.rgb())
    picture = ImageOps.scale(Image.fromarray(pixels), look.scale, Image.Resampling.NEAREST)
    seats = len(log.header.seats)
    height = max(round(HEIGHT * look.zoom) * seats, picture.height)
    image = Image.new("RGB", (picture.width + round(PANEL * look.zoom), height), BACKGROUND)
    image.paste(picture, (0, (height - picture.height) // 2))
    pen = ImageDraw.Draw(image)
    for seat in range(seats):
        played = next((one for one in landing or () if one.seat == seat), None)
        top = height * seat // seats
        _Panel(pen, picture.width, top, look.zoom).fill(world, log, seat, played)
    return image


class _Panel:
    """One seat's facts, written from the top down."""

    def __init__(self, pen: ImageDraw.ImageDraw, left: int, top: int, zoom: float) -> None:
        self._pen, self._zoom = pen, zoom
        self._left, self._y = left + round(14 * zoom), top + 12 * zoom

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
        font = _font(round(size * self._zoom))
        self._pen.text((self._left, round(self._y)), text[:34], fill=colour, font=font)
        self._y += (size + 5) * self._zoom

    def _bar(self, text: str, share: float) -> None:
        width = max(1, round(share * (PANEL - 30) * self._zoom))
        y = round(self._y)
        bar = (self._left, y + 1, self._left + width, y + round(4 * self._zoom))
        self._pen.rectangle(bar, fill=BAR)
        self._y += 6 * self._zoom
        self._line(text, 11, FAINT)

    def _gap(self, pixels: int) -> None:
        self._y += pixels * self._zoom


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 10 else f"{seconds:.1f} s"


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
