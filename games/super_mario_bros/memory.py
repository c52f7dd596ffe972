"""Reads the console's memory: what is on the screen, and how the game stands.

Addresses are those of the well-known map of this game's 2 KiB of memory (the
names in the comments are that map's). Sprites are read where the game lays them
out for the picture, so that what is told is what is drawn.
"""

from __future__ import annotations

from dataclasses import dataclass

from .text import ROWS, TILE, Thing, View

SIZE = 0x800
SHELF = 32
"""Pixels above the grid: the status bar's."""
PLAYING, CONTROLLED = 1, 8
_SPRITES, _BLANK, _HIDDEN = 0x200, 0xFC, 0xEF
_POINTS = {*range(0xF6, 0xFC), 0xFD}
_BEHIND = 0x20
"""The bit of a sprite that is drawn behind the tiles."""
_SLOTS = 6
_GROUND, _RISING, _FALLING, _CLIMBING = range(4)
_RUNNING = 0x20
"""Speed from which on the player is said to run, in sixteenths: beyond any walk."""


def _letters() -> bytes:
    """The letter for each of the 256 tile codes."""
    table = bytearray(b"." * 256)
    for letter, codes in {
        "|": (*range(0x10, 0x16), *range(0x1C, 0x22), 0x6B, 0x6C),
        "#": (*range(0x16, 0x1C), 0x54, 0x61, 0x62, 0x63, 0x69, 0x6A, 0x88, 0x89, 0xC4),
        "F": (0x24, 0x25),
        "H": (0x26,),
        # What is in a brick is not seen; 0x5F and 0x60 are not seen at all.
        "B": (*range(0x51, 0x54), *range(0x55, 0x5F)),
        "C": (0x64, 0x65, 0x66),
        "?": (0xC0, 0xC1),
        "o": (0xC2, 0xC3),
        "A": (0xC5,),
    }.items():
        for code in codes:
            table[code] = ord(letter)
    return bytes(table)


_LETTERS = _letters()
_SOLID = "#B?|C"

_KINDS = {
    0x00: "turtle", 0x02: "beetle", 0x03: "red turtle", 0x04: "turtle", 0x05: "hammer thrower",
    0x06: "walker", 0x07: "squid", 0x08: "bullet", 0x0A: "fish", 0x0B: "fish", 0x0C: "lava ball",
    0x0D: "plant", 0x0E: "winged turtle", 0x0F: "winged red turtle", 0x10: "winged turtle",
    0x11: "cloud rider", 0x12: "spiked", 0x14: "flying fish", 0x15: "flame", 0x2D: "boss",
    0x32: "spring", 0x33: "bullet",
}  # fmt: skip
_SHELLED = {0x00, 0x02, 0x03, 0x04}
_WALKER, _SPIKED, _EGG_STATE, _BOSS, _POWER = 0x06, 0x12, 5, 0x2D, 0x2E
_LIFTS = range(0x24, 0x2D)
_FIREBARS = range(0x1B, 0x20)
_POWERS = ("mushroom", "flower", "star", "life mushroom")
_MOVING = {
    "walker", "turtle", "red turtle", "winged turtle", "beetle", "spiked", "fish", "flying fish",
    "bullet", "mushroom", "life mushroom", "star",
}  # fmt: skip
_DEFEATED, _COPY = 0x20, 0x80


@dataclass(frozen=True, slots=True)
class Sprite:
    """One 8 by 8 sprite, in pixels of the picture."""

    x: int
    y: int
    tile: int
    behind: bool


def playing(memory: bytes) -> bool:
    """Whether the player can do something: a level is on, and no scene is being played."""
    return (
        memory[0x770] == PLAYING  # OperMode
        and memory[0x772] == 3  # OperMode_Task: the level itself
        and memory[0x0E] == CONTROLLED  # GameEngineSubroutine
        and memory[0xB5] < 2  # Player_Y_HighPos: not below the screen
    )


def camera(memory: bytes) -> int:
    """How far the screen has scrolled in this area, in pixels (ScreenLeft)."""
    return memory[0x71A] * 256 + memory[0x71C]


def number(memory: bytes, start: int, digits: int) -> int:
    """A number of the status bar, one digit a byte."""
    value = 0
    for digit in memory[start : start + digits]:
        value = 10 * value + digit % 10
    return value


def look(memory: bytes) -> View:
    """What is on the screen."""
    rows = tiles(memory)
    edge = camera(memory) % TILE
    across, down = _signed(memory[0x57]), _signed(memory[0x9F])
    x = memory[0x6D] * 256 + memory[0x86] - camera(memory) + edge
    y = (memory[0xB5] - 1) * 256 + memory[0xCE] - SHELF
    low = memory[0x754] == 1 or memory[0x714] != 0  # PlayerSize, CrouchingFlag
    return View(
        memory[0x75F] + 1, memory[0x75C] + 1,
        number(memory, 0x7F8, 3), number(memory, 0x7ED, 2), 10 * number(memory, 0x7DD, 6),
        (memory[0x75A] + 1) % 256, x, y + 16 * low,
        ("small", "big", "fire")[min(memory[0x756], 2)],
        _pose(memory, across, down),
        "left" if memory[0x33] == 2 else "right",
        "unbeatable" if memory[0x79F] else "blinking" if memory[0x79E] else "",
        (across, down), _things(memory, rows, edge), _warps(memory), rows,
    )  # fmt: skip


def tiles(memory: bytes) -> tuple[str, ...]:
    """The letters of the columns that are on the screen, wholly or in part."""
    left = camera(memory)
    columns = range(left // TILE, (left + 255) // TILE + 1)
    rows = []
    for row in range(ROWS):
        # Two pages of 13 rows of 16 tiles; columns further ahead are stale.
        codes = [
            memory[0x500 + (column >> 4 & 1) * 208 + row * 16 + (column & 15)] for column in columns
        ]
        rows.append(bytes(codes).translate(_LETTERS).decode())
    return tuple(rows)


def sprites(memory: bytes, start: int, count: int) -> list[Sprite]:
    """Those of a run of sprites that are on the screen."""
    found = []
    for place in range(min(count, (256 - start) // 4)):
        at = _SPRITES + start + 4 * place
        y, tile, look, x = memory[at : at + 4]
        # Points that float up, two sprites, borrow the place of what gave them.
        points = tile in _POINTS or (place % 2 and memory[at - 3] in _POINTS)
        if y < _HIDDEN and tile != _BLANK and not points:
            found.append(Sprite(x, y, tile, bool(look & _BEHIND)))
    return found


def _signed(byte: int) -> int:
    return byte - 256 if byte > 127 else byte


def _pose(memory: bytes, across: int, down: int) -> str:
    state = memory[0x1D]
    if state == _CLIMBING:
        return "climbing"
    if state != _GROUND:
        if memory[0x704]:  # SwimmingFlag
            return "swimming"
        return "rising" if down < 0 else "falling"
    if memory[0x714]:
        return "crouching"
    return "running" if abs(across) >= _RUNNING else "walking" if across else "standing"


def _warps(memory: bytes) -> tuple[int, ...]:
    return {4: (4, 3, 2), 5: (5,), 6: (8, 7, 6)}.get(memory[0x6D6], ())


def _things(memory: bytes, rows: tuple[str, ...], edge: int) -> tuple[Thing, ...]:
    found: list[Thing] = []
    for slot in range(_SLOTS):
        one = _in_slot(memory, slot, rows, edge)
        if one is not None:
            found.append(one)
    return tuple(found + _thrown(memory, edge))


def _in_slot(memory: bytes, slot: int, rows: tuple[str, ...], edge: int) -> Thing | None:
    """What is seen of one of the game's slots for enemies, lifts and power-ups."""
    flag = memory[0x0F + slot]  # Enemy_Flag
    if not flag or flag & _COPY:
        return None
    code, state = memory[0x16 + slot], memory[0x1E + slot]  # Enemy_ID, Enemy_State
    if code in _FIREBARS:
        return _firebar(memory, slot, edge)
    drawn = [
        one
        for one in _drawn(memory, slot)
        if not (one.behind and _covered(rows, one.x + 4 + edge, one.y + 4 - SHELF))
    ]
    kind = _kind(memory, code, state)
    # A lift on a rope keeps the number of the other one where enemies keep their state.
    if kind is None or not drawn or (kind != "lift" and state & _DEFEATED):
        return None
    left, top = min(one.x for one in drawn), min(one.y for one in drawn)
    wide = max(one.x for one in drawn) + 8 - left if kind == "lift" else 0
    way = ("", "right", "left")[memory[0x46 + slot] % 3]  # Enemy_MovingDir
    moves = kind in _MOVING or (kind == "shell" and state & 0x80)
    return Thing(kind, left + edge, top - SHELF, way if moves else "", wide)


def _drawn(memory: bytes, slot: int) -> list[Sprite]:
    """The sprites of a slot; what is too large for one has a second that names the first."""
    found = sprites(memory, memory[0x6E5 + slot], 6)  # Enemy_SprDataOffset
    for other in range(_SLOTS):
        if memory[0x0F + other] == _COPY | slot:
            found += sprites(memory, memory[0x6E5 + other], 6)
    return found


def _kind(memory: bytes, code: int, state: int) -> str | None:
    if code in _LIFTS:
        return "lift"
    if code == _POWER:
        return _POWERS[memory[0x39] % 4]
    if code in _SHELLED and (state & 0x80 or state & 0x1F >= 2):
        return "shell"
    if code == _SPIKED and state == _EGG_STATE:
        return "spiked egg"
    return _KINDS.get(code)


def _covered(rows: tuple[str, ...], x: int, y: int) -> bool:
    """Whether a solid tile is drawn over a point of the grid."""
    row, column = y // TILE, x // TILE
    return 0 <= row < ROWS and 0 <= column < len(rows[0]) and rows[row][column] in _SOLID


def _firebar(memory: bytes, slot: int, edge: int) -> Thing | None:
    """A bar of balls, from the first to the last that is on the screen."""
    balls = _drawn(memory, slot)
    if not balls:
        return None
    first, last = ((one.x + 4 + edge, one.y + 4 - SHELF) for one in (balls[0], balls[-1]))
    way = "counterclockwise" if memory[0x34 + slot] else "clockwise"  # FirebarSpinDirection
    return Thing("firebar", *first, way, 0, last)


def _thrown(memory: bytes, edge: int) -> list[Thing]:
    """The player's fireballs and the enemies' hammers."""
    # Fireball_State; Misc_State, whose highest bit tells hammers from coins.
    flying = [
        *(("fireball", 0x6F1 + one, 1) for one in range(2) if memory[0x24 + one]),
        *(
            ("hammer", 0x6F3 + one, 2) for one in range(9) if memory[0x2A + one] & 0x80
        ),  # Misc_State
    ]
    found = []
    for kind, offset, count in flying:
        drawn = sprites(memory, memory[offset], count)
        if drawn:
            left, top = min(one.x for one in drawn), min(one.y for one in drawn)
            found.append(Thing(kind, left + edge, top - SHELF))
    return found
