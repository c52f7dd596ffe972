from __future__ import annotations

import asyncio
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from lmgame import record
from lmgame.agent import Decision
from lmgame.client.call import Call
from lmgame.clock import Simulated
from lmgame.game import Turn
from lmgame.games.platformer import Platformer
from lmgame.games.tetris import Tetris
from lmgame.match import Match
from lmgame.page import write
from lmgame.record import Writer
from tests.table import Table, Told, call, header

HOSTILE = "</script><script>alert(1)</script><!-- <img src=x onerror=alert(2)> \u2028 \x1b[2J"


def hostile(turn: Turn) -> Decision:
    return Decision(turn.actions.choices[0], calls=(replace(call(), reply=HOSTILE),))


class Tags(HTMLParser):
    """Counts the elements of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.sources: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.sources += [value or "" for name, value in attrs if name in ("src", "href")]


def test_a_page_holds_every_decision_and_no_markup_of_a_models(tmp_path: Path) -> None:
    table = Table(Tetris, [hostile], tmp_path / "log", changes={"max_decisions": 6})
    table.play()
    out = tmp_path / "deep" / "page.html"
    assert write(table.log(), out) == 7
    text = out.read_text()
    tags = Tags(text)
    assert tags.seen.count("script") == 2
    assert tags.seen.count("img") == 1
    assert tags.sources == []
    block = re.search(r'id="data">(.*?)</script>', text, re.DOTALL)
    assert block is not None
    data = json.loads(block[1])
    assert len(data["frames"]) == 7
    assert data["frames"][1]["decisions"][0]["tries"][0]["reply"] == HOSTILE
    assert all(frame["png"] for frame in data["frames"])


def shown(out: Path) -> list[dict[str, Any]]:
    """The frames that a page holds."""
    block = re.search(r'id="data">(.*?)</script>', out.read_text(), re.DOTALL)
    assert block is not None
    frames: list[dict[str, Any]] = json.loads(block[1])["frames"]
    return frames


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
    (decision,) = shown(tmp_path / "page.html")[1]["decisions"]
    assert [one["reply"] for one in decision["tries"]] == ["hm", "place"]
    assert [one["reason"] for one in decision["tries"]] == ["no action was found", ""]
    first, second = (one["calls"][0] for one in decision["tries"])
    assert first["times"] == [["TTFT", 0.25]]  # one token has no time between tokens
    assert second["tokens"] == ["10 prompt tokens", "2 reply tokens"]
    assert decision["seconds"] > 0
    assert decision["landed"] == ""  # the world waited
    assert decision["limits"] == ""  # there were none


def first_missed(one: Call, seconds: float) -> dict[str, bool | None]:
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
    (first,), (last,) = frames[1]["decisions"], frames[2]["decisions"]
    assert first["landed"] == "45 ticks later (0.75 s)"
    assert first["limits"] == "missed: TTFT"
    assert last["outcome"] == "late"
    assert "could no longer act" in last["reason"]


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
    assert (last["label"], last["decisions"]) == ("end: out of time", [])


def test_a_page_loads_nothing() -> None:
    template = (Path(__file__).parent.parent / "lmgame" / "page.html").read_text()
    assert "default-src 'none'" in template
    assert not re.search(r"https?://|@import|url\(", template)
