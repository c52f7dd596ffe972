from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmgame.board import plot
from lmgame.board.site import write_site
from lmgame.board.table import Board, GameTable
from lmgame.cli import main
from lmgame.errors import UsageError
from lmgame.record import Log, read
from lmgame.replay import find_logs
from tests.board import boards

HOSTILE = "</td><script>alert(1)</script>{{ 1 }}\u202e\0\x1b[2J'\"&" + "x" * 5000


VOID = ("meta", "link", "input", "img", "line", "circle", "path", "rect")


class Page(HTMLParser):
    """A page's elements and tables; what is not well nested fails."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.tables: dict[str, list[list[str]]] = {}
        self._open: list[str] = []
        self._table = ""
        self.feed(path.read_text(encoding="utf-8"))
        self.close()
        assert not self._open, path

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        assert not [name for name in given if name.startswith("on") or name == "style"]
        self.tags.append(tag)
        self.ids += [value or "" for name, value in attrs if name == "id"]
        self.links += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag == "table":
            self._table = given.get("id") or f"-{len(self.tables)}"
            self.tables[self._table] = []
        elif tag == "tr":
            self.tables[self._table].append([])
        elif tag in ("td", "th"):
            self.tables[self._table][-1].append("")
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if {"td", "th"} & set(self._open):
            self.tables[self._table][-1][-1] += data


def pages(site: Path) -> list[Path]:
    return sorted(site.rglob("*.html"))


def test_a_site_is_an_index_a_page_a_game_and_pages_of_matches(
    site: Path, logs: Mapping[str, Log]
) -> None:
    names = {path.relative_to(site).as_posix() for path in site.rglob("*") if path.is_file()}
    assert names == {
        "index.html", "style.css", "script.js", "games/tetris.html", "games/tic_tac_toe.html",
        *(f"matches/{key}.html" for key in logs),
    }  # fmt: skip


def test_every_link_leads_to_a_file_of_the_site_and_every_id_is_there_once(site: Path) -> None:
    for path in pages(site):
        page = Page(path)
        assert len(page.ids) == len(set(page.ids))
        for link in page.links:
            if link.startswith("data:image/png;base64,"):
                continue
            assert not re.match(r"[a-z]+:|//", link)
            name, _, place = link.partition("#")
            target = path.parent / name if name else path
            assert target.is_file(), (path, link)
            if place:
                assert f'id="{place}"' in target.read_text()


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    for path in site.rglob("*"):
        if path.is_file():
            assert not re.search(r"https?://|@import|url\(|fetch\(", path.read_text())
    for path in pages(site):
        policy = re.search(r'Security-Policy" content="([^"]*)"', path.read_text())
        assert policy is not None
        assert policy[1].startswith("default-src 'none'")
        assert "unsafe" not in policy[1]


def test_the_tables_hold_the_figures(site: Path) -> None:
    head, *rows = Page(site / "index.html").tables["overall"]
    by_unit = {row[1]: dict(zip(head, row, strict=True)) for row in rows}
    full = next(row for name, row in by_unit.items() if name.startswith("model full disagg"))
    assert full["Rank"] == "2"
    assert full["Anchor share"] == "42 %37 % to 48 %"
    assert full["Rating"] == "+31−38 to +118"
    assert (full["Not ok"], full["Forfeits"], full["Unfinished"]) == ("15.0 %", "4", "2")
    assert full["Cost / match"] == "$0.012"
    assert [row["Rank"] for row in by_unit.values()] == ["1", "2", "3", "4 =", "4 =", "4 ="]
    assert by_unit["greedyanchor"]["TTFT"] == "-"
    head, *rows = Page(site / "games" / "tic_tac_toe.html").tables["matrix"]
    assert rows[1][1] == "3–2–540 %; 2 of 5 from seat 1"
    assert rows[0][1] == ""
    tetris = Page(site / "games" / "tetris.html").tables
    assert len(tetris["comparisons"]) == 1 + 15
    assert len(tetris["matches"]) == 1 + 20 * 6 + 1


def test_plots_have_words_and_a_table_each(site: Path) -> None:
    text = (site / "index.html").read_text()
    assert text.count('<svg class="plot"') == text.count("</title>") - 1 == 6
    assert text.count("<desc") == text.count("The same as a table") == 6


def test_the_same_board_gives_the_same_bytes(logs: Mapping[str, Log], tmp_path: Path) -> None:
    made = []
    for name in ("one", "other"):
        files = write_site(boards.board(logs), logs, tmp_path / name)
        made.append({path.relative_to(tmp_path / name): path.read_bytes() for path in files})
    assert made[0] == made[1]


def hostile(logs: Mapping[str, Log]) -> Board:
    """A board in which every foreign word is hostile."""
    found = boards.board(logs, title=HOSTILE)
    who = {
        key: replace(one, label=HOSTILE + key, model=HOSTILE, harness=HOSTILE,
                     settings={HOSTILE: HOSTILE})
        for key, one in found.units.items()
    }  # fmt: skip

    def bad(game: GameTable) -> GameTable:
        matches = tuple(replace(one, log=HOSTILE + "/" + HOSTILE) for one in game.matches)
        return replace(game, title=HOSTILE, score=HOSTILE, arguments={HOSTILE: [HOSTILE]},
                       matches=matches)  # fmt: skip

    return replace(
        found,
        units=who,
        games=tuple(map(bad, found.games)),
        protocol=(HOSTILE,),
        machines=(HOSTILE,),
        versions={HOSTILE: (HOSTILE,)},
        sources=({HOSTILE: HOSTILE},),
    )


def test_hostile_words_stay_words_and_short(tmp_path: Path) -> None:
    logs = boards.played(tmp_path / "logs", lambda turn: HOSTILE * 100)
    write_site(hostile(logs), logs, tmp_path / "site")
    plain = tmp_path / "plain"
    write_site(boards.board(logs), logs, plain)
    for path in pages(tmp_path / "site"):
        text = path.read_text(encoding="utf-8")
        assert Page(path).tags.count("script") == 1, path
        assert not set(text) & set("\0\x1b\u202e")
        assert "x" * 3001 not in text
        assert len(text) < 2.5 * len((plain / path.relative_to(tmp_path / "site")).read_text())


@pytest.mark.parametrize("name", ["", "../up", "a/b", ".hidden", "x" * 101, "a b", "ä", "con\n"])
def test_a_name_that_is_no_files_is_refused(tmp_path: Path, name: str) -> None:
    found = boards.board()
    games = (replace(found.games[0], name=name), *found.games[1:])
    match = replace(found.games[0].matches[0], match=name)
    with_match = replace(found.games[0], matches=(match,))
    for bad in (replace(found, games=games), replace(found, name=name),
                replace(found, games=(with_match,))):  # fmt: skip
        with pytest.raises(UsageError, match="cannot be a file's"):
            write_site(bad, {}, tmp_path / "site")
    assert not (tmp_path / "site").exists()


def test_names_that_are_one_file_on_some_systems_are_refused(tmp_path: Path) -> None:
    found = boards.board()
    games = (found.games[0], replace(found.games[0], name="TETRIS"))
    with pytest.raises(UsageError, match="capitals"):
        write_site(replace(found, games=games), {}, tmp_path / "site")


def test_a_board_of_nothing_is_a_site_too(tmp_path: Path) -> None:
    empty = Board("empty", "Nothing yet", {}, (), (), (), (), (), {}, ())
    write_site(empty, {}, tmp_path)
    assert Page(tmp_path / "index.html").tables["overall"][1:] == []


def tournament(folder: Path) -> dict[str, Log]:
    """Real matches, through the command."""
    words = ["games=[tic_tac_toe,twenty_forty_eight]", "agents=[random,greedy]"]
    more = ["max_decisions=6", "seeds=5", f"run={folder / 'run'}"]
    assert main(["tournament", *words, *more]) == 0
    found = [read(path) for path in find_logs(folder / "run")]
    return {log.header.match: log for log in found}


def test_some_telling_matches_of_each_unit_have_pages(tmp_path: Path) -> None:
    logs = tournament(tmp_path)
    random, greedy = boards.units(["random", "greedy"])
    keys = {"random": random, "greedy": greedy}
    base = boards.board(who=boards.units(["random", "greedy"]))
    games = []
    for table, seats in zip(base.games, (1, 2), strict=True):
        rows = [
            boards.match_row(log, [keys[seat.agent] for seat in log.header.seats])
            for log in logs.values()
            if len(log.header.seats) == seats
        ]
        games.append(replace(table, matches=tuple(rows)))
    board = replace(base, games=tuple(games))
    for replays in (0, 1, 3, None):
        out = tmp_path / str(replays)
        files = write_site(board, logs, out, replays=replays)
        assert sorted(files) == sorted(path for path in out.rglob("*") if path.is_file())
        drawn = {path.stem for path in out.glob("matches/*")}
        for game in games:
            for unit in keys.values():
                mine = [one for one in game.matches if unit in one.units]
                some = [one for one in mine if one.match in drawn]
                assert len(some) >= (len(mine) if replays is None else min(replays, len(mine)))
                if game.seats == 1 and some:
                    best = max(one.scores[0] for one in mine)
                    assert best in [one.scores[0] for one in some]
                    assert replays is None or len(some) == replays


@given(
    st.floats(-1e6, 1e6), st.floats(1e-3, 1e6), st.integers(3, 9)
)  # fmt: skip
def test_steps_cover_a_range_evenly(low: float, wide: float, goal: int) -> None:
    found = plot.steps(low, low + wide, goal)
    assert found[0] <= low + 1e-6 * wide
    assert found[-1] >= low + wide - 1e-6 * wide
    assert 2 <= len(found) <= goal + 2
    gaps = [after - before for before, after in pairwise(found)]
    assert max(gaps) - min(gaps) <= 1e-6 * max(gaps) + 1e-9 * abs(low)


@given(st.floats(1e-4, 1e4), st.floats(1, 1e4))
def test_decades_cover_a_range(low: float, factor: float) -> None:
    found = plot.decades(low, low * factor)
    assert found == sorted(set(found))
    assert len(found) >= 2
    assert found[0] <= low * (1 + 1e-8)
    assert found[-1] >= low * factor * (1 - 1e-8)


POINTS = st.lists(
    st.builds(
        plot.Point, st.text(max_size=40), st.booleans(), st.floats(1e-3, 1e3), st.none(), st.none(),
        st.floats(-1e3, 1e3), st.floats(-1e3, 1e3), st.none(),
    ),
    min_size=1, max_size=30,
)  # fmt: skip


@settings(deadline=None)  # the first call imports
@given(POINTS, st.booleans())
def test_marks_lie_within_their_plot(points: list[plot.Point], log: bool) -> None:
    scale = plot.Scale("x", str, log=log)
    drawn = [plot.scatter("k", "t", points, scale, plot.Scale("y", str, ((0.0, "none"),)))]
    drawn.append(plot.forest("k", "t", points, plot.Scale("x", str, zero=True)))
    for one in drawn:
        assert len(one.marks) == len(points)
        for mark in one.marks:
            assert one.left <= mark.low <= one.right
            assert one.left <= mark.x <= one.right
            assert one.top <= mark.y_low <= one.bottom
            assert one.top <= mark.y <= one.bottom
