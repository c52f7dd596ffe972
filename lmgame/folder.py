"""A run's folder: whose it is, what may be played in it, and what it says of itself."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
from collections.abc import Iterator, Set
from contextlib import contextmanager
from pathlib import Path

import yaml

from lmgame.compose import flat
from lmgame.environment import environment
from lmgame.errors import ConfigError, UsageError
from lmgame.schema import TRANSPORT
from lmgame.settings import Shared


class Folder:
    """A run folder.

    Args:
        path: Where.
        settings: What is to be played in it.
    """

    def __init__(self, path: Path, settings: Shared) -> None:
        self.path = path
        self._settings = settings

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the folder, so that no other process plays in it.

        The lock is the operating system's, so it ends with the process. A folder
        in which nothing came to be played is taken away again.

        Raises:
            UsageError: Another process plays there, it cannot be written, or it
                holds something else.
            ConfigError: It holds decisions that were taken under other settings.
        """
        existed = self.path.exists()
        handle = self._open()
        try:
            self._lock(handle)
            self._refuse_other_settings()
            yield
        finally:
            os.close(handle)
            if not existed and not (self.path / "config.yaml").exists():
                shutil.rmtree(self.path, ignore_errors=True)

    def begin(self) -> None:
        """Write down what is played and on what; called before the first match."""
        (self.path / "matches").mkdir(exist_ok=True)
        plain = self._settings.model_dump(mode="json")
        (self.path / "config.yaml").write_text(yaml.safe_dump(plain, sort_keys=False))
        (self.path / "environment.json").write_text(json.dumps(environment(), indent=1) + "\n")

    def _open(self) -> int:
        if self.path.is_dir():
            inside = {one.name for one in self.path.iterdir()} - {".lock"}
            if inside and not self._is_mine(inside):
                raise UsageError(f"{self.path} holds other files: choose another run=DIR")
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            return os.open(self.path / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise UsageError(f"cannot make {self.path}: {error.strerror}; choose run=DIR") from None

    def _is_mine(self, inside: Set[str]) -> bool:
        """Whether what is in the folder can have been left by what is to be played in it."""
        return bool(inside & {"config.yaml", "matches"})

    def _lock(self, handle: int) -> None:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UsageError(
                f"{self.path} is being played by another process: wait for it, or choose "
                "another run=DIR"
            ) from None

    def _refuse_other_settings(self) -> None:
        """A folder holds one run; until a decision was taken its settings are free."""
        file = self.path / "config.yaml"
        if not file.exists() or not self._decided():
            return
        before = dict(flat(yaml.safe_load(file.read_text()) or {}))
        after = dict(flat(self._settings.model_dump(mode="json")))
        # Which game and which agent first: their settings differ with them.
        names = (".id", ".name", ".kind")
        for key in sorted({*before, *after}, key=lambda one: (not one.endswith(names), one)):
            if key.partition(".")[0] in self._settings.free or key.rpartition(".")[2] in TRANSPORT:
                continue
            if before.get(key) != after.get(key):
                raise ConfigError(
                    f"{self.path} was played with {key}={before.get(key)!r}, now it is "
                    f"{after.get(key)!r}: choose another run=DIR, or give the same settings to "
                    "continue it"
                )

    def _decided(self) -> bool:
        logs = (self.path / "matches").glob("*.jsonl")
        return any(b'"type":"decision"' in log.read_bytes() for log in logs)


def fresh_name(root: Path, stem: str) -> Path:
    """The next free name: ``runs/tetris-llm-001``."""
    taken = [
        int(found[1])
        for path in (root.iterdir() if root.is_dir() else ())
        if (found := re.fullmatch(rf"{re.escape(stem)}-(\d+)", path.name))
    ]
    return root / f"{stem}-{max(taken, default=0) + 1:03}"


def file_name(name: str) -> str:
    """A name as part of a file's name."""
    return re.sub(r"[^A-Za-z0-9]+", "-", name)
