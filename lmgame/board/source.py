"""Reads runs for a board, and refuses what a board must not be made from."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import cast

import yaml

from lmgame import record, replay
from lmgame.errors import LmgameError, LogCorrupt, LogError, LogVersionError, UsageError
from lmgame.game import Json, State, digest
from lmgame.record import SCHEMA_VERSION, Log

Tell = Callable[[int, int], None]
"""Is told how many logs were played again, of how many."""

_FEW = 24
"""So many logs are played again sooner than processes start."""
_FOLDERS = re.compile(
    r"(?:(?<=[\s=,:'\"\[({])|^)(?:~?/(?!/)|[A-Za-z]:[\\/](?!/))(?:[^\s/\\,]*[/\\])*"
)
"""The folders of an absolute path; a URL's slashes come in twos."""


@dataclass(frozen=True, slots=True)
class Run:
    """One source of a board.

    Attributes:
        name: Its folder's name, or its log's; unique within a board.
        logs: Its matches, by file name.
        config: The content of its ``config.yaml``, without the folders of its machine;
            or None.
        environment: The content of its ``environment.json``, or None.
    """

    name: str
    logs: tuple[Log, ...]
    config: State | None
    environment: State | None

    @property
    def sum(self) -> str:
        """A hash over its logs: their names and bytes, in the order of names."""
        files = sorted((log.path.name, digest(log.path.read_bytes())) for log in self.logs)
        return digest("\n".join(map(" ".join, files)).encode())


def read(
    paths: Sequence[Path], *, verify: bool, tell: Tell = lambda done, total: None
) -> list[Run]:
    """Read runs, in the order of their names.

    Args:
        paths: Run folders, tournament folders, sweep folders, or single logs; their
            order does not matter.
        verify: Play every log again, and compare each state with the log's.
        tell: Is told of progress in that.

    Raises:
        UsageError: Nothing is named, or a path does not exist.
        LogError: A log that cannot be used, or a match that is there twice (scripted
            ones may be); the message names the file.
    """
    if not paths:
        raise UsageError("a board is made from runs: name run folders, as runs/NAME")
    runs = [_read_run(run) for path in paths for run in _within(path)]
    if not any(run.logs for run in runs):
        raise LogError(f"no match was begun in {', '.join(map(str, paths))}")
    runs = _once(runs)
    if verify:
        _verify([log.path for run in runs for log in run.logs], tell)
    return _named_apart(runs)


def _within(path: Path) -> list[Path]:
    """A run itself, or the runs of a sweep's folder."""
    if not path.is_dir() or (path / "matches").exists():
        return [path]
    return sorted(one.parent for one in path.glob("*/matches") if any(one.iterdir())) or [path]


def _read_run(path: Path) -> Run:
    if not path.exists():
        raise UsageError(f"there is no {path}: name a run folder (runs/NAME) or a .jsonl file")
    begun = (file for file in replay.find_logs(path) if file.stat().st_size)
    logs = tuple(sorted((_read_log(file) for file in begun), key=lambda log: log.path.name))
    if path.is_file():
        return Run(path.stem, logs, None, None)
    config = _mapping(path / "config.yaml", yaml.safe_load)
    if config is not None:
        config.pop("run", None)
    public = None if config is None else cast(State, _without_folders(config))
    return Run(path.resolve().name, logs, public, _mapping(path / "environment.json", json.loads))


def _without_folders(value: Json) -> Json:
    """The same settings; of an absolute path only the file's name, also amid other words."""
    if isinstance(value, str):
        return _FOLDERS.sub("", value)
    if isinstance(value, dict):
        return {key: _without_folders(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_without_folders(inner) for inner in value]
    return value


def _mapping(path: Path, parse: Callable[[str], object]) -> State | None:
    """What a file beside the logs says; None where there is no such file."""
    if not path.exists():
        return None
    try:
        found = parse(path.read_text())
    except (OSError, ValueError, yaml.YAMLError):
        found = None
    if not isinstance(found, dict):
        raise LogError(f"{path} cannot be read as what a run writes: restore it, or delete it")
    return found


def _read_log(path: Path) -> Log:
    log = record.read(path)
    version = log.header.schema_version
    if version != SCHEMA_VERSION:
        raise LogVersionError(
            f"{path}:1: written with log schema {version}, this lmgame makes boards from "
            f"{SCHEMA_VERSION}: play the match again"
        )
    torn = path.stat().st_size - log.size
    if torn:
        raise LogCorrupt(
            f"{path}: cut off: its last {torn} bytes are no whole landing; continue the match "
            "with the command that played it, or leave the log out"
        )
    return log


def _once(runs: Sequence[Run]) -> list[Run]:
    """Runs with every match once.

    Sweeps play the same yardsticks again and again: where no model was asked and two
    logs tell the same match decision for decision, one of them does.

    Raises:
        LogError: A match that is there twice otherwise; names both files.
    """
    kept: dict[str, Log] = {}
    every = (log for run in runs for log in run.logs)
    for log in sorted(every, key=lambda log: (_bytes(log), str(log.path))):
        first = kept.setdefault(log.header.match, log)
        if first is log or (not any(seat.model for seat in log.header.seats) and _same(first, log)):
            continue
        raise LogError(
            f"{first.path} and {log.path} are the same match ({log.header.match}), which would "
            "count twice: leave one of them out"
        )
    chosen = {id(log) for log in kept.values()}
    return [replace(run, logs=tuple(log for log in run.logs if id(log) in chosen)) for run in runs]


def _bytes(log: Log) -> bytes:
    return log.path.read_bytes()


def _same(one: Log, other: Log) -> bool:
    first, second = (record.essence(_bytes(log).splitlines()) for log in (one, other))
    return first == second


def _verify(paths: Sequence[Path], tell: Tell) -> None:
    """Play logs again, over the cores where there are many.

    Raises:
        LogError: The first that differs, in the order of the paths.
    """
    tell(0, len(paths))
    if len(paths) <= _FEW:
        for number, path in enumerate(paths, start=1):
            _raise(_fault(path))
            tell(number, len(paths))
        return
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        for number, fault in enumerate(pool.map(_fault, paths, chunksize=4), start=1):
            if fault is not None:
                pool.shutdown(wait=False, cancel_futures=True)
            _raise(fault)
            tell(number, len(paths))


def _raise(fault: str | None) -> None:
    if fault is not None:
        raise LogError(fault)


def _fault(path: Path) -> str | None:
    """What is wrong with a log when it is played again; None if nothing is."""
    try:
        log = record.read(path)
        game = replay.verify(log)
    except LogError as error:
        return str(error)
    except LmgameError as error:
        return f"{path}: cannot be played again here ({error}); --no-verify leaves that out"
    if log.result is not None:
        return None
    most = log.header.max_decisions
    taken = [sum(one.seat == seat for one in log.played) for seat in range(len(log.header.seats))]
    if game.outcome() is not None or (most is not None and min(taken) >= most):
        return (
            f"{path}: its match is over, but the line with the result is missing: continue it "
            "with the command that played it, or leave the log out"
        )
    return None


def _named_apart(runs: Sequence[Run]) -> list[Run]:
    """Runs in the order of their names, with a number where two have the same."""
    ordered = sorted((run for run in runs if run.logs), key=lambda run: (run.name, run.sum))
    taken: set[str] = set()
    found = []
    for run in ordered:
        name, number = run.name, 1
        while name in taken:
            number += 1
            name = f"{run.name}-{number}"
        taken.add(name)
        found.append(Run(name, run.logs, run.config, run.environment))
    return found


def by_match(runs: Iterable[Run]) -> Mapping[str, Log]:
    """Every log by the key of its match."""
    return {log.header.match: log for run in runs for log in run.logs}


def exposed(runs: Iterable[Run]) -> list[str]:
    """What logs tell of the machine they were played on: paths, and addresses of servers."""
    found: set[str] = set()
    for run in runs:
        for log in run.logs:
            header = log.header
            held = [header.arguments, header.backend]
            held += [part for seat in header.seats for part in (seat.settings, seat.backend)]
            found.update(text for part in held for text in _texts(part) if _is_local(text))
    return sorted(found)


def _texts(value: object) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)


def _is_local(text: str) -> bool:
    if re.match(r"https?://(localhost|127\.|\[::1\])", text):
        return False
    return text.startswith(("/", "~", "http://", "https://", "\\\\")) or text[1:3] == ":\\"
