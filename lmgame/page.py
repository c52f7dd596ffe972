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
    return {"png": png, "label": label, "decisions": [_decision(log, one) for one in played]}


def _decision(log: Log, one: Played) -> dict[str, object]:
    seat = log.header.seats[one.seat]
    calls = [call for each in one.tries for call in each.calls]
    last = calls[-1] if calls else None
    times = [] if last is None else [("TTFT", last.ttft_s), ("TPOT", last.tpot_s)]
    return {
        "seat": f"{seat.name}: {seat.agent} {seat.model}".strip(),
        "tries": [_try(each) for each in one.tries],
        "action": one.action or "-",
        "outcome": one.outcome,
        "score": f"{one.scores[one.seat]:g}",
        "seconds": one.seconds,
        "times": [(name, value) for name, value in times if value is not None],
        "stages": [] if last is None else [
            (name.removesuffix("_s").replace("_", " "), seconds)
            for name, seconds in last.stages.items()
        ],
    }  # fmt: skip


def _try(one: Decision) -> dict[str, object]:
    reply = "\n".join(call.reply for call in one.calls)[:LONGEST_REPLY] if one.calls else None
    return {"reply": reply, "reason": one.reason}
