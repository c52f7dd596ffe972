"""Builds the messages of a turn from the prompt files and the game's own texts."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from lmgame.client.call import Message
from lmgame.game import Turn, digest


@cache
def template(name: str) -> str:
    """The text of a prompt file in ``agents/llm/prompts/``."""
    return (files("lmgame.agents.llm") / "prompts" / f"{name}.md").read_text(encoding="utf-8")


def version() -> str:
    """A hash of the prompt files (BLAKE2b, 16 hex digits); it goes into the log."""
    return digest((template("system") + "\0" + template("turn")).encode())


def messages(turn: Turn, image: bool) -> tuple[Message, ...]:
    """The conversation for one turn.

    The system message is the same for the whole match, so that a server's
    prefix cache hits; what changes comes last.

    Args:
        turn: What the seat sees.
        image: Show the observation as an image instead of as text.
    """
    feedback = f"Your last answer was not taken: {turn.feedback}\n" if turn.feedback else ""
    seen = "The picture shows what you see." if image else turn.observation.text.rstrip()
    user = template("turn").format(
        observation=seen, choices=", ".join(turn.actions.choices), feedback=feedback
    )
    return (
        Message("system", template("system").format(rules=turn.rules.strip()).strip()),
        Message("user", user.strip(), (turn.observation.png,) if image else ()),
    )
