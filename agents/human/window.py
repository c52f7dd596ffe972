"""The window: opened on a screen that is really there, and drawn from a scene."""

from __future__ import annotations

import os
import sys

import numpy as np
import pygame

from lmgame.errors import ConfigError
from lmgame.picture import Picture

from .face import Colour, Face
from .scene import Scene, Tone

PAPER: Colour = (13, 17, 23)
PANEL: Colour = (22, 27, 34)
FIELD: Colour = (1, 4, 9)
EDGE: Colour = (72, 79, 88)
MARK: Colour = (31, 111, 235)
INKS: dict[Tone, Colour] = {
    "ink": (230, 237, 243),
    "faint": (145, 152, 161),
    "good": (86, 211, 100),
    "bad": (255, 123, 114),
}

SMALL, NORMAL, LARGE, TITLE = 21, 24, 29, 34
"""Sizes of letters, in the font's own units; a capital is about half as high in pixels."""
SIDE, FOOT, MARGIN = 340, 104, 16
"""Pixels of the panel at the right, of the strip at the foot, and around things."""
SHARE = 0.9
"""How much of the screen a new window takes at most."""
LEAST = (880, 560)
STAGE = (1000, 840)
"""What the picture is enlarged to at most when the window opens."""
REPEAT_MS = (180, 45)
"""Until a key that stays down acts again, and from then on."""
HIDDEN = ("dummy", "offscreen", "evdev")
"""SDL's drivers that show nothing; SDL takes one by itself where there is no screen."""


def check_screen() -> None:
    """Make sure that a window can be seen.

    Raises:
        ConfigError: There is no screen.
    """
    asked = os.environ.get("SDL_VIDEODRIVER") or os.environ.get("SDL_VIDEO_DRIVER")
    screens = [one for one in ("DISPLAY", "WAYLAND_DISPLAY") if os.environ.get(one)]
    if sys.platform.startswith("linux") and not asked and not screens:
        raise _no_screen("neither DISPLAY nor WAYLAND_DISPLAY is set")
    try:
        pygame.display.init()
    except pygame.error as error:
        raise _no_screen(f"SDL says {str(error)!r}") from None
    driver = pygame.display.get_driver()
    if driver in HIDDEN and driver != asked:
        pygame.display.quit()
        named = " and ".join(f"{one}={os.environ[one]}" for one in screens)
        raise _no_screen(f"nothing answers at {named or 'a screen'}")


def _no_screen(why: str) -> ConfigError:
    return ConfigError(
        f"agent human plays in a window, and there is no screen to open it on: {why}. Run this "
        "in a desktop session or through ssh -X, or let another agent play: agent=greedy"
    )


class Window:
    """A window that stays responsive as long as its events are asked for.

    Args:
        title: What it is called.
        picture: Width and height of the game's picture in pixels.
        scale: Enlarges the picture by a whole factor; None for what fits.

    Raises:
        ConfigError: It cannot be opened.
    """

    def __init__(self, title: str, picture: tuple[int, int], scale: int | None) -> None:
        check_screen()
        self._scale = scale
        try:
            desk = pygame.display.get_desktop_sizes()[0]
            self._surface = pygame.display.set_mode(_size(desk, picture, scale), pygame.RESIZABLE)
        except pygame.error as error:
            raise ConfigError(f"agent human cannot open a window: {error}") from None
        pygame.display.set_caption(title)
        pygame.key.set_repeat(*REPEAT_MS)
        self._face = Face()

    def events(self) -> list[pygame.event.Event]:
        """What has happened since the last call."""
        return pygame.event.get()

    def close(self) -> None:
        """Take the window away."""
        pygame.display.quit()

    def draw(self, scene: Scene) -> None:
        """Show a scene."""
        self._surface = pygame.display.get_surface() or self._surface
        self._surface.fill(PAPER)
        width, height = self._surface.get_size()
        stage = pygame.Rect(0, 0, width - SIDE, height - FOOT)
        if scene.rules is None:
            self._stage(scene, stage)
        else:
            self._page(scene.rules, stage)
        self._panel(scene, pygame.Rect(width - SIDE, 0, SIDE, height))
        self._foot(scene, pygame.Rect(0, height - FOOT, width - SIDE, FOOT))
        pygame.display.flip()

    def _stage(self, scene: Scene, stage: pygame.Rect) -> None:
        if scene.picture is not None:
            enlarged = _enlarged(scene.picture, stage, self._scale)
            self._surface.blit(enlarged, enlarged.get_rect(center=stage.center))
        if scene.banner:
            self._banner(scene.banner, stage)

    def _banner(self, lines: tuple[str, ...], stage: pygame.Rect) -> None:
        """A notice in a box over the picture."""
        inner = min(stage.width - 6 * MARGIN, 480)
        rows = [
            (row, size)
            for number, line in enumerate(lines)
            for size in [NORMAL if number else TITLE]
            for row in self._face.wrapped(line, size, inner)
        ]
        high = sum(self._face.high(size) for _, size in rows)
        wide = max(self._face.wide(row, size) for row, size in rows)
        box = pygame.Rect(0, 0, wide + 4 * MARGIN, high + 2 * MARGIN)
        box.center = stage.center
        pygame.draw.rect(self._surface, PANEL, box, border_radius=10)
        pygame.draw.rect(self._surface, MARK, box, width=2, border_radius=10)
        y = box.top + MARGIN
        for row, size in rows:
            self._write(row, box.centerx - self._face.wide(row, size) // 2, y, size, "ink")
            y += self._face.high(size)

    def _page(self, text: str, stage: pygame.Rect) -> None:
        """The rules, as large as they can be and still fit."""
        width = min(stage.width - 2 * MARGIN, 720)
        for size in (24, 22, 20, 18):
            rows = [
                row for line in text.splitlines() for row in self._face.wrapped(line, size, width)
            ]
            if len(rows) * self._face.high(size) <= stage.height - 2 * MARGIN:
                break
        for number, row in enumerate(rows):
            self._write(row, MARGIN, MARGIN + number * self._face.high(size), size, "ink")

    def _panel(self, scene: Scene, box: pygame.Rect) -> None:
        pygame.draw.rect(self._surface, PANEL, box)
        x, width = box.left + MARGIN, box.width - 2 * MARGIN
        y = self._text(scene.game, "faint", x, MARGIN, width, SMALL)
        y = self._text(f"you are {scene.seat}", "ink", x, y, width, TITLE) + 4
        for number, (name, score) in enumerate(scene.scores):
            tone: Tone = "ink" if number == 0 else "faint"
            shown = f"{score:g}"
            self._write(name, x, y, NORMAL, tone)
            self._write(shown, x + width - self._face.wide(shown, NORMAL), y, NORMAL, tone)
            y += self._face.high(NORMAL)
        y = self._text(*scene.status, x, y + 6, width, LARGE)
        y = self._text(*scene.last, x, y, width, SMALL) + 8
        if scene.hints:
            y = self._hints(scene, x, y, width) + 8
        if scene.choices:
            self._choices(scene, pygame.Rect(x, y, width, box.bottom - MARGIN - y))

    def _hints(self, scene: Scene, x: int, y: int, width: int) -> int:
        column = max(self._face.wide(keys, NORMAL) for keys, _ in scene.hints)
        column = min(column, width // 2) + MARGIN
        for keys, does in scene.hints:
            below = self._text(keys, "ink", x, y, column - MARGIN, NORMAL)
            y = max(below, self._text(does, "faint", x + column, y, width - column, NORMAL))
        return y

    def _choices(self, scene: Scene, box: pygame.Rect) -> None:
        """As many choices as there is room for, in columns, around the chosen one."""
        high = self._face.high(NORMAL)
        rows = box.height // high - 2
        if rows < 1:
            return
        wide = max(self._face.wide(one, NORMAL) for one in scene.choices) + MARGIN
        columns = max(1, box.width // wide)
        wide = box.width // columns
        page = rows * columns
        first = (scene.chosen or 0) // page * page
        shown = scene.choices[first : first + page]
        self._write("you may write", box.left, box.top, SMALL, "faint")
        for number, one in enumerate(shown):
            x, y = box.left + number // rows * wide, box.top + (1 + number % rows) * high
            if scene.chosen == first + number:
                mark = pygame.Rect(x - 5, y - 3, wide - 4, high)
                pygame.draw.rect(self._surface, MARK, mark, border_radius=4)
            self._write(self._face.start(one, NORMAL, wide - 4), x, y, NORMAL, "ink")
        if len(shown) < len(scene.choices):
            more = f"{first + 1} to {first + len(shown)} of {len(scene.choices)}"
            self._write(more, box.left, box.bottom - high + 4, SMALL, "faint")

    def _foot(self, scene: Scene, box: pygame.Rect) -> None:
        """The line to type on, and below it what was wrong, or what can be done."""
        x, y, width = MARGIN, box.top + 6, box.width - 2 * MARGIN
        field = pygame.Rect(x, y, width, 36)
        pygame.draw.rect(self._surface, FIELD, field, border_radius=6)
        if scene.line is None:
            pygame.draw.rect(self._surface, EDGE, field, width=1, border_radius=6)
            self._write(scene.prompt, x + 12, y + 10, NORMAL, "faint")
        else:
            pygame.draw.rect(self._surface, MARK, field, width=2, border_radius=6)
            shown = self._face.end(scene.line, NORMAL, width - 30)
            self._write(shown, x + 12, y + 10, NORMAL, "ink")
            caret = pygame.Rect(x + 14 + self._face.wide(shown, NORMAL), y + 8, 2, 20)
            pygame.draw.rect(self._surface, INKS["ink"], caret)
        said: tuple[str, Tone] = (
            (scene.trouble, "bad") if scene.trouble else (scene.footer, "faint")
        )
        self._text(*said, x, y + 44, width, SMALL, most=3)

    def _text(
        self, text: str, tone: Tone, x: int, y: int, width: int, size: int, most: int = 6
    ) -> int:
        """Write a text that wraps; where the next one may begin."""
        for row in self._face.wrapped(text, size, width)[:most] if text else []:
            self._write(row, x, y, size, tone)
            y += self._face.high(size)
        return y

    def _write(self, text: str, x: int, y: int, size: int, tone: Tone) -> None:
        self._face.write(self._surface, text, (x, y), size, INKS[tone])


def _size(desk: tuple[int, int], picture: tuple[int, int], scale: int | None) -> tuple[int, int]:
    """A new window's size: the enlarged picture and what stands around it."""
    most = [int(SHARE * one) for one in desk]
    room = (min(STAGE[0], most[0] - SIDE), min(STAGE[1], most[1] - FOOT))
    factor = scale or _factor(picture, room)
    wanted = (
        picture[0] * factor + SIDE + 2 * MARGIN,
        picture[1] * factor + FOOT + 2 * MARGIN,
    )
    width, height = (
        min(max(one, least), max(bound, least))
        for one, least, bound in zip(wanted, LEAST, most, strict=True)
    )
    return width, height


def _factor(picture: tuple[int, int], room: tuple[int, int]) -> int:
    """The largest whole factor by which a picture can be enlarged, at least 1."""
    return max(1, min(space // one for one, space in zip(picture, room, strict=True)))


def _enlarged(picture: Picture, stage: pygame.Rect, scale: int | None) -> pygame.Surface:
    """By a whole factor, so that pixels stay even; made smaller only where it must be."""
    pixels = np.ascontiguousarray(picture.rgb())
    surface = pygame.image.frombuffer(pixels.tobytes(), picture.size, "RGB")
    factor = scale or _factor(picture.size, stage.size)
    fits = min(space / one for one, space in zip(picture.size, stage.size, strict=True))
    if factor <= fits:
        return pygame.transform.scale_by(surface, factor)
    return pygame.transform.smoothscale_by(surface, max(fits, 0.05))
