"""`lmgame board --check`: works a published board out again from its own logs."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from lmgame.board import archive, export, source
from lmgame.board.build import build
from lmgame.board.source import Tell, by_match
from lmgame.board.write import BOARD, LOGS, SUMS, about, contents, sums, write
from lmgame.errors import LogError


@dataclass(frozen=True, slots=True)
class Finding:
    """The first thing that is wrong.

    Attributes:
        file: The file's name within the board.
        what: ``changed``, ``missing``, ``extra``, or ``unreadable``.
        why: In words.
    """

    file: str
    what: str
    why: str


def check(folder: Path, *, verify: bool, tell: Tell = lambda done, total: None) -> Finding | None:
    """Compare a board with what its logs say, byte for byte.

    Parquet is compared by content where another version of PyArrow wrote it.

    Args:
        folder: The board.
        verify: Play every log again, too.
        tell: Is told of progress in that.

    Returns:
        The first file that differs, in the order of names; None if none does.

    Raises:
        UsageError: The folder holds no board.
        MissingExtra: PyArrow is not installed.
    """
    name, title, options = about(folder)
    export.check_extra()
    with tempfile.TemporaryDirectory(prefix="lmgame-board-") as place:
        runs, again = Path(place) / "runs", Path(place) / "again"
        again.mkdir()
        try:
            names = _unpacked(folder / LOGS, runs)
            read = source.read(names, verify=verify, tell=tell)
        except LogError as error:
            return _unreadable(str(error), folder, runs)
        board = build(read, name, title, options.notes)
        write(board, by_match(read), options, again)
        return _differing(folder, again) or _differing_sums(folder)


def _unpacked(logs: Path, runs: Path) -> list[Path]:
    """Unpack every archive into a folder of its name.

    Raises:
        LogError: There is none, or one is damaged.
    """
    archives = sorted(logs.glob(f"*{archive.SUFFIX}"))
    if not archives:
        raise LogError(f"{logs} holds no archive of logs")
    for path in archives:
        archive.unpack(path, runs / path.name.removesuffix(archive.SUFFIX))
    return [runs / path.name.removesuffix(archive.SUFFIX) for path in archives]


def _unreadable(why: str, folder: Path, runs: Path) -> Finding:
    """An error in the words of who knows archives only."""
    told = why.replace(f"{runs}/", f"{folder / LOGS}/").replace("/matches/", f"{archive.SUFFIX}/")
    at = told.partition(f"{folder}/")[2]
    file = at[: at.find(archive.SUFFIX) + len(archive.SUFFIX)] if archive.SUFFIX in at else LOGS
    return Finding(file, "unreadable", told)


def _differing(folder: Path, again: Path) -> Finding | None:
    ours = {path.relative_to(again).as_posix(): path for path in contents(again)}
    theirs = {path.relative_to(folder).as_posix(): path for path in contents(folder)}
    for name in sorted({*ours, *theirs}):
        if name == SUMS or (name.startswith(f"{LOGS}/") and name.endswith(archive.SUFFIX)):
            continue
        if name not in theirs:
            return Finding(name, "missing", "its logs give this file, and it is not there")
        if name not in ours:
            return Finding(name, "extra", "nothing that its logs give is called so")
        if not _same(name, ours[name].read_bytes(), theirs[name].read_bytes()):
            return Finding(name, "changed", "its logs give other content")
    return None


def _same(name: str, ours: bytes, theirs: bytes) -> bool:
    if name.endswith(".parquet"):
        return export.same_parquet(ours, theirs)
    return ours == theirs


def _differing_sums(folder: Path) -> Finding | None:
    """Compare what is there with the list of hashes; content was compared before."""
    file = folder / SUMS
    if not file.is_file():
        return Finding(SUMS, "missing", "the list of hashes is not there")
    told = file.read_bytes().decode(errors="replace").splitlines(keepends=True)
    found = sums(folder).splitlines(keepends=True)
    if told == found:
        return None
    for line in found:
        name = line.partition("  ")[2].strip()
        if line not in told and name.startswith(f"{LOGS}/"):
            return Finding(name, "changed", f"its hash is not the one in {SUMS}")
    wrong = next((line for line in found if line not in told), "")
    name = wrong.partition("  ")[2].strip() or BOARD
    if name.endswith(".parquet") and any(line.endswith(f"  {name}\n") for line in told):
        return Finding(name, "changed", f"its hash is not the one in {SUMS}")
    return Finding(SUMS, "changed", "it does not list the files with their hashes")
