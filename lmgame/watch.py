"""Shows a run while it is played: the boards on a terminal, lines elsewhere.

On a terminal the picture is made anew at every tick from what was last told,
for the size the terminal has then. It never asks a game anything: that is done
when a decision lands, in the thread that plays.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Event, RLock, Thread
from typing import Self

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.control import Control
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from lmgame.client.trouble import clean
from lmgame.plan import Planned
from lmgame.progress import Progress, count
from lmgame.record import Played, Result, Suspended
from lmgame.scene import FRAME_ROWS, LONG_S, NARROWEST, Scene
from lmgame.world import World

TICK_S = 0.25
"""How often the picture is renewed; drawing costs time that the calls' readers need too."""
HEARTBEAT_S = 10.0 - 2 * TICK_S
"""After this long without a line there is one at the next tick, so within 10 s."""
FEW = 50
"""So many matches are told one by one; of more there are summaries."""
EVERY_S = 5.0
"""Summaries come no more often than this,"""
SHARE = 0.05
"""and no line but an ending sooner than after this share of the time gone: 20 lines in the
first 100 s, and 73 more (ln 36 / ln 1.05) in the first hour."""
BOARDS = 4
"""How many matches are shown at the same time."""
ECHO = 2
"""Columns left free: ``^C`` is echoed at the cursor, and must not break the last line."""


class Watch:
    """Follows a run; a context manager.

    Args:
        console: Where to; standard error, so that ``--json`` stays clean.
        total: Matches of the run.
        timer: Monotonic seconds.
        asking: Matches in which a model is asked, as far as it is known.
    """

    def __init__(
        self,
        console: Console,
        total: int,
        timer: Callable[[], float] = time.monotonic,
        asking: int = 0,
    ) -> None:
        self._console, self._timer = console, timer
        self._progress = Progress(total, timer, asking)
        self._told = self._untold = 0
        self._places: list[Scene | None] = []
        self._scenes: dict[Path, Scene] = {}
        self._doing = "starting"
        self._spoke = self._event = timer()
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
        elif self._untold:
            self._print(f"  {self._heartbeat()}")

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
            scene = Scene(planned, self._event)
            place = self._places.index(None) if None in self._places else len(self._places)
            self._places[place : place + 1] = [scene]
            self._scenes[planned.path] = scene
            self._progress.begin(len(self._scenes))
        return Follower(self, planned)

    def finished(self, planned: Planned, result: Result | Suspended) -> None:
        """A match has ended; the anchors' are not worth a line."""
        if planned.anchor:
            return
        with self._lock:
            self._progress.done += 1
            self._progress.done_asking += bool(planned.backends)
            self._event = self._timer()
            scene = self._scenes.pop(planned.path, None)
            if scene is not None:
                self._places[self._places.index(scene)] = None
            if not self._console.is_interactive:
                self._tell(planned, result)

    def _tell(self, planned: Planned, result: Result | Suspended) -> None:
        """One line for a match, if it is one of few, and always if it was suspended."""
        done, total = self._progress.done, self._progress.total
        if total <= FEW or isinstance(result, Suspended) or done in (1, total):
            self._print(f"[{done}/{total}] {planned.title}: {_ending(result)}")
        else:
            self._untold += 1
            self.tick()

    def played(self, planned: Planned, world: World, lines: Sequence[Played]) -> None:
        """Decisions have landed in a match."""
        # One seat's view all along: two boards would swap sides at every decision.
        seen = self._console.is_interactive
        rows = tuple(world.game.text(0).splitlines()) if seen else ()
        with self._lock:
            self._progress.land(planned.header, lines)
            self._event = self._timer()
            scene = self._scenes.get(planned.path)
            if scene is not None:
                scene.rows, scene.since = rows, self._event
                scene.last.update({line.seat: line for line in lines})

    def tick(self) -> None:
        """Show what the time has changed; happens by itself while the context is open."""
        if self._console.is_interactive:
            self._live.refresh()
            return
        with self._lock:
            silent, due = self._timer() - self._spoke, EVERY_S if self._untold else HEARTBEAT_S
            if silent >= max(due, SHARE * self._progress.gone_s):
                self._print(f"  {self._heartbeat()}")

    def _keep_ticking(self) -> None:
        while not self._closed.wait(TICK_S):
            self.tick()

    def _print(self, text: str, style: str | None = None) -> None:
        self._spoke, self._told, self._untold = self._timer(), self._progress.decisions, 0
        self._console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)

    def _heartbeat(self) -> str:
        if self._untold or self._progress.decisions > self._told:
            return ", ".join(self._progress.facts())
        return self._waiting()

    def _waiting(self) -> str:
        """What we wait for, and since when."""
        waited = self._timer() - self._event
        scenes = self._scenes.values()
        if not scenes:
            return f"{self._doing}: {waited:.0f} s so far"
        whom = "the backend" if any(one.planned.header.backend for one in scenes) else "the players"
        since = "decision" if self._progress.decisions else "match began"
        return f"waiting for {whom}: {waited:.0f} s since the last {since}"

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
        """As many facts as fit, the most important first, and a bar where there is room."""
        facts = [*self._progress.facts()]
        while len(facts) > 1 and cell_len(", ".join(facts)) > width:
            facts.pop()
        text = Text(", ".join(facts), no_wrap=True)
        text.truncate(width, overflow="ellipsis")
        room = min(40, width - text.cell_len - 2)
        if room < 4:
            return text
        row = Table.grid(padding=(0, 1))
        done, total = self._progress.done, self._progress.total
        row.add_row(ProgressBar(max(1, total), done, width=room), text)
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


def _ending(result: Result | Suspended) -> str:
    if isinstance(result, Suspended):
        return f"suspended: {clean(result.reason)}"
    scores = ", ".join(f"{score:g}" for score in result.scores)
    why = "the most there may be" if result.end == "max_decisions" else clean(result.reason)
    return f"score {scores} after {count(sum(result.decisions), 'decision')} ({why})"
