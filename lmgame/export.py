"""`lmgame export`: runs as files that other programs read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from lmgame import record
from lmgame.errors import UsageError
from lmgame.replay import find_logs
from lmgame.trace import Trace, collect, write


def export(
    runs: Sequence[Path],
    trace: Path | None,
    prompts: Path | None,
    block: int,
    sessions: bool,
    as_json: bool,
) -> int:
    """Write the model calls of runs for serving benchmarks.

    Args:
        runs: Run folders or logs.
        trace: The file for lengths and shared blocks.
        prompts: The file for the prompts themselves.
        block: Tokens of a block.
        sessions: Let each call wait for the one before it in its seat.
        as_json: Print JSON.

    Returns:
        The exit status.

    Raises:
        UsageError: Nothing is asked for, or no model was called.
        LogError: A log that cannot be read.
    """
    if trace is None and prompts is None:
        raise UsageError(
            "nothing to write: name a file, --trace FILE.jsonl or --prompts FILE.jsonl"
        )
    if not 1 <= block <= 1 << 20:
        raise UsageError(f"--block {block}: write a number of tokens from 1 up, such as 512")
    found = collect([record.read(path) for run in runs for path in find_logs(run)])
    told = found.summary()
    if trace is not None:
        rows = write(found.lengths(block, sessions), trace)
        told["trace"] = {"file": str(trace), "rows": rows, "block": block, **found.found}
    if prompts is not None:
        rows = write(found.prompts(sessions), prompts)
        told["prompts"] = {"file": str(prompts), "rows": rows}
    if as_json:
        print(json.dumps(told, indent=1))
    else:
        _tell(found, told, trace, prompts)
    return 0


def _tell(found: Trace, told: dict[str, object], trace: Path | None, prompts: Path | None) -> None:
    print(
        f"{told['calls']} calls of {told['matches']} matches in {told['sessions']} sessions over "
        f"{told['seconds']} s (longest pause {told['longest_pause_s']} s), "
        f"{told['input_tokens']} tokens in, {told['output_tokens']} out"
    )
    if told["failed"] or told["uncounted"]:
        print(
            f"left out: {told['failed']} calls that failed, {told['uncounted']} without the "
            "server's token counts (these only where lengths are needed)"
        )
    if told["not_rebuilt"]:
        print(
            f"{told['not_rebuilt']} prompts cannot be told: they share nothing in a trace, and "
            "are left out of prompts"
        )
        for problem in found.problems:
            print(f"  {problem}")
    if trace is not None:
        total = told["input_tokens"]
        share = found.shared / total if isinstance(total, int) and total else 0.0
        print(f"{trace}: {share:.0%} of the prompt tokens lie in blocks that had come before")
        if found.inexact:
            print(f"  {found.inexact} prompts: where shared text ends is right to a few tokens")
        if found.images:
            print(f"  {found.images} prompts with pictures: where shared parts end is a guess")
    if prompts is not None:
        print(f"{prompts}")
