"""Finds the game on this machine: it belongs to Nintendo and is never shipped."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from lmgame.errors import RomError

EDITIONS = {
    "facee9c577a5262dbe33ac4930bb0b58c8c037f7": "World",
    "0c4992fc08d2278697339d3b48066e7b5f943598": "Europe, Rev A",
}
"""SHA-1 of program and pictures without the file's header, as No-Intro lists them."""
BODY = 40960
_MAGIC, _HEADER, _TRAINER = b"NES\x1a", 16, 512
_LARGEST = 1 << 20
_VARIABLE, _PACKAGE = "LMGAME_ROMS", "gym_super_mario_bros"


@dataclass(frozen=True, slots=True)
class Cartridge:
    """The game's 40,960 bytes.

    Attributes:
        body: 32 KiB program, then 8 KiB pictures.
        sha1: Of the body, in hex.
        edition: Its value in ``EDITIONS``.
    """

    body: bytes
    sha1: str
    edition: str

    def file(self) -> bytes:
        """The cartridge with the header that an emulator expects (iNES, mapper 0)."""
        header = _MAGIC + bytes((2, 1, 0b1)) + bytes(_HEADER - 7)
        return header + self.body


def find(rom: str | None = None) -> Cartridge:
    """The first right file: ``rom`` alone if given; LMGAME_ROMS; an installed package.

    Args:
        rom: A file, or None to look for one.

    Raises:
        RomError: There is none; says where was looked and what was found there.
    """
    looked = []
    for place, path in _places(rom):
        seen = _look(path)
        if isinstance(seen, Cartridge):
            return seen
        looked.append(f"{place}: {seen}")
    known = " or ".join(f"{sha1} ({edition})" for sha1, edition in EDITIONS.items())
    raise RomError(
        "Super Mario Bros. needs the game itself, which is not part of lmgame: put your copy's "
        f"file or folder into {_VARIABLE}, write game.rom=FILE, or install gym-super-mario-bros "
        f"(pip install gym-super-mario-bros==7.4.0 --no-deps). Looked at {'; '.join(looked)}. "
        f"Wanted is SHA-1 {known}, of the file without its header"
    )


def _places(rom: str | None) -> Iterator[tuple[str, Path | None]]:
    """Where to look, each with its name for the message; None for a place without a file."""
    if rom is not None:
        yield f"rom={rom}", Path(rom)
        return
    given = os.environ.get(_VARIABLE)
    if not given:
        yield f"{_VARIABLE}, which is not set", None
    else:
        yield from _files(f"{_VARIABLE}={given}", Path(given))
    # Found without importing it: its emulator does not work with NumPy 2.
    spec = find_spec(_PACKAGE)
    folders = (spec.submodule_search_locations if spec else None) or ()
    if not folders:
        yield "the package gym-super-mario-bros, which is not installed", None
    for folder in folders:
        yield from _files("the package gym-super-mario-bros", Path(folder))


def _files(place: str, path: Path) -> Iterator[tuple[str, Path | None]]:
    if not path.is_dir():
        yield place, path
        return
    found = sorted(one for one in path.rglob("*") if one.suffix.lower() == ".nes")
    if not found:
        yield f"{place}, a folder without .nes files", None
    for one in found:
        yield f"{place}, {one.name}", one


def _look(path: Path | None) -> Cartridge | str:
    """The cartridge in a file, or what is there instead."""
    if path is None:
        return "nothing there"
    try:
        if path.stat().st_size > _LARGEST:
            return f"too large, {path.stat().st_size} bytes"
        data = path.read_bytes()
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    if data[:4] == _MAGIC:
        data = data[_HEADER + (_TRAINER if data[6:7] and data[6] & 4 else 0) :]
    if len(data) != BODY:
        return f"{len(data)} bytes without its header, not {BODY}"
    sha1 = hashlib.sha1(data, usedforsecurity=False).hexdigest()
    if sha1 not in EDITIONS:
        return f"another game or version, SHA-1 {sha1}"
    return Cartridge(data, sha1, EDITIONS[sha1])
