"""A plan as Kubernetes manifests; for Dynamo, as a DynamoGraphDeployment.

The forms of the latter were read in examples/backends/{vllm,sglang,mocker}/deploy of
ai-dynamo/dynamo, and in deploy/v1beta1 there (2026-11-22).
"""

from __future__ import annotations

from lmgame.serving.launcher.manifest import Node, entry_of, image_of, written
from lmgame.serving.launcher.plan import Plan, Process, service

_SECRET = {"secretRef": {"name": "hf-token-secret", "optional": True}}


def kubernetes(plan: Plan) -> str:
    """Manifests for ``kubectl apply -f -``."""
    if plan.config.kind == "dynamo_pd":
        documents = [_graph(plan)]
    else:
        documents = [made for one in plan.processes for made in _deployed(plan, one)]
    return written(plan, documents)


def _deployed(plan: Plan, process: Process) -> list[Node]:
    """A Deployment, and the Service by whose name others find it."""
    name = service(process.name)
    labels = {"app.kubernetes.io/part-of": "lmgame", "app.kubernetes.io/name": name}
    selected = {"app.kubernetes.io/name": name}
    pod = {"enableServiceLinks": False, "containers": [_container(plan, process)]}
    if process.role != "router":
        memory = {"name": "shm", "emptyDir": {"medium": "Memory"}}
        pod["volumes"] = [memory]
    # Without an address of its own, a name leads to the pod itself, at every port.
    own = {} if process.role == "router" else {"clusterIP": "None"}
    return [
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": name, "labels": labels},
            "spec": {
                "replicas": 1,
                "strategy": {"type": "Recreate"},
                "selector": {"matchLabels": selected},
                "template": {"metadata": {"labels": labels}, "spec": pod},
            },
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name, "labels": labels},
            "spec": {
                **own,
                "selector": selected,
                "ports": [{"name": "http", "port": process.port}],
            },
        },
    ]


def _container(plan: Plan, process: Process) -> Node:
    entry, arguments = entry_of(plan, process), list(process.arguments)
    probe = {"httpGet": {"path": "/health", "port": process.port}}
    tries = max(1, round(plan.config.start_s / 10))
    made: Node = {
        "name": "main",
        "image": image_of(plan, process),
        "command": _escaped(entry or arguments[:1]),
        "args": _escaped(arguments if entry else arguments[1:]),
        "ports": [{"containerPort": process.port}],
        "startupProbe": {**probe, "periodSeconds": 10, "failureThreshold": tries},
        "readinessProbe": {**probe, "periodSeconds": 5},
    }
    if process.role == "router":
        return made
    address = {"fieldRef": {"fieldPath": "status.podIP"}}
    made["env"] = [
        {"name": "POD_IP", "valueFrom": address},
        *({"name": name, "value": value} for name, value in process.environment.items()),
    ]
    made["envFrom"] = [_SECRET]
    made["volumeMounts"] = [{"name": "shm", "mountPath": "/dev/shm"}]
    if process.gpus:
        made["resources"] = {"limits": {"nvidia.com/gpu": str(process.gpus)}}
    return made


def _graph(plan: Plan) -> Node:
    """One component a role; the operator tells them how to find each other."""
    first = {one.role: one for one in reversed(plan.processes)}
    counts = {**plan.config.workers(), "router": 1}
    newer = "v1beta1" in plan.traits
    make = _component if newer else _service
    made = {
        _named(role): make(plan, process, counts[role])
        for role, process in sorted(first.items(), key=lambda pair: pair[0] != "router")
    }
    spec: Node = {"services": made}
    if newer:
        spec = {"components": [{"name": name, **one} for name, one in made.items()]}
    return {
        "apiVersion": f"nvidia.com/{'v1beta1' if newer else 'v1alpha1'}",
        "kind": "DynamoGraphDeployment",
        "metadata": {"name": f"lmgame-{plan.config.engine}"},
        "spec": spec,
    }


def _named(role: str) -> str:
    return "Frontend" if role == "router" else role


def _main(plan: Plan, process: Process) -> Node:
    """The container of a component."""
    made: Node = {"image": image_of(plan, process)}
    # A frontend that is not told anything is started by the operator.
    if process.role != "router" or len(process.arguments) > 7 or process.port != 8000:
        made["command"] = list(process.arguments[:3])
        made["args"] = _escaped(list(process.arguments[3:]))
    told = [{"name": name, "value": value} for name, value in process.environment.items()]
    if told:
        made["env"] = told
    return made


def _component(plan: Plan, process: Process, count: int) -> Node:
    """A component of nvidia.com/v1beta1."""
    container: Node = {"name": "main", **_main(plan, process)}
    kinds = {"router": "frontend", "replica": "worker"}
    if process.role != "router":
        container["envFrom"] = [_SECRET]
    if process.gpus:
        container["resources"] = {"limits": {"nvidia.com/gpu": str(process.gpus)}}
    return {
        "type": kinds.get(process.role, process.role),
        "replicas": count,
        "podTemplate": {"spec": {"containers": [container]}},
    }


def _service(plan: Plan, process: Process, count: int) -> Node:
    """A service of nvidia.com/v1alpha1."""
    made: Node = {"componentType": "frontend" if process.role == "router" else "worker"}
    if process.role in ("prefill", "decode"):
        made["subComponentType"] = process.role
    made["replicas"] = count
    if process.role != "router":
        made["envFromSecret"] = "hf-token-secret"
    if process.gpus:
        made["resources"] = {"limits": {"gpu": str(process.gpus)}}
    made["extraPodSpec"] = {"mainContainer": _main(plan, process)}
    return made


def _escaped(words: list[str]) -> list[str]:
    """Kubernetes reads $(NAME) as a variable."""
    return [word.replace("$(", "$$(") for word in words]
