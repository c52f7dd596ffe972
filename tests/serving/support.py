"""Starting servers, reading their gauges, waiting for a condition."""

from __future__ import annotations

import contextlib
import urllib.request
from collections.abc import Iterator

from openai import OpenAI

from lmgame.serving import EmbeddedConfig, EmbeddedServer
from tests.waiting import wait_for

MODEL = "smollm2-135m-instruct"
CONTEXT = 512


@contextlib.contextmanager
def serving(**settings: object) -> Iterator[EmbeddedServer]:
    # Small contexts: three servers may be up at once; and beside other tests a
    # polite prefill would hardly run.
    given = {"port": 0, "context": CONTEXT, "prefill_nice": 0, **settings}
    config = EmbeddedConfig.model_validate(given)
    with EmbeddedServer(config) as server:
        yield server


def openai_client(server: EmbeddedServer) -> OpenAI:
    return OpenAI(base_url=server.base_url, api_key="none", max_retries=0, timeout=60)


def read_metrics(server: EmbeddedServer) -> dict[str, float]:
    """``name{labels}`` to value."""
    with urllib.request.urlopen(server.base_url.removesuffix("/v1") + "/metrics") as page:
        lines = page.read().decode().splitlines()
    pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return {name: float(value) for name, value in pairs}


def in_use(server: EmbeddedServer) -> dict[str, float]:
    """The gauges that must be zero when nothing is being served."""
    names = ("lmgame_slots_in_use", "lmgame_slabs_in_use", "lmgame_jobs", "lmgame_queue_length")
    return {k: v for k, v in read_metrics(server).items() if k.startswith(names) and v}


def wait_idle(server: EmbeddedServer) -> None:
    wait_for(lambda: server.health().get("status") == "ok", "the workers to be back")
    wait_for(lambda: not in_use(server), "slots, slabs and queues to be empty")
