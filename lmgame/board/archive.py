"""A run as one compressed file, the same bytes for the same run."""

from __future__ import annotations

import io
import json
import lzma
import re
import tarfile
from pathlib import Path

import yaml

from lmgame.board.source import Run
from lmgame.errors import LogCorrupt

SUFFIX = ".tar.xz"
_MEMBER = re.compile(r"config\.yaml|environment\.json|matches/[^/\\\0]+\.jsonl")


def pack(run: Run) -> bytes:
    """A run's logs and what it says of itself, as a compressed tar archive.

    Owners, times and order say nothing of the machine; one stream over all logs,
    as matches of one game are much alike.
    """
    files: dict[str, bytes] = {}
    if run.config is not None:
        files["config.yaml"] = yaml.safe_dump(run.config, sort_keys=False).encode()
    if run.environment is not None:
        files["environment.json"] = (json.dumps(run.environment, indent=1) + "\n").encode()
    files |= {f"matches/{log.path.name}": log.path.read_bytes() for log in run.logs}
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(data), 0o644
            tar.addfile(member, io.BytesIO(data))
    return lzma.compress(plain.getvalue(), preset=6)


def unpack(archive: Path, folder: Path) -> None:
    """Write what an archive holds into a folder.

    Raises:
        LogCorrupt: It is damaged, or holds anything that :func:`pack` does not write.
    """
    try:
        # All of it first: a tar's reader stops at its end, before the last checksum.
        plain = io.BytesIO(lzma.decompress(archive.read_bytes()))
        with tarfile.open(fileobj=plain, mode="r:") as tar:
            for member in tar:
                if not (member.isreg() and _MEMBER.fullmatch(member.name)):
                    raise LogCorrupt(f"{archive}: {member.name!r} is no part of a run")
                inside = tar.extractfile(member)
                assert inside is not None  # it is a regular file
                path = folder / member.name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(inside.read())
    except (tarfile.TarError, lzma.LZMAError, EOFError, OSError) as error:
        raise LogCorrupt(f"{archive} cannot be unpacked: {error}") from None
