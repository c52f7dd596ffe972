from __future__ import annotations

import shlex
from typing import Any

import pytest
import yaml

from lmgame.cli import main
from lmgame.serving.launcher.command import made
from lmgame.serving.launcher.kubernetes import kubernetes
from lmgame.serving.launcher.manifest import command, commands, compose

from .fake import config
from .test_plan import HOSTS, KINDS, plan

VERSIONS = {"vllm": "0.32.0", "vllm-router": "0.1.17", "sglang": "0.5.23", "ai-dynamo": "1.6.1"}
each = pytest.mark.parametrize(("kind", "engine"), KINDS)


def printed(form: str, **said: object) -> list[dict[str, Any]]:
    write = compose if form == "compose" else kubernetes
    whole = made(config(**said), form, "python3", VERSIONS)  # type: ignore[arg-type]  # one of them
    told = write(whole)
    assert "*id" not in told  # no aliases
    return list(yaml.safe_load_all(told))


@each
def test_a_dry_run_can_be_given_to_a_shell(kind: str, engine: str | None) -> None:
    whole = plan(kind=kind, engine=engine, model="it's $HOME/a model", worker_args=["--x", "a b"])
    lines = [one for one in commands(whole).splitlines() if one and not one.startswith("#")]
    lines = [one for one in lines if not one.startswith("mkdir")]
    assert lines == [command(one) for one in whole.processes]
    for line, process in zip(lines, whole.processes, strict=True):
        words = shlex.split(line)
        count = len(process.environment)
        assert dict(word.split("=", 1) for word in words[:count]) == process.environment
        assert tuple(words[count:]) == process.arguments


def test_several_machines_are_told_apart() -> None:
    text = commands(plan(**HOSTS))
    assert [one for one in text.splitlines() if one.startswith("# =====")] == [
        "# ===== on 10.0.0.1 =====",
        "# ===== on 10.0.0.2 =====",
        "# ===== on 10.0.0.3 =====",
        "# ===== on this machine, when all workers are ready =====",
    ]


@each
def test_every_command_is_in_the_compose_file(kind: str, engine: str | None) -> None:
    said = {"kind": kind, "engine": engine, "prefill_workers": 2, "worker_args": ["--x", "$A"]}
    [document] = printed("compose", **said)
    whole = made(config(**said), "compose", "python3", VERSIONS)
    services = document["services"]
    assert list(services) == [one.name for one in whole.processes]
    for one in whole.processes:
        service = services[one.name]
        words = [*service["entrypoint"], *service["command"]]
        told = [word.replace("$$", "$") for word in words]
        assert tuple(told[-len(one.arguments) :]) == one.arguments
        assert service.get("environment", {}) == one.environment
        assert service["network_mode"] == "host"
        assert service["healthcheck"]["test"][-1] == one.health
        assert ("deploy" in service) == (one.role != "router" and engine != "mocker")
    assert set(services["router"]["depends_on"]) == {one.name for one in whole.workers}
    assert ("volumes" in document) == (kind == "dynamo_pd")


def test_images_are_those_of_the_installed_version() -> None:
    [document] = printed("compose")
    assert document["services"]["prefill-0"]["image"] == "vllm/vllm-openai:v0.32.0"
    router = document["services"]["router"]
    assert router["image"] == "python:3.12-slim"
    assert router["entrypoint"][2] == 'pip install --quiet vllm-router==0.1.17 && exec "$$@"'
    assert router["command"][:3] == ["python3", "-m", "vllm_router.launch_router"]
    [own] = printed("compose", image="mine:1", router_image="mine:2", weights="/models/m")
    assert own["services"]["decode-0"]["image"] == "mine:1"
    assert "/models/m:/models/m:ro" in own["services"]["decode-0"]["volumes"]
    assert own["services"]["router"]["image"] == "mine:2"
    assert own["services"]["router"]["entrypoint"] == ["python3"]


@pytest.mark.parametrize("kind", ["vllm_pd", "sglang_pd"])
def test_pods_find_each_other_by_name(kind: str) -> None:
    documents = printed("kubernetes", kind=kind, prefill_workers=2, tensor_parallel=2)
    deployed = {one["metadata"]["name"]: one for one in documents if one["kind"] == "Deployment"}
    services = {one["metadata"]["name"]: one for one in documents if one["kind"] == "Service"}
    assert list(deployed) == list(services)
    assert len(deployed) == 4
    router = deployed["lmgame-router"]["spec"]["template"]["spec"]["containers"][0]
    for name in set(deployed) - {"lmgame-router"}:
        spec = deployed[name]["spec"]
        [container] = spec["template"]["spec"]["containers"]
        assert container["resources"] == {"limits": {"nvidia.com/gpu": "2"}}
        port = services[name]["spec"]["ports"][0]["port"]
        assert container["ports"] == [{"containerPort": port}]
        assert f"http://{name}:{port}" in router["args"]
        assert services[name]["spec"]["clusterIP"] == "None"
        assert services[name]["spec"]["selector"] == spec["selector"]["matchLabels"]
        assert (
            spec["selector"]["matchLabels"].items()
            <= spec["template"]["metadata"]["labels"].items()
        )
        assert container["args"][container["args"].index("--host") + 1] == "0.0.0.0"
        names = [one["name"] for one in container["env"]]
        assert names[0] == "POD_IP"
        assert "CUDA_VISIBLE_DEVICES" not in names
    if kind == "vllm_pd":
        told = {one["name"]: one.get("value") for one in container["env"]}
        assert told["VLLM_NIXL_SIDE_CHANNEL_HOST"] == "$(POD_IP)"


@pytest.mark.parametrize("engine", ["vllm", "sglang", "mocker"])
def test_dynamo_becomes_a_graph(engine: str) -> None:
    said = {"kind": "dynamo_pd", "engine": engine, "prefill_workers": 3}
    [graph] = printed("kubernetes", **said)
    assert (graph["apiVersion"], graph["kind"]) == (
        "nvidia.com/v1beta1",
        "DynamoGraphDeployment",
    )
    parts = {one["name"]: one for one in graph["spec"]["components"]}
    assert {name: (one["type"], one["replicas"]) for name, one in parts.items()} == {
        "Frontend": ("frontend", 1),
        "prefill": ("prefill", 3),
        "decode": ("decode", 1),
    }
    for role in ("prefill", "decode"):
        [container] = parts[role]["podTemplate"]["spec"]["containers"]
        assert container["command"] == ["python3", "-m", f"dynamo.{engine}"]
        at = container["args"].index("--disaggregation-mode")
        assert container["args"][at + 1] == role
        assert not any(one["name"].startswith("DYN_") for one in container.get("env", ()))
        assert ("resources" in container) == (engine != "mocker")
        assert container["image"].endswith(":1.6.1")
    [older] = printed("kubernetes", version="1.2.0", **said)
    assert older["apiVersion"] == "nvidia.com/v1alpha1"
    assert older["spec"]["services"]["prefill"]["subComponentType"] == "prefill"
    assert "components" not in older["spec"]


def test_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    serve = ["serve", "backend=vllm_pd", "backend.model=m"]
    assert main([*serve, "--dry-run"]) == 0
    assert "# router: ready when http://127.0.0.1:8000/health answers" in capsys.readouterr().out
    assert main([*serve, "--format", "compose"]) == 0
    assert "services" in yaml.safe_load(capsys.readouterr().out)
    hosts = ["backend.prefill_hosts=[a]", "backend.decode_hosts=[b]"]
    assert main([*serve, *hosts]) == 0
    assert "# ===== on a =====" in capsys.readouterr().out
    for words, told in (
        ([*serve, *hosts, "--format", "compose"], "--format compose is for one machine"),
        (["serve", "--dry-run"], "--dry-run and --format are for backend=vllm_pd"),
        (["serve", "backend=vllm", "backend.model=m"], "any other server is started by you"),
        (["serve", "backend=vllm_pd"], "backend.model has no value"),
        ([*serve, "backend.python=nowhere-at-all"], "backend.python=nowhere-at-all cannot be run"),
    ):
        assert main(words) == 2
        assert told in capsys.readouterr().err
