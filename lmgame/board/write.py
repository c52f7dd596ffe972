"""A board's folder: everything that is published, in files."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from lmgame.board import archive, export
from lmgame.board.export import Options
from lmgame.board.markdown import markdown
from lmgame.board.site import write_site
from lmgame.board.source import Run, by_match
from lmgame.board.table import Board
from lmgame.errors import UsageError
from lmgame.record import Log

BOARD, SUMS, LOGS = "board.json", "SHA256SUMS", "logs"


def publish(board: Board, runs: Sequence[Run], options: Options, out: Path) -> list[Path]:
    """Write a board's folder, in place of the board that is there.

    Args:
        board: What to write.
        runs: What it was made from; their logs go along.
        options: What it was asked to be.
        out: The folder.

    Returns:
        Every file, in order.

    Raises:
        UsageError: The folder holds something that is no board.
        MissingExtra: PyArrow is not installed.
    """
    refuse_other(out)
    export.check_extra()
    out.parent.mkdir(parents=True, exist_ok=True)
    with _in_place_of(out) as folder:
        write(board, by_match(runs), options, folder)
        (folder / LOGS).mkdir()
        for run in runs:
            (folder / LOGS / (run.name + archive.SUFFIX)).write_bytes(archive.pack(run))
        (folder / SUMS).write_text(sums(folder))
    return contents(out)


def write(board: Board, logs: Mapping[str, Log], options: Options, folder: Path) -> None:
    """Write what is worked out from logs: tables, page, JSON and site."""
    for name, frame in export.tables(board).items():
        (folder / f"{name}.csv").write_bytes(export.csv(frame))
        (folder / f"{name}.parquet").write_bytes(export.parquet(frame))
    (folder / BOARD).write_bytes(export.to_json(board, options))
    (folder / "board.md").write_text(markdown(board), encoding="utf-8")
    write_site(board, logs, folder, replays=options.replays)


def refuse_other(out: Path) -> None:
    """Refuse to write over anything but a board.

    Raises:
        UsageError: There is something else.
    """
    if out.is_file() or out.is_symlink():
        raise UsageError(f"--out {out} is a file: name a folder")
    if out.is_dir() and any(out.iterdir()) and not (out / BOARD).is_file():
        raise UsageError(f"--out {out} holds other files and no {BOARD}: choose another folder")


def contents(folder: Path) -> list[Path]:
    """Every file of a board, in order of names; folders and links are no files of it."""
    return sorted(path for path in folder.rglob("*") if not path.is_dir() or path.is_symlink())


def sums(folder: Path) -> str:
    """A line a file, as ``sha256sum`` writes and checks them."""
    files = [path for path in contents(folder) if path != folder / SUMS]
    return "".join(
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder).as_posix()}\n"
        for path in files
    )


def about(folder: Path) -> tuple[str, str, Options]:
    """Name and title of a published board, and what it was asked to be.

    Raises:
        UsageError: It is none, or of another format.
    """
    try:
        content = json.loads((folder / BOARD).read_bytes())
        name, title = str(content["name"]), str(content["title"])
        replays = content["replays"]
        options = Options(tuple(map(str, content["notes"])), replays and int(replays))
        fits = content["format"] == export.FORMAT
    except (OSError, ValueError, KeyError, TypeError):
        raise UsageError(
            f"{folder} is no board: its {BOARD} is missing or cannot be read"
        ) from None
    if not fits:
        raise UsageError(
            f"{folder / BOARD} has format {content['format']!r}, this lmgame knows "
            f"{export.FORMAT}: make the board again from its logs"
        )
    return name, title, options


@contextmanager
def _in_place_of(out: Path) -> Iterator[Path]:
    """A new folder beside another, which takes its place when all went well."""
    made = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    try:
        folder = made / "new"
        folder.mkdir()
        yield folder
        if out.exists():
            out.rename(made / "old")
        folder.rename(out)
    finally:
        shutil.rmtree(made, ignore_errors=True)
