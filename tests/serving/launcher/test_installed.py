"""Our arguments against the parsers that are really installed: ``make test-serving``.

LMGAME_SERVING_PYTHON names the interpreters that have them, with colons between.
Nothing is started and no model is loaded.
"""

from __future__ import annotations

import os
import subprocess

import pytest

from lmgame.serving.launcher.command import found, made
from lmgame.serving.launcher.config import LaunchConfig
from lmgame.serving.launcher.plan import Process

from .fake import config
from .test_plan import KINDS

PYTHONS = [one for one in os.environ.get("LMGAME_SERVING_PYTHON", "").split(os.pathsep) if one]

VLLM = """
try:
    from vllm.entrypoints.launchers.cli_args import make_arg_parser
except ImportError:
    from vllm.entrypoints.openai.cli_args import make_arg_parser
try:
    from vllm.utils.argparse_utils import FlexibleArgumentParser
except ImportError:
    from vllm.utils import FlexibleArgumentParser
args = make_arg_parser(FlexibleArgumentParser()).parse_args(sys.argv[sys.argv[1] == "serve" :][1:])
told = args.kv_transfer_config
assert told is None or told.kv_connector == "NixlConnector", args
"""
SGLANG = """
import argparse
from sglang.srt.server_args import ServerArgs
parser = argparse.ArgumentParser()
ServerArgs.add_cli_args(parser)
parser.parse_args()
"""
ROUTER = """
from {0}.launch_router import parse_router_args
args = parse_router_args(sys.argv[1:])
pools = (args.worker_urls, args.prefill_urls, args.decode_urls)
assert any(pools) and (args.worker_urls or all(pools[1:])), pools
"""
FRONTEND = """
import argparse
from dynamo.frontend.frontend_args import FrontendArgGroup, FrontendConfig
parser = argparse.ArgumentParser()
FrontendArgGroup().add_arguments(parser)
FrontendConfig.from_cli_args(parser.parse_args()).validate()
"""
ENGINE = """
from dynamo.{0}.args import parse_args
parse_args()
"""
PARSERS = {
    "vllm.entrypoints.cli.main": VLLM,
    "vllm.entrypoints.openai.api_server": VLLM,
    "sglang.launch_server": SGLANG,
    "vllm_router.launch_router": ROUTER.format("vllm_router"),
    "sglang_router.launch_router": ROUTER.format("sglang_router"),
    "dynamo.frontend": FRONTEND,
    "dynamo.mocker": ENGINE.format("mocker"),
    "dynamo.vllm": ENGINE.format("vllm"),
    "dynamo.sglang": ENGINE.format("sglang"),
}


def parsed(python: str, process: Process, *more: str) -> subprocess.CompletedProcess[str]:
    """What the parser says of a process's arguments; skips where it is not installed."""
    module = process.arguments[2]
    script = f"import sys\n{PARSERS[module]}"
    asked = subprocess.run(
        [python, "-c", script, *process.arguments[3:], *more],
        env={**os.environ, **process.environment, "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        timeout=110,
    )
    missing = "No module named"
    if missing in asked.stderr:
        why = next(line for line in asked.stderr.splitlines() if missing in line)
        pytest.skip(f"{python}: {module}: {why}")
    return asked


def processes(asked: LaunchConfig, role: str) -> Process:
    whole = made(asked, "processes", asked.python or "", found(asked, asked.python or ""))
    return next(one for one in whole.processes if one.role == role)


@pytest.mark.skipif(not PYTHONS, reason="LMGAME_SERVING_PYTHON names no interpreter to ask")
@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize(
    ("mode", "role"),
    [
        ("disaggregated", "prefill"),
        ("disaggregated", "decode"),
        ("disaggregated", "router"),
        ("colocated", "replica"),
        ("colocated", "router"),
    ],
)
@pytest.mark.parametrize(("kind", "engine"), KINDS)
def test_the_installed_parser_takes_our_arguments(
    python: str, kind: str, engine: str | None, mode: str, role: str
) -> None:
    policy = {"dynamo_pd": "round-robin"}.get(kind, "round_robin")
    asked = config(
        kind=kind, engine=engine, mode=mode, python=python, policy=policy, tensor_parallel=2,
        prefill_workers=2, decode_workers=2,
    )  # fmt: skip
    process = processes(asked, role)
    taken = parsed(python, process)
    assert taken.returncode == 0, taken.stderr[-2000:]
    refused = parsed(python, process, "--no-such-flag-at-all")
    assert refused.returncode != 0
    assert "--no-such-flag-at-all" in refused.stderr
