"""A board as tables (CSV, Parquet) and as JSON; docs/boards.md tells what each column means."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from importlib.util import find_spec
from typing import get_args

import pandas as pd

from lmgame.agent import ReadingOutcome
from lmgame.board.site import REPLAYS
from lmgame.board.table import Board, Comparison, MatchRow, Meeting, Overall, Row, Unit
from lmgame.errors import MissingExtra
from lmgame.rating import Rating
from lmgame.slo import ServingSummary, as_before

FORMAT = 1
"""Of ``board.json``."""
Line = dict[str, object]
_WORDS = re.compile(
    r"game|unit(_\d)?|label(_\w+)?|agent|model|harness|serving|rating_note|match|log|end|one|other"
)
_COUNTS = re.compile(
    r"rank|rating_rank|games|matches|unfinished|forfeits|truncated|decisions(_\d)?|not_ok|read_\w+|"
    r"seeds?|wins|draws|losses|calls(_\w+)?|attainment_n|\w+_tokens|repeat|winner|n|first(_wins)?"
)


def check_extra() -> None:
    """Refuse where Parquet cannot be written.

    Raises:
        MissingExtra: PyArrow is not installed.
    """
    if find_spec("pyarrow") is None:
        raise MissingExtra("lmgame board", "board", "PyArrow, which writes Parquet")


def tables(board: Board) -> dict[str, pd.DataFrame]:
    """Every table of a board, by its file's name without the ending."""
    both = [(game.name, game) for game in board.games]
    found: dict[str, list[Line]] = {
        "overall": [_overall(one, board.units[one.unit]) for one in board.overall],
        "results": [
            _result(name, one, board.units[one.unit]) for name, game in both for one in game.rows
        ],
        "matches": [_match(name, one, board) for name, game in both for one in game.matches],
        "comparisons": [_two(name, one, board) for name, game in both for one in game.comparisons],
        "meetings": [_two(name, one, board) for name, game in both for one in game.meetings],
    }
    return {name: _frame(name, lines) for name, lines in found.items()}


def csv(frame: pd.DataFrame) -> bytes:
    """A table as CSV: UTF-8, comma, one line feed a row; an empty cell is unknown."""
    return frame.to_csv(index=False, lineterminator="\n").encode()


def parquet(frame: pd.DataFrame) -> bytes:
    """A table as Parquet, without what pandas would say of itself.

    The bytes hang on the version of PyArrow, which the file names.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
    kinds = {"str": pa.string(), "Int64": pa.int64(), "Float64": pa.float64()}
    schema = pa.schema(
        [(name, kinds.get(str(kind), pa.bool_())) for name, kind in frame.dtypes.items()]
    )
    buffer = io.BytesIO()
    pq.write_table(
        table.cast(schema), buffer, version="2.6", compression="zstd", store_schema=False
    )
    return buffer.getvalue()


def same_parquet(ours: bytes, theirs: bytes) -> bool:
    """Whether two files are the same table; byte for byte where one PyArrow wrote both."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if ours == theirs:
        return True
    try:
        one, other = (pq.ParquetFile(io.BytesIO(data)) for data in (ours, theirs))
        if one.metadata.created_by == other.metadata.created_by:
            return False
        return bool(one.read().equals(other.read(), check_metadata=True))
    except (pa.ArrowException, OSError):
        return False


@dataclass(frozen=True, slots=True)
class Options:
    """What a board was asked to be, beyond what its logs say.

    Attributes:
        notes: Sentences at the end of its protocol.
        replays: How many matches of each unit and game have a page; None: all.
    """

    notes: tuple[str, ...] = ()
    replays: int | None = REPLAYS


def to_json(board: Board, options: Options) -> bytes:
    """The whole board as JSON, and what it was asked to be."""
    content = {"format": FORMAT, **asdict(options), **asdict(board, dict_factory=as_before)}
    return (json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _frame(name: str, lines: Sequence[Line]) -> pd.DataFrame:
    """Lines as a frame whose columns have the same types however many lines there are."""
    columns = list(lines[0]) if lines else _EMPTY[name]
    frame = pd.DataFrame([[line[one] for one in columns] for line in lines], columns=columns)
    return frame.astype({one: _kind(one) for one in columns})


def _kind(column: str) -> str:
    """Its type in pandas: a word, a yes or no, a count, or a figure."""
    if _WORDS.fullmatch(column):
        return "str"
    if column == "anchor":
        return "boolean"
    return "Int64" if _COUNTS.fullmatch(column) else "Float64"


def _who(unit: Unit) -> Line:
    return {
        "unit": unit.key,
        "label": unit.label,
        "agent": unit.agent,
        "model": unit.model,
        "harness": unit.harness,
        "serving": unit.serving,
        "anchor": unit.anchor,
    }


def _rating(one: Rating | None) -> Line:
    return {
        "rating": one and one.strength,
        "rating_low": one and one.low,
        "rating_high": one and one.high,
        "rating_rank": one and one.rank,
        "rating_note": one.note if one else "",
    }


def _overall(one: Overall, unit: Unit) -> Line:
    return {
        "rank": one.rank,
        **_who(unit),
        "games": one.games,
        "anchor_share": one.anchor_share,
        "anchor_share_low": one.low,
        "anchor_share_high": one.high,
        **_rating(one.rating),
        "matches": one.matches,
        "unfinished": one.unfinished,
        "forfeits": one.forfeits,
        "truncated": one.truncated,
        "decisions": one.decisions,
        "not_ok": one.illegal,
        "usd": one.usd,
        **_serving(one.serving),
    }


def _result(game: str, one: Row, unit: Unit) -> Line:
    low, high = one.score.ci95 or (None, None)
    return {
        "game": game,
        **_who(unit),
        "seeds": one.seeds,
        "mean": one.score.mean,
        "low": low,
        "high": high,
        "sd": one.score.sd,
        "glass_delta": one.glass_delta,
        "anchor_share": one.anchor_share,
        "wins": one.wins,
        "draws": one.draws,
        "losses": one.losses,
        **_rating(one.rating),
        "matches": one.matches,
        "unfinished": one.unfinished,
        "forfeits": one.forfeits,
        "truncated": one.truncated,
        "decisions": one.decisions,
        **{f"read_{name}": one.outcomes.get(name, 0) for name in get_args(ReadingOutcome)},
        "usd": one.usd,
        **_serving(one.serving),
    }


def _serving(one: ServingSummary | None) -> Line:
    found: Line = {
        "calls": one and one.calls,
        "calls_failed": one and one.failed,
        "calls_cancelled": one and one.cancelled,
    }
    for name in ("ttft", "tpot", "time_to_action"):
        spread = one and getattr(one, f"{name}_s")
        found |= {f"{name}_{q}_s": spread and getattr(spread, q) for q in ("p50", "p90", "p99")}
    joint = one and one.attainment.joint
    low, high = (joint and joint.ci95) or (None, None)
    return found | {
        "attainment": joint and joint.value,
        "attainment_low": low,
        "attainment_high": high,
        "attainment_n": joint and joint.n,
        "goodput_rps": one and one.goodput_rps,
        "throughput_rps": one and one.throughput_rps,
        "busy_s": one and one.busy_s,
        "prompt_tokens": one and one.tokens.prompt,
        "completion_tokens": one and one.tokens.completion,
        "reasoning_tokens": one and one.tokens.reasoning,
        "cached_tokens": one and one.tokens.cached,
        "calls_without_usage": one and one.tokens.calls_without_usage,
    }


def _match(game: str, one: MatchRow, board: Board) -> Line:
    line: Line = {
        "match": one.match,
        "game": game,
        "log": one.log,
        "seed": one.seed,
        "repeat": one.repeat,
        "end": one.end,
        "winner": one.winner,
        "seconds": one.seconds,
    }
    for seat in (0, 1):
        there = seat < len(one.units)
        line |= {
            f"unit_{seat}": one.units[seat] if there else "",
            f"label_{seat}": board.units[one.units[seat]].label if there else "",
            f"score_{seat}": one.scores[seat] if seat < len(one.scores) else None,
            f"decisions_{seat}": one.decisions[seat] if there else None,
        }
    return line


def _two(game: str, one: Comparison | Meeting, board: Board) -> Line:
    figures = {key: value for key, value in asdict(one).items() if key not in ("one", "other")}
    return {
        "game": game,
        "one": one.one,
        "other": one.other,
        "label_one": board.units[one.one].label,
        "label_other": board.units[one.other].label,
        **figures,
    }


_PAIR = ["game", "one", "other", "label_one", "label_other"]
_EMPTY: Mapping[str, list[str]] = {
    "comparisons": [*_PAIR, *(one.name for one in fields(Comparison)[2:])],
    "meetings": [*_PAIR, *(one.name for one in fields(Meeting)[2:])],
}
"""Columns of the tables that a board may have no line for."""
