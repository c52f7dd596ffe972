"""The logs of a run as pandas frames: ``lmgame.load("runs/NAME")``.

Nothing is worked out that is not in the logs; a row is a match, a decision, or a
call. Seconds are seconds, tokens are the server's own counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from lmgame import record
from lmgame.client.call import Call
from lmgame.record import Abandoned, Log, Played, Suspended
from lmgame.replay import find_logs

Row = dict[str, object]


@dataclass(frozen=True, slots=True)
class Frames:
    """A run.

    Attributes:
        matches: One row a match: ``match`` (the key of the other frames), ``game``,
            ``seed``, ``clock``, ``end`` (missing while unfinished), ``winner`` (a
            seat), ``reason``, ``ticks``, ``log``; and by seat ``agent_0``,
            ``model_0``, ``score_0``, ``decisions_0``, ``agent_1`` ...
        decisions: One row a decision that landed: ``match``, ``number``, ``seat``,
            ``agent``, ``model``, ``turn``, ``seen``, ``tick``, ``until``,
            ``action``, ``outcome``, ``reason``, ``tries``, ``seconds``,
            ``charged_s``, ``score`` (the seat's, after it).
        calls: One row a model call, in the order of the decisions: ``match``,
            ``number`` (missing where its decision never landed), ``seat``,
            ``purpose``, ``model``, ``ttft_s``, ``tpot_s``, ``end_s``,
            ``prompt``, ``completion``, ``reasoning``, ``cached`` (tokens),
            ``structured``, ``finish``, ``failure`` (its kind, or missing), the
            server's stage times, and ``met_...`` for each limit.
    """

    matches: pd.DataFrame
    decisions: pd.DataFrame
    calls: pd.DataFrame


def load(run: str | Path) -> Frames:
    """Read a run folder, or one log.

    Args:
        run: ``runs/NAME`` or a ``.jsonl`` file.

    Raises:
        LogError: There is no log, or one cannot be read; names it.
    """
    logs = [record.read(path) for path in find_logs(Path(run))]
    return Frames(
        pd.DataFrame([_match(log) for log in logs]),
        pd.DataFrame([_decision(log, one) for log in logs for one in log.played]),
        pd.DataFrame([row for log in logs for row in _calls(log)]),
    )


def _match(log: Log) -> Row:
    header, result = log.header, log.result
    row: Row = {
        "match": header.match,
        "game": header.game,
        "seed": header.seed,
        "clock": header.clock.get("kind"),
        "end": result and result.end,
        "winner": result and result.winner,
        "reason": result and result.reason,
        "ticks": result and result.ticks,
        "log": str(log.path),
    }
    scores = result.scores if result else log.played[-1].scores if log.played else ()
    for number, seat in enumerate(header.seats):
        row[f"agent_{number}"] = seat.agent
        row[f"model_{number}"] = seat.model
        row[f"score_{number}"] = scores[number] if scores else None
        row[f"decisions_{number}"] = sum(one.seat == number for one in log.played)
    return row


def _decision(log: Log, one: Played) -> Row:
    seat = log.header.seats[one.seat]
    return {
        "match": log.header.match,
        "number": one.number,
        "seat": one.seat,
        "agent": seat.agent,
        "model": seat.model,
        "turn": one.turn,
        "seen": one.seen,
        "tick": one.tick,
        "until": one.until,
        "action": one.action,
        "outcome": one.outcome,
        "reason": one.reason,
        "tries": len(one.tries),
        "seconds": one.seconds,
        "charged_s": one.charged_s,
        "score": one.scores[one.seat],
    }


def _calls(log: Log) -> Iterator[Row]:
    for one in log.played:
        calls = [call for each in one.tries for call in each.calls]
        for number, call in enumerate(calls):
            verdict = one.verdicts[number] if number < len(one.verdicts) else {}
            yield _call(log, one.number, one.seat, call) | {
                f"met_{limit}": met for limit, met in verdict.items()
            }
    unlanded: list[Suspended | Abandoned] = [
        *log.suspended,
        *(log.result.abandoned if log.result else ()),
    ]
    for left in unlanded:
        for each in left.tries:
            for call in each.calls:
                yield _call(log, None, left.seat, call)


def _call(log: Log, number: int | None, seat: int, call: Call) -> Row:
    return {
        "match": log.header.match,
        "number": number,
        "seat": seat,
        "purpose": call.purpose,
        "model": call.model,
        "queued_s": call.timing.queued,
        "ttft_s": call.ttft_s,
        "tpot_s": call.tpot_s,
        "end_s": call.timing.end,
        "prompt": call.usage.prompt,
        "completion": call.usage.completion,
        "reasoning": call.usage.reasoning,
        "cached": call.usage.cached,
        "structured": call.structured,
        "finish": call.finish,
        "failure": call.failure and call.failure.kind,
        **call.stages,
    }
