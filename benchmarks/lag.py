"""How long the event loop is held up while models and slow scripted agents play.

    python benchmarks/lag.py

Plays connect four, a model against the alpha-beta player, and chess against its own,
64 matches at a time against a scripted server in a process of its own, with slow
decisions in the loop (workers=0) and in worker processes. A probe sleeps for a
millisecond again and again and notes how late it wakes: so late may any byte be read.
"""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from lmgame import record
from lmgame.backend import Backends
from lmgame.environment import cpu_name
from lmgame.executor import Local
from lmgame.tournament import Tournament

STREAMS = 64
PROBE_S = 0.001
SERVER = """
from lmgame.testing import Reply, ScriptedServer
import sys
def answer(received):
    return Reply(received.pick(received.choices), ttft_s=0.5)
with ScriptedServer(answer) as server:
    print(server.base_url, flush=True)
    sys.stdin.read()
"""


async def probe(late: list[float]) -> None:
    while True:
        due = time.perf_counter() + PROBE_S
        await asyncio.sleep(PROBE_S)
        late.append(time.perf_counter() - due)


def measure(base_url: str, workers: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        words = [
            *("games=[connect_four,chess]", "agents=[llm]", "anchors=[greedy]"),
            *("backend=any", f"backend.base_url={base_url}", "backend.model=scripted"),
            *("backend.structured=choice", f"seeds={STREAMS // 4}", "max_decisions=12"),
            *(f"concurrency={STREAMS}", f"run={folder}/run"),
        ]
        series = Tournament(words)
        plan = [one for one in series.plan() if one.backends]
        backends = Backends(None, lambda text: None)
        backends.need([backend for one in plan for backend in one.backends])
        local = Local(backends.client, lambda planned: None, STREAMS, workers)
        late: list[float] = []
        start = time.perf_counter()

        async def play() -> None:
            probing = asyncio.create_task(probe(late))
            await series.play_all(plan, local, lambda planned, result: None)
            probing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await probing
            await backends.close()

        try:
            asyncio.run(play())
        finally:
            local.close()
            backends.stop()
        show(workers, late, time.perf_counter() - start, Path(folder, "run"))


def show(workers: int, late: list[float], wall_s: float, run: Path) -> None:
    late.sort()
    p50, p99, worst = (1000 * late[int(share * (len(late) - 1))] for share in (0.5, 0.99, 1))
    logs = [record.read(path) for path in (run / "matches").glob("*.jsonl")]
    calls = [call for log in logs for _, each in log.calls() for call in each]
    firsts = sorted(1000 * call.ttft_s for call in calls if call.ttft_s is not None)
    thought = [
        1000 * one.seconds
        for log in logs
        for one in log.played
        if one.seconds is not None and log.header.seats[one.seat].agent == "greedy"
    ]
    print(
        f"workers={workers}: {len(logs)} matches in {wall_s:.1f} s; the loop is late by {p50:.2f} "
        f"ms (median), {p99:.1f} (99 %), {worst:.0f} (worst); TTFT, 500 ms at the server: "
        f"{statistics.median(firsts):.1f} ms (median), {firsts[int(0.99 * len(firsts))]:.1f} "
        f"(99 %); greedy's decisions: {statistics.mean(thought):.1f} ms (mean)",
        flush=True,
    )


def main() -> None:
    print(f"{cpu_name()}; {STREAMS} matches at a time")
    with subprocess.Popen(
        [sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        assert server.stdin is not None
        base_url = server.stdout.readline().strip()
        for workers in (0, 2):
            measure(base_url, workers)
        server.stdin.close()


if __name__ == "__main__":
    main()
