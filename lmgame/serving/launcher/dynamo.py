"""NVIDIA Dynamo: its frontend, and workers with vLLM, SGLang or its mocker.

Read in examples/backends/{vllm,sglang}/launch/disagg.sh of ai-dynamo/dynamo, and in the
parsers of the wheels 0.9.0, 1.0.0 and 1.6.1 (2026-11-22). Addresses and planes are told
in environment variables, whose names changed less than the flags.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from platformdirs import user_cache_path

from lmgame.serving.launcher.config import LaunchConfig
from lmgame.serving.launcher.plan import (
    HERE,
    POD_ADDRESS,
    Form,
    Place,
    Ports,
    Process,
    address,
    environment,
    extra,
    gpus_of,
    places,
)

ETCD_PORT = 2379
STORE_IN_CONTAINER = "/var/lib/lmgame-dynamo"
_READY = {"DYN_SYSTEM_USE_ENDPOINT_HEALTH_STATUS": '["generate"]'}
"""Without it a worker's /health answers 503 for ever, as its mocker's did here in 1.6.1."""


def processes(
    config: LaunchConfig, form: Form, python: str, traits: frozenset[str]
) -> Iterator[Process]:
    """The workers, then the frontend, which is the router."""
    ports = Ports(config.worker_port, config.port)
    for place in places(config, form):
        yield _worker(config, form, place, python, traits, ports)
    bind, base_url = address(config, form)
    policy = ["--router-mode", config.policy] if config.policy else []
    older = ["--enforce-disagg"] if "modes" not in traits else []
    yield Process(
        name="router",
        role="router",
        host="",
        arguments=(
            *(python, "-m", "dynamo.frontend"),
            *("--http-host", bind, "--http-port", str(config.port)),
            *policy,
            *(older if config.mode == "disaggregated" else ()),
            *extra(config, "router"),
        ),
        environment=_plane(config, form, traits, HERE if not config.hosts else config.host),
        health=base_url + "/models",
        says=json.dumps(config.model),
        port=config.port,
        ports=(config.port,),
    )


def store(config: LaunchConfig, form: Form) -> str:
    """The folder by which the processes of one machine find each other; "" for none."""
    if form == "kubernetes" or config.hosts:
        return ""
    if form == "compose":
        return STORE_IN_CONTAINER
    return str(user_cache_path("lmgame") / f"dynamo-{config.port}")


def _plane(config: LaunchConfig, form: Form, traits: frozenset[str], own: str) -> dict[str, str]:
    """How a process finds the others, and where they find it; in a cluster the operator says it."""
    if form == "kubernetes":
        return {}
    discovery = "DYN_DISCOVERY_BACKEND" if "modes" in traits else "DYN_STORE_KV"
    folder = store(config, form)
    found = (
        {discovery: "file", "DYN_FILE_KV": folder}
        if folder
        else {discovery: "etcd", "ETCD_ENDPOINTS": f"http://{config.host}:{ETCD_PORT}"}
    )
    where = ("DYN_SYSTEM", "DYN_EVENT_PLANE", "DYN_TCP_RPC", "DYN_TCP_RESPONSE_STREAM")
    return {
        **found,
        "DYN_REQUEST_PLANE": "tcp",
        "DYN_EVENT_PLANE": "zmq",
        **{f"{one}_HOST": own for one in where},
    }


def _worker(
    config: LaunchConfig,
    form: Form,
    place: Place,
    python: str,
    traits: frozenset[str],
    ports: Ports,
) -> Process:
    port, side = ports.take(place.host), ports.take(place.host)
    listens = [port, side]
    make = {"vllm": _vllm, "sglang": _sglang, "mocker": _mocker}[str(config.engine)]
    arguments, own = make(config, place, side, traits)
    if config.engine == "vllm":
        events = {"enable_kv_cache_events": config.policy == "kv"}
        if config.policy == "kv":
            listens.append(ports.take(place.host))
            told = {"publisher": "zmq", "topic": "kv-events", "endpoint": f"tcp://*:{listens[-1]}"}
            arguments += ["--kv-events-config", _json({**told, **events})]
        else:
            # Left alone, every worker of 0.9 would publish on the same port.
            arguments += ["--kv-events-config", _json(events)]
    plane = _plane(config, form, traits, place.own)
    status = {} if form == "kubernetes" else {"DYN_SYSTEM_PORT": str(port), **_READY}
    return Process(
        name=place.name,
        role=place.role,
        host=place.host,
        arguments=(
            *(python, "-m", f"dynamo.{config.engine}"),
            *arguments,
            *extra(config, place.role),
        ),
        environment=environment(config, place.cuda, plane, status, own),
        health=f"http://{place.reach}:{port}/health",
        port=port,
        ports=tuple(listens),
        gpus=gpus_of(config),
    )


def _json(told: object) -> str:
    return json.dumps(told, separators=(",", ":"))


def _mode(place: Place, traits: frozenset[str]) -> list[str]:
    if place.role == "replica":
        return []
    if "modes" in traits:
        return ["--disaggregation-mode", place.role]
    return [f"--is-{place.role}-worker"]


def _vllm(
    config: LaunchConfig, place: Place, side: int, traits: frozenset[str]
) -> tuple[list[str], dict[str, str]]:
    arguments = ["--model", config.path, "--served-model-name", config.model]
    if config.tensor_parallel > 1:
        arguments += ["--tensor-parallel-size", str(config.tensor_parallel)]
    arguments += _mode(place, traits)
    if place.role == "replica":
        return arguments, {}
    if "modes" in traits:  # 0.9 takes --connector, whose default is nixl
        told = {"kv_connector": "NixlConnector", "kv_role": "kv_both"}
        arguments += ["--kv-transfer-config", _json(told)]
    if place.own == POD_ADDRESS:  # a pod has all ports to itself, and Dynamo finds its address
        return arguments, {}
    return arguments, {
        "VLLM_NIXL_SIDE_CHANNEL_HOST": place.own,
        "VLLM_NIXL_SIDE_CHANNEL_PORT": str(side),
    }


def _sglang(
    config: LaunchConfig, place: Place, side: int, traits: frozenset[str]
) -> tuple[list[str], dict[str, str]]:
    arguments = ["--model-path", config.path, "--served-model-name", config.model]
    arguments += ["--page-size", "16", "--tp", str(config.tensor_parallel), "--host", place.bind]
    if place.role != "replica":  # SGLang's own words, in every version
        arguments += ["--disaggregation-mode", place.role]
        arguments += ["--disaggregation-transfer-backend", config.transfer]
        arguments += ["--disaggregation-bootstrap-port", str(side)]
    return arguments, {}


def _mocker(
    config: LaunchConfig, place: Place, side: int, traits: frozenset[str]
) -> tuple[list[str], dict[str, str]]:
    arguments = ["--model-path", config.path, "--model-name", config.model, *_mode(place, traits)]
    if place.role == "prefill":
        arguments += ["--bootstrap-ports", str(side)]
    return arguments, {}
