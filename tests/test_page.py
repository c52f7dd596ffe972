from __future__ import annotations

import asyncio
import base64
import re
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lmgame import record
from lmgame.agent import Decision
from lmgame.client.call import Call, Failure
from lmgame.clock import Simulated
from lmgame.errors import LogError
from lmgame.game import Turn
from lmgame.games.platformer import Platformer
from lmgame.games.tetris import Tetris
from lmgame.match import Match
from lmgame.page import Bounds, Home, write
from lmgame.record import Log, Writer
from lmgame.replay import begin, follow
from lmgame.schema import Suspended
from tests.table import Table, Told, call, header, spread

HOSTILE = (
    "</script><script>alert(1)</script><!-- <img src=x onerror=alert(2)> "
    "\u2028 \x1b[2J \0 \u202e {{ 7 * 7 }} </pre>"
)
LEGIBLE = HOSTILE.replace("\x1b", "␛").replace("\0", "␀").replace("\u202e", "⟨U+202E⟩").replace(
    "\u2028", "⟨U+2028⟩"
)  # fmt: skip


def hostile(turn: Turn) -> Decision:
    return Decision(turn.actions.choices[0], calls=(replace(call(), reply=HOSTILE),))


@dataclass
class Shown:
    """A step of a page: its words, what stands in its lists and boxes, its picture."""

    text: str = ""
    boxes: list[str] = field(default_factory=list)
    facts: dict[str, str] = field(default_factory=dict)
    picture: str = ""


class Page(HTMLParser):
    """Reads a page as a browser without JavaScript would."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.steps: list[Shown] = []
        self._open: list[str] = []
        self._term = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]
        assert not [name for name in given if name.startswith("on") or name == "style"]
        if given.get("class") == "frame":
            self.steps.append(Shown())
        elif tag == "pre":
            self.steps[-1].boxes.append("")
        elif tag == "img":
            self.steps[-1].picture = (given["src"] or "").partition(",")[2]
        if tag not in ("img", "meta", "input", "link", "rect"):
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag != "rect":
            assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.steps:
            return
        step, tag = self.steps[-1], self._open[-1] if self._open else ""
        step.text += data
        if tag == "pre":
            step.boxes[-1] += data
        elif tag == "dt":
            self._term = data
            step.facts[data] = ""
        elif tag == "dd":
            step.facts[self._term] += data


def shown(path: Path) -> list[Shown]:
    """The steps of a page."""
    return Page(path.read_text()).steps


def test_a_page_holds_every_decision_and_no_markup_of_a_models(tmp_path: Path) -> None:
    table = Table(Tetris, [hostile], tmp_path / "log", changes={"max_decisions": 6})
    table.play()
    out = tmp_path / "deep" / "page.html"
    assert write(table.log(), out) == 7
    page = Page(out.read_text())
    assert page.tags.count("script") == 1
    assert page.tags.count("img") == 7
    assert all(one.startswith("data:image/png;base64,") for one in page.addresses)
    assert len(page.steps) == 7
    assert page.steps[1].boxes[1] == LEGIBLE
    assert page.steps[1].boxes[0].startswith("piece ")


def test_pictures_drawn_over_one_another_are_those_of_the_match(tmp_path: Path) -> None:
    table = Table(Tetris, [spread], tmp_path / "log", changes={"max_decisions": 9})
    table.play()
    log = table.log()
    write(log, tmp_path / "page.html")
    world = begin(log.header)
    wanted = [world.game.observe(0).picture.rgb()]
    wanted += [world.game.observe(0).picture.rgb() for _ in follow(world, log)]
    canvas = Image.new("RGBA", (wanted[0].shape[1], wanted[0].shape[0]))
    for step, picture in zip(shown(tmp_path / "page.html"), wanted, strict=True):
        if step.picture:
            patch = Image.open(BytesIO(base64.b64decode(step.picture))).convert("RGBA")
            canvas = Image.alpha_composite(canvas, patch)
        assert np.array_equal(np.asarray(canvas.convert("RGB")), picture)


def endless(turn: Turn) -> Decision:
    thought = replace(call(), reply="a" * 3_000_000, reasoning="b" * 1_000_000)
    return Decision(turn.actions.choices[0], calls=(thought,))


def test_a_page_is_bounded_and_says_what_it_leaves_out(tmp_path: Path) -> None:
    table = Table(Tetris, [endless], tmp_path / "log", changes={"max_decisions": 5})
    table.play()
    out = tmp_path / "page.html"
    bounds = Bounds(steps=3, text=500, texts=4000, pictures=1)
    assert write(table.log(), out, bounds) == 4
    assert out.stat().st_size < 60_000
    steps = shown(out)
    assert "2 more decisions in the log" in steps[-1].text
    assert "2,999,500 more characters of it in the log" in steps[1].text
    assert [bool(step.picture) for step in steps] == [True, False, False, False]
    assert sum(len(box) for step in steps for box in step.boxes) <= 4000
    write(table.log(), out)
    assert "2,980,000 more characters" in shown(out)[1].text
    assert out.stat().st_size < 400_000


def test_a_page_is_the_same_bytes_wherever_its_log_lies(tmp_path: Path) -> None:
    table = Table(Tetris, [spread], tmp_path / "log", changes={"max_decisions": 3})
    table.play()
    log = table.log()
    write(log, tmp_path / "one.html")
    log.path = Path("/elsewhere/log")
    write(log, tmp_path / "other.html")
    assert (tmp_path / "one.html").read_bytes() == (tmp_path / "other.html").read_bytes()


def test_a_page_links_to_where_it_belongs(tmp_path: Path) -> None:
    table = Table(Tetris, [spread], tmp_path / "log", changes={"max_decisions": 1})
    table.play()
    write(table.log(), tmp_path / "page.html", home=Home((("A & B", "../index.html"),)))
    assert '<a href="../index.html">A &amp; B</a>' in (tmp_path / "page.html").read_text()


def interrupted(log: Log) -> Log:
    failed = replace(call(""), failure=Failure("status", "HTTP 503"))
    tries = (Decision(None, "failed", "HTTP 503", (failed,)),)
    log.suspended.append(Suspended(0, 1, "HTTP 503 <b>", tries, 2.0))
    return log


def test_interruptions_and_failures_are_told(tmp_path: Path) -> None:
    table = Table(Tetris, [spread], tmp_path / "log", changes={"max_decisions": 1})
    table.play()
    write(interrupted(table.log()), tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text()
    assert "Interrupted 1 time" in text
    assert "HTTP 503 &lt;b&gt;" in text


def test_a_page_that_cannot_be_written_is_one_message(tmp_path: Path) -> None:
    table = Table(Tetris, [spread], tmp_path / "log", changes={"max_decisions": 1})
    table.play()
    with pytest.raises(LogError, match="cannot write"):
        write(table.log(), tmp_path)


def test_every_reply_stands_with_its_own_times(tmp_path: Path) -> None:
    asked: list[int] = []

    def stutters(turn: Turn) -> Decision:
        asked.append(turn.number)
        made = call("hm" if len(asked) % 2 else "place", completion=len(asked), ttft_s=0.25)
        if len(asked) % 2:
            return Decision(None, "unparsable", "no action was found", (made,))
        return Decision(turn.actions.choices[0], calls=(made,))

    table = Table(Tetris, [stutters], tmp_path / "log", changes={"max_decisions": 1})
    table.play()
    write(table.log(), tmp_path / "page.html")
    step = shown(tmp_path / "page.html")[1]
    assert step.boxes[1:] == ["hm", "place"]
    first, _, second = step.text.partition("no action was found")
    assert "TTFT 250 ms, 10 prompt tokens, 1 reply tokens" in first
    assert "TPOT" not in first  # one token has no time between tokens
    assert "10 prompt tokens, 2 reply tokens" in second
    assert step.facts["time to action"].endswith("ms")
    assert "landed" not in step.facts  # the world waited
    assert "limits" not in step.facts  # there were none


def first_missed(
    one: Call, seconds: float, charged_s: float, outcome: str
) -> dict[str, bool | None]:
    return {"ttft_s": False, "tpot_s": None, "time_to_action_s": True}


def test_a_late_decision_says_how_late_and_why_and_which_limits_it_missed(tmp_path: Path) -> None:
    changes: dict[str, object] = {"max_decisions": 3, "arguments": {"seconds": 1}}
    game = Platformer(seconds=1)
    path = tmp_path / "log"
    agent = Told(lambda turn: Decision("right 20", calls=(call(),)))
    writer = Writer(path, 0)
    clock = Simulated(lambda thought: 0.75)
    made = header(game, **changes)
    asyncio.run(Match(made, game, [agent], clock, writer=writer, judge=first_missed).play())
    writer.close()
    write(record.read(path), tmp_path / "page.html")
    frames = shown(tmp_path / "page.html")
    first, last = frames[1].facts, frames[2].facts
    assert first["landed"] == "45 ticks later (0.75 s)"
    assert first["limits"] == "missed: TTFT"
    assert last["read as"] == "late"
    assert "could no longer act" in last["because"]


def test_a_page_shows_how_a_match_ended_by_itself(tmp_path: Path) -> None:
    changes: dict[str, object] = {"arguments": {"seconds": 1}}
    table = Table(
        lambda: Platformer(seconds=1),
        [lambda turn: Decision("right 20")],
        tmp_path / "log",
        lambda game: Simulated(lambda thought: 0.75),
        changes=changes,
    )
    table.play()
    log = table.log()
    for kept in (log.landings, log.lines):
        kept.pop()  # under a realtime clock this one would not have landed at all
    assert write(log, tmp_path / "page.html") == 3
    last = shown(tmp_path / "page.html")[-1]
    assert "End: out of time" in last.text
    assert not last.facts


def test_a_page_loads_nothing() -> None:
    folder = Path(__file__).parent.parent / "lmgame"
    template = (folder / "page.html").read_text()
    assert "default-src 'none'" in template
    assert "unsafe" not in template
    for name in ("page.html", "page.css", "page.js", "theme.css", "theme.js"):
        assert not re.search(r"https?://|@import|url\(|fetch\(", (folder / name).read_text())
