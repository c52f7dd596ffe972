"""A match log as one self-contained page to step through.

Model output is data in the page, never markup: it goes into a JSON block whose
``<`` are escaped, and from there into text nodes. The page loads nothing.
"""

from __future__ import annotations

import base64
import json
from importlib.resources import files
from pathlib import Path

from lmgame.agent import Decision
from lmgame.client.call import Call
from lmgame.errors import LogError
from lmgame.record import Log, Played
from lmgame.replay import begin, follow
from lmgame.world import World

LONGEST_REPLY = 20_000
"""Characters of a reply that a page holds."""


def write(log: Log, path: Path) -> int:
    """Write the page of a match.

    Args:
        log: A match, finished or not.
        path: Where to; its folder is made.

    Returns:
        The number of steps.

    Raises:
        ReplayMismatch: The log does not fit the rules.
        LogError: The file cannot be written.
    """
    world = begin(log.header)
    frames = [_frame(world, log, "start", ())]
    for step in follow(world, log):
        frames.append(_frame(world, log, f"decision {len(frames)}", step.played))
    if log.result is not None and log.result.ticks > world.tick:  # while everybody was thinking
        world.advance(log.result.ticks - world.tick)
        frames.append(_frame(world, log, f"end: {log.result.reason}", ()))
    data = {"title": _title(log), "about": _about(log), "frames": frames}
    block = json.dumps(data, ensure_ascii=True).replace("<", "\\u003c")
    template = (files("lmgame") / "page.html").read_text(encoding="utf-8")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        path.write_text(template.replace("/*DATA*/", block), encoding="utf-8")
    except OSError as error:
        raise LogError(f"cannot write {path}: {error.strerror}") from None
    return len(frames)


def _title(log: Log) -> str:
    seats = " against ".join(f"{seat.agent} {seat.model}".strip() for seat in log.header.seats)
    return f"{log.header.game}: {seats}"


def _about(log: Log) -> str:
    header, result = log.header, log.result
    parts = [f"seed {header.seed}", f"clock {header.clock.get('kind', '-')}"]
    if header.backend:
        parts.append(f"backend {header.backend.get('mode', header.backend.get('kind', '-'))}")
    if result is None:
        parts.append("unfinished")
    else:
        scores = " : ".join(f"{score:g}" for score in result.scores)
        parts.append(f"score {scores} ({result.reason})")
    return ", ".join(parts)


def _frame(world: World, log: Log, label: str, played: tuple[Played, ...]) -> dict[str, object]:
    png = base64.b64encode(world.game.observe(0).png).decode()
    return {"png": png, "label": label, "decisions": [_decision(world, log, one) for one in played]}


def _decision(world: World, log: Log, one: Played) -> dict[str, object]:
    seat = log.header.seats[one.seat]
    calls = [call for each in one.tries for call in each.calls]
    told = one.tries[-1].reason if one.tries else ""
    return {
        "seat": f"{seat.name}: {seat.agent} {seat.model}".strip(),
        "tries": [_try(each) for each in one.tries],
        "action": one.action or "-",
        "outcome": one.outcome,
        "reason": one.reason if one.reason != told else "",
        "score": f"{one.scores[one.seat]:g}",
        "seconds": one.seconds,
        "landed": _landed(world, one),
        "limits": _limits(one),
        "stages": [
            (name.removesuffix("_s").replace("_", " "), seconds)
            for name, seconds in (calls[-1].stages.items() if calls else ())
        ],
    }


def _landed(world: World, one: Played) -> str:
    """How far the world went on between what was seen and what was done."""
    if world.hz is None or one.tick == one.seen:
        return ""
    return f"{one.tick - one.seen} ticks later ({(one.tick - one.seen) / world.hz:.2f} s)"


def _limits(one: Played) -> str:
    """Which limits the calls missed; nothing where there was none to meet."""
    judged = [
        (name, met) for calls in one.verdicts for name, met in calls.items() if met is not None
    ]
    missed = dict.fromkeys(_LIMITS.get(name, name) for name, met in judged if not met)
    return "" if not judged else f"missed: {', '.join(missed)}" if missed else "all met"


_LIMITS = {"ttft_s": "TTFT", "tpot_s": "TPOT", "time_to_action_s": "time to action"}


def _try(one: Decision) -> dict[str, object]:
    reply = "\n".join(call.reply for call in one.calls)[:LONGEST_REPLY] if one.calls else None
    return {"reply": reply, "reason": one.reason, "calls": [_times(call) for call in one.calls]}


def _times(call: Call) -> dict[str, object]:
    """What a call took, and how much went to and fro."""
    return {
        "times": [
            (name, seconds)
            for name, seconds in (("TTFT", call.ttft_s), ("TPOT", call.tpot_s))
            if seconds is not None
        ],
        "tokens": [
            f"{count} {name} tokens"
            for name, count in (("prompt", call.usage.prompt), ("reply", call.usage.completion))
            if count is not None
        ],
    }
