"""The language of actions: buttons, and for how many frames they are held."""

from __future__ import annotations

import re

from lmgame.errors import IllegalAction

LONGEST_HOLD = 60
_RIGHT, _LEFT, _DOWN, _UP, _B, _A = 0x01, 0x02, 0x04, 0x08, 0x40, 0x80
"""Bits of the console's controller."""
_PADS = {"": 0, "right": _RIGHT, "left": _LEFT, "up": _UP, "down": _DOWN}
BUTTONS = {
    "+".join(filter(None, (pad, run, jump))) or "wait": (
        code | (_B if run else 0) | (_A if jump else 0)
    )
    for pad, code in _PADS.items()
    for run in ("", "run")
    for jump in ("", "jump")
}
MENU = {
    f"{name} {frames}": (code, frames)
    for name, code in BUTTONS.items()
    for frames in range(1, LONGEST_HOLD + 1)
}
OFFERED = tuple(
    f"{name} {frames}"
    for name in (
        "wait", "jump", "right", "right+jump", "right+run", "right+run+jump", "left", "left+jump",
        "left+run", "left+run+jump", "run", "up", "down",
    )
    for frames in (5, 10, 20, 30)
)  # fmt: skip
"""The 13 combinations that the original offers."""
DEFAULT = "wait 20"
GRAMMAR = (
    'root ::= buttons " " frames\n'
    f"buttons ::= {' | '.join(f'{chr(34)}{name}{chr(34)}' for name in BUTTONS)}\n"
    'frames ::= [1-9] | [1-5] [0-9] | "60"\n'
)

_JOIN = r"[ \t]{0,2}[+&,][ \t]{0,2}"
_BUTTON = r"(?:right|left|up|down|jump|run|wait)"
_ACTION = re.compile(
    rf"(?<![\w+-])({_BUTTON}(?:{_JOIN}{_BUTTON}){{0,3}})[\s:=(x*]{{1,3}}"
    r"([0-9]{1,4})(?!\w|\.[0-9])\)?",
    re.IGNORECASE | re.ASCII,
)
_HELP = "write buttons and frames, e.g. 'right 20', 'right+run+jump 30', 'wait 10'"


def find(reply: str) -> list[str]:
    """Passages like "right 20", "Jump + right: 12" or "wait (5)", in order."""
    return [match.group() for match in _ACTION.finditer(reply)]


def read(text: str) -> str:
    """The canonical spelling of one written action.

    Raises:
        IllegalAction: It is none.
    """
    if text in MENU:
        return text
    match = _ACTION.fullmatch(text.strip()) if len(text) <= 80 else None
    if match is None:
        shown = text if len(text) <= 40 else text[:40] + "..."
        raise IllegalAction(f"{shown!r} is not an action: {_HELP}")
    names = set(re.findall(_BUTTON, match[1].lower()))
    pads = sorted(names & set(_PADS))
    if len(pads) > 1:
        raise IllegalAction(f"{' and '.join(pads)} cannot be held together: choose one")
    if "wait" in names and len(names) > 1:
        raise IllegalAction("'wait' holds no buttons: leave it or the others out")
    frames = int(match[2])
    if not 1 <= frames <= LONGEST_HOLD:
        raise IllegalAction(f"{frames} frames: buttons are held for 1 to {LONGEST_HOLD} frames")
    return (
        f"{'+'.join([*pads, *(one for one in ('run', 'jump', 'wait') if one in names)])} {frames}"
    )
