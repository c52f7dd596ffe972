"""Logs with results that a test chooses: whole and with checksums, but never played."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from lmgame.agent import Decision
from lmgame.board import source
from lmgame.board.build import build
from lmgame.board.table import Board
from lmgame.client.call import Call, Failure, Timing
from lmgame.game import State
from lmgame.record import Header, Played, Result, Seat, Suspended, Writer, match_key

End = Literal["over", "max_decisions", "forfeit"]
ALONE, PAIR = "Tetris-v1", "TicTacToe-v1"


def seat(agent: str, model: str = "", **settings: object) -> Seat:
    """A player."""
    made: State = settings  # type: ignore[assignment] # tests give JSON values
    return Seat("player", agent, model, made)


def header(game: str, seats: Sequence[Seat], seed: int, **changes: object) -> Header:
    """A header of a match that was never played."""
    fields: dict[str, object] = {
        "match": "",
        "game": game,
        "arguments": {},
        "seed": seed,
        "seats": tuple(seats),
        "clock": {"kind": "paused"},
        "policy": {"retries": 1, "then": "default", "failed": "suspend"},
        "max_decisions": 40,
        "slo": {"ttft_s": 1.0},
        "backend": {},
        "created": "",
        "versions": {"lmgame": "0"},
        **changes,
    }
    made = Header(**fields)  # type: ignore[arg-type] # a dictionary of the right fields
    return replace(made, match=match_key(made))


def call(ttft_s: float | None = 0.1, at: float = 0.0) -> Call:
    """A call that succeeded, or (None) one that the server failed."""
    if ttft_s is None:
        return Call("m", "0" * 16, "", Timing(at, end=0.5), failure=Failure("status", "503", 503))
    return Call("m", "0" * 16, "x", Timing(at, ttft_s, 0, ttft_s, ttft_s, ttft_s, ttft_s))


def forge(
    folder: Path,
    top: Header,
    scores: Sequence[float] | None,
    winner: int | None = None,
    end: End = "over",
    calls: Sequence[tuple[int, Call]] = (),
) -> Path:
    """Write a log: one decision a call, by seat; then a result, or (no scores) a failed backend."""
    path = folder / "matches" / f"{top.match}.jsonl"
    lines: list[Header | Played | Suspended | Result] = [top]
    counts = [0] * len(top.seats)
    for number, (who, one) in enumerate(calls):
        decision = Decision("a", "ok", "", (one,))
        so_far = (0.0,) * len(counts)
        lines.append(
            Played(
                number, number, 1, who, counts[who], 0, 0, 0, "", (decision,), "a", "ok", "",
                0.2, 0.2, "", so_far,
            )
        )  # fmt: skip
        counts[who] += 1
    if scores is None:
        failed = Decision(None, "failed", "down", (call(None),))
        lines.append(Suspended(0, 0, "down", (failed,), 0.5))
    else:
        none: tuple[dict[str, float], ...] = ({},) * len(counts)
        lines.append(Result(end, tuple(scores), winner, "", tuple(counts), 0, none, ""))
    writer = Writer(path)
    writer.write(lines)
    writer.close()
    return path


def board(*folders: Path) -> Board:
    """The board of forged runs."""
    return build(source.read(folders, verify=False), "forged", "Forged")


def labels(made: Board) -> dict[str, str]:
    """Keys by label."""
    return {unit.label: key for key, unit in made.units.items()}
