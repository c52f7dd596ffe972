"""Builds messages from the prompt files, the game's own texts and the memory.

The system message never changes in a match, and what is remembered comes next, as
the conversation it was: so that the prompt of a turn begins with most of the one
before, and a server's prefix cache hits. What is only true now comes last.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path

from lmgame.agent import ReadingOutcome
from lmgame.client.call import Message
from lmgame.errors import ConfigError
from lmgame.game import Turn, digest

from .memory import Entry

PLACES: dict[str, frozenset[str]] = {
    "system": frozenset({"rules"}),
    "seen": frozenset({"note", "observation"}),
    "ask": frozenset({"advice", "choices", "feedback"}),
    "describe": frozenset(),
    "reflect": frozenset({"lesson"}),
    "plan": frozenset({"plan"}),
}
"""The prompt files, and the placeholders that each may hold."""

PICTURE = "The picture shows what you see."
_PLACE = re.compile(r"\{([^{}\s]*)\}")


class Prompts:
    """The texts that a player's messages are made of.

    Args:
        folder: Files that replace ours of the same name, or None.

    Raises:
        ConfigError: No such folder or file, or a placeholder nothing is put into.
    """

    def __init__(self, folder: str | None = None) -> None:
        self._texts = {name: _builtin(name) for name in PLACES}
        if folder is not None:
            self._texts |= _own(Path(folder))
        self._system: tuple[str, Message] | None = None

    @property
    def version(self) -> str:
        """A hash of all texts (BLAKE2b, 16 hex digits)."""
        return digest("\0".join(self._texts[name] for name in PLACES).encode())

    def system(self, turn: Turn) -> Message:
        """Who the model is and what the rules are."""
        if self._system is None or self._system[0] is not turn.rules:
            told = Message("system", self._fill("system", rules=turn.rules.strip()))
            self._system = (turn.rules, told)
        return self._system[1]

    def history(self, held: Sequence[Entry]) -> list[Message]:
        """What is remembered, as a conversation."""
        found: list[Message] = []
        note = ""
        for entry in held:
            seen = self._fill("seen", note=note, observation=entry.seen)
            found += [Message("user", seen), Message("assistant", entry.action)]
            note = note_of(entry)
        return found

    def now(
        self, held: Sequence[Entry], seen: str, end: str, images: tuple[bytes, ...] = ()
    ) -> Message:
        """What is seen now, and what is wanted.

        Args:
            held: What is remembered; the note on the last decision is taken from it.
            seen: What is seen, in words.
            end: What is wanted.
            images: What is seen, as PNG files.
        """
        note = note_of(held[-1]) if held else ""
        seen = self._fill("seen", note=note, observation=seen)
        return Message("user", f"{seen}\n\n{end}", images)

    def ask(self, turn: Turn, advice: str) -> str:
        """Asks for an action; ``advice`` is what the player has been told by itself."""
        feedback = f"Your last answer was not taken: {turn.feedback}\n" if turn.feedback else ""
        choices = ", ".join(turn.actions.choices)
        return self._fill("ask", choices=choices, feedback=feedback, advice=advice)

    def reflect(self, lesson: str) -> str:
        """Asks for a lesson."""
        return self._fill("reflect", lesson=lesson or "nothing yet")

    def plan(self, plan: str) -> str:
        """Asks for a plan."""
        return self._fill("plan", plan=plan or "none yet")

    def describe(self) -> str:
        """Asks for a description of the picture."""
        return self._fill("describe")

    def _fill(self, name: str, **values: str) -> str:
        return _PLACE.sub(lambda found: values[found[1]], self._texts[name]).strip()


def note_of(entry: Entry) -> str:
    """What a player is told of a decision that went wrong, or nothing."""
    if entry.outcome == "ok":
        return ""
    return f"Your answer was {_WRONG[entry.outcome]}, so `{entry.action}` was played instead.\n"


_WRONG: dict[ReadingOutcome, str] = {
    "empty": "empty",
    "truncated": "cut off",
    "unparsable": "no action",
    "ambiguous": "more than one action",
    "illegal": "not allowed",
    "late": "too late",
    "failed": "not received",
}


@cache
def _builtin(name: str) -> str:
    return (files("lmgame.agents.llm") / "prompts" / f"{name}.md").read_text(encoding="utf-8")


def _own(folder: Path) -> dict[str, str]:
    if not folder.is_dir():
        raise ConfigError(f"agent.prompts={folder}: there is no such folder")
    found = {path.stem: path for path in sorted(folder.glob("*.md"))}
    for name in found.keys() - PLACES.keys():
        raise ConfigError(f"{found[name]}: unknown prompt; they are {', '.join(PLACES)}")
    if not found:
        raise ConfigError(f"agent.prompts={folder}: holds none of {', '.join(PLACES)} (.md)")
    texts = {}
    for name, path in found.items():
        texts[name] = path.read_text(encoding="utf-8")
        for place in _PLACE.findall(texts[name]):
            if place not in PLACES[name]:
                known = ", ".join(f"{{{one}}}" for one in sorted(PLACES[name])) or "none"
                raise ConfigError(f"{path}: unknown placeholder {{{place}}}; known here: {known}")
    return texts
