"""Sessions of calls: made up in the shape of a game's, from a seed.

All sessions share a rule text; each turn adds an observation and the reply before it,
so that a prompt begins with the whole one before. The replies in a history are part of
the plan, not what the server said: the same seed sends the same bytes to every server.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from lmgame.bench import think
from lmgame.bench.settings import LoadSettings
from lmgame.client.call import Message

_TEXT = (
    "the of and to in a is that for it as was with be by on not he this are or his from at "
    "which but have an had they you were their one all we can her has there been if more when "
    "will would who so no out up into do any my now such like our over man me even most made "
    "after also did many before must through back years where much your way well down should "
    "because each just those people how too little state good very make world still own see men "
    "work long get here between both life being under never day same another know while last "
    "might us great old year off come since against go came right used take three"
)
WORDS = tuple(_TEXT.split())
"""Short English words, each of which nearly every tokenizer knows as one token."""
_REPLY_TOKENS = 5
"""A reply in a history is a move; the one that is asked for may be longer."""


@dataclass(frozen=True, slots=True)
class Step:
    """One call of a session.

    Attributes:
        messages: What is asked.
        max_tokens: The most tokens of the reply.
        delay_s: Seconds from the end of the step before, or from the session's start.
    """

    messages: tuple[Message, ...]
    max_tokens: int
    delay_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Session:
    """Calls of which each waits for the one before.

    Attributes:
        name: Which one it is.
        start_s: When its first call is due, in seconds from the begin of the load.
        steps: The calls.
    """

    name: str
    start_s: float
    steps: tuple[Step, ...]


def text(tokens: int, rng: random.Random) -> str:
    """So many words."""
    return " ".join(rng.choices(WORDS, k=tokens))


def synthetic(load: LoadSettings, number: int) -> Session:
    """One session of a load; the same for the same seed and number.

    Args:
        load: Its shape.
        number: Which one.
    """
    rules = Message("system", text(load.system_tokens, random.Random(f"{load.seed} rules")))
    rng = random.Random(f"{load.seed} {number}")
    pauses = random.Random(f"{load.seed} {number} think")
    said: list[Message] = [rules] if load.system_tokens else []
    steps = []
    for turn in range(load.turns):
        said.append(Message("user", text(load.turn_tokens, rng)))
        steps.append(Step(tuple(said), load.max_tokens, think.draw(load, pauses) if turn else 0.0))
        said.append(Message("assistant", text(_REPLY_TOKENS, rng)))
    return Session(f"s{number}", 0.0, tuple(steps))


def endless(load: LoadSettings) -> Iterator[Session]:
    """A load's synthetic sessions, one after another."""
    number = 0
    while True:
        yield synthetic(load, number)
        number += 1
