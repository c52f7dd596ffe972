"""A board as a static site: pages that need no server and load nothing from elsewhere.

``index.html``, ``games/NAME.html`` and ``matches/KEY.html``, with one style and one
script. Tables and plots are whole without JavaScript. The same board and logs give
the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path

from lmgame import page
from lmgame.board import game as game_page
from lmgame.board import index as index_page
from lmgame.board.sheet import Sheet
from lmgame.board.table import Board, GameTable, MatchRow
from lmgame.client.trouble import clean
from lmgame.errors import LogError, UsageError
from lmgame.markup import NAME, render, source
from lmgame.record import Log

REPLAYS = 2
"""Matches of each unit and game that have a page, unless it is said otherwise."""
BOUNDS = page.Bounds(steps=200, text=3000, texts=200_000, pictures=48_000)
"""How much of a match its page holds: a board is kept in a repository."""
CHOICES = 60
"""The most values of a column that a page offers to choose from."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


def write_site(
    board: Board, logs: Mapping[str, Log], out: Path, *, replays: int | None = REPLAYS
) -> list[Path]:
    """Write the site of a board.

    Args:
        board: What to show.
        logs: Its logs, by match key; matches without one get no page.
        out: The folder; it is made.
        replays: So many matches of each unit and game get a page: the best, the
            median, the worst, then those between; None: all matches do.

    Returns:
        The files, in the order in which they were written.

    Raises:
        UsageError: A name that cannot be a file's.
        ReplayMismatch: A log does not fit the rules.
        LogError: A file cannot be written.
    """
    _check_names(board)
    files = []
    for name, text in _pages(board, logs, replays):
        files.append(out / name)
        _write(out / name, text)
    for game in board.games:
        home = page.Home(
            ((_title(board), "../index.html"), (_name(game), f"../games/{game.name}.html"))
        )
        for key in _drawn(game, logs, replays):
            files.append(out / "matches" / f"{key}.html")
            page.write(logs[key], files[-1], BOUNDS, home)
    return files


def _pages(board: Board, logs: Mapping[str, Log], replays: int | None) -> Iterator[tuple[str, str]]:
    """Everything but the matches' pages, by name."""
    yield "style.css", source("theme.css") + source("board/site.css")
    yield "script.js", source("theme.js") + source("board/site.js")
    yield "index.html", render("board/index.html", _index(board))
    for game in board.games:
        drawn = _drawn(game, logs, replays)
        yield f"games/{game.name}.html", render("board/game.html", _game(board, game, drawn))


def _index(board: Board) -> dict[str, object]:
    return {
        "root": "",
        "title": _title(board),
        "board": board,
        "overall": _tools(index_page.overall(board)),
        "plots": index_page.plots(board),
        "games": index_page.games(board),
        "units": index_page.units(board),
        "groups": _groups(board.groups, board),
        "protocol": [clean(one, 2000) for one in board.protocol],
        "sources": index_page.sources(board),
        "versions": [
            (clean(name, NAME), ", ".join(clean(one, NAME) for one in some))
            for name, some in board.versions.items()
        ],
        "machines": [clean(one, 500) for one in board.machines],
    }


def _game(board: Board, game: GameTable, drawn: Sequence[str]) -> dict[str, object]:
    return {
        "root": "../",
        "title": _name(game),
        "board_title": _title(board),
        "facts": game_page.facts(game),
        "rows": _tools(game_page.rows(game, board.units)),
        "chart": game_page.chart(game, board.units),
        "matrix": game_page.matrix(game, board.units),
        "comparisons": game_page.comparisons(game, board.units),
        "groups": _groups(game.groups, board),
        "matches": _tools(game_page.matches(game, board.units, drawn)),
        "drawn": len(drawn),
    }


def _tools(sheet: Sheet) -> Sheet:
    """A sheet with the values that its filters offer."""
    for number, column in enumerate(sheet.columns):
        if column.choose:
            found = sorted({row[number].text for row in sheet.rows})
            if 1 < len(found) <= CHOICES:
                sheet.choices[number] = tuple(found)
    return sheet


def _groups(groups: Sequence[Sequence[str]], board: Board) -> list[str]:
    """Who can be compared with whom, where that is not everybody with everybody."""
    if len(groups) < 2:
        return []
    return [", ".join(index_page.label(board.units[key]) for key in group) for group in groups]


def _drawn(game: GameTable, logs: Mapping[str, Log], replays: int | None) -> list[str]:
    """The keys of matches that get a page, in the table's order."""
    able = [one for one in game.matches if one.match in logs]
    if replays is None:
        return [one.match for one in able]
    chosen: set[str] = set()
    for unit in sorted({key for one in able for key in one.units}):
        chosen.update(_telling([one for one in able if unit in one.units], unit, replays))
    return [one.match for one in able if one.match in chosen]


def _telling(matches: Sequence[MatchRow], unit: str, count: int) -> list[str]:
    """The best match of a unit, the median, the worst, and so on between them."""
    finished = [one for one in matches if one.end != "unfinished"] or list(matches)
    ordered = sorted(finished, key=lambda one: (_worth(one, unit), one.seed, one.repeat, one.match))
    last = len(ordered) - 1
    places = dict.fromkeys(round(place * last) for place in _places(count))
    return [ordered[place].match for place in places][:count] if ordered else []


def _places(count: int) -> Iterator[Fraction]:
    """0, 1/2, 1, 1/4, 3/4, 1/8, ...: places spread over a list, more than are asked for."""
    yield from (Fraction(0), Fraction(1, 2), Fraction(1))
    size = 4
    while size < 4 * max(count, 1):
        yield from (Fraction(one, size) for one in range(1, size, 2))
        size *= 2


def _worth(one: MatchRow, unit: str) -> tuple[int, float]:
    """Smaller is better: a win before a draw before a loss, then the score."""
    seat = one.units.index(unit)
    won = 0 if one.winner is None or len(one.units) == 1 else 1 if one.winner == seat else -1
    return -won, -one.scores[seat] if one.scores else 0.0


def _title(board: Board) -> str:
    return clean(board.title, 120) or board.name


def _name(game: GameTable) -> str:
    return clean(game.title, NAME) or game.name


def _check_names(board: Board) -> None:
    """Refuse names that would leave the folder, or be one file on some systems.

    Raises:
        UsageError: Such a name.
    """
    games = [game.name for game in board.games]
    keys = [one.match for game in board.games for one in game.matches]
    for what, names in (("board", [board.name]), ("game", games), ("match", keys)):
        seen: set[str] = set()
        for name in names:
            if not _NAME.fullmatch(name):
                raise UsageError(
                    f"the {what}'s name {clean(name)!r} cannot be a file's: use up to 100 letters, "
                    "digits, dots, dashes and underscores, first a letter or digit"
                )
            if name.lower() in seen:
                raise UsageError(
                    f"two {what} names differ in nothing but capitals, or not at all: {name!r}"
                )
            seen.add(name.lower())


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise LogError(f"cannot write {path}: {error.strerror}") from None
