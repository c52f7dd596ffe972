"""Which worker runs a prompt."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from lmgame.serving.job import Job
from lmgame.serving.process import WorkerProcess

REPLY_TOKENS = 64
"""What a running reply counts for: the prompt tokens for which it holds a worker up."""


def unknown(job: Job, worker: WorkerProcess) -> int:
    """The tokens of a prompt that a worker has yet to run."""
    known = worker.prefixes.longest(job.request.prompt)
    return len(job.request.prompt) - (known[1] if known else 0)


def soonest(
    job: Job,
    able: Iterable[WorkerProcess],
    prompts: Mapping[str | None, Job],
    promised: Mapping[str, int],
) -> WorkerProcess:
    """Where a prompt's first token is to be expected soonest.

    Counted in tokens: those that a worker is to run before it, and those of its own
    that the worker does not know yet. So a prompt waits for a busy worker only as long
    as it is served sooner there than by a free one that knows less of it.

    Args:
        job: Whose prompt.
        able: The workers that may run it; not empty.
        prompts: The prompts under way, by the names of their workers.
        promised: Tokens that those before it wait to have run, by worker.
    """

    def ahead(worker: WorkerProcess) -> tuple[int, int, int]:
        running = prompts.get(worker.name)
        before = promised[worker.name] + (running.due if running else 0)
        replies = worker.busy_slots - (running is not None)
        return (
            before + unknown(job, worker) + REPLY_TOKENS * replies,
            worker.busy_slots,
            worker.given,
        )

    return min(able, key=ahead)
