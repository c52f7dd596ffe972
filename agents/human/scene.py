"""What the window shows at a moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lmgame.picture import Picture

Tone = Literal["ink", "faint", "good", "bad"]


@dataclass(frozen=True, slots=True)
class Scene:
    """The picture the seat sees, and everything that stands around it.

    Attributes:
        picture: The game's picture, or None before the first turn.
        game: The game's id.
        seat: The seat's name.
        scores: Each seat's name and score, the player's own first.
        status: Whose turn it is, and how to say it.
        last: What became of the last decision, and how to say it.
        hints: Keys and what they do.
        choices: Legal actions that go with what is typed.
        chosen: Which of them the arrow keys have reached.
        line: What is typed, or None while keys act directly.
        prompt: What stands in the line's place then.
        trouble: Why what was typed or pressed was not taken.
        footer: The keys that mean the same in every game.
        rules: The game's rules where the player asked for them.
        banner: A notice over the picture, line by line; the first is the title.
    """

    picture: Picture | None
    game: str
    seat: str
    scores: tuple[tuple[str, float], ...]
    status: tuple[str, Tone]
    last: tuple[str, Tone]
    hints: tuple[tuple[str, str], ...]
    choices: tuple[str, ...]
    chosen: int | None
    line: str | None
    prompt: str
    trouble: str
    footer: str
    rules: str | None
    banner: tuple[str, ...]
