"""Shows a run while it is played: the boards on a terminal, lines elsewhere.

On a terminal the picture is made anew at every tick from what was last told,
for the size the terminal has then. It never asks a game anything: that is done
when a decision lands, in the thread that plays.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from threading import Event, RLock, Thread
from typing import Self

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.control import Control
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from lmgame.client.trouble import clean
from lmgame.plan import Planned
from lmgame.record import Played, Result, Suspended
from lmgame.world import World

TICK_S = 0.25
"""How often the picture is renewed; drawing costs time that the calls' readers need too."""
HEARTBEAT_S = 10.0 - 2 * TICK_S
"""After this long without a line there is one at the next tick, so within 10 s."""
BOARDS = 4
"""How many matches are shown at the same time."""
NARROWEST = 39
"""Columns a match needs, frame included."""
FACTS = 23
"""Columns the facts need to stand beside a board."""
FRAME_ROWS, FRAME_COLUMNS = 2, 4
ECHO = 2
"""Columns left free: ``^C`` is echoed at the cursor, and must not break the last line."""
LONG_S = 10.0
"""A wait beyond this is shown in colour."""
MORE = "⋮"


class Watch:
    """Follows a run; a context manager.

    Args:
        console: Where to; standard error, so that ``--json`` stays clean.
        total: Matches of the run.
        timer: Monotonic seconds.
    """

    def __init__(
        self,
        console: Console,
        total: int,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._console, self._total, self._timer = console, total, timer
        self._done = self._decisions = self._calls = self._told = 0
        self._places: list[_Scene | None] = []
        self._doing = "starting"
        self._began = self._spoke = self._event = timer()
        self._lock = RLock()
        self._closed = Event()
        self._ticker = Thread(target=self._keep_ticking, name="watch", daemon=True)
        self._live = _Screen(
            self, console=console, auto_refresh=False, transient=True, vertical_overflow="crop"
        )

    def __enter__(self) -> Self:
        if self._console.is_interactive:
            self._live.start()
        self._ticker.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._closed.set()
        self._ticker.join()
        if self._console.is_interactive:
            self._live.stop()

    def say(self, text: str) -> None:
        """Tell what is going on before the first match."""
        with self._lock:
            self._doing, self._event = text, self._timer()
            if not self._console.is_interactive:
                self._print(text, style="dim")

    def follow(self, planned: Planned) -> Follower | None:
        """Watch one match; anchors are too fast to be worth a look."""
        with self._lock:
            if planned.anchor:
                if self._doing != "playing the anchors":
                    self._doing, self._event = "playing the anchors", self._timer()
                return None
            self._doing, self._event = "playing", self._timer()
            scene = _Scene(planned, self._event)
            place = self._places.index(None) if None in self._places else len(self._places)
            self._places[place : place + 1] = [scene]
        return Follower(self, planned)

    def finished(self, planned: Planned, result: Result | Suspended) -> None:
        """A match has ended; the anchors' are not worth a line."""
        if planned.anchor:
            return
        with self._lock:
            self._done += 1
            self._event = self._timer()
            scene = self._scene(planned)
            if scene is not None:
                self._places[self._places.index(scene)] = None
            if not self._console.is_interactive:
                self._print(f"[{self._done}/{self._total}] {planned.title}: {_ending(result)}")

    def played(self, planned: Planned, world: World, lines: Sequence[Played]) -> None:
        """Decisions have landed in a match."""
        # One seat's view all along: two boards would swap sides at every decision.
        seen = self._console.is_interactive
        rows = tuple(world.game.text(0).splitlines()) if seen else ()
        with self._lock:
            self._decisions += len(lines)
            self._calls += sum(len(one.calls) for line in lines for one in line.tries)
            self._event = self._timer()
            scene = self._scene(planned)
            if scene is not None:
                scene.rows, scene.since = rows, self._event
                scene.last.update({line.seat: line for line in lines})

    def tick(self) -> None:
        """Show what the time has changed; happens by itself while the context is open."""
        if self._console.is_interactive:
            self._live.refresh()
            return
        with self._lock:
            if self._timer() - self._spoke >= HEARTBEAT_S:
                self._print(f"  {self._heartbeat()}")

    def _keep_ticking(self) -> None:
        while not self._closed.wait(TICK_S):
            self.tick()

    def _print(self, text: str, style: str | None = None) -> None:
        self._spoke, self._told = self._timer(), self._decisions
        self._console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)

    def _heartbeat(self) -> str:
        if self._decisions > self._told:
            return f"{_count(self._decisions, 'decision')}, {_count(self._calls, 'call')}"
        return self._waiting()

    def _waiting(self) -> str:
        """What we wait for, and since when."""
        waited = self._timer() - self._event
        scenes = [scene for scene in self._places if scene is not None]
        if not scenes:
            return f"{self._doing}: {waited:.0f} s so far"
        whom = "the backend" if any(one.planned.header.backend for one in scenes) else "the players"
        since = "decision" if self._decisions else "match began"
        return f"waiting for {whom}: {waited:.0f} s since the last {since}"

    def _scene(self, planned: Planned) -> _Scene | None:
        for scene in self._places:
            if scene is not None and scene.planned.path == planned.path:
                return scene
        return None

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw: progress, what is waited for, the boards; lower than the screen."""
        width, room = console.width - ECHO, console.height - 1
        with self._lock:
            parts: list[RenderableType] = [self._bar(width)]
            room -= 1
            count = self._assign(max(1, min(BOARDS, width // NARROWEST)))
            if room > 0:
                parts.append(self._state(count, width))
                room -= 1
            if room > FRAME_ROWS and count:
                parts.append(self._row(console, width // count, room, count))
        yield Group(*parts)

    def _assign(self, fit: int) -> int:
        """Give free visible places to matches that are out of sight.

        Returns:
            How many places are shown.
        """
        for hidden, scene in enumerate(self._places[fit:], start=fit):
            if scene is not None and None in self._places[:fit]:
                self._places[self._places.index(None)] = scene
                self._places[hidden] = None
        while self._places and self._places[-1] is None:
            self._places.pop()
        return min(fit, len(self._places))

    def _row(self, console: Console, width: int, height: int, count: int) -> RenderableType:
        row, now = Table.grid(), self._timer()
        for _ in range(count):
            row.add_column(width=width)
        shown = self._places[:count]
        row.add_row(*(one.panel(console, width, height, now) if one else "" for one in shown))
        return row

    def _bar(self, width: int) -> RenderableType:
        gone, some = self._timer() - self._began, 0 < self._done < self._total
        label = (
            f"{self._done}/{_count(self._total, 'match', 'matches')}, "
            f"{_count(self._decisions, 'decision')}, {_minutes(gone)}"
            + (f", {_minutes(gone / self._done * (self._total - self._done))} left" if some else "")
        )
        room = min(40, width - cell_len(label) - 2)
        text = Text(label, no_wrap=True)
        text.truncate(width, overflow="ellipsis")
        if room < 4:
            return text
        row = Table.grid(padding=(0, 1))
        row.add_row(ProgressBar(max(1, self._total), self._done, width=room), text)
        return row

    def _state(self, shown: int, width: int) -> Text:
        hidden = sum(scene is not None for scene in self._places[shown:])
        more = f"and {hidden} more; " if hidden else ""
        late = self._timer() - self._event > LONG_S
        text = Text(more + self._waiting(), style="yellow" if late else "dim", no_wrap=True)
        text.truncate(width, overflow="ellipsis")
        return text


class Follower:
    """The observer of one match."""

    def __init__(self, watch: Watch, planned: Planned) -> None:
        self._watch, self._planned = watch, planned

    def played(self, world: World, lines: Sequence[Played]) -> None:
        """Decisions have landed."""
        self._watch.played(self._planned, world, lines)


class _Screen(Live):
    """A live display that survives resizing.

    A terminal that gets narrower breaks the lines it shows; where the picture
    then begins cannot be known, so the screen is cleared once.
    """

    _drawn_for: tuple[int, int] | None = None

    def refresh(self) -> None:
        size = self.console.size
        if self._drawn_for not in (None, size):
            self.console.control(Control.home(), Control.clear())
        self._drawn_for = size
        super().refresh()


@dataclass(eq=False, slots=True)
class _Scene:
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


def _ending(result: Result | Suspended) -> str:
    if isinstance(result, Suspended):
        return f"suspended: {clean(result.reason)}"
    scores = ", ".join(f"{score:g}" for score in result.scores)
    why = "the most there may be" if result.end == "max_decisions" else clean(result.reason)
    return f"score {scores} after {_count(sum(result.decisions), 'decision')} ({why})"


def _minutes(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def _count(count: int, one: str, many: str = "") -> str:
    return f"{count} {one if count == 1 else many or one + 's'}"
