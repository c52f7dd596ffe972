"""Shows a run while it is played: the boards on a terminal, lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from lmgame.client.call import Call
from lmgame.client.trouble import clean
from lmgame.record import Played, Result, Suspended
from lmgame.run import Planned
from lmgame.world import World

HEARTBEAT_S = 10.0
BOARDS = 4
"""How many matches are shown at the same time."""


class Watch:
    """Follows a run; a context manager.

    Args:
        console: Where to; standard error, so that ``--json`` stays clean.
        total: Matches of the run.
        bound: Most decisions a match may have, or None.
    """

    def __init__(self, console: Console, total: int, bound: int | None) -> None:
        self._console = console
        self._bound = bound
        self._done = 0
        self._total = total
        self._decisions = 0
        self._calls = 0
        self._boards: dict[str, Panel] = {}
        self._spoke = time.monotonic()
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("matches"),
            TimeElapsedColumn(),
            console=console,
        )
        self._task = self._progress.add_task("playing", total=total)
        self._live = Live(console=console, refresh_per_second=8, transient=True)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._console.is_terminal:
            self._live.stop()

    def say(self, text: str) -> None:
        """Tell what is going on before the first match."""
        if self._console.is_terminal:
            self._live.update(Text(text, style="dim"))
        else:
            self._console.print(text, style="dim", markup=False, highlight=False)

    def follow(self, planned: Planned) -> Follower | None:
        """Watch one match; anchors are too fast to be worth a look."""
        return None if planned.anchor else Follower(self, planned)

    def finished(self, planned: Planned, result: Result | Suspended) -> None:
        """A match has ended; the anchors' are not worth a line."""
        if planned.anchor:
            return
        self._done += 1
        self._progress.update(self._task, completed=self._done)
        self._boards.pop(planned.path.stem, None)
        self._refresh()
        if not self._console.is_terminal:
            self._line(planned, result)

    def _line(self, planned: Planned, result: Result | Suspended) -> None:
        if isinstance(result, Suspended):
            text = f"suspended: {clean(result.reason)}"
        else:
            scores = ", ".join(f"{score:g}" for score in result.scores)
            text = (
                f"score {scores} after {sum(result.decisions)} decisions ({clean(result.reason)})"
            )
        seed = planned.header.seed
        self._console.print(
            f"[{self._done}/{self._total}] seed {seed}: {text}", markup=False, highlight=False
        )

    def played(self, planned: Planned, world: World, lines: Sequence[Played]) -> None:
        """Decisions have landed in a match."""
        self._decisions += len(lines)
        self._calls += sum(len(one.calls) for line in lines for one in line.tries)
        if self._console.is_terminal:
            self._boards.pop(planned.path.stem, None)
            self._boards[planned.path.stem] = self._board(planned, world, lines)
            self._refresh()
        elif time.monotonic() - self._spoke > HEARTBEAT_S:
            self._spoke = time.monotonic()
            self._console.print(
                f"  {self._decisions} decisions, {self._calls} calls", highlight=False
            )

    def _board(self, planned: Planned, world: World, lines: Sequence[Played]) -> Panel:
        last = lines[-1]
        text = Text(world.game.text(last.seat), no_wrap=True)
        facts = Text()
        bound = f" of {self._bound}" if self._bound else ""
        facts.append(f"decision {last.turn + 1}{bound}\n", style="dim")
        for line in lines:
            style = "green" if line.outcome == "ok" else "red"
            who = planned.header.seats[line.seat].agent
            facts.append(f"{who}: {clean(line.action or '-')} ({line.outcome})\n", style=style)
            calls = [call for one in line.tries for call in one.calls]
            facts.append(_timing(line, calls[-1:]))
        facts.append(f"score {' : '.join(f'{score:g}' for score in last.scores)}", style="bold")
        return Panel(Group(text, facts), title=f"seed {planned.header.seed}", width=44)

    def _refresh(self) -> None:
        if self._console.is_terminal:
            row = Table.grid()
            row.add_row(*list(self._boards.values())[-self._fit() :])
            self._live.update(Group(row, self._progress))

    def _fit(self) -> int:
        return max(1, min(BOARDS, self._console.width // 44))


class Follower:
    """The observer of one match."""

    def __init__(self, watch: Watch, planned: Planned) -> None:
        self._watch, self._planned = watch, planned

    def played(self, world: World, lines: Sequence[Played]) -> None:
        """Decisions have landed."""
        self._watch.played(self._planned, world, lines)


def _timing(line: Played, calls: Sequence[Call]) -> str:
    parts = [f"time to action {line.seconds * 1000:.0f} ms"] if calls else []
    parts += [f"TTFT {call.ttft_s * 1000:.0f} ms" for call in calls if call.ttft_s is not None]
    return ", ".join(parts) + "\n" if parts else ""
