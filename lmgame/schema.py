"""What a line of a match log holds; docs/log.md tells it for people."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Literal

from pydantic import ConfigDict

from lmgame.agent import Decision, ReadingOutcome
from lmgame.game import State, digest

SCHEMA_VERSION = 1
MEASURED = frozenset(
    {
        "created",
        "versions",
        "timing",
        "stages",
        "server",
        "cached",
        "usd",
        "seconds",
        "verdicts",
        "abandoned",
        "sum",
    }
)
"""Fields that depend on the moment: two runs of the same match differ in them. What
was still on its way at the end is not on its way in a match continued from there. What
a server knew of a prompt, and so what the call cost, hangs on who asked it before."""

TRANSPORT = (
    "base_url",
    "key_env",
    "host",
    "port",
    "queue",
    "context",
    "connect_s",
    "first_token_s",
    "total_s",
    "requests_per_minute",
    "tokens_per_minute",
    "streams",
    "prices",
    "cost_field",
    "worker_port",
    "prefill_hosts",
    "decode_hosts",
    "gpus",
    "python",
    "image",
    "router_image",
    "start_s",
    "stop_s",
)
"""Where a backend is, how patient and how modest we are, what it costs: all may change
between sittings."""

_STRICT = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True)
class Seat:
    """Who sits in a seat.

    Attributes:
        name: The seat's name in the game.
        agent: The agent's name.
        model: Its model, or "".
        settings: The agent's resolved configuration, without secrets.
        prompts: A hash of its prompt files, or "".
        backend: The settings, without secrets, of a backend that is not the match's.
    """

    name: str
    agent: str
    model: str
    settings: State
    prompts: str = ""
    backend: State = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Header:
    """The first line: everything needed to play the match again.

    Attributes:
        match: A hash of the specification; the key for resuming.
        game: The game's id; ``arguments`` are its settings.
        seed: The match seed.
        seats: Who plays.
        clock: The clock's settings.
        policy: What happens with bad replies and failed calls.
        max_decisions: The match ends when every seat has taken so many, or None.
        slo: The limits that ``verdicts`` were judged by.
        backend: The resolved settings, without secrets, of the backend that serves every
            seat without one of its own; empty where there is none.
        repeat: Counts matches that are otherwise the same.
        created: When, ISO 8601.
        versions: Package versions.
    """

    __pydantic_config__ = _STRICT
    type: Literal["header"] = field(default="header", kw_only=True)
    schema_version: int = field(default=SCHEMA_VERSION, kw_only=True)
    repeat: int = field(default=0, kw_only=True)
    match: str
    game: str
    arguments: State
    seed: int
    seats: tuple[Seat, ...]
    clock: State
    policy: State
    max_decisions: int | None
    slo: State
    backend: State
    created: str
    versions: dict[str, str]

    def backend_of(self, seat: int) -> State:
        """Where a seat's completions come from; empty where it asks for none."""
        one = self.seats[seat]
        return one.backend or (self.backend if one.model else {})


@dataclass(frozen=True, slots=True)
class Played:
    """One decision that landed.

    Attributes:
        number: Counts decisions of the match, from 0.
        landing: Counts landings; decisions with the same one landed together.
        of: How many decisions this landing has.
        seat: Whose decision.
        turn: Counts this seat's decisions, from 0.
        seen: The tick of the observation it was taken on.
        tick: The tick at which it landed.
        until: The tick of the world after it, when the next turns were given.
        observation: Hash of the observation's text.
        tries: What the agent answered; more than one where it was asked again.
        action: What was applied; None where nothing was (forfeit, or the seat
            could no longer act).
        outcome: How the last try was read, or ``late``.
        reason: Why it is not ``ok``.
        seconds: Measured time from turn to decision, all tries included.
        charged_s: Seconds the clock charged.
        state: Fingerprint of the whole state at ``until``.
        scores: Scores by seat at ``until``.
        verdicts: For each call of each try, which limits it met: true, false, or
            null where a limit does not apply.
    """

    __pydantic_config__ = _STRICT
    type: Literal["decision"] = field(default="decision", kw_only=True)
    number: int
    landing: int
    of: int
    seat: int
    turn: int
    seen: int
    tick: int
    until: int
    observation: str
    tries: tuple[Decision, ...]
    action: str | None
    outcome: ReadingOutcome
    reason: str
    seconds: float
    charged_s: float
    state: str
    scores: tuple[float, ...]
    verdicts: tuple[dict[str, bool | None], ...] = ()


@dataclass(frozen=True, slots=True)
class Suspended:
    """The backend failed for good, or the budget is used up; the match can be continued.

    Attributes:
        seat: Who could not decide.
        turn: Which of its decisions.
        reason: The last failure, for people.
        tries: Every failed try.
        seconds: Time spent trying.
    """

    __pydantic_config__ = _STRICT
    type: Literal["suspended"] = field(default="suspended", kw_only=True)
    seat: int
    turn: int
    reason: str
    tries: tuple[Decision, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class Abandoned:
    """A decision that had not landed when the match ended.

    Attributes:
        seat: Whose.
        tries: What was answered by then.
        seconds: Time spent on it.
    """

    __pydantic_config__ = _STRICT
    seat: int
    tries: tuple[Decision, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class Result:
    """The last line of a finished match.

    Attributes:
        end: ``over`` by the rules, ``max_decisions``, or ``forfeit``.
        scores: Final scores by seat.
        winner: The winning seat, or None.
        reason: In words.
        decisions: Decisions landed, by seat.
        ticks: The game's tick at the end.
        statistics: The game's named numbers, by seat.
        state: Fingerprint of the final state.
        abandoned: Decisions that were still on their way.
    """

    __pydantic_config__ = _STRICT
    type: Literal["result"] = field(default="result", kw_only=True)
    end: Literal["over", "max_decisions", "forfeit"]
    scores: tuple[float, ...]
    winner: int | None
    reason: str
    decisions: tuple[int, ...]
    ticks: int
    statistics: tuple[dict[str, float], ...]
    state: str
    abandoned: tuple[Abandoned, ...] = ()


def match_key(header: Header) -> str:
    """The hash of a match's specification: what is played, not when or with what limits."""
    spec: dict[str, object] = {
        "schema": SCHEMA_VERSION,
        "game": header.game,
        "arguments": header.arguments,
        "seed": header.seed,
        "seats": [_seat(seat) for seat in header.seats],
        "clock": header.clock,
        "policy": header.policy,
        "max_decisions": header.max_decisions,
        "backend": _what_is_served(header.backend),
    }
    if header.repeat:
        spec["repeat"] = header.repeat
    return digest(json.dumps(spec, sort_keys=True).encode())


def _seat(seat: Seat) -> list[object]:
    own = [_what_is_served(seat.backend)] if seat.backend else []
    return [seat.agent, seat.model, seat.settings, *own]


def _what_is_served(backend: State) -> dict[str, object]:
    return {key: value for key, value in backend.items() if key not in TRANSPORT}
