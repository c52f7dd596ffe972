"""The courtroom anchor: presses everything, then presents what is about the same things.

It knows no language and no case: it weighs the words that a statement and a piece
of evidence share by how rare they are in what it sees, and prefers pairs whose
numbers differ.
"""

from __future__ import annotations

import re
from collections import Counter
from math import log

from lmgame.game import Turn
from lmgame.games.courtroom import Snapshot, parse_text

_WORD = re.compile(r"[a-z]+|[0-9][0-9:]*")
_TEXT = """
    a about after all and any anybody are as at be been before but by can did do else for from
    had has have he her here him his how i in into is it its me more my never no nobody not
    nothing of off on one only or other our out she so some than that the their them then there
    they this to too until up was we went were what when where which who whom whose will with
    would you your
"""
_COMMON = frozenset(_TEXT.split())
SAME, DIFFER = -0.5, 1.0
"""What a number that both name is worth, and numbers that differ."""


def best(turn: Turn) -> str:
    """The first statement that can be pressed, or the likeliest pair not refused yet."""
    for action in turn.actions.choices:
        if action.startswith("press"):
            return action
    worth = pairs(parse_text(turn.observation.text))
    offered = [action for action in turn.actions.choices if action in worth]
    return max(offered, key=lambda action: worth[action])


def pairs(seen: Snapshot) -> dict[str, float]:
    """How likely each piece of evidence is to contradict each statement, in no unit."""
    record = [_words(f"{one.name} {one.text}") for one in seen.record]
    said = [_words(one.text) for one in seen.statements]
    agreed = [_words(one) for one in seen.agreed]
    texts = [*record, *said, *agreed]
    found = Counter(word for words in texts for word in words)
    worth = {}
    for evidence, shown in enumerate(record, 1):
        for statement, claimed in enumerate(said, 1):
            shared = sum(log(len(texts) / found[word]) for word in shown & claimed)
            numbers, others = _numbers(claimed), _numbers(shown)
            shared += SAME * len(numbers & others)
            if numbers and others and not numbers & others:
                shared += DIFFER
            worth[f"present E{evidence} at {statement}"] = shared
    return worth


def _words(text: str) -> frozenset[str]:
    """The words that mean something, cut to what is likely their stem."""
    return frozenset(word[:5] for word in _WORD.findall(text.lower()) if word not in _COMMON)


def _numbers(words: frozenset[str]) -> frozenset[str]:
    return frozenset(word for word in words if word[0].isdigit())
