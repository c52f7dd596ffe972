"""vLLM with its NIXL connector, behind vllm-router.

Read in docs/features/nixl_connector_usage.md of vllm-project/vllm, in README.md of
vllm-project/router, and in what ``vllm-router --help`` of 0.1.17 prints (2026-11-22).
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from lmgame.serving.launcher.config import LaunchConfig
from lmgame.serving.launcher.plan import (
    Form,
    Place,
    Ports,
    Process,
    environment,
    extra,
    gpus_of,
    places,
    router,
)


def processes(
    config: LaunchConfig, form: Form, python: str, traits: frozenset[str]
) -> Iterator[Process]:
    """The workers, then the router."""
    ports = Ports(config.worker_port, config.port)
    workers: list[Process] = []
    for place in places(config, form):
        workers.append(_worker(config, place, python, traits, ports))
        yield workers[-1]
    pools = [
        word
        for one in workers
        if one.role != "replica"
        for word in (f"--{one.role}", one.health.removesuffix("/health"))
    ]
    if pools:
        pools = ["--vllm-pd-disaggregation", *pools]
    else:
        pools = ["--worker-urls", *(one.health.removesuffix("/health") for one in workers)]
    yield router(config, form, python, "vllm_router.launch_router", pools, ports)


def transfer_config(traits: frozenset[str]) -> str:
    """What both sides are told of the KV cache's way, as JSON.

    NixlConnector does not look at the role. A failed transfer fails the request:
    computing the prompt again on the decode worker would hide that the split does
    not work.
    """
    told = {"kv_connector": "NixlConnector", "kv_role": "kv_both"}
    if "load_policy" in traits:
        told["kv_load_failure_policy"] = "fail"
    return json.dumps(told, separators=(",", ":"))


def _worker(
    config: LaunchConfig, place: Place, python: str, traits: frozenset[str], ports: Ports
) -> Process:
    port = ports.take(place.host)
    listens, split, side = [port], [], {}
    if place.role != "replica":
        channel = ports.take(place.host)
        listens.append(channel)
        split = ["--kv-transfer-config", transfer_config(traits)]
        side = {
            "VLLM_NIXL_SIDE_CHANNEL_HOST": place.own,
            "VLLM_NIXL_SIDE_CHANNEL_PORT": str(channel),
        }
    entry = ["vllm.entrypoints.cli.main", "serve"]
    if "module" in traits:
        entry = ["vllm.entrypoints.openai.api_server", "--model"]
    several = ["--tensor-parallel-size", str(config.tensor_parallel)]
    return Process(
        name=place.name,
        role=place.role,
        host=place.host,
        arguments=(
            *(python, "-m", *entry, config.path),
            *("--served-model-name", config.model),
            *("--host", place.bind, "--port", str(port)),
            *(several if config.tensor_parallel > 1 else ()),
            *split,
            *extra(config, place.role),
        ),
        environment=environment(config, place.cuda, side),
        health=f"http://{place.reach}:{port}/health",
        port=port,
        ports=tuple(listens),
        gpus=gpus_of(config),
    )
