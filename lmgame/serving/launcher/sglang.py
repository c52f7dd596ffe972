"""SGLang with its own disaggregation, behind sglang-router.

Read in docs/advanced_features/pd_disaggregation.md of sgl-project/sglang, in
sglang/srt/server_args.py, and in what ``python -m sglang_router.launch_router --help``
of 0.3.2 prints (2026-11-22).
"""

from __future__ import annotations

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
    pools: list[str] = []
    for place in places(config, form):
        worker = _worker(config, place, python, ports)
        url = worker.health.removesuffix("/health")
        if place.role == "prefill":  # decode workers ask the bootstrap server of a prefill worker
            pools += ["--prefill", url, str(worker.ports[1])]
        else:
            pools += ["--decode", url] if place.role == "decode" else [url]
        yield worker
    pools = ["--worker-urls" if config.mode == "colocated" else "--pd-disaggregation", *pools]
    yield router(config, form, python, "sglang_router.launch_router", pools, ports)


def _worker(config: LaunchConfig, place: Place, python: str, ports: Ports) -> Process:
    port = ports.take(place.host)
    listens, split = [port], []
    if place.role != "replica":
        split = ["--disaggregation-mode", place.role]
        split += ["--disaggregation-transfer-backend", config.transfer]
    if place.role == "prefill":
        listens.append(ports.take(place.host))
        split += ["--disaggregation-bootstrap-port", str(listens[1])]
    return Process(
        name=place.name,
        role=place.role,
        host=place.host,
        arguments=(
            *(python, "-m", "sglang.launch_server", "--model-path", config.path),
            *("--served-model-name", config.model),
            *("--host", place.bind, "--port", str(port)),
            *("--tp-size", str(config.tensor_parallel)),
            *split,
            "--enable-metrics",
            *extra(config, place.role),
        ),
        environment=environment(config, place.cuda),
        health=f"http://{place.reach}:{port}/health",
        port=port,
        ports=tuple(listens),
        gpus=gpus_of(config),
    )
