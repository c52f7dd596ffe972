"""`lmgame board`: makes a board from runs, or checks one that is published."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from lmgame.board import export, source
from lmgame.board.build import build
from lmgame.board.check import check
from lmgame.board.export import Options
from lmgame.board.source import Tell
from lmgame.board.table import Board, Overall
from lmgame.board.write import publish, refuse_other
from lmgame.client.trouble import clean
from lmgame.rating import ELO
from lmgame.report import Sheet, without_trailing_spaces


def make(
    runs: Sequence[Path],
    out: Path,
    name: str | None,
    title: str | None,
    options: Options,
    verify: bool,
    as_json: bool,
) -> int:
    """Make a board.

    Args:
        runs: Run folders or logs.
        out: The board's folder.
        name: Its name; None: the folder's.
        title: For people; None: the name.
        options: What else it should be.
        verify: Play every log again first.
        as_json: Print ``board.json``'s content alone on standard output.
    """
    err = Console(stderr=True)
    refuse_other(out)
    export.check_extra()
    with _progress(err) as tell:
        read = source.read(runs, verify=verify, tell=tell)
    name = name or out.resolve().name
    board = build(read, name, title or name, options.notes)
    files = publish(board, read, options, out)
    told = source.exposed(read)
    if told:
        shown = ", ".join(clean(one) for one in told[:5]) + (", ..." if len(told) > 5 else "")
        err.print(
            f"the published logs name these paths and addresses: {shown}. Publish the board only "
            "if everybody may know them.",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
    if as_json:
        print(export.to_json(board, options).decode(), end="", flush=True)
        return 0
    console = Console()
    without_trailing_spaces(console, lambda: _sheet(board).print(console))
    size = sum(path.stat().st_size for path in files)
    where = f"board: {out} ({len(files)} files, {size / 1e6:.1f} MB)"
    console.print(where, markup=False, highlight=False, soft_wrap=True)
    return 0


def recheck(folder: Path, verify: bool, as_json: bool) -> int:
    """Check a published board; 1 where anything differs from what its logs give."""
    with _progress(Console(stderr=True)) as tell:
        found = check(folder, verify=verify, tell=tell)
    if as_json:
        wrong = None if found is None else {"file": found.file, "what": found.what}
        if found is not None and wrong is not None:
            wrong["why"] = found.why
        print(json.dumps({"board": str(folder), "ok": found is None, "finding": wrong}, indent=1))
    elif found is None:
        print(f"ok   {folder}: its logs give every file as it is")
    else:
        print(f"BAD  {folder}: {found.file} is {found.what}: {found.why}")
    return 0 if found is None else 1


@contextmanager
def _progress(err: Console) -> Iterator[Tell]:
    """A bar on a terminal, and nothing elsewhere."""
    with Progress(console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task("playing logs again", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _sheet(board: Board) -> Sheet:
    headings = ("unit", "rank", "share", "95 % CI", "Elo", "matches", "open", "not ok", "SLO met")
    rows = [_line(one, clean(board.units[one.unit].label)) for one in board.overall]
    return Sheet(
        f"{clean(board.title)}: {len(board.games)} games, each with the same weight; share: 0 like "
        "random, 1 like the scripted anchor; open: unfinished matches",
        headings,
        rows,
    )


def _line(one: Overall, label: str) -> tuple[str, ...]:
    met = None if one.serving is None else one.serving.attainment.joint.value
    return (
        label,
        str(one.rank),
        "-" if one.anchor_share is None else f"{one.anchor_share:.2f}",
        "-" if one.low is None or one.high is None else f"{one.low:.2f} to {one.high:.2f}",
        "-" if one.rating is None else f"{one.rating.strength * ELO:+.0f}",
        str(one.matches),
        str(one.unfinished),
        f"{one.illegal / one.decisions:.1%}" if one.illegal else "-",
        "-" if met is None else f"{met:.1%}",
    )
