"""Prints a match log step by step, for reading in a terminal."""

from __future__ import annotations

from lmgame.client.trouble import clean
from lmgame.record import Log, Played
from lmgame.replay import begin, follow

QUOTED = 300
"""Characters of a reply that are shown."""


def print_match(log: Log) -> None:
    """Print every observation with the reply and the action taken on it.

    Raises:
        ReplayMismatch: The log does not fit the rules.
    """
    header = log.header
    seats = ", ".join(f"{seat.name}: {seat.agent} {seat.model}".strip() for seat in header.seats)
    print(f"{header.game}, seed {header.seed} ({clean(seats)})")
    for step in follow(begin(header), log):
        for one in step.played:
            who = header.seats[one.seat].name
            print(f"\n--- line {step.line}, decision {one.number + 1}, {who}, tick {one.seen}")
            print(step.turns[one.seat].observation.text)
            _print_decision(one)
    if log.result is not None:
        scores = ", ".join(f"{score:g}" for score in log.result.scores)
        print(f"\n=== {log.result.end}: score {scores} ({clean(log.result.reason)})")
    else:
        print("\n=== unfinished")


def _print_decision(one: Played) -> None:
    for each in one.tries:
        for call in each.calls:
            ttft = "-" if call.ttft_s is None else f"{call.ttft_s * 1000:.0f} ms"
            print(f"reply ({each.outcome}, TTFT {ttft}): {clean(call.reply, QUOTED)}")
        if each.reason:
            print(f"  {clean(each.reason, QUOTED)}")
    print(f"action: {clean(one.action or '-')} ({one.outcome}), {one.seconds * 1000:.0f} ms")
