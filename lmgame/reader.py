"""Turns a reply into a decision: the one reader for every game and agent.

The last unambiguous answer counts. Whoever marks an answer (``action: place 3
1``, a JSON object with an ``action``, a tag, a box, a block or a last line of its
own; see :mod:`lmgame.mark`) means the last one marked. Without a mark a reply
counts when it names one legal action only; two different ones are ambiguous and
never guessed at. What a model thinks aloud before it answers does not count.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from lmgame.agent import ReadingOutcome
from lmgame.errors import IllegalAction
from lmgame.game import Turn
from lmgame.mark import Mark, answers, bare_lines, without_thinking

AFTER = re.compile(
    r"[\"'`*_)\]]{0,4}\s{0,3}(?:$|[.;!\n—–]|\((?!or\b)|-\s"
    r"|,?\s?(?:because|since|as|so|to|for|which|reason|rather|instead|over|that)\b)",
    re.IGNORECASE,
)
"""What may follow an answer that has reasons after it."""
LOOSE = " \t\r\n*_`\"'#>([:="
LONGEST = 200
"""Characters of a refused passage that a reason quotes."""
MOST = 200_000
"""Characters of a reply that are read; of a longer one, the end."""


class Reading(NamedTuple):
    """How a reply was read.

    Attributes:
        outcome: See ReadingOutcome.
        action: The canonical action when ``ok``, else None.
        reason: Why it is not ``ok``, as feedback for whoever wrote it.
    """

    outcome: ReadingOutcome
    action: str | None = None
    reason: str = ""


def read(reply: str, turn: Turn, finish: str | None = None) -> Reading:
    """Read a reply.

    Args:
        reply: The answer's text; any text at all.
        turn: What was asked.
        finish: The server's finish reason; ``"length"`` means cut off.

    Returns:
        The reading; an ``ok`` one holds an action that is legal in ``turn``.
    """
    answer = without_thinking(reply[-MOST:]).strip()
    given = _given(answer, turn) if answer else None
    if given is not None:
        return given
    found = turn.find(answer)
    reading = _decide(found, turn) if found else _nothing(answer)
    # Whoever is cut off without an answer, or among several candidates, has none yet.
    if finish == "length" and reading.outcome in ("empty", "unparsable", "ambiguous"):
        return Reading("truncated", None, "the reply was cut off before an action: answer shorter")
    return reading


def _given(answer: str, turn: Turn) -> Reading | None:
    """The answer that the writer gave as one, or None."""
    whole = _legal(answer, turn)
    if whole.outcome == "ok":
        return whole
    alone = _alone(answer, turn)
    if alone is not None:
        return alone
    for mark in reversed(answers(answer)):
        reading = _marked(mark, turn)
        if reading is not None:
            return reading
    return None


def _nothing(answer: str) -> Reading:
    if not answer:
        return Reading("empty", None, "the reply was empty")
    return Reading("unparsable", None, f"no action was found in {answer[:LONGEST]!r}")


def _alone(answer: str, turn: Turn) -> Reading | None:
    """The last line, if it is nothing but a legal action and not the end of a list."""
    *before, last = bare_lines(answer)
    reading = _legal(last, turn)
    if reading.outcome != "ok" or (before and _legal(before[-1], turn).outcome == "ok"):
        return None
    return reading


def _marked(mark: Mark, turn: Turn) -> Reading | None:
    """How a marked passage reads, or None where it holds nothing like an action."""
    bare = _legal(mark.text, turn)
    if bare.outcome == "ok":
        return bare
    found = turn.find(mark.text)
    if not found:
        return None
    start = mark.text.find(found[0])
    if AFTER.match(mark.text[start + len(found[0]) :]) and not mark.text[:start].strip(LOOSE):
        return _legal(found[0], turn)  # what follows says why
    return None if mark.strict else _decide(found, turn)


def _decide(found: list[str], turn: Turn) -> Reading:
    readings = [_legal(one, turn) for one in dict.fromkeys(found)]
    legal = {one.action for one in readings if one.outcome == "ok"}
    if len(legal) == 1:
        return Reading("ok", legal.pop())
    if legal:
        named = ", ".join(sorted(action for action in legal if action))[:LONGEST]
        return Reading("ambiguous", None, f"the reply names several actions: {named}; write one")
    return readings[-1]


def _legal(text: str, turn: Turn) -> Reading:
    try:
        return Reading("ok", turn.canonical(text))
    except IllegalAction as error:
        return Reading("illegal", None, str(error))
