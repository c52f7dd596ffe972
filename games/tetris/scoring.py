"""What a lock is worth, and how fast pieces fall: the guideline's tables."""

from __future__ import annotations

NO_SPIN, MINI_SPIN, FULL_SPIN = 0, 1, 2

# https://tetris.wiki/Scoring, "Recent guideline compatible games": points by
# lines cleared, to be multiplied by the level.
POINTS = (
    (0, 100, 300, 500, 800),
    (100, 200, 400, 400, 400),  # mini T-spin; no more than 2 lines are possible
    (400, 800, 1200, 1600, 1600),  # T-spin; no more than 3 lines are possible
)
PERFECT_CLEAR = (0, 800, 1200, 1800, 2000)
PERFECT_CLEAR_B2B_TETRIS = 3200
COMBO_POINTS = 50
SOFT_DROP_POINTS, HARD_DROP_POINTS = 1, 2

# https://harddrop.com/wiki/Garbage, "Tetris Guideline" versus play: rows sent by
# lines cleared; a perfect clear comes on top.
ATTACK = (
    (0, 0, 1, 2, 4),
    (0, 0, 1, 1, 1),
    (0, 2, 4, 6, 6),
)
BACK_TO_BACK_ATTACK = 1
PERFECT_CLEAR_ATTACK = 10
# https://harddrop.com/wiki/Combo, column "TOJ" (Tetris Online Japan): rows added
# by the combo count, which is 0 at the first clear; 11 and more: 5.
COMBO_ATTACK = (0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 4, 5)
RISE_LIMIT = 8
"""Most rows of garbage that rise at one lock; the rest waits for the next."""

HZ = 60
LOCK_TICKS = 30  # half a second, https://tetris.wiki/Lock_delay
LOCK_RESETS = 15  # "extended placement", the guideline's default
LINES_PER_LEVEL, TOP_LEVEL = 10, 20

ROW_SHIFT = 20
ROW = 1 << ROW_SHIFT
"""One row in the units of ``GRAVITY``."""
# Rows a tick in fixed point. The guideline's (0.8 - (level-1) * 0.007)^(level-1)
# seconds a row (https://tetris.wiki/Marathon), as round(ROW / (HZ * seconds)),
# written out because float powers may differ between platforms. Index: level - 1.
GRAVITY = (
    17476, 22038, 28288, 36969, 49202,
    66702, 92137, 129709, 186151, 272421,
    406649, 619338, 962703, 1527734, 2475877,
    4098988, 6934795, 11993550, 21211458, 38375833,
)  # fmt: skip


def points(lines: int, spin: int, level: int, back_to_back: bool, combo: int, empty: bool) -> int:
    """Points for a lock.

    Args:
        lines: Lines cleared, 0 to 4.
        spin: ``NO_SPIN``, ``MINI_SPIN`` or ``FULL_SPIN``.
        level: The level before the lines count.
        back_to_back: Whether this clear and the last were both difficult.
        combo: Clears in a row before this one; negative when nothing cleared.
        empty: Whether the playfield is empty now.
    """
    value = POINTS[spin][lines]
    if back_to_back:
        value += value // 2
    if combo > 0:
        value += COMBO_POINTS * combo
    if empty:
        tetris = back_to_back and lines == 4
        value += PERFECT_CLEAR_B2B_TETRIS if tetris else PERFECT_CLEAR[lines]
    return value * level


def attack(lines: int, spin: int, back_to_back: bool, combo: int, empty: bool) -> int:
    """Rows of garbage that a lock sends; arguments as for :func:`points`."""
    if not lines:
        return 0
    rows = ATTACK[spin][lines] + COMBO_ATTACK[min(combo, len(COMBO_ATTACK) - 1)]
    if back_to_back:
        rows += BACK_TO_BACK_ATTACK
    if empty:
        rows += PERFECT_CLEAR_ATTACK
    return rows
