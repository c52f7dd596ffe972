"""A match before it is played: what its log will say of it, and how it is made."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import cast

from lmgame import record, registry
from lmgame.backend import model_of
from lmgame.backend_settings import AnyBackend
from lmgame.client.call import Call
from lmgame.clock import Clock, Paused, Realtime, Simulated, latency_from
from lmgame.config import Entrant
from lmgame.environment import versions
from lmgame.errors import LogError, LogNeverBegan
from lmgame.folder import file_name
from lmgame.game import Game, GameSpec, State
from lmgame.limit import Slo, in_log
from lmgame.match import Judge
from lmgame.record import Header, Log, Seat
from lmgame.settings import Settings
from lmgame.usual import Limits, limits


@dataclass(frozen=True, slots=True)
class Planned:
    """A match to play.

    Attributes:
        header: What it is.
        path: Its log.
        settings: What it is played under.
        title: What to call it among the others.
        anchor: Whether it only serves as a yardstick.
        entrants: Who sits in which seat.
    """

    header: Header
    path: Path
    settings: Settings
    title: str
    anchor: bool = False
    entrants: tuple[Entrant, ...] = ()

    @property
    def backends(self) -> list[AnyBackend]:
        """What must run for it."""
        return [one.backend for one in self.entrants if one.backend is not None]


def plan_match(
    settings: Settings,
    seats: Sequence[Entrant],
    seed: int,
    folder: Path,
    repeat: int = 0,
    title: str = "",
) -> Planned:
    """One match as it will stand in its log.

    Args:
        settings: What it is played under.
        seats: Who plays, in seat order.
        seed: The match seed.
        folder: The folder of its series.
        repeat: Counts matches that are otherwise the same.
        title: What to call it among the others; its seed if nothing is said.
    """
    spec = registry.games.load(settings.game.id).spec
    common = any(one.backend == settings.backend for one in seats)
    backend = settings.backend.model_dump(mode="json") if common else {}
    header = Header(
        match="",
        game=spec.id,
        arguments={
            key: value for key, value in settings.game.arguments.items() if key not in spec.local
        },
        seed=seed,
        repeat=repeat,
        seats=tuple(
            _seat(name, one, settings) for name, one in zip(spec.seats, seats, strict=True)
        ),
        clock=cast(State, settings.clock.model_dump(mode="json")),
        policy=cast(State, settings.policy.model_dump(mode="json")),
        max_decisions=_bound(settings),
        slo=limits_of(settings).slo.to_json(),
        backend=cast(State, backend),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        versions=versions(),
    )
    header = replace(header, match=record.match_key(header))
    agents = "-vs-".join(file_name(one.agent.name) for one in seats)
    name = f"{registry.config_name(spec.id)}_{agents}_s{seed}_{header.match[:8]}.jsonl"
    path = folder / "matches" / name
    return Planned(header, path, settings, title or f"seed {seed}", entrants=tuple(seats))


def _seat(name: str, one: Entrant, settings: Settings) -> Seat:
    agent, backend = one.agent, one.backend
    own = backend is not None and backend != settings.backend
    return Seat(
        name,
        agent.name,
        "" if backend is None else model_of(backend),
        agent.settings,
        registry.agents.load(agent.name).prompt_hash(agent.settings),
        cast(State, backend.model_dump(mode="json")) if own and backend else {},
    )


def _bound(settings: Settings) -> int | None:
    """The most decisions a seat may take in a match, or None."""
    if settings.max_decisions != "usual":
        return settings.max_decisions
    return _made(settings.game.id, json.dumps(settings.game.arguments)).decisions


def limits_of(settings: Settings) -> Limits:
    """The limits that a match's calls are judged by, and where they come from."""
    clock, spec = settings.clock, None
    if clock.kind != "paused":  # else the game does not matter, and need not be made
        spec = _made(settings.game.id, json.dumps(settings.game.arguments))
    return limits(settings.slo, clock, spec)


@cache
def _made(game: str, arguments: str) -> GameSpec:
    """What a game with these settings says itself; made once, as some are slow to make."""
    return registry.games.make(game, json.loads(arguments)).spec


def make_game(settings: Settings, header: Header) -> Game:
    """A header's game, with the settings that logs leave out."""
    given, local = settings.game.arguments, registry.games.load(header.game).spec.local
    here = {key: given[key] for key in local if key in given}
    return registry.games.make(header.game, {**header.arguments, **here})


def make_clock(settings: Settings, pace: int, live: Sequence[int]) -> Clock:
    """The clock of one match, some of whose seats may have a hand of their own."""
    clock = settings.clock
    if clock.kind == "paused":
        return Paused(clock.pace)
    hand = pace if clock.pace is None else clock.pace
    if clock.kind == "realtime":
        return Realtime(clock.bank_s, hand, live)
    return Simulated(latency_from(clock.latency, clock.ttft_s, clock.tpot_s), clock.bank_s, hand)


def make_judge(slo: Slo) -> Judge:
    """Says of each call of a match which limits it met."""
    names = in_log(slo)

    def judge(call: Call, seconds: float, charged_s: float, outcome: str) -> dict[str, bool | None]:
        return slo.judge(call, seconds, charged_s, outcome).to_json(names)

    return judge


def existing(planned: Planned) -> Log | None:
    """The log of a match that was begun, if it belongs to this specification."""
    if not planned.path.exists() or planned.path.stat().st_size == 0:
        return None
    try:
        log = record.read(planned.path)
    except LogNeverBegan:
        return None
    if log.header.match != planned.header.match:
        raise LogError(f"{planned.path} is the log of another match: choose another run=DIR")
    return log
