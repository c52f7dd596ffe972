"""What stable-retro knows of a game: where its files and its ROM are, and its buttons."""

from __future__ import annotations

import importlib
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from lmgame.errors import ConfigError, MissingExtra, RomError
from lmgame.game import digest

from .emulator import Cartridge
from .pad import Pad

ROMS = "LMGAME_ROMS"
"""The environment variable that names a ROM, or a folder that holds some."""
POWER_ON = "power-on"
"""The name of the state without a start state: the console was just switched on."""
_OTHER = {"data", "metadata"}
"""JSON files of an integration that are no scenarios."""
_KINDS = ("stable", "experimental", "contrib")


@dataclass(frozen=True, slots=True)
class Integration:
    """A game, ready to be started.

    Attributes:
        title: Its id in stable-retro, or the name of a folder of one's own.
        system: The console, e.g. ``Genesis``.
        cartridge: What the emulator needs.
        pad: The console's buttons, as far as the scenario lets them be pressed.
        counted: What the score counts: names of variables, ``time``, or ``a script``.
        scripted: Whether a script works out score or end, with a memory of its own.
        identity: What a saved state of this game belongs to.
    """

    title: str
    system: str
    cartridge: Cartridge
    pad: Pad
    counted: tuple[str, ...]
    scripted: bool
    identity: dict[str, str]


def look_up(
    game: str, state: str | None, scenario: str, folder: str | None, rom: str | None
) -> Integration:
    """Look a game up.

    Args:
        game: stable-retro's id, with or without its ``-vN``.
        state: A start state; None for the integration's default.
        scenario: A scenario.
        folder: A folder that takes the place of stable-retro's own for the game.
        rom: The ROM, or None to look for it.

    Raises:
        MissingExtra: stable-retro is not installed.
        ConfigError: There is no such game, state or scenario, or a file is broken.
        RomError: The ROM is missing, or is another one.
    """
    retro = _stable_retro()
    title, folders = _own(folder) if folder else _installed(retro.data, game)
    path, sha = _rom(retro.data, title, folders, rom)
    system: str = retro.get_romfile_system(str(path))
    core = retro.get_system_info(system)
    plan = _file(folders, f"{scenario}.json", "scenario", title)
    data = _file(folders, "data.json", "variables", title)
    start = _start(folders, state, title)
    told = _json(plan)
    files = [one.read_bytes() for one in (data, plan, start) if one is not None]
    return Integration(
        title=title,
        system=system,
        cartridge=Cartridge(str(path), str(data), str(plan), None if start is None else str(start)),
        pad=Pad(core["buttons"], told.get("actions") or core["actions"]),
        counted=_counted(told),
        scripted=bool(told.get("scripts")),
        identity={
            "title": title,
            "rom": sha,
            "files": digest(b"\0".join(files)),
            "stable-retro": retro.__version__.strip(),
        },
    )


def _counted(scenario: dict[str, Any]) -> tuple[str, ...]:
    rewards = scenario.get("reward") or (scenario.get("rewards") or [{}])[0]
    names = list(rewards.get("variables", {}))
    if "script" in rewards:
        names = ["a script"]
    elif "time" in rewards:
        names.append("time")
    return tuple(names)


@cache
def _stable_retro() -> ModuleType:
    if find_spec("stable_retro") is None:
        raise MissingExtra("Retro-v1", "retro", "stable-retro")
    return importlib.import_module("stable_retro")


def _own(name: str) -> tuple[str, list[Path]]:
    """A folder of the user's own."""
    folder = Path(name).expanduser().resolve()
    if not (folder / "data.json").is_file():
        raise ConfigError(
            f"integration={name!r} has no data.json: name the folder of one game, "
            "with data.json and scenario.json"
        )
    return folder.name, [folder]


def _installed(data: ModuleType, game: str) -> tuple[str, list[Path]]:
    """One of stable-retro's own: its full id, and its folders, the first one first."""
    names = _names(data)
    if game not in names:
        versions = [one for one in names if one.rpartition("-v")[0] == game]
        if not versions:
            near = get_close_matches(game, names, n=2)
            hint = f"did you mean {' or '.join(near)}?" if near else "see docs/retro.md"
            raise ConfigError(f"game={game!r}: stable-retro has no such game; {hint}")
        game = max(versions, key=lambda one: int(one.rpartition("-v")[2]))
    found = [Path(data.path()) / kind / game for kind in _KINDS]
    return game, [folder for folder in found if folder.is_dir()]


@cache
def _names(data: ModuleType) -> list[str]:
    names: list[str] = data.list_games(data.Integrations.ALL)
    return names


def _rom(data: ModuleType, title: str, folders: list[Path], given: str | None) -> tuple[Path, str]:
    """The ROM and its SHA-1, checked against the integration's where it names one."""
    wanted = _shas(folders)
    if given is not None:
        path = Path(given).expanduser().resolve()
        sha = _sha(data, path)
        if wanted and sha not in wanted:
            raise RomError(
                f"rom={given!r} is not the ROM of {title}: its SHA-1 is {sha}, "
                f"not {' or '.join(wanted)}"
            )
        return path, sha
    for path in _candidates(data, title, folders, bool(wanted)):
        sha = _sha(data, path)
        if not wanted or sha in wanted:
            return path, sha
    which = f" (SHA-1 {' or '.join(wanted)})" if wanted else ""
    raise RomError(
        f"no ROM of {title}{which}: name it with game.rom=PATH, put its file or folder "
        f"into {ROMS}, or import it with python -m stable_retro.import FOLDER"
    )


def _shas(folders: Iterable[Path]) -> list[str]:
    return [
        sha
        for folder in folders
        if (folder / "rom.sha").is_file()
        for sha in (folder / "rom.sha").read_text().lower().split()
    ]


def _candidates(data: ModuleType, title: str, folders: list[Path], known: bool) -> Iterator[Path]:
    """Where the ROM may be; elsewhere than in the game's folder only a hash can tell."""
    for folder in folders:
        metadata = folder / "metadata.json"
        original = _json(metadata).get("original_rom_name") if metadata.is_file() else None
        names = [f"rom{ending}" for ending in data.EMU_EXTENSIONS]
        for name in [original, *names] if original else names:
            if (folder / name).is_file():
                yield folder / name
    if not known:
        return
    system = title.partition("-v")[0].rpartition("-")[2]
    core = data.EMU_INFO.get(system)
    endings = {f".{one}" for one in core["ext"]} if core else set(data.EMU_EXTENSIONS)
    given = Path(os.environ.get(ROMS) or os.devnull).expanduser()
    there = sorted(given.rglob("*")) if given.is_dir() else [given]
    yield from (one for one in there if one.suffix in endings and one.is_file())


def _sha(data: ModuleType, path: Path) -> str:
    """A ROM's SHA-1 as stable-retro counts it: an NES file's without its header."""
    if path.suffix not in data.EMU_EXTENSIONS:
        known = ", ".join(sorted(data.EMU_EXTENSIONS))
        raise RomError(f"rom={str(path)!r}: no console has {path.suffix!r} files; known: {known}")
    try:
        facts = path.stat()
        return _hashed(data, path, facts.st_mtime_ns, facts.st_size)
    except (OSError, ValueError) as error:
        raise RomError(f"rom={str(path)!r} cannot be read: {error}") from error


@cache
def _hashed(data: ModuleType, path: Path, changed: int, size: int) -> str:
    with path.open("rb") as file:
        sha: str = data.groom_rom(str(path), file)[1]
    return sha


def _start(folders: list[Path], state: str | None, title: str) -> Path | None:
    """The start state's file; None to begin where the console is switched on."""
    if state == POWER_ON:
        return None
    if state is None:
        metadata = next((one for one in _files(folders, "metadata.json")), None)
        told = _json(metadata) if metadata else {}
        state = (told.get("default_player_state") or [told.get("default_state")])[0]
        if not state:
            return None
    return _file(folders, f"{state}.state", "state", title)


def _files(folders: Iterable[Path], name: str) -> Iterator[Path]:
    return (folder / name for folder in folders if (folder / name).is_file())


def _file(folders: list[Path], name: str, kind: str, title: str) -> Path:
    """A file of the integration, by its name; what is there is told where it is not."""
    found = next(_files(folders, name), None) if Path(name).name == name else None
    if found is None:
        ending = Path(name).suffix
        stems = {one.stem for folder in folders for one in folder.glob(f"*{ending}")}
        there = sorted(stems - _OTHER)
        raise ConfigError(
            f"{title} has no {kind} {name.removesuffix(ending)!r}; "
            f"{'there are' if there else 'there is none'} {', '.join(there)}".rstrip()
        )
    return found


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise ConfigError(f"{path} does not hold a JSON object")
    return found
