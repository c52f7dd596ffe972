"""A match log as one self-contained page to step through.

The page is the list of decisions, whole without JavaScript; a script shows one
at a time. Model output is text in it, never markup (see markup.py), and of very
long texts it holds the beginning. The page loads nothing.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lmgame.agent import Decision
from lmgame.client.call import Call
from lmgame.client.trouble import clean
from lmgame.errors import LogError
from lmgame.game import Turn
from lmgame.limit import LABELS
from lmgame.markup import NAME, Cut, Quota, fingerprint, inline, render
from lmgame.picture import Picture
from lmgame.record import Log, Played
from lmgame.replay import begin, follow
from lmgame.strip import Strip
from lmgame.world import World

LARGEST = 480
"""Small pictures are enlarged by a whole factor, to at most so many pixels."""
CALLS = 40
"""Model calls of one try that a page shows."""
INTERRUPTIONS = 20


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much of a match a page holds.

    Attributes:
        steps: Landings, from the first; None: all.
        text: Characters of one observation or reply.
        texts: Characters of all of them; None: no bound.
        pictures: Bytes of pictures, from the first; None: no bound.
    """

    steps: int | None = None
    text: int = 20_000
    texts: int | None = None
    pictures: int | None = None


@dataclass(frozen=True, slots=True)
class Home:
    """Where a page belongs: what it links back to, as titles and relative addresses."""

    links: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Image:
    """A picture in a page: its data, and the size at which it is shown."""

    data: str
    width: int
    height: int
    whole: bool


@dataclass(frozen=True, slots=True)
class Frame:
    """One step: what landed, and the picture after it, where it changed."""

    label: str
    image: Image | None
    decisions: tuple[dict[str, object], ...]


def write(log: Log, path: Path, bounds: Bounds | None = None, home: Home | None = None) -> int:
    """Write the page of a match.

    Args:
        log: A match, finished or not.
        path: Where to; its folder is made.
        bounds: How much of it; by default all, but for very long texts.
        home: Where the page belongs, if it belongs anywhere.

    Returns:
        The number of steps.

    Raises:
        ReplayMismatch: The log does not fit the rules.
        LogError: The file cannot be written.
    """
    frames = tuple(_Film(log, bounds or Bounds()).frames())
    style = inline("theme.css") + inline("page.css")
    script = inline("theme.js") + inline("page.js")
    text = render(
        "page.html",
        {
            "title": _title(log),
            "about": _about(log),
            "frames": frames,
            "left": len(log.landings) + 1 - len(frames),
            "pictures": sum(frame.image is not None for frame in frames),
            "stops": [clean(one.reason) for one in log.suspended[:INTERRUPTIONS]],
            "stopped": len(log.suspended),
            "home": home or Home(),
            "style": style,
            "script": script,
            "style_hash": fingerprint(style),
            "script_hash": fingerprint(script),
        },
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        path.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise LogError(f"cannot write {path}: {error.strerror}") from None
    return len(frames)


class _Film:
    """Plays a log again, and takes from it what a page has room for."""

    def __init__(self, log: Log, bounds: Bounds) -> None:
        self._log, self._bounds = log, bounds
        self._quota = Quota(bounds.text, bounds.texts)
        self._strip = Strip()
        self._room = bounds.pictures

    def frames(self) -> Iterator[Frame]:
        log = self._log
        world = begin(log.header)
        yield self._frame(world, "start")
        for number, step in enumerate(follow(world, log), start=1):
            decisions = tuple(self._decision(world, step.turns[one.seat], one)
                              for one in step.played)  # fmt: skip
            yield self._frame(world, f"decision {number}", decisions)
            if number == self._bounds.steps and number < len(log.landings):
                return
        if log.result is not None and log.result.ticks > world.tick:
            # The match ended while everybody was thinking.
            world.advance(log.result.ticks - world.tick)
            yield self._frame(world, f"end: {clean(log.result.reason)}")

    def _frame(
        self, world: World, label: str, decisions: tuple[dict[str, object], ...] = ()
    ) -> Frame:
        image = None
        if self._room is None or self._room > 0:
            image = self._image(world.game.observe(0).picture)
        return Frame(label, image, decisions)

    def _image(self, picture: Picture) -> Image | None:
        patch = self._strip.add(picture)
        if patch is None:
            return None
        if self._room is not None:
            self._room -= len(patch.png)
        width, height = picture.size
        factor = max(1, min(LARGEST // width, LARGEST // height))
        data = base64.b64encode(patch.png).decode()
        return Image(data, width * factor, height * factor, patch.whole)

    def _decision(self, world: World, turn: Turn, one: Played) -> dict[str, object]:
        calls = [call for each in one.tries for call in each.calls]
        told = one.tries[-1].reason if one.tries else ""
        return {
            "seat": _seat(self._log, one.seat),
            "saw": self._quota.cut(turn.observation.text),
            "tries": [self._try(each) for each in one.tries],
            "action": clean(one.action or "-"),
            "outcome": one.outcome,
            "reason": clean(one.reason) if one.reason != told else "",
            "score": f"{one.scores[one.seat]:g}",
            "seconds": one.seconds,
            "landed": _landed(world, one),
            "limits": _limits(one),
            "stages": _stages(calls),
        }

    def _try(self, one: Decision) -> dict[str, object]:
        return {
            "calls": [self._call(call) for call in one.calls[:CALLS]],
            "reason": clean(one.reason),
        }

    def _call(self, call: Call) -> dict[str, object]:
        """What was said, what it took, and how much went to and fro."""
        times = (("TTFT", call.ttft_s), ("TPOT", call.tpot_s))
        tokens = (("prompt", call.usage.prompt), ("reply", call.usage.completion))
        return {
            "purpose": "" if call.purpose == "act" else clean(call.purpose, NAME),
            "reply": self._quota.cut(call.reply),
            "reasoning": self._quota.cut(call.reasoning) if call.reasoning else Cut("", 0),
            "failure": clean(call.failure.message) if call.failure else "",
            "times": [(name, seconds) for name, seconds in times if seconds is not None],
            "tokens": [f"{count} {name} tokens" for name, count in tokens if count is not None],
        }


def _seat(log: Log, number: int) -> str:
    seat = log.header.seats[number]
    return f"{clean(seat.name, NAME)}: {clean(f'{seat.agent} {seat.model}', NAME)}"


def _title(log: Log) -> str:
    seats = (clean(f"{seat.agent} {seat.model}", NAME) for seat in log.header.seats)
    return f"{clean(log.header.game, NAME)}: {' against '.join(seats)}"


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
    return clean(", ".join(parts))


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
    missed = dict.fromkeys(LABELS.get(name, name) for name, met in judged if not met)
    return "" if not judged else f"missed: {', '.join(missed)}" if missed else "all met"


def _stages(calls: list[Call]) -> list[tuple[str, float, float]]:
    """The last call's server-side stages: name, seconds, and per cent of them all."""
    stages = calls[-1].stages if calls else {}
    total = sum(stages.values())
    return [
        (clean(name.removesuffix("_s").replace("_", " "), NAME), seconds,
         round(100 * seconds / total, 1) if total > 0 else 0.0)
        for name, seconds in stages.items()
    ]  # fmt: skip
