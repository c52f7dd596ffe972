"""One match under way, as the terminal shows it: its board and the facts beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from lmgame.client.trouble import clean
from lmgame.plan import Planned
from lmgame.record import Played

NARROWEST = 39
"""Columns a match needs, frame included."""
FACTS = 23
"""Columns the facts need to stand beside a board."""
FRAME_ROWS, FRAME_COLUMNS = 2, 4
LONG_S = 10.0
"""A wait beyond this is shown in colour."""
MORE = "⋮"


@dataclass(eq=False, slots=True)
class Scene:
    """What is known of a match under way: ``last`` is each seat's last decision."""

    planned: Planned
    since: float
    rows: tuple[str, ...] = ()
    last: dict[int, Played] = field(default_factory=dict)

    def panel(self, console: Console, width: int, height: int, now: float) -> Panel:
        """The board with its facts beside it, or above them where that is too narrow."""
        board = _board_width(self.rows)
        width = min(width, max(board + 2 + 2 * FACTS + FRAME_COLUMNS, NARROWEST))
        inner, room = width - FRAME_COLUMNS, height - FRAME_ROWS
        if self.rows and board + 2 + FACTS <= inner:
            content = self._beside(console, board, inner, room, now)
        else:
            content = self._above(console, board, inner, room, now)
        return Panel(content, title=self.planned.title, width=width)

    def _beside(
        self, console: Console, board: int, inner: int, room: int, now: float
    ) -> RenderableType:
        long = next((n for n, row in enumerate(self.rows) if cell_len(row) <= board), 0)
        head = _wrapped(console, self.rows[:long], inner, board)
        if room - len(head) < 3:
            head = []
        facts = self._told(console, inner - board - 2, now)[: room - len(head)]
        rows = shorten(_wrapped(console, self.rows[long:], board, board), room - len(head))
        grid = Table.grid(padding=(0, 2))
        grid.add_row(_picture(rows), Text("\n").join(facts))
        return Group(_picture(head), grid) if head else grid

    def _above(
        self, console: Console, board: int, inner: int, room: int, now: float
    ) -> RenderableType:
        facts = self._told(console, inner, now)
        if self.rows:
            facts = facts[: room // 2]
        rows = shorten(_wrapped(console, self.rows, inner, board), room - len(facts))
        return Group(*([_picture(rows)] if rows else []), *facts[:room])

    def _told(self, console: Console, width: int, now: float) -> list[Text]:
        return [row for fact in self._facts(now) for row in fact.wrap(console, width)]

    def _facts(self, now: float) -> Iterator[Text]:
        """What there is to tell, the most important first."""
        waited = now - self.since
        waiting = Text(f"waiting {waited:.0f} s", style="yellow" if waited > LONG_S else "dim")
        if not self.last:
            yield Text("no decision yet", style="dim")
            yield waiting
            return
        most = self.planned.header.max_decisions
        bound = f" of {most}" if most else ""
        newest = max(self.last.values(), key=lambda one: one.number)
        yield Text(f"decision {newest.turn + 1}{bound}", style="dim")
        yield waiting
        yield Text(f"score {' : '.join(f'{score:g}' for score in newest.scores)}", style="bold")
        for _, line in sorted(self.last.items()):
            yield from self._decision(line)

    def _decision(self, line: Played) -> Iterator[Text]:
        seats = self.planned.header.seats
        who = seats[line.seat].agent
        if len(seats) > 1:
            who = f"{seats[line.seat].name} ({who})"
        style = "green" if line.outcome == "ok" else "red"
        yield Text(f"{who}: {clean(line.action or '-')} ({line.outcome})", style=style)
        calls = [call for one in line.tries for call in one.calls]
        if calls:
            yield Text(f"time to action {line.seconds * 1000:.0f} ms")
            if calls[-1].ttft_s is not None:
                yield Text(f"TTFT {calls[-1].ttft_s * 1000:.0f} ms")


def shorten(rows: Sequence[str], room: int) -> list[str]:
    """Make a text fit a number of lines, keeping what tells most.

    Runs of the same line say little: the longest lose lines first, and only as
    many as must go. Then the middle goes; the last lines of a board are where
    things happen, and stay longest.
    """
    kept = list(rows)
    while len(kept) > room:
        start, length = max(_runs(kept), key=lambda run: run[1])
        if length < 3:
            break
        left = length - min(len(kept) - room, length - 2)
        kept[start + left - 1 : start + length] = [MORE]
    if len(kept) <= room:
        return kept
    if room < 3:
        return kept[len(kept) - max(room, 0) :]
    top = (room - 1) // 3
    found = [*kept[:top], MORE, *kept[len(kept) - (room - 1 - top) :]]
    return [row for n, row in enumerate(found) if row != MORE or found[n - 1 : n] != [MORE]]


def _runs(rows: Sequence[str]) -> list[tuple[int, int]]:
    """Start and length of each run of equal lines."""
    starts = [n for n, row in enumerate(rows) if n == 0 or row != rows[n - 1]]
    return [(a, b - a) for a, b in zip(starts, [*starts[1:], len(rows)], strict=True)]


def _board_width(rows: Sequence[str]) -> int:
    """Columns of what must not be wrapped: the widest width that several lines share."""
    widths = Counter(cell_len(row) for row in rows)
    shared = [width for width, count in widths.items() if count >= 3]
    return max(shared or widths, default=0)


def _wrapped(console: Console, rows: Sequence[str], width: int, board: int) -> list[str]:
    """Break the lines that are wider than a board; a board's own are cut instead."""
    found = []
    for row in rows:
        parts = Text(row).wrap(console, width) if cell_len(row) > board else [row]
        found += [str(part).rstrip() if len(parts) > 1 else str(part) for part in parts]
    return found


def _picture(rows: Sequence[str]) -> Text:
    return Text("\n".join(rows), no_wrap=True, overflow="ellipsis")
