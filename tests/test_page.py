from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

from lmgame.agent import Decision
from lmgame.game import Turn
from lmgame.games.tetris import Tetris
from lmgame.page import write
from tests.table import Table, call

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


def test_a_page_loads_nothing() -> None:
    template = (Path(__file__).parent.parent / "lmgame" / "page.html").read_text()
    assert "default-src 'none'" in template
    assert not re.search(r"https?://|@import|url\(", template)
