"""The Retro anchor: plays Airstriker, whose ROM comes with stable-retro, from its picture."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lmgame.game import Turn
from lmgame.picture import Pixels

TITLES = ("Airstriker-Genesis-v0",)
SHIP_TOP, SHIP_BOTTOM, SKY_BOTTOM = 182, 206, 26
"""Rows: the ship's, and the last one of the numbers at the top."""
LEFTMOST, RIGHTMOST = 16, 304
SPEED = 5
"""Pixels that the ship moves in a frame."""
SOON, NOW = 42, 14
"""Rows above the ship in which something is too near to be below it, and to pass it."""
BERTH = 14
"""Half the ship's width and a little more, in pixels."""
AIM = 12
"""Pixels from the middle of a target within which one of the two shots hits it."""


class Thing(NamedTuple):
    """Something that comes down: its middle, half width and lower edge, in pixels."""

    x: float
    half: float
    bottom: int
    target: bool


def best(turn: Turn) -> str:
    """Stay clear of what is near, go below what can be shot, and fire at every other turn.

    B must be let go between two shots.
    """
    pixels = turn.observation.picture.rgb()
    here = ship(pixels)
    if here is None:
        return "wait 10"
    around = things(pixels, here)
    goal = aim(here, around)
    frames = min(round(abs(goal - here) / SPEED), 5)
    fire = turn.number % 2 == 0 and worth_a_shot(here, around)
    if frames == 0:
        return "B 3" if fire else "wait 4"
    return f"{'left' if goal < here else 'right'}{'+B' if fire else ''} {frames}"


def spots(mask: NDArray[np.bool_], least: int) -> list[tuple[slice, slice]]:
    """Rows and columns of the connected spots of so many dots at least, largest first."""
    labels, _ = ndimage.label(mask, np.ones((3, 3)))
    sizes = np.bincount(labels.ravel())[1:]
    places = ndimage.find_objects(labels)
    return [places[number] for number in np.argsort(-sizes) if sizes[number] >= least]


def ship(pixels: Pixels) -> float | None:
    """The ship's middle, or None while there is none."""
    found = spots(pixels[SHIP_TOP:].min(axis=2) > 120, 150)
    return (found[0][1].start + found[0][1].stop - 1) / 2 if found else None


def things(pixels: Pixels, here: float) -> list[Thing]:
    """Red ships, which can be shot, grey rocks, which cannot, and green shots."""
    red, green, blue = (pixels[..., channel].astype(int) for channel in range(3))
    grey = (red > 100) & (abs(red - green) < 20) & (abs(red - blue) < 20)
    masks = (
        ((red > 100) & (green < 60), 60, True),
        (grey, 20, False),
        ((green > 100) & (red < 60), 8, False),
    )
    found = []
    for mask, least, target in masks:
        for rows, columns in spots(mask, least):
            own = rows.start >= SHIP_TOP - 2 and columns.start - 6 < here < columns.stop + 6
            if rows.stop > SKY_BOTTOM and rows.start < SHIP_BOTTOM and not own:
                half = (columns.stop - columns.start) / 2
                found.append(Thing(columns.start + half, half, rows.stop, target))
    return found


def worth_a_shot(here: float, around: list[Thing]) -> bool:
    """Whether there is a target, and no rock above: what hits a rock stops the gun for long."""
    rocks = any(not one.target and one.half > 4 and abs(one.x - here) < 20 for one in around)
    return not rocks and any(one.target for one in around)


def aim(here: float, around: list[Thing]) -> float:
    """Where to go: the best place, and the nearest of several such."""
    places: list[float] = [here, *range(LEFTMOST, RIGHTMOST, SPEED)]
    return min(places, key=lambda place: cost(place, here, around))


def cost(place: float, here: float, around: list[Thing]) -> float:
    """How bad a place is: dangers there and on the way, its distance, nothing to shoot at."""
    low, high = min(place, here), max(place, here)
    total, shoots = abs(place - here) / 4, False
    for thing in around:
        room = thing.half + BERTH
        above = SHIP_TOP - thing.bottom
        if above < SOON and abs(thing.x - place) < room:
            total += 1000 - above
        if above < NOW and low - room < thing.x < high + room:
            total += 500
        if thing.target and above > SOON and abs(thing.x - place) < AIM:
            shoots = True
    return total + (0 if shoots else 100)
