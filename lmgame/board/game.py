"""What a site's page of one game shows, from its table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from lmgame import figure
from lmgame.board import plot, sheet
from lmgame.board.index import (
    RATING,
    SERVING,
    elo,
    intervals,
    label,
    rating_cell,
    rating_point,
    serving_cells,
    unit_cell,
)
from lmgame.board.plot import Plot, Point, Scale
from lmgame.board.sheet import Cell, Column, Sheet
from lmgame.board.table import Comparison, GameTable, MatchRow, Meeting, Row, Unit
from lmgame.client.trouble import clean
from lmgame.markup import NAME, settings

Units = Mapping[str, Unit]

_COUNTS = (
    Column("Matches", "finished ones"),
    Column("Seeds", "how many different ones"),
    Column("Not ok", "share of decisions whose reply was not read as a legal action in time"),
    Column("Forfeits", "matches lost by replies that were no legal action"),
    Column("Unfinished", "matches begun and not finished"),
    Column("Truncated", "matches ended by the cap on decisions, not by the rules"),
    Column("Decisions", "that landed"),
    *SERVING,
    Column("Cost / match", "US dollars a finished match; - where no price is known"),
)
_ALONE = (
    Column("Unit", words=True),
    Column("Score", "mean of finished matches; 95 % interval below"),
    Column("Glass's Δ", "distance from random's mean, in random's standard deviations"),
    Column("Anchor share", "0 % plays like random, 100 % like the scripted anchor"),
)
_AGAINST = (
    Column("Unit", words=True),
    Column("Rank", "1 + how many are better with their whole interval"),
    Column("Rating", "Elo scale, 0 is the mean; 95 % interval below"),
    Column("W–D–L", "wins, draws and losses"),
    Column("Score", "mean of its seat"),
)


def facts(game: GameTable) -> list[tuple[str, str]]:
    """The rules it was played under, in short."""
    found = [
        ("game", clean(game.game, NAME)),
        ("seats", str(game.seats)),
        ("score counts", clean(game.score, NAME)),
        ("decisions", "as many as it takes" if game.max_decisions is None else
         f"at most {game.max_decisions} a seat"),
    ]  # fmt: skip
    for name, state in (
        ("arguments", game.arguments),
        ("clock", game.clock),
        ("policy", game.policy),
        ("limits", game.slo),
    ):
        state = {key: value for key, value in state.items() if value is not None}
        told = ", ".join(
            value if key == "kind" else f"{key} {value}" for key, value in settings(state)
        )
        found.append((name, told or "none"))
    if game.seat_term is not None:
        found.append(("first seat's advantage", f"{elo(game.seat_term)} on the Elo scale"))
    return found


def rows(game: GameTable, units: Units) -> Sheet:
    """The table of a game."""
    alone = game.seats == 1
    lines = []
    for one in game.rows:
        bad = one.decisions - one.outcomes.get("ok", 0)
        share = bad / one.decisions if one.decisions else None
        cost = one.usd / one.matches if one.usd is not None and one.matches else None
        lines.append(
            [
                unit_cell(units[one.unit], f"../index.html#unit-{one.unit}"),
                *(_alone(one) if alone else _against(one)),
                sheet.whole(one.matches),
                sheet.whole(one.seeds),
                replace(sheet.measured(figure.share(share, 1), share, _outcomes(one)), kind="wrap"),
                sheet.whole(one.forfeits, "bad"),
                sheet.whole(one.unfinished, "bad"),
                sheet.whole(one.truncated),
                sheet.whole(one.decisions),
                *serving_cells(one.serving),
                sheet.measured(figure.money(cost), cost),
            ]
        )
    columns = (*(_ALONE if alone else _AGAINST), *_COUNTS)
    return Sheet("rows", "Results", columns, lines, tools=len(lines) > 8)


def _outcomes(one: Row) -> str:
    """How bad replies were read."""
    bad = sorted((name, count) for name, count in one.outcomes.items() if name != "ok" and count)
    return ", ".join(f"{count:,} {clean(name, NAME)}" for name, count in bad)


def _score_cell(one: Row) -> Cell:
    text, low, high = figure.scores(one.score.mean, *(one.score.ci95 or (None, None)))
    return sheet.measured(text, one.score.mean, figure.span(low, high))


def _alone(one: Row) -> list[Cell]:
    delta, share = one.glass_delta, one.anchor_share
    return [
        _score_cell(one),
        sheet.measured(figure.number(delta, 2, sign=True), delta),
        sheet.measured(figure.share(share), share),
    ]


def _against(one: Row) -> list[Cell]:
    rank = one.rating.rank if one.rating else None
    played = one.wins + one.draws + one.losses
    points = (one.wins + one.draws / 2) / played if played else None
    return [
        sheet.measured(figure.number(rank, 0), rank),
        rating_cell(one.rating),
        sheet.measured(f"{one.wins}–{one.draws}–{one.losses}", points, figure.share(points)),
        _score_cell(one),
    ]


def chart(game: GameTable, units: Units) -> tuple[Plot, Sheet] | None:
    """Scores, or ratings, with their intervals; None where nobody has finished a match."""
    if game.seats > 1:
        rated = [(units[one.unit], one.rating) for one in game.rows]
        points = [rating_point(unit, one) for unit, one in rated if one is not None]
        title, scale = "Rating with 95 % interval", RATING
    else:
        points = [
            Point(label(units[one.unit]), units[one.unit].anchor, one.score.mean,
                  *(one.score.ci95 or (None, None)))
            for one in game.rows
            if one.score.mean is not None
        ]  # fmt: skip
        title = "Score with 95 % interval"
        scale = Scale(f"mean score ({clean(game.score, NAME)})", lambda x: figure.scores(x)[0])
    if not points:
        return None
    points.sort(key=lambda one: -one.x)
    return plot.forest("chart", title, points, scale), intervals(points, scale)


_LEVELS = 10


def matrix(game: GameTable, units: Units) -> Sheet | None:
    """Everybody against everybody, from the row's side; None where nobody met."""
    if not game.meetings:
        return None
    met = {(one.one, one.other): one for one in game.meetings}
    keys = [one.unit for one in game.rows]
    lines = [
        [sheet.words(label(units[one])), *(_meeting(met.get((one, other))) for other in keys)]
        for one in keys
    ]
    heads = [Column(label(units[key])) for key in keys]
    caption = "Head to head: wins–draws–losses of the row against the column"
    return Sheet("matrix", caption, (Column("Against", words=True), *heads), lines)


def _meeting(one: Meeting | None) -> Cell:
    played = one.wins + one.draws + one.losses if one else 0
    if one is None or not played:
        return Cell("", None, kind="none")
    points = (one.wins + one.draws / 2) / played
    note = f"{figure.share(points)}; {one.first_wins} of {one.first} from seat 1"
    text = f"{one.wins}–{one.draws}–{one.losses}"
    return Cell(text, points, note, kind=f"heat h{round(points * _LEVELS)}")


def comparisons(game: GameTable, units: Units) -> Sheet | None:
    """Every two units on the seeds both have played; None where there are none."""
    if not game.comparisons:
        return None
    columns = (
        Column("One", words=True),
        Column("Other", words=True),
        Column("Seeds", "that both have played"),
        Column("Difference", "mean of one's score minus the other's; 95 % interval below"),
        Column("p", "two-sided, paired t-test; not corrected for the number of comparisons"),
        Column("p (ranks)", "two-sided, Wilcoxon's signed-rank test"),
    )
    lines = [_comparison(one, units) for one in game.comparisons]
    return Sheet("comparisons", "Paired comparisons", columns, lines, tools=len(lines) > 8)


def _comparison(one: Comparison, units: Units) -> list[Cell]:
    difference, low, high = map(_signed, figure.scores(one.difference, one.low, one.high))
    return [
        sheet.words(label(units[one.one])),
        sheet.words(label(units[one.other])),
        sheet.whole(one.n),
        sheet.measured(difference, one.difference, figure.span(low, high)),
        *(sheet.measured(_p(value), value) for value in (one.p, one.p_rank)),
    ]


def _signed(text: str) -> str:
    return f"+{text}" if text.strip("0.,") and text[0].isdigit() else text


def _p(value: float | None) -> str:
    if value is None:
        return figure.NONE
    return "< 0.001" if value < 0.001 else figure.number(value, 3)


def matches(game: GameTable, units: Units, drawn: Sequence[str]) -> Sheet:
    """Every match; those that have a page link to it.

    Args:
        game: Whose.
        units: By key.
        drawn: The keys of matches that have a page.
    """
    pages = set(drawn)
    lines = [_match(one, units, one.match in pages) for one in game.matches]
    seats = [f"Seat {number + 1}" for number in range(game.seats)] if game.seats > 1 else ["Unit"]
    columns = (
        Column("Match", "opens a page to step through, where there is one", words=True),
        Column("Seed"),
        *(Column(seat, words=True, choose=True) for seat in seats),
        Column("Result", words=True, choose=True),
        Column("Score", "by seat"),
        Column("Decisions", "that landed"),
        Column("Time", "that the agents took, in all"),
    )
    return Sheet("matches", "Matches", columns, lines, tools=True)


def _match(one: MatchRow, units: Units, drawn: bool) -> list[Cell]:
    name = clean(one.log.rsplit("/", 1)[-1], 120) or one.match
    if drawn:
        first = sheet.words("Replay", name, f"../matches/{one.match}.html")
    else:
        first = sheet.words("", name)
    again = f"repeat {one.repeat + 1}" if one.repeat else ""
    scores = " : ".join(figure.scores(*one.scores)) or figure.NONE
    return [
        first,
        Cell(str(one.seed), one.seed, again),
        *(sheet.words(label(units[key])) for key in one.units),
        _result(one),
        sheet.measured(scores, one.scores[0] if one.scores else None),
        sheet.whole(sum(one.decisions)),
        sheet.seconds(one.seconds),
    ]


_ENDS = {"over": "", "max_decisions": "cap reached", "forfeit": "forfeit"}


def _result(one: MatchRow) -> Cell:
    if one.end == "unfinished":
        return sheet.words("unfinished", kind="bad")
    how = _ENDS.get(one.end, clean(one.end, NAME))
    if len(one.units) == 1:
        return sheet.words(how or "played out", kind="bad" if one.end == "forfeit" else "")
    who = "draw" if one.winner is None else f"seat {one.winner + 1} wins"
    return sheet.words(who, how)
