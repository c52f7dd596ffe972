"""A plan as commands for a shell, and as a Compose file."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

import yaml

from lmgame.serving.launcher.config import LaunchConfig
from lmgame.serving.launcher.dynamo import STORE_IN_CONTAINER
from lmgame.serving.launcher.plan import Plan, Process

Node = dict[str, object]

PYTHON_IMAGE = "python:3.12-slim"
_ROUTERS = {"vllm_pd": "vllm-router", "sglang_pd": "sglang-router"}
_CACHE = "/root/.cache/huggingface"
"""Inside the container: where the images of vLLM and SGLang, which run as root, keep models."""
_ASK = "import sys, urllib.request as r; r.urlopen(sys.argv[1], timeout=5)"


def commands(plan: Plan) -> str:
    """The commands, in the order in which to give them, by machine where there are several."""
    lines = [f"# {note}" for note in plan.notes]
    hosts = list(dict.fromkeys(one.host for one in plan.processes))
    for folder in plan.fresh:
        lines += ["", shlex.join(["mkdir", "-p", folder])]
    for host in hosts:
        if len(hosts) > 1:
            lines += ["", f"# ===== on {host or 'this machine, when all workers are ready'} ====="]
        for one in plan.processes:
            if one.host == host:
                lines += ["", f"# {one.name}: ready when {one.health} answers", command(one)]
    return "\n".join([*lines, "", f"# clients: {plan.base_url}"]).lstrip("\n") + "\n"


def command(process: Process) -> str:
    """A process as one line for a shell."""
    told = [f"{name}={shlex.quote(value)}" for name, value in process.environment.items()]
    return " ".join([*told, shlex.join(process.arguments)])


def image_of(plan: Plan, process: Process) -> str:
    """The container image of a process."""
    config = plan.config
    if process.role == "router" and config.kind in _ROUTERS:
        return config.router_image or PYTHON_IMAGE
    return config.image or _usual_image(config, plan)


def _usual_image(config: LaunchConfig, plan: Plan) -> str:
    name = {"vllm_pd": "vllm", "sglang_pd": "sglang", "dynamo_pd": "ai-dynamo"}[config.kind]
    version = plan.versions.get(name, "latest")
    tag = version if version == "latest" or config.kind == "dynamo_pd" else f"v{version}"
    if config.kind == "dynamo_pd":
        runtimes = {"vllm": "vllm-runtime", "sglang": "sglang-runtime", "mocker": "dynamo-planner"}
        return f"nvcr.io/nvidia/ai-dynamo/{runtimes[str(config.engine)]}:{tag}"
    return {"vllm_pd": "vllm/vllm-openai", "sglang_pd": "lmsysorg/sglang"}[config.kind] + f":{tag}"


def entry_of(plan: Plan, process: Process) -> list[str]:
    """What runs the command in its container: a bare Python fetches the router first."""
    router = _ROUTERS.get(plan.config.kind)
    if process.role != "router" or router is None or plan.config.router_image:
        return []
    version = plan.versions.get(router)
    wanted = f"{router}=={version}" if version else router
    return ["sh", "-c", f'pip install --quiet {wanted} && exec "$@"', "lmgame"]


def compose(plan: Plan) -> str:
    """A Compose file for one machine.

    The containers share its network and its memory, so that the commands are those of
    ``--dry-run``, and what listens on loopback alone does so there too.
    """
    services = {one.name: _service(plan, one) for one in plan.processes}
    document: Node = {"name": f"lmgame-{plan.config.kind.replace('_', '-')}", "services": services}
    if plan.fresh:
        document["volumes"] = {"discovery": {}}
    return written(plan, [document])


class _Whole(yaml.SafeDumper):
    """Writes again what stands twice: anchors and aliases are hard to read, and to change."""

    def ignore_aliases(self, data: object) -> bool:
        """Never."""
        return True


def written(plan: Plan, documents: Sequence[Node]) -> str:
    """Documents as YAML, under what somebody should know of them."""
    head = "".join(f"# {note}\n" for note in plan.notes)
    return head + yaml.dump_all(documents, Dumper=_Whole, sort_keys=False, width=1000)


def _service(plan: Plan, process: Process) -> Node:
    entry, arguments = entry_of(plan, process), list(process.arguments)
    made: Node = {
        "image": image_of(plan, process),
        "network_mode": "host",
        "ipc": "host",
        "init": True,
        "entrypoint": _escaped(entry or arguments[:1]),
        "command": _escaped(arguments if entry else arguments[1:]),
        "healthcheck": {
            "test": ["CMD", "python3", "-c", _ASK, process.health],
            "interval": "5s",
            "start_period": f"{plan.config.start_s:g}s",
        },
    }
    if process.environment:
        told = process.environment
        made["environment"] = dict(zip(told, _escaped(list(told.values())), strict=True))
    volumes = _volumes(plan, process)
    if volumes:
        made["volumes"] = volumes
    if process.gpus:
        device = {"driver": "nvidia", "count": "all", "capabilities": ["gpu"]}
        made["deploy"] = {"resources": {"reservations": {"devices": [device]}}}
    if process.role == "router":
        made["depends_on"] = {
            one.name: {"condition": "service_healthy"} for one in plan.workers if one.health
        }
    return made


def _volumes(plan: Plan, process: Process) -> list[str]:
    found = [f"discovery:{STORE_IN_CONTAINER}"] if plan.fresh else []
    if process.role != "router" or plan.config.kind == "dynamo_pd":
        found.append(f"${{HF_HOME:-~/.cache/huggingface}}:{_CACHE}")
        weights = Path(plan.config.path)
        if weights.is_absolute():
            found.append(f"{weights}:{weights}:ro")
    return found


def _escaped(words: Sequence[str]) -> list[str]:
    """Compose reads a dollar as the beginning of a variable."""
    return [word.replace("$", "$$") for word in words]
