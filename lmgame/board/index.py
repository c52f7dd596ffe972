"""What the first page of a site shows, from a board."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from lmgame import figure
from lmgame.board import plot, sheet
from lmgame.board.plot import Plot, Point, Scale
from lmgame.board.sheet import Cell, Column, Sheet
from lmgame.board.table import Board, Overall, Unit
from lmgame.client.trouble import clean
from lmgame.markup import NAME, settings
from lmgame.rating import ELO, Rating
from lmgame.slo import ServingSummary

SHARE = Scale(
    "share of the scripted anchor's score", figure.share, ((0.0, "random"), (1.0, "scripted"))
)
RATING = Scale(
    "rating (Elo scale, 0 is the mean)", lambda value: figure.number(value, 0, sign=True)
)


def label(unit: Unit) -> str:
    """What a page calls a unit."""
    return clean(unit.label, NAME) or unit.key


def elo(value: float) -> str:
    """A strength in log-odds on the Elo scale."""
    return figure.number(value * ELO, 0, sign=True)


def rating_cell(one: Rating | None) -> Cell:
    """A rating with its interval."""
    if one is None:
        return sheet.measured(figure.NONE, None)
    return Cell(elo(one.strength), one.strength, figure.span(elo(one.low), elo(one.high)))


def share_cell(one: Overall) -> Cell:
    """An anchor share with its interval."""
    low, high = figure.share(one.low), figure.share(one.high)
    return sheet.measured(figure.share(one.anchor_share), one.anchor_share, figure.span(low, high))


SERVING = (
    Column("TTFT", "median time to first token"),
    Column("TPOT", "median time per output token after the first"),
    Column("To action", "median time from a turn to its action"),
    Column("Attainment", "share of calls that met every limit; - where none was set"),
    Column("Goodput", "calls a second that met every limit, while calls were under way"),
)


def serving_cells(one: ServingSummary | None) -> list[Cell]:
    """What calls were like, under the headings SERVING."""
    if one is None:
        return [sheet.measured(figure.NONE, None) for _ in SERVING]
    met = one.attainment.joint
    low, high = met.ci95 or (None, None)
    between = figure.span(figure.share(low), figure.share(high))
    return [
        sheet.seconds(one.ttft_s.p50),
        sheet.seconds(one.tpot_s.p50),
        sheet.seconds(one.time_to_action_s.p50),
        sheet.measured(figure.share(met.value), met.value, between),
        sheet.measured(figure.number(one.goodput_rps, 2), one.goodput_rps),
    ]


def unit_cell(unit: Unit, link: str = "") -> Cell:
    """A unit's label, with what it is made of below."""
    parts = (unit.agent, unit.model, unit.harness, unit.serving)
    note = "anchor" if unit.anchor else " · ".join(clean(one, NAME) for one in parts if one)
    return sheet.words(label(unit), note, link, "anchor" if unit.anchor else "")


_COLUMNS = (
    Column("Rank", "1 + how many are better beyond doubt; shared ranks have a ="),
    Column("Unit", "agent, model, harness and serving configuration", words=True),
    Column("Games", "in which it finished a match"),
    Column("Anchor share", "over games with one seat: 0 % plays like random, 100 % like the "
           "scripted anchor; 95 % interval below"),
    Column("Rating", "over games with two seats, Elo scale; 95 % interval below"),
    Column("Not ok", "share of decisions whose reply was not read as a legal action in time"),
    Column("Forfeits", "matches lost by replies that were no legal action"),
    Column("Unfinished", "matches begun and not finished: a failing backend, a budget used up"),
    Column("Truncated", "matches ended by the cap on decisions, not by the rules"),
    Column("Matches", "finished ones"),
    Column("Decisions", "that landed"),
    *SERVING,
    Column("Cost / match", "US dollars a finished match; - where no price is known"),
)  # fmt: skip


def overall(board: Board) -> Sheet:
    """The table over all games."""
    ranks = [one.rank for one in board.overall]
    rows = []
    for one in board.overall:
        rank = f"{one.rank} =" if ranks.count(one.rank) > 1 else str(one.rank)
        bad = one.illegal / one.decisions if one.decisions else None
        cost = one.usd / one.matches if one.usd is not None and one.matches else None
        rows.append(
            [
                Cell(rank, one.rank),
                unit_cell(board.units[one.unit], f"#unit-{one.unit}"),
                sheet.whole(one.games),
                share_cell(one),
                rating_cell(one.rating),
                sheet.measured(figure.share(bad, 1), bad),
                sheet.whole(one.forfeits, "bad"),
                sheet.whole(one.unfinished, "bad"),
                sheet.whole(one.truncated),
                sheet.whole(one.matches),
                sheet.whole(one.decisions),
                *serving_cells(one.serving),
                sheet.measured(figure.money(cost), cost),
            ]
        )
    caption = f"Overall: {figure.count(len(board.games), 'game')}, each with the same weight"
    return Sheet("overall", caption, _COLUMNS, rows, head=1, tools=True)


def plots(board: Board) -> list[tuple[Plot, Sheet]]:
    """Every plot that has something to show, with the same figures as a table."""
    shares, ratings = _shares(board), _ratings(board)
    found = []
    for key, worth, scale in (("share", shares, SHARE), ("rating", ratings, RATING)):
        if worth:
            points = sorted(worth.values(), key=lambda one: -one.x)
            title = f"{_TITLES[key]} with 95 % interval"
            found.append((plot.forest(key, title, points, scale), intervals(points, scale)))
    for key, what, scale, measure in _AGAINST:
        for name, upwards, worth in (("share", SHARE, shares), ("rating", RATING, ratings)):
            points = _against(board, measure, worth)
            if points:
                title = f"{_TITLES[name]} {what}"
                drawn = plot.scatter(f"{name}-{key}", title, points, scale, upwards)
                found.append((drawn, pairs(points, scale, upwards)))
    return found


_TITLES = {"share": "Anchor share", "rating": "Rating"}


def _latency(one: ServingSummary) -> float | None:
    return one.time_to_action_s.p50


def _goodput(one: ServingSummary) -> float | None:
    return one.goodput_rps


_AGAINST: tuple[tuple[str, str, Scale, Callable[[ServingSummary], float | None]], ...] = (
    ("latency", "against latency",
     Scale("median time to action, logarithmic", figure.time, log=True), _latency),
    ("goodput", "against goodput",
     Scale("goodput: calls a second that met every limit", lambda one: figure.number(one, 2),
           zero=True), _goodput),
)  # fmt: skip


def _shares(board: Board) -> dict[str, Point]:
    return {
        one.unit: Point(label(unit), unit.anchor, one.anchor_share, one.low, one.high)
        for one in board.overall
        if one.anchor_share is not None
        for unit in [board.units[one.unit]]
    }


def _ratings(board: Board) -> dict[str, Point]:
    return {
        one.unit: rating_point(board.units[one.unit], one.rating)
        for one in board.overall
        if one.rating is not None
    }


def rating_point(unit: Unit, one: Rating) -> Point:
    """A rating as a point on the Elo scale."""
    return Point(label(unit), unit.anchor, one.strength * ELO, one.low * ELO, one.high * ELO)


def _against(
    board: Board, measure: Callable[[ServingSummary], float | None], worth: Mapping[str, Point]
) -> list[Point]:
    found = []
    for one in board.overall:
        unit, good = board.units[one.unit], worth.get(one.unit)
        x = None if one.serving is None else measure(one.serving)
        if good is not None and x is not None:
            ends = {"y_low": good.low, "y_high": good.high}
            found.append(Point(label(unit), unit.anchor, x, y=good.x, **ends))
    return found


def intervals(points: Sequence[Point], scale: Scale) -> Sheet:
    """The figures of a forest plot."""
    rows = [
        [
            sheet.words(one.label),
            sheet.measured(scale.write(one.x), one.x),
            *(
                sheet.measured(figure.NONE if end is None else scale.write(end), end)
                for end in (one.low, one.high)
            ),
        ]
        for one in points
    ]
    columns = (Column("Unit", words=True), Column("Value"), Column("Low"), Column("High"))
    return Sheet("", scale.title, columns, rows)


def pairs(points: Sequence[Point], across: Scale, upwards: Scale) -> Sheet:
    """The figures of a scatter plot."""
    rows = [
        [
            sheet.words(one.label),
            sheet.measured(across.write(one.x), one.x),
            sheet.measured(upwards.write(one.y), one.y),
        ]
        for one in points
    ]
    columns = (Column("Unit", words=True), Column(across.title), Column(upwards.title))
    return Sheet("", f"{upwards.title}, {across.title}", columns, rows)


def games(board: Board) -> Sheet:
    """The list of games."""
    rows = []
    for game in board.games:
        best = board.units[game.rows[0].unit] if game.rows else None
        open_ = sum(one.end == "unfinished" for one in game.matches)
        rows.append(
            [
                sheet.words(clean(game.title, NAME) or game.name, clean(game.game, NAME),
                            f"games/{game.name}.html"),
                sheet.whole(game.seats),
                sheet.words(clean(game.score, NAME)),
                sheet.words(clean(str(game.clock.get("kind", figure.NONE)), NAME)),
                sheet.measured(figure.number(game.max_decisions, 0), game.max_decisions),
                sheet.whole(len(game.matches) - open_),
                sheet.whole(open_, "bad"),
                sheet.words(label(best) if best else figure.NONE),
            ]
        )  # fmt: skip
    columns = (
        Column("Game", words=True),
        Column("Seats"),
        Column("Score", "what it counts", words=True),
        Column("Clock", words=True),
        Column("Cap", "decisions a seat may take"),
        Column("Matches", "finished ones"),
        Column("Unfinished"),
        Column("Best", words=True),
    )
    return Sheet("games", "Games", columns, rows)


def units(board: Board) -> list[dict[str, object]]:
    """What each unit is, setting by setting."""
    return [
        {
            "key": unit.key,
            "label": label(unit),
            "facts": [
                (name, clean(value, NAME) or figure.NONE)
                for name, value in (
                    ("agent", unit.agent),
                    ("model", unit.model),
                    ("harness", unit.harness),
                    ("serving", unit.serving),
                    ("key", unit.key),
                )
            ],
            "settings": settings(unit.settings),
            "backend": settings(unit.backend),
        }
        for one in board.overall
        for unit in [board.units[one.unit]]
    ]


def sources(board: Board) -> Sheet:
    """Where it comes from."""
    names = list(dict.fromkeys(name for one in board.sources for name in one))
    rows = [
        [sheet.words(clean(str(one.get(name, figure.NONE)))) for name in names]
        for one in board.sources
    ]
    columns = [Column(clean(name, NAME), words=True) for name in names]
    return Sheet("sources", "Sources", columns, rows)
