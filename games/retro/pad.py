"""A console's buttons, and the language in which they are held."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import product

from lmgame.errors import ConfigError, IllegalAction
from lmgame.game import Actions

LONGEST_HOLD = 60
PACE = 20
WAIT = "wait"
_DEFAULT = f"{WAIT} {PACE}"
_OFFERED_FRAMES = (5, PACE)
_DIRECTIONS = ("up", "down", "left", "right")
_OPPOSITES = (("up", "down"), ("left", "right"))
_LONGEST_TEXT = 120
_JOIN = r"[ \t]{0,2}[+&,][ \t]{0,2}"


class Pad:
    """The buttons of one console.

    Directions are written in small letters, other buttons as on the console:
    ``right+B 20``.

    Args:
        buttons: Their names in stable-retro's order; None where there is none.
        groups: What may be held together: one entry of each group at a time.

    Attributes:
        names: What may be pressed at all, directions first.
        actions: What a player may write.

    Raises:
        ConfigError: The groups name a button that the console does not have.
    """

    def __init__(
        self, buttons: Sequence[str | None], groups: Sequence[Sequence[Sequence[str]]]
    ) -> None:
        bits = {_spelt(name): 1 << number for number, name in enumerate(buttons) if name}
        used = {_spelt(name) for group in groups for entry in group for name in entry}
        if not used <= bits.keys():
            raise ConfigError(
                f"the scenario's actions name {min(used - bits.keys())!r}; "
                f"this console has {', '.join(bits)}"
            )
        others = [name for name in bits if name not in _DIRECTIONS]
        self.names = tuple(name for name in (*_DIRECTIONS, *others) if name in used)
        self._bits = bits
        self._spellings: dict[frozenset[str], str] = {frozenset(): WAIT}
        for choice in product(*groups):
            held = frozenset(_spelt(name) for entry in choice for name in entry)
            self._spellings[held] = self._join(held) or WAIT
        words = sorted(map(re.escape, (*self.names, WAIT)), key=len, reverse=True)
        name = f"(?:{'|'.join(words)})"
        self._action = re.compile(
            rf"(?<![\w+-])({name}(?:{_JOIN}{name}){{0,7}})[\s:=(*]{{1,3}}([0-9]{{1,4}})"
            r"(?!\w|\.[0-9])\)?",
            re.IGNORECASE | re.ASCII,
        )
        self.actions = self._actions()

    def _join(self, held: frozenset[str]) -> str:
        return "+".join(name for name in self.names if name in held)

    def _actions(self) -> Actions:
        """One direction and one other button at most are offered; all that is legal is told."""
        directions = [[], *([name] for name in self.names if name in _DIRECTIONS)]
        others = [[], *([name] for name in self.names if name not in _DIRECTIONS)]
        offered = [frozenset([*one, *other]) for one in directions for other in others]
        choices = [
            f"{self._spellings[held]} {frames}"
            for held in offered
            if held in self._spellings
            for frames in _OFFERED_FRAMES
        ]
        quoted = " | ".join(f'"{text}"' for text in self._spellings.values())
        grammar = (
            f'root ::= buttons " " frames\nbuttons ::= {quoted}\n'
            'frames ::= [1-9] | [1-5] [0-9] | "60"\n'
        )
        return Actions(tuple(choices), _DEFAULT, False, grammar)

    def find(self, reply: str) -> list[str]:
        """Passages like "right 20", "B + Right: 12" or "wait (5)", in order."""
        return [match.group() for match in self._action.finditer(reply)]

    def read(self, text: str) -> tuple[str, int, int]:
        """What an action does.

        Returns:
            Its canonical spelling, the buttons (bit n is the console's button
            n), and for how many frames they are held.

        Raises:
            IllegalAction: It is none, or these buttons cannot be held so.
        """
        match = self._action.fullmatch(text.strip()) if len(text) <= _LONGEST_TEXT else None
        if match is None:
            shown = text if len(text) <= 40 else text[:40] + "..."
            raise IllegalAction(
                f"{shown!r} is not an action: write buttons and frames, e.g. "
                f"'{self.names[0]} 20' or 'wait 10'; buttons: {', '.join(self.names)}"
            )
        words = [word.strip().lower() for word in re.split("[+&,]", match[1])]
        held = frozenset(name for name in self.names if name.lower() in words)
        frames = int(match[2])
        if not 1 <= frames <= LONGEST_HOLD:
            raise IllegalAction(f"{frames} frames: buttons are held for 1 to {LONGEST_HOLD} frames")
        if WAIT in words and held:
            raise IllegalAction("'wait' holds no buttons: leave it or the others out")
        if held not in self._spellings:
            raise IllegalAction(self._why_not(held))
        code = sum(self._bits[name] for name in held)
        return f"{self._spellings[held]} {frames}", code, frames

    def _why_not(self, held: frozenset[str]) -> str:
        for one, other in _OPPOSITES:
            if {one, other} <= held:
                return f"{one} and {other} cannot be held together: hold one of them"
        return f"{self._join(held)} cannot be held together in this game: hold fewer buttons"

    @property
    def codes(self) -> frozenset[int]:
        """Every set of buttons that may be held, as :meth:`read` gives it."""
        return frozenset(sum(self._bits[name] for name in held) for held in self._spellings)


def _spelt(name: str) -> str:
    return name.lower() if name.lower() in _DIRECTIONS else name
