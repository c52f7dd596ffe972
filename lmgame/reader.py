"""Turns a reply into a decision: the one reader for every game and agent.

The last unambiguous answer counts. An answer is unambiguous when it is marked
(``action: place 3 1``), or when the whole reply names one legal action only;
two different legal actions without a mark are ambiguous and never guessed at.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from lmgame.agent import ReadingOutcome
from lmgame.errors import IllegalAction
from lmgame.game import Turn

MARK = re.compile(
    r"^[\s>*_#`\"'-]{0,8}(?:final )?(?:action|move|answer)[*_`\"']{0,3}\s?[:=](.*)$", re.I
)
THINKING = re.compile(r"<think(?:ing)?>.*?(?:</think(?:ing)?>|\Z)", re.I | re.S)
LONGEST = 200
"""Characters of a refused passage that a reason quotes."""


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
    cut = finish == "length"
    answer = THINKING.sub("", reply).strip()
    if not answer:
        return _nothing(cut, "empty", "the reply was empty")
    whole = _legal(answer, turn)
    if whole.outcome == "ok":
        return whole
    marked = [mark[1] for line in answer.splitlines() if (mark := MARK.match(line))]
    for passage in (*marked[-1:], answer):
        found = turn.find(passage)
        if found:
            return _decide(found, turn)
    return _nothing(cut, "unparsable", f"no action was found in {answer[:LONGEST]!r}")


def _nothing(cut: bool, outcome: ReadingOutcome, reason: str) -> Reading:
    if cut:
        return Reading("truncated", None, "the reply was cut off before an action: answer shorter")
    return Reading(outcome, None, reason)


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
