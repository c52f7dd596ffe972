"""A board as a page of Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from lmgame.board.table import Board, GameTable, Overall, Row, Unit
from lmgame.client.trouble import clean
from lmgame.rating import ELO, Rating

_SHOWN = 200
_OVERALL = (
    "rank",
    "unit",
    "games",
    "anchor share",
    "95 % CI",
    "Elo",
    "95 % CI",
    "matches",
    "unfinished",
    "forfeits",
    "not ok",
    "TTFT p50",
    "attainment",
    "goodput",
    "cost",
)
_SERVED = ("TTFT p50", "attainment")
_ENDS = ("n", "unfinished", "forfeits", "cut off", "not ok")


def markdown(board: Board) -> str:
    """The whole page."""
    return "\n".join([*_page(board)]) + "\n"


def _page(board: Board) -> Iterator[str]:
    yield f"# {_safe(board.title)}"
    yield ""
    yield from (f"- {_safe(sentence)}" for sentence in board.protocol)
    yield from ["", "## Overall", ""]
    if len(board.groups) > 1:
        yield "Not everybody is connected by matches: ratings compare within a group only."
        yield from [f"- {', '.join(_name(board, key) for key in one)}" for one in board.groups]
        yield ""
    yield from _table(_OVERALL, [_line(one, board) for one in board.overall], names=2)
    for game in board.games:
        yield from _game(game, board)
    yield from ["", "## Who they are", ""]
    heads = ("unit", "agent", "model", "harness", "serving", "key")
    yield from _table(heads, [_unit(one) for one in _ordered(board)], names=6)
    yield from _origin(board)


def _ordered(board: Board) -> list[Unit]:
    return [board.units[one.unit] for one in board.overall]


def _name(board: Board, key: str) -> str:
    return _safe(board.units[key].label)


def _line(one: Overall, board: Board) -> list[str]:
    serving = one.serving
    return [
        str(one.rank),
        _name(board, one.unit),
        str(one.games),
        _figure(one.anchor_share),
        _span(one.low, one.high),
        *_elo(one.rating),
        str(one.matches),
        str(one.unfinished),
        str(one.forfeits),
        _percent(one.illegal, one.decisions),
        "" if serving is None else _seconds(serving.ttft_s.p50),
        "" if serving is None else _share(serving.attainment.joint.value),
        "" if serving is None or serving.goodput_rps is None else f"{serving.goodput_rps:.2f} /s",
        "" if one.usd is None else f"${one.usd:.4f}",
    ]


def _game(game: GameTable, board: Board) -> Iterator[str]:
    yield from ["", f"## {_safe(game.title)}", ""]
    what = f"`{game.game}`; score: {_safe(game.score)}" if game.score else f"`{game.game}`"
    bound = "" if game.max_decisions is None else f"; at most {game.max_decisions} decisions a seat"
    yield f"{what}{bound}."
    yield ""
    heads: tuple[str, ...]
    if game.seats == 1:
        heads = ("unit", "score", "95 % CI", "sd", "delta", "anchor share", *_ENDS, *_SERVED)
    else:
        heads = ("unit", "rank", "Elo", "95 % CI", "W-D-L", *_ENDS, *_SERVED)
    yield from _table(heads, [_row(game, row, board) for row in game.rows])
    if game.comparisons:
        yield from ["", "On the same seeds:", ""]
        heads = ("one", "other", "n", "difference", "95 % CI", "p (t)", "p (rank)")
        yield from _table(
            heads,
            [
                [
                    _name(board, one.one),
                    _name(board, one.other),
                    str(one.n),
                    f"{one.difference:+.3g}",
                    _span(one.low, one.high),
                    _p(one.p),
                    _p(one.p_rank),
                ]
                for one in game.comparisons
            ],
            names=2,
        )
    if game.meetings:
        yield from ["", "Who met whom (wins-draws-losses of the row against the column):", ""]
        yield from _matrix(game, board)


def _row(game: GameTable, row: Row, board: Board) -> list[str]:
    low, high = row.score.ci95 or (None, None)
    if game.seats == 1:
        own = [
            _figure(row.score.mean),
            _span(low, high),
            _figure(row.score.sd),
            _signed(row.glass_delta),
            _figure(row.anchor_share),
        ]
    else:
        rank = "" if row.rating is None else str(row.rating.rank)
        own = [rank, *_elo(row.rating), f"{row.wins}-{row.draws}-{row.losses}"]
    bad = row.decisions - row.outcomes.get("ok", 0)
    serving = row.serving
    return [
        _name(board, row.unit),
        *own,
        str(row.score.n if game.seats == 1 else row.matches),
        str(row.unfinished),
        str(row.forfeits),
        str(row.truncated),
        _percent(bad, row.decisions),
        "" if serving is None else _seconds(serving.ttft_s.p50),
        "" if serving is None else _share(serving.attainment.joint.value),
    ]


def _matrix(game: GameTable, board: Board) -> list[str]:
    keys = [row.unit for row in game.rows]
    cells = {(one.one, one.other): f"{one.wins}-{one.draws}-{one.losses}" for one in game.meetings}
    rows = [[_name(board, one), *(cells.get((one, other), "") for other in keys)] for one in keys]
    return _table(("", *(_name(board, key) for key in keys)), rows)


def _unit(unit: Unit) -> list[str]:
    words = (unit.label, unit.agent, unit.model, unit.harness, unit.serving)
    return [*(_safe(word) for word in words), f"`{unit.key}`"]


def _origin(board: Board) -> Iterator[str]:
    yield from ["", "## Where it comes from", ""]
    for source in board.sources:
        archive = f"`logs/{source['name']}.tar.xz`"
        yield f"- {archive}: {source['logs']} logs, hash `{source['sum']}`"
    yield from (f"- Played on: {_safe(machine)}" for machine in board.machines)
    yield f"- Versions: {_versions(board.versions)}"
    yield from [
        "",
        "Everything here is worked out from the logs alone. To do it again, and to compare every",
        f"byte: `lmgame board --check {board.name}` (in the folder above this one). An archive in",
        "`logs/` is a run's folder (`tar xf`): its `config.yaml` holds every setting it was played",
        "with, and `lmgame board RUNS --out DIR` makes a board of any such folders.",
    ]


def _versions(versions: Mapping[str, Sequence[str]]) -> str:
    return ", ".join(f"{name} {' and '.join(some)}" for name, some in versions.items())


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], names: int = 1) -> list[str]:
    """A table; its first columns are words, the others figures."""
    rule = [":---" if number < names else "---:" for number in range(len(heads))]
    return [f"| {' | '.join(line)} |" for line in (heads, rule, *rows)]


def _safe(text: str) -> str:
    """Foreign text on one line, as nothing but text."""
    return re.sub(r"([\\`*_{}\[\]<>#|~$&!])", r"\\\1", clean(text, _SHOWN))


def _elo(rating: Rating | None) -> list[str]:
    if rating is None:
        return ["", ""]
    low, high = rating.low * ELO, rating.high * ELO
    return [f"{rating.strength * ELO:+.0f}", f"{low:+.0f} to {high:+.0f}"]


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _signed(value: float | None) -> str:
    return "" if value is None else f"{value:+.2f}"


def _span(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"{low:.4g} to {high:.4g}"


def _p(value: float | None) -> str:
    return "" if value is None else f"{value:.2g}"


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.1%}"


def _percent(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if part else "0"


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value * 1000:.0f} ms"
